"""The whole of it, with real browsers at once: Lào Cai asks, Bạch Mai answers, they meet with a guest from abroad who
comes by link and PIN and sees anonymised copies; both ends sign the minutes, which are filed with the study."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser

from tests.support import reading
from tests.support.browser import Watched, chromium
from tests.support.keys import focus, tab_to
from tests.support.rooms import pid_of_rooms, web_workers
from tests.support.server import PASSWORD, Running
from tests.support.shaping import Shaper, shaped

ASKER, EXPERT, COLLEAGUE = "bs.laocai", "bs.bachmai", "bs.dienthoai"
QUESTION = "Nốt thùy trên phải, lớn lên từ tháng trước. Có cần chuyển tuyến?"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    people = (
        (ASKER, "radiologist", "BS. Giàng Thị Mỷ", "lao-cai"),
        (EXPERT, "radiologist", "PGS. Nguyễn Văn Đức", "bach-mai"),
        (COLLEAGUE, "radiologist", "BS. Trần Thu", "bach-mai"),
    )
    with reading.reading_room(tmp_path_factory.mktemp("whole"), people) as server:
        yield server


@pytest.fixture(scope="module")
def thin(running: Running) -> Iterator[Shaper]:
    """Bạch Mai is at the office; this is a line of 512 kbit/s and 300 ms there and back."""
    with shaped(running.web_port, 0.512, 0.3) as link:
        yield link


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


class Person:
    """Somebody in a browser of their own."""

    def __init__(self, browser: Browser, base: str, name: str = "", **context: Any) -> None:
        size = {"viewport": {"width": 1280, "height": 800}, "locale": "vi-VN", **context}
        self.base = base
        self.context = browser.new_context(**size)
        self.watched = Watched(self.context.new_page())
        self.find, self.until, self.page = self.watched.find, self.watched.until, self.watched.page
        if name:
            answer = self.ask("POST", "/api/session", {"name": name, "password": PASSWORD})
            assert answer.ok, answer.text()

    def ask(self, method: str, path: str, data: Any = None) -> Any:
        """A request as the pages make them."""
        headers = {"Origin": self.base}
        if method != "GET" and path != "/api/session":
            headers["X-CSRF-Token"] = self.context.request.get(f"{self.base}/api/session").json()["csrf"]
        return self.context.request.fetch(f"{self.base}{path}", method=method, data=data, headers=headers)

    def enrolled(self) -> pyotp.TOTP:
        """A second factor, set up now."""
        secret = self.ask("POST", "/api/session/enrolment", {"current_password": PASSWORD}).json()["secret"]
        totp = pyotp.TOTP(secret)
        answer = self.ask("PUT", "/api/session/enrolment", {"code": totp.now()})
        assert answer.ok, answer.text()
        return totp

    def in_room(self) -> None:
        self.until("the room", lambda: self.find("live").get_attribute("data-status") == "in")

    def image(self) -> str:
        return str((self.watched.active() or {}).get("SOPInstanceUID"))

    def says(self, text: str) -> None:
        self.find("live-text").fill(text)
        self.find("live-send").click()

    def hears(self, text: str) -> None:
        self.until(f"“{text}”", lambda: text in self.find("live-chat").inner_text())

    def shot(self, name: str) -> None:
        folder = os.environ.get("HOICHAN_SHOTS")
        if folder:
            self.page.wait_for_timeout(350)
            self.page.screenshot(path=str(Path(folder) / f"whole-{name}.png"))


def test_from_the_question_to_signed_minutes(browser: Browser, running: Running, thin: Shaper) -> None:
    asker = Person(browser, running.base_url, ASKER)
    expert = Person(browser, thin.url, EXPERT)
    keys = {"from": asker.enrolled(), "to": expert.enrolled()}
    code = asked(asker)
    answered(expert, code)
    expert.find("consult-images").click(no_wait_after=True)  # the thin line carries the viewer while others go on
    phone = Person(
        browser, running.base_url, COLLEAGUE, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    guest = Person(browser, running.base_url, locale="en-GB")

    asker.until("the answer", lambda: asker.find("event-opinion").count() == 1)
    made = linked(asker)
    asker.find("consult-images").click()
    asker.until("an image", lambda: asker.watched.active() and asker.watched.active()["quality"] == "original")
    asker.find("live-toggle").click()
    asker.find("live-title").fill("Hội chẩn Lào Cai – Bạch Mai")
    asker.find("live-open").click()
    asker.in_room()
    kinds = [one["kind"] for one in asker.ask("GET", f"/api/consults/{code}/events").json()["events"]]
    assert kinds[-1] == "room_opened", "the parties find the room where they look for the consultation"
    asker.find("live-guests").check()
    looks_at(phone, code)
    came_by_link(guest, made)
    came_in(phone)
    came_in(expert)
    met(running, asker, expert, phone, guest)

    concluded(asker, expert, code)
    signed(asker, expert, code, keys)
    filed(asker)
    for person in (asker, expert, phone, guest):
        person.context.close()


def asked(asker: Person) -> str:
    """From the worklist, to the other hospital; the code of the consultation."""
    asker.page.goto(asker.base)
    row = asker.find("study-row").first
    row.wait_for()
    row.hover()
    row.locator('[data-testid="row-consult"]').click()
    asker.find("chip-transfer_needed").click()
    asker.find("ask-question").fill(QUESTION)
    asker.find("ask-hospital").select_option("bach-mai")
    asker.find("ask-informed").select_option("oral")
    asker.find("ask-send").click()
    asker.find("consultation").wait_for()
    asker.shot("1-asked")
    return asker.page.url.rsplit("/", 1)[1]


def answered(expert: Person, code: str) -> None:
    """Over the thin line."""
    expert.page.goto(f"{expert.base}/#/consult/to_me")
    expert.find("consult-card").first.click()
    expert.find("do-accept").click()
    expert.find("event-accepted").wait_for()
    expert.find("verdict-differ").click()
    expert.find("answer-text").fill("Bờ tua gai. Nên sinh thiết; hội chẩn trực tuyến chiều nay.")
    expert.find("answer-send").click()
    expert.find("event-opinion").wait_for()
    expert.shot("2-answered")


def linked(asker: Person) -> dict[str, Any]:
    """An anonymised link for the guest, once the copies are there."""
    answer = asker.ask("POST", "/api/links", {"studies": [reading.STUDY], "purpose": "Second opinion, lung nodule"})
    assert answer.status == 201, answer.text()
    made: dict[str, Any] = answer.json()
    asker.until(
        "the copies", lambda: asker.ask("GET", f"/api/links/{made['link']['id']}").json()["state"] == "ready", 60
    )
    return made


def looks_at(person: Person, code: str) -> None:
    """Opens the images of the consultation; they come while others go on."""
    person.page.goto(f"{person.base}/#/consult/to_me/{code}")
    person.find("consultation").wait_for()
    person.find("consult-images").click(no_wait_after=True)


def came_in(person: Person) -> None:
    """From the images into the room."""
    person.until("an image", lambda: (person.watched.active() or {}).get("quality"), 90)
    if person.find("live").count() == 0:
        person.find("live-toggle").click()
    person.find("live-enter").click()
    person.in_room()


def came_by_link(guest: Person, made: dict[str, Any]) -> None:
    """Link and PIN, then the reading room, in English, with nothing of the patient."""
    guest.page.goto(made["url"])
    guest.find("door-pin").fill(made["pin"])
    guest.find("door-name").fill("Dr Jane Carter")
    guest.find("door-institution").fill("Royal Marsden, London")
    guest.find("door-agree").check()
    guest.shot("3-door")
    guest.find("door-enter").click()
    guest.page.wait_for_url("**/read/**", timeout=60_000)
    guest.until("an image", lambda: (guest.watched.active() or {}).get("quality"), 60)
    told = guest.page.content()
    assert reading.STUDY not in told + guest.page.url
    guest.find("live-toggle").click()
    guest.find("live-enter").click()
    guest.in_room()


def met(running: Running, asker: Person, expert: Person, phone: Person, guest: Person) -> None:
    """One image for all; what is said survives the end of the process; who is cut off comes back."""
    everybody = (asker, expert, phone, guest)
    asker.find("viewport-0").click()  # keys belong to the images again
    where = {person: person.image() for person in everybody}
    assert where[guest] != where[asker], "the guest's UIDs are those of the copies"
    asker.page.keyboard.press("End")
    asker.until("another image", lambda: asker.image() not in (where[asker], "None"))
    for person in (expert, phone):
        person.until("the presenter's image", partial(lambda one: one.image() == asker.image(), person))
    guest.until("the copy of the presenter's image", lambda: guest.image() not in (where[guest], "None"))
    asker.says("Nốt này lớn gấp đôi.")
    guest.says("I would biopsy this.")
    for person in everybody:
        person.hears("lớn gấp đôi")
        person.hears("I would biopsy")
    os.kill(web_workers(running)[0], signal.SIGKILL)  # a room does not stand on a web worker …
    phone.says("Tôi cũng thấy vậy.")
    for person in everybody:
        person.hears("Tôi cũng thấy vậy.")
    os.kill(pid_of_rooms(running), signal.SIGKILL)  # … and outlives its own process
    expert.says("Đồng ý sinh thiết.")
    for person in everybody:
        person.hears("Đồng ý sinh thiết.")
        person.shot(f"4-room-{everybody.index(person)}")
    asker.find("live-end").click()
    asker.find("live-end-sure").click()
    for person in everybody:
        person.find("live-over").wait_for()


def concluded(asker: Person, expert: Person, code: str) -> None:
    said = {
        "conclusion": "Nốt nghi ác tính thùy trên phải.",
        "recommendation": "Sinh thiết tại Bạch Mai trong tuần.",
        "language": "vi",
        "findings": [],
    }
    event = {"client_id": str(uuid.uuid4()), "kind": "concluded", "body": said}
    answer = expert.ask("POST", f"/api/consults/{code}/events", event)
    assert answer.ok, answer.text()


def signed(asker: Person, expert: Person, code: str, keys: dict[str, pyotp.TOTP]) -> None:
    """Written once, signed at both ends with the second factor: with its next code, so that it is certainly another one
    than that it was set up with."""
    address = f"/api/consults/{code}/minutes"
    draft = asker.ask("GET", address).json()
    assert "Nốt nghi ác tính" in draft["body"]["conclusion"]
    assert "Dr Jane Carter: I would biopsy this." in draft["body"]["findings"], "what was said in the room"
    assert "Dr Jane Carter" in [one["name"] for one in draft["body"]["participants"]]
    kinds = [one["kind"] for one in asker.ask("GET", f"/api/consults/{code}/events").json()["events"]]
    assert "room_closed" in kinds
    answer = asker.ask("PUT", address, {"version": draft["version"], "body": draft["body"]})
    assert answer.ok, answer.text()
    shown = expert.ask("GET", address).json()
    given = {"part": 0, "sha256": shown["sha256"], "code": keys["to"].at(time.time() + 30)}
    answer = expert.ask("POST", f"{address}/signature", given)
    assert answer.ok, answer.text()
    signed_without_a_mouse(asker, code, keys["from"])
    told = asker.ask("GET", address).json()
    assert told["frozen"]
    assert [one["side"] for one in told["signatures"]] == ["to", "from"]
    paper = asker.ask("GET", f"{address}.pdf").body()
    assert paper.startswith(b"%PDF-")


def signed_without_a_mouse(person: Person, code: str, key: pyotp.TOTP) -> None:
    """On the page of the minutes: the dialog has the focus, and is gone when they are signed."""
    person.page.goto(f"{person.base}/#/minutes/{code}")
    person.find("minutes-sign").wait_for()
    tab_to(person.watched, "minutes-sign")
    person.page.keyboard.press("Enter")
    person.find("sign-dialog").wait_for()
    person.until("the focus in the dialog", lambda: (focus(person.watched) or {}).get("testid") == "sign-code")
    person.page.keyboard.type(key.at(time.time() + 30))
    person.shot("5-signing")
    person.page.keyboard.press("Enter")
    person.find("sign-dialog").wait_for(state="detached")
    person.until("the words that cannot change any more", lambda: person.find("minutes-written").count() == 1)
    person.shot("6-signed")


def filed(asker: Person) -> None:
    """The minutes are a document of the study, at the hospital that asked."""

    def documents() -> list[str]:
        row = asker.ask("GET", f"/api/studies/{reading.STUDY}").json()
        return [one["Modality"] for one in row["series"] if one["Modality"] == "DOC"]

    asker.until("the minutes beside the images", documents, 60)
