"""What is drawn is never lost, by a cut network, a reload or a sign-out; others see it as it comes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.support import reading
from tests.support.browser import Watched, chromium
from tests.support.reading import drag, drawn, measure, open_study, reader, unsent
from tests.support.server import Running

POSTED = "**/api/studies/*/annotations"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    people = (
        ("lan", "radiologist", "BS. Nguyễn Thị Lan", "main"),
        ("hoa", "clinician", "BS. Trần Hòa", "main"),
    )
    with reading.reading_room(tmp_path_factory.mktemp("annotations"), people) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def told(running: Running, name: str = "lan") -> list[dict[str, Any]]:
    """What the server has, deleted or not."""
    return list(running.client(name).get(reading.ANNOTATIONS).json()["annotations"])


def close(*watched: Watched) -> None:
    for one in watched:
        assert not one.wrong, one.wrong
        one.page.context.close()


def test_what_is_drawn_without_a_network_is_sent_after_a_reload(browser: Browser, running: Running) -> None:
    lan = reader(browser, running, "lan")
    open_study(lan, running)
    measure(lan, (0.3, 0.3), (0.5, 0.32))
    lan.until("the first act to be acknowledged", lambda: len(told(running)) == 1 and unsent(lan) == 0)

    lan.page.context.set_offline(True)
    measure(lan, (0.3, 0.6), (0.5, 0.62))
    lan.until("the second to be kept", lambda: unsent(lan) == 1)
    lan.find("unsent-mark").wait_for()
    with pytest.raises(Exception, match="ERR_INTERNET_DISCONNECTED"):
        lan.page.reload()
    lan.page.context.set_offline(False)
    open_study(lan, running)
    lan.until("both to be shown", lambda: len(drawn(lan)) == 2)
    lan.until("the second to be acknowledged", lambda: len(told(running)) == 2 and unsent(lan) == 0)
    assert all(one["mine"] and not one["deleted"] for one in told(running))
    lan.page.reload()
    reading.ready(lan)
    lan.until("both to come from the server", lambda: len(drawn(lan)) == 2)
    close(lan)


def test_what_is_unsent_at_sign_out_is_sent_at_the_next_sign_in_of_the_same_person(
    browser: Browser, running: Running, tmp_path: Path
) -> None:
    before = len(told(running))
    lan = reader(browser, running, "lan")
    lan.page.route(POSTED, refusing)
    open_study(lan, running)
    measure(lan, (0.5, 0.7), (0.7, 0.72))
    lan.until("the act to be kept", lambda: unsent(lan) == 1)
    lan.find("back").click()
    lan.find("user-menu").click()
    lan.find("menu-sign-out").click()
    lan.find("leaving").wait_for()
    lan.page.screenshot(path=str(tmp_path / "leaving.png"))
    lan.find("leaving-keep").click()
    lan.find("sign-in-name").wait_for()
    assert unsent(lan) == 1
    lan.page.unroute(POSTED)

    reading.sign_in(lan, "hoa")
    open_study(lan, running)
    lan.until("the server's own", lambda: len(drawn(lan)) == before)
    assert (len(told(running)), unsent(lan)) == (before, 1), "another person neither sends nor sees it"
    lan.find("back").click()
    lan.find("user-menu").click()
    lan.find("menu-sign-out").click()
    lan.find("sign-in-name").wait_for()

    reading.sign_in(lan, "lan")
    lan.until("what was unsent to be sent", lambda: len(told(running)) == before + 1 and unsent(lan) == 0)
    close(lan)


def refusing(route: Route) -> None:
    """The network is there for everything but what is drawn."""
    if route.request.method == "POST":
        route.abort()
    else:
        route.continue_()


def test_another_person_sees_it_come_and_may_only_answer(browser: Browser, running: Running) -> None:
    lan, hoa = reader(browser, running, "lan"), reader(browser, running, "hoa")
    for one in (lan, hoa):
        open_study(one, running)
        one.page.keyboard.press("b")
    before = len([one for one in told(running) if one["body"].get("points") and not one["deleted"]])
    lan.until("what is there", lambda: len(drawn(lan)) == before)
    hoa.until("the same", lambda: len(drawn(hoa)) == before)
    lan.page.keyboard.press("n")
    drag(lan, (0.35, 0.8), (0.45, 0.85))
    hoa.until("the arrow to come by itself", lambda: len(drawn(hoa)) == before + 1)
    lan.page.keyboard.type('Nốt mờ <img src=x onerror="alert(1)">')
    text = hoa.find("note").first.locator(".note-text")
    hoa.until("its words", lambda: text.count() and "onerror" in text.first.inner_text())
    assert hoa.page.locator("img[src=x]").count() == 0
    assert hoa.find("note").first.get_attribute("data-mine") == "false"
    assert hoa.find("note-remove").count() == 0

    before_drag = drawn(hoa)
    drag(hoa, (0.35, 0.8), (0.5, 0.5))  # at the head of another's arrow: it does not move
    assert [one["points"] for one in drawn(hoa)] == [one["points"] for one in before_drag]
    hoa.find("note-reply").first.click()
    hoa.find("note-reply-text").fill("Đồng ý, nên chụp lại sau 3 tháng")
    hoa.find("note-reply-send").click()
    lan.until("the answer", lambda: lan.find("note-answer").count() == 1)
    words = hoa.page.locator("[data-testid=viewport-0] svg text")
    assert words.count() > 0
    hoa.find("note-author").first.click()
    hoa.until("another's drawings to be hidden", lambda: words.count() == 0)
    close(lan, hoa)


def test_ones_own_acts_are_undone_and_done_again(browser: Browser, running: Running) -> None:
    lan = reader(browser, running, "lan")
    open_study(lan, running)
    lan.page.keyboard.press("b")
    lan.find("notes").wait_for()
    there = [one for one in told(running) if one["body"].get("points") and not one["deleted"]]
    lan.until("what is there", lambda: len(drawn(lan)) == len(there))
    before, known = len(there), {one["annotation_id"] for one in there}
    measure(lan, (0.6, 0.2), (0.8, 0.22))
    lan.until("a measurement", lambda: len(drawn(lan)) == before + 1)
    (newest,) = [one for one in drawn(lan) if one["uid"] not in known]
    lan.until("it to be kept", lambda: any(one["annotation_id"] == newest["uid"] for one in told(running)))

    lan.page.locator("[data-testid=pane-0]").focus()
    for key, count in (("Control+z", before), ("Control+y", before + 1), ("Delete", before), ("Control+z", before + 1)):
        lan.page.keyboard.press(key)
        lan.until(f"{key} to do its work", partial(lambda wanted: len(drawn(lan)) == wanted, count))
    found = next(one for one in drawn(lan) if one["uid"] == newest["uid"])
    assert found["points"] == newest["points"]
    lan.until("all of it to be acknowledged", lambda: unsent(lan) == 0)
    (kept,) = [one for one in told(running) if one["annotation_id"] == newest["uid"]]
    assert (kept["version"], kept["deleted"]) == (5, False), "every act is kept"
    close(lan)


def test_key_images_are_marked_with_one_key_and_gone_to(browser: Browser, running: Running) -> None:
    lan = reader(browser, running, "lan")
    open_study(lan, running)
    lan.page.keyboard.press("End")
    lan.until("the last image", lambda: lan.active()["index"] == reading.SLICES - 1)
    lan.page.keyboard.press("2")
    lan.until("a chosen window", lambda: lan.active()["voiChosen"])
    lan.page.keyboard.press("k")
    lan.page.keyboard.press("b")
    lan.find("side-keys").click()
    lan.find("key-image").wait_for()
    lan.until("its picture", lambda: lan.page.evaluate("document.querySelector('.thumb-image img')?.naturalWidth > 0"))
    chosen = lan.active()["voi"]
    lan.page.locator("[data-testid=pane-0]").focus()
    lan.page.keyboard.press("Home")
    lan.page.keyboard.press("0")
    lan.until("the first image", lambda: lan.active()["index"] == 0 and lan.active()["voi"] != chosen)
    lan.find("key-go").click()
    lan.until("the key image with its window", lambda: (lan.active()["index"], lan.active()["voi"]) == (8, chosen))
    lan.until("it to be kept", lambda: any(one["body"]["tool"] == "key_image" for one in told(running)))
    lan.find("key-remove").click()
    lan.until("the mark to go", lambda: lan.find("key-image").count() == 0)
    close(lan)


def test_annotations_come_after_the_first_image(browser: Browser, running: Running) -> None:
    lan = reader(browser, running, "lan")
    open_study(lan, running)

    def times() -> dict[str, float]:
        found: dict[str, float] = lan.page.evaluate(
            """Object.fromEntries(performance.getEntriesByType('resource').map(
                 (one) => [new URL(one.name).pathname.split('/').at(-1).replace(/-.*/, ''), one.startTime]))"""
        )
        return found

    asked = lan.until("the annotations", lambda: times() if "annotations" in times() else None)
    assert asked["annotations"] > asked["side"] > max(asked["opening"], asked["viewport"])
    close(lan)
