"""Voice in live rooms: heard by the other, recorded only while both agree, played again, and over a relay."""

import json
from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import Route

from storage.index.types import now_ms
from tests.support.browser import Watched
from tests.support.meeting import CARRIED, KEPT, SLICES, Scene, all_of, inside, seen, sop
from tests.support.rooms import enter
from tests.support.server import serving
from tests.support.turn import Relay, allocate, relaying
from viewer.live.turn import LASTS_SECONDS, signed


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with relaying(tmp_path_factory.mktemp("turn")) as running:
        yield running


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, relay: Relay) -> Iterator[Scene]:
    folder, secret = tmp_path_factory.mktemp("rooms"), relay.folder / "secret"
    secret.write_text(relay.secret + "\n")
    turn = json.dumps([f"turn:127.0.0.1:{relay.port}?transport=udp"])
    with serving(folder, HOICHAN_LIVE__TURN=turn, HOICHAN_LIVE__TURN_SECRET_FILE=str(secret)) as server:
        yield Scene(server, folder)


def _go_to_another_case(minh: Watched, lan: Watched, scene: Scene, heard: str) -> None:
    """Who leads adds a case and goes there and back: the pages stay, and with them the voices."""
    for page in (minh, lan):
        page.page.evaluate("window.stayed = true")
    minh.find("live-case-add").click()
    minh.find("live-case-search").fill("afterwards")
    minh.page.locator(f'[data-testid=live-case-take][data-study="{scene.other}"]').click()
    lan.until("the case", lambda: lan.find("live-case-1").count() == 1)
    minh.find("live-case-1").click()
    both = (minh, lan)
    all_of(both, "the other study", lambda page: f"/read/{scene.other}#room=" in page.page.evaluate("location.href"))
    all_of(both, "its image", lambda page: page.active()["quality"] == "original" and page.active()["count"] == 4)
    minh.page.keyboard.press("End")
    all_of(both, "the same image", lambda page: page.active()["index"] == 3)
    minh.find("live-case-0").click()
    all_of(
        both,
        "the first study",
        lambda page: page.active()["quality"] == "original" and page.active()["count"] == SLICES,
    )
    minh.page.locator("[data-testid=pane-0]").focus()
    minh.page.keyboard.press("Home")
    all_of(both, "its first image", lambda page: page.active()["index"] == 0)
    for page in both:
        assert page.page.evaluate("window.stayed") is True, "the page was not loaded again"
        page.until("the voice", partial(_hears, page, heard))
        assert page.find("live").get_attribute("data-status") == "in"


def _hears(page: Watched, heard: str) -> bool:
    return bool(page.page.locator(heard).count() == 1)


SIGN = "[data-testid=live-sound-sign][data-running=true]"
PICTURES = "[...document.querySelectorAll('[data-testid=live-face]')].filter((one) => one.offsetParent)"


