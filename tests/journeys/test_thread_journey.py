"""The thread beside the images, between a province that reads Vietnamese and an expert who reads English."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support import reading
from tests.support.browser import Watched, chromium
from tests.support.reading import STUDY, drawn, open_study, reader, unsent
from tests.support.server import Running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    machine = {"HOICHAN_CONSULT__TRANSLATOR": "tests.pacs.consult.test_translating:shout"}
    people = (
        ("my", "clinician", "BS. Giàng Thị Mỷ", "lao-cai"),
        ("duc", "radiologist", "Prof. Đức", "bach-mai"),
    )
    with reading.reading_room(tmp_path_factory.mktemp("thread"), people, (), **machine) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def shot(tmp_path: Path) -> Any:
    """Takes a picture of the screen; HOICHAN_SHOTS names a folder to look at them later."""
    folder = Path(os.environ.get("HOICHAN_SHOTS", str(tmp_path)))

    def take(watched: Watched, name: str) -> None:
        watched.page.wait_for_timeout(400)
        watched.page.screenshot(path=str(folder / f"{name}.png"))

    return take


def asked(running: Running) -> str:
    """The province's question, through the API; its code."""
    question = {
        "client_id": "00000000-0000-4000-8000-00000000000a", "study": STUDY, "priors": [],
        "to": {"hospital": "bach-mai"},
        "specialty": "chest", "urgency": "urgent", "due_at": int(time.time() * 1000) + 3_600_000,
        "chips": ["lung_nodule", "next_step"], "question": "Nam 56 tuổi, ho kéo dài. Nốt này có cần sinh thiết không?",
        "language": "vi", "anonymise": False, "informed_how": "oral", "informed_at": None, "images": [],
    }  # fmt: skip
    answer = running.client("my").ask("POST", "/api/consults", question)
    assert answer.status == 201, answer.body
    return str(answer.json()["code"])


def test_two_sides_in_two_languages_speak_beside_the_images(browser: Browser, running: Running, shot: Any) -> None:
    code = asked(running)
    assert running.client("duc").ask("PATCH", "/api/session", {"language": "en"}).status == 200
    my, duc = reader(browser, running, "my", 1440, 900), reader(browser, running, "duc", 1440, 900)
    for one in (my, duc):
        open_study(one, running, f"?consult={code}")
        one.find("thread").wait_for()
    told = duc.find("event-asked").inner_text()
    assert "Is there a lung nodule, and which follow-up?" in told, "chips are read in one's own language"
    assert "ho kéo dài" in told
    assert "VI" in told, "free text says its language"
    drawing(my, duc)
    opinion(my, duc, shot)
    translating(my, duc, shot)
    assert not my.wrong, my.wrong
    assert not duc.wrong, duc.wrong
    my.page.context.close()
    duc.page.context.close()


def drawing(my: Watched, duc: Watched) -> None:
    """What the province draws within the consultation reaches the expert, and a key image with its window."""
    reading.measure(my)
    duc.until("the drawing of the other side", lambda: len(drawn(duc)) == 1)
    my.page.keyboard.press("2")
    my.until("a chosen window", lambda: my.active()["voiChosen"])
    my.page.keyboard.press("k")
    my.find("thread-send-keys").click()
    duc.until("the key image", lambda: duc.find("said-picture").count() == 1)
    duc.page.locator("[data-testid=pane-0]").focus()
    duc.page.keyboard.press("Home")
    duc.until("another image", lambda: duc.active()["index"] == 0)
    duc.find("said-picture").locator("button").click()
    wanted = my.active()
    duc.until("the image", lambda: duc.active()["index"] == wanted["index"])
    duc.until("its window", lambda: duc.active()["voi"] == wanted["voi"])


def opinion(my: Watched, duc: Watched, shot: Any) -> None:
    """A structured answer, written through a reload and sent through a cut."""
    duc.find("verdict-differ").click()
    duc.find("finding-certainty").select_option("probable")
    duc.find("finding-entity").select_option("nodule")
    duc.find("finding-site").select_option("lower_lobe")
    duc.find("finding-side").select_option("right")
    duc.find("finding-size").fill("8")
    duc.find("finding-add").click()
    duc.find("answer-text").fill("Follow up in three months, <b>no biopsy</b> yet.")
    shot(duc, "thread-writing-en")
    duc.page.reload()
    reading.ready(duc)
    duc.find("answer-text").wait_for()
    assert duc.find("answer-text").input_value().startswith("Follow up"), "a draft outlives the page"
    assert duc.find("finding").count() == 1

    duc.page.context.set_offline(True)
    duc.find("answer-send").click()
    duc.find("event-pending").wait_for()
    assert unsent(duc) == 1
    duc.page.context.set_offline(False)
    my.until("the opinion", lambda: my.find("event-opinion").count() == 1)
    duc.until("it to be acknowledged", lambda: unsent(duc) == 0 and duc.find("event-pending").count() == 0)
    told = my.find("event-opinion").inner_text()
    assert "Nhiều khả năng nốt, thùy dưới phổi phải, 8 mm" in told, "findings are read in one's own language"
    assert "Ý kiến khác" in told
    assert "EN" in told
    assert "<b>no biopsy</b>" in told, "and text is text"
    shot(my, "thread-opinion-vi")
    shot(duc, "thread-opinion-en")


def translating(my: Watched, duc: Watched, shot: Any) -> None:
    """By a person beside the original; by a machine, marked."""
    my.find("event-opinion").locator("[data-testid=translate]").click()
    my.page.locator(".translate textarea").fill("Theo dõi sau ba tháng, chưa cần sinh thiết.")
    my.page.locator(".translate button").click()
    my.until("the translation", lambda: "Bản dịch của BS. Giàng Thị Mỷ" in my.find("event-opinion").inner_text())
    duc.find("event-asked").locator("[data-testid=translate-machine]").click()
    told = duc.find("event-asked")
    duc.until("the machine's", lambda: "[vi>en] NAM 56 TUỔI" in told.inner_text())
    assert "achine" in told.inner_text(), "marked as a machine's"
    shot(my, "thread-translated-vi")
    shot(duc, "thread-translated-en")