def test_two_hear_each_other_and_their_session_is_played_again(scene: Scene) -> None:
    with seen(scene, ("minh", 900, 600), ("lan", 900, 600)) as (minh, lan):  # small pictures are drawn sooner
        both, code = (minh, lan), scene.room()
        sound = partial(scene.minh.get, f"/api/rooms/{code}/sound")
        for page in both:
            inside(page, f"{scene.server.base_url}/read/-#room={code}")
        for page in both:
            page.find("live-voice").click()
        heard = "[data-voice=connected][data-heard=true]"
        all_of(both, "a voice", lambda page: page.page.locator(heard).count() == 1)

        minh.find("live-sound-ask").click()
        lan.find("live-sound-question").wait_for()
        assert minh.page.locator(SIGN).count() == 0
        lan.find("live-sound-yes").click()
        all_of(both, "the sign", lambda page: page.page.locator(SIGN).count() == 1)
        late = enter(scene.hung, code)  # is asked before it goes on
        all_of(both, "rest", lambda page: page.page.locator(SIGN).count() == 0)
        late.say("consent", audio=True)
        all_of(both, "the sign again", lambda page: page.page.locator(SIGN).count() == 1)
        minh.page.keyboard.press("Home")
        lan.until("the first image", lambda: lan.active()["index"] == 0)
        minh.find("live-text").fill("Kết luận: theo dõi sau 3 tháng.")
        minh.find("live-send").click()
        lan.until("the chat", lambda: "theo dõi" in lan.find("live-chat").inner_text())
        lan.find("live-camera").click()
        minh.until("a picture", lambda: minh.page.evaluate(f"{PICTURES}.some((one) => one.videoWidth > 0)"))
        lan.find("live-camera").click()
        minh.until("no picture", lambda: minh.page.evaluate(f"{PICTURES}.length") == 0)
        _go_to_another_case(minh, lan, scene, heard)
        lan.find("live-sound-end").click()
        lan.find("live-sound-sure").click()  # takes it back: it is over for both
        all_of(both, "no sign", lambda page: page.find("live-sound-sign").count() == 0)
        minh.until("both voices", lambda: len({one["by"] for one in sound().json()["pieces"]}) == 2, 60)
        lan.find("live-voice").click()
        minh.until("silence", lambda: minh.page.locator(heard).count() == 0)
        minh.page.keyboard.press("End")
        lan.until("the last image", lambda: lan.active()["index"] == minh.active()["index"] > 0)
        last = sop(minh)
        minh.find("live-end").click()
        minh.find("live-end-sure").click()
        lan.find("live-over").wait_for()
        path = f"/api/rooms/{code}/track"
        track = lan.until("the track", lambda: (told := scene.lan.get(path)).status != 503 and told)  # a busy machine
        assert track.json().get("stretches"), track.body  # whole before anybody hears of the end

        lan.page.goto(f"{scene.server.base_url}/read/{scene.study}?again#replay={code}")
        lan.until("the replay", lambda: lan.find("live-seek").count() == 1)
        lan.until("an image", lambda: lan.active() and lan.active()["quality"] == "original")
        seek, begun = lan.find("live-seek"), int(scene.lan.get(f"/api/rooms/{code}").json()["created_at"])
        events = scene.lan.get(f"/api/rooms/{code}/events").json()["events"]
        said = next(int(one["at"]) for one in events if one["kind"] == "chat")
        assert "theo dõi" not in lan.find("live-chat").inner_text()
        seek.fill(str(begun + (said - begun + 99) // 100 * 100))
        lan.until("what was said then", lambda: "theo dõi" in lan.find("live-chat").inner_text())
        lan.until("what was shown then", lambda: lan.active()["index"] == 0)
        first = min(int(one["at"]) for one in sound().json()["pieces"])
        seek.fill(str(begun + (first - begun) // 100 * 100))
        lan.find("live-play").click()
        speaking = lan.page.locator("[data-testid=live-person][data-speaking=true]")
        lan.until("somebody speaking", lambda: speaking.count() > 0)
        seek.fill(str(max(int(one["at"]) for one in events) - 500))
        lan.until("what was shown at the end", lambda: sop(lan) == last, 60)
        for page in both:
            assert not page.wrong


def test_only_credentials_of_ours_that_are_not_over_open_the_relay(relay: Relay) -> None:
    now = now_ms() // 1000
    good = signed(relay.secret, now + LASTS_SECONDS, "user-1")
    assert allocate(relay.port, *good) == 200
    assert allocate(relay.port, *signed(relay.secret, now - 1, "user-1")) == 401
    assert allocate(relay.port, *signed("another secret", now + LASTS_SECONDS, "user-1")) == 401
    assert allocate(relay.port, good[0].replace("user-1", "user-2"), good[1]) == 401


def _relayed(page: Watched) -> bool:
    carried = page.page.evaluate(CARRIED)
    return bool(carried) and all(one[:2] == ["relay", "relay"] and one[2] > 0 for one in carried)


def _relay_only(route: Route) -> None:
    """The answer to who asks for a ticket, as with live.relay_only."""
    answer = route.fetch()
    route.fulfill(response=answer, json={**answer.json(), "relay_only": True})


def test_voice_goes_over_the_relay_and_the_room_goes_on_without(scene: Scene, relay: Relay) -> None:
    with seen(scene, ("minh", 900, 600), ("lan", 900, 600), script=KEPT) as (minh, lan):
        both, link = (minh, lan), f"{scene.server.base_url}/read/-#room={scene.room()}"
        for page in both:
            page.page.route("**/api/rooms/*/ticket", _relay_only)
            inside(page, link)
        relay.stop()
        for page in both:
            page.find("live-voice").click()
        for page, name in ((minh, "lan"), (lan, "minh")):
            page.find("live-voice-failed").wait_for(timeout=120_000)
            assert f"Không nối được thoại với {name}" in page.find("live-voice-failed").inner_text()
            row = page.page.locator("[data-testid=live-person][data-voice=failed]")
            assert "không nối được thoại" in row.inner_text()
        minh.find("live-text").fill("gọi điện nhé")
        minh.find("live-send").click()
        lan.until("the chat", lambda: "gọi điện nhé" in lan.find("live-chat").inner_text())
        relay.start()
        lan.find("live-voice-retry").click()
        for page in both:
            page.until("voice over the relay", partial(_relayed, page), 60)
        all_of(both, "no complaint", lambda page: page.find("live-voice-failed").count() == 0)
