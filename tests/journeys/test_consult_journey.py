"""Two hospitals, two browsers: a province asks, an expert sees it live, answers, and the province sees the answer; what
is taken back leaves the expert's screen within seconds."""

import base64
import contextlib
import os
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from pydicom import dcmread
from pydicom.data import get_testdata_file

from tests.support import reading
from tests.support.accessible import wanting
from tests.support.browser import Watched, chromium
from tests.support.keys import MOST, focus, tab_to
from tests.support.mail import Mailbox, mail_server
from tests.support.rooms import Participant, enter
from tests.support.server import PASSWORD, Running

ASKER, EXPERT, READER = "bs.laocai", "bs.bachmai", "bs.khac"
# One white pixel.
PHOTO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4//8/AwAI/AL+p5qgoAAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def mail() -> Iterator[tuple[Mailbox, dict[str, str]]]:
    """A mail server, and the settings that a server sends its letters by."""
    with mail_server() as (box, smtp):
        given = {
            "HOST": smtp.host, "PORT": str(smtp.port), "STARTTLS": "false", "USER": smtp.user,
            "PASSWORD": smtp.password, "SENDER": smtp.sender,
        }  # fmt: skip
        yield box, {f"HOICHAN_SMTP__{name}": value for name, value in given.items()}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, mail: tuple[Mailbox, dict[str, str]]) -> Iterator[Running]:
    people = (
        (ASKER, "clinician", "BS. Giàng Thị Mỷ", "lao-cai"),
        (EXPERT, "radiologist", "PGS. Nguyễn Văn Đức", "bach-mai"),
        (READER, "radiologist", "BS. Lê Khác", "main"),
    )
    other = Path(str(get_testdata_file("MR_small.dcm"))).read_bytes()
    with reading.reading_room(tmp_path_factory.mktemp("consult"), people, [other], **mail[1]) as server:
        yield server


def entered(browser: Browser, running: Running, name: str, **context: Any) -> Watched:
    size = {"viewport": {"width": 1440, "height": 900}, "locale": "vi-VN", **context}
    watched = Watched(browser.new_context(**size).new_page())
    watched.page.goto(running.base_url)
    watched.find("sign-in-name").fill(name)
    watched.find("sign-in-password").fill(PASSWORD)
    watched.find("sign-in-submit").click()
    watched.find("user-menu").wait_for()
    return watched


def language(watched: Watched, code: str) -> None:
    def chosen() -> bool:
        if watched.page.evaluate("document.documentElement.lang") == code:
            return True
        with contextlib.suppress(PlaywrightTimeout):  # news that scroll the page close the menu: then again
            if watched.find(f"menu-{code}").count() == 0:
                watched.find("user-menu").click()
            watched.find(f"menu-{code}").click(timeout=5000)
        return False

    watched.until(f"the language {code}", chosen, 60)


@pytest.fixture
def shot(tmp_path: Path) -> Any:
    """Takes a picture of the screen, where every control has a name and every text stands out; HOICHAN_SHOTS names a
    folder to look at them later."""
    folder = Path(os.environ.get("HOICHAN_SHOTS", str(tmp_path)))

    def take(watched: Watched, name: str) -> None:
        watched.page.wait_for_timeout(350)
        watched.page.screenshot(path=str(folder / f"{name}.png"))
        assert wanting(watched.page) == [], name

    return take


def test_a_province_asks_and_an_expert_answers(browser: Browser, running: Running, shot: Any) -> None:
    asker, expert = entered(browser, running, ASKER), entered(browser, running, EXPERT)
    expert.find("nav-consult").click()
    expert.find("inbox-none").wait_for()
    shot(expert, "inbox-empty-vi")

    asked = asking(asker, shot)
    card = expert.find("consult-card").first
    card.wait_for()  # nobody loaded the page again
    expert.until("the number in the header", lambda: expert.find("nav-waiting").inner_text() == "1")
    assert "Bệnh viện Lào Cai" in card.inner_text()
    card.click()
    expert.find("timeline").wait_for()
    expert.find("attachment").wait_for()
    shot(expert, "asked-vi")
    expert.find("do-accept").click()
    expert.find("event-accepted").wait_for()
    asker.until("it to be accepted", lambda: "Đã nhận" in asker.find("consultation").inner_text())
    assert asked in asker.page.url
    language(expert, "en")
    shot(expert, "asked-en")
    answering(expert, shot)

    asker.until("the answer", lambda: asker.find("event-opinion").count() == 1)
    told = asker.find("event-opinion").inner_text()
    assert "Nhiều khả năng nhồi máu, động mạch não giữa phải, 31 × 20 mm" in told
    assert "PGS. Nguyễn Văn Đức" in told
    assert "Ý kiến khác" in told
    shot(asker, "answered-vi")
    asker.find("translate").click()
    asker.page.locator(".translate textarea").fill("Nhồi máu động mạch não giữa phải, nên lấy huyết khối.")
    asker.page.locator(".translate button").click()
    asker.until("the translation", lambda: "Bản dịch của BS. Giàng Thị Mỷ" in asker.find("event-opinion").inner_text())
    asker.find("close-yes").click()
    asker.until("it to be closed", lambda: "Đã đóng" in asker.find("consultation").inner_text())
    shot(asker, "closed-vi")
    expert.until("the other side to hear of it", lambda: "Closed" in expert.find("consultation").inner_text())
    assert not asker.wrong, asker.wrong
    assert not expert.wrong, expert.wrong


def asking(asker: Watched, shot: Any) -> str:
    """From the worklist: the row's button, what is missing, send; the code of the consultation."""
    row = asker.find("study-row").filter(has_text="MAU-0001").first
    row.wait_for()
    row.hover()
    shot(asker, "worklist-vi")
    row.locator('[data-testid="row-consult"]').click()
    asker.find("ask-dialog").wait_for()
    asker.find("ask-send").click()
    assert asker.page.locator(".ask-wrong").inner_text()
    asker.find("chip-transfer_needed").click()
    asker.page.get_by_role("button", name="Thần kinh", exact=True).click()
    asker.find("chip-thrombectomy").click()
    asker.find("ask-question").fill("Nam, yếu nửa người trái từ 2 giờ trước, NIHSS 14. Chưa dùng thuốc chống đông.")
    asker.find("ask-hospital").select_option("bach-mai")
    asker.find("ask-specialty").select_option("stroke")
    asker.find("urgency-emergency").click()
    asker.find("ask-file").set_input_files({"name": "điện tâm đồ.png", "mimeType": "image/png", "buffer": PHOTO})
    asker.page.locator(".ask-file").wait_for()
    asker.find("ask-informed").select_option("relative")
    shot(asker, "ask-vi")
    asker.page.locator('[data-testid="ask-dialog"] .dialog-body').evaluate(
        "box => { box.scrollTop = box.scrollHeight; }"
    )
    shot(asker, "ask-end-vi")
    asker.find("ask-send").click()
    asker.find("consultation").wait_for()
    shot(asker, "sent-vi")
    return str(asker.page.url.rsplit("/", 1)[1])


def answering(expert: Watched, shot: Any) -> None:
    """An opinion with a coded finding, written in English."""
    expert.find("verdict-differ").click()
    for part, code in (("certainty", "probable"), ("entity", "infarct"), ("site", "mca"), ("side", "right")):
        expert.find(f"finding-{part}").select_option(code)
    expert.find("finding-size").fill("31 x 20")
    expert.find("finding-add").click()
    expert.find("answer-text").fill("Right MCA infarct with a dense vessel sign. Consider thrombectomy.")
    shot(expert, "answer-en")
    expert.page.reload()
    expert.until("the draft", lambda: "dense vessel" in expert.find("answer-text").input_value())
    expert.find("answer-send").click()
    expert.find("event-opinion").wait_for()
    shot(expert, "answered-en")


def test_what_is_revoked_leaves_an_open_reading_room(browser: Browser, running: Running, shot: Any) -> None:
    """Asked from the reading room, opened by the expert there, taken back: over at once, with a stream or without. The
    expert's own hospital has a study of the same UID, which is not the one that is shown, and stays."""
    asker, expert = entered(browser, running, ASKER), entered(browser, running, EXPERT)
    client = running.client(EXPERT)
    found = running.client(ASKER).get("/api/worklist").json()["studies"]
    # Not the phantom, which a consultation of before still shows, nor one without images.
    [study] = [one["StudyInstanceUID"] for one in found if "MR1" in one["PatientName"]]
    assert client.get(f"/api/studies/{study}").status == 404
    theirs, own = f"/at/lao-cai/api/studies/{study}", f"/at/bach-mai/api/studies/{study}"
    sent = client.ask("POST", "/dicom-web/studies", namesake(), {"Content-Type": "application/dicom"})
    assert sent.status == 200, sent.body
    assert (client.get(theirs).status, client.get(own).json()["StudyDescription"]) == (404, "của Bạch Mai")
    asker.page.goto(f"{running.base_url}/read/{study}")
    asker.find("reading-consult").click()
    asker.find("ask-dialog").wait_for()
    asker.find("chip-second_opinion").click()
    asker.find("ask-hospital").select_option("bach-mai")
    asker.find("ask-informed").select_option("oral")
    shot(asker, "ask-reading-vi")
    asker.find("ask-send").click()
    asker.find("ask-dialog").wait_for(state="detached")

    expert.find("nav-consult").click()
    expert.find("consult-card").first.click()
    expert.find("consult-images").click()
    expert.page.wait_for_url(f"**/at/lao-cai/read/{study}**")
    expert.until("an image", lambda: (expert.active() or {}).get("quality"))
    assert "Bệnh viện Lào Cai" in expert.find("patient").inner_text()
    assert "của Bạch Mai" not in expert.find("patient").inner_text()
    assert expert.find("reading-consult").count() == 0  # it is not theirs to ask about
    shot(expert, "reading-granted-vi")
    lead = in_one_room(running, expert, study)
    polling = Watched(expert.page.context.new_page())
    polling.page.route("**/api/events*", lambda route: route.fulfill(status=503, body=""))
    with polling.page.expect_response(lambda answer: "/api/changes" in answer.url and answer.ok):
        polling.page.goto(f"{running.base_url}/at/lao-cai/read/{study}")
    polling.until("an image", lambda: (polling.active() or {}).get("quality"))

    asker.page.goto(f"{running.base_url}/#/consult/from_me")
    asker.find("consult-card").first.click()
    asker.find("consult-more").click()
    asker.find("menu-withdrawn").click()
    with asker.page.expect_response(lambda answer: answer.request.method == "POST" and "/api/consults/" in answer.url):
        asker.find("ending-sure").click()
    assert client.get(theirs).status == 404
    assert client.get(f"/at/lao-cai/dicom-web/studies/{study}/metadata").status == 404
    assert client.get(own).status == 200
    for watched in (expert, polling):
        watched.find("gone").wait_for()
        watched.page.wait_for_url("**/#/gone")
        watched.find("gone").wait_for()
    shot(expert, "gone-vi")
    lead.hear(lambda one: isinstance(one, dict) and one.get("t") == "people" and not one["people"][-1]["here"], 60)
    lead.say("chat", text="phòng vẫn họp")
    lead.event("chat", 60)
    assert not asker.wrong, asker.wrong


def namesake() -> bytes:
    """The other study as another hospital has it: the same UIDs, another description."""
    dataset = dcmread(str(get_testdata_file("MR_small.dcm")))
    dataset.StudyDescription, dataset.SpecificCharacterSet = "của Bạch Mai", "ISO_IR 192"
    written = BytesIO()
    dataset.save_as(written)
    return written.getvalue()


def in_one_room(running: Running, expert: Watched, study: str) -> Participant:
    """The expert's page is in a room about the study; who leads it, without a browser."""
    owner = running.client(ASKER)
    opened = owner.ask("POST", "/api/rooms", {"studies": [study], "title": "Hội chẩn"})
    assert opened.status == 201, opened.body
    lead = enter(owner, opened.json()["code"])
    expert.find("live-toggle").click()
    expert.find("live-enter").click()
    expert.until("the room", lambda: expert.find("live").get_attribute("data-status") == "in")
    return lead


def test_an_expert_abroad_comes_by_the_letter(
    browser: Browser, running: Running, mail: tuple[Mailbox, dict[str, str]], shot: Any
) -> None:
    """Invited by e-mail in the dialog; the letter's link sets password, second factor and language, once, and shows
    the study that was asked about and no other."""
    box, _ = mail
    asker = entered(browser, running, ASKER)
    row = asker.find("study-row").filter(has_text="MAU-0001").first
    row.hover()
    row.locator('[data-testid="row-consult"]').click()
    asker.find("ask-to-invite").click()
    asker.find("ask-email").fill("Jane.Carter@example.org")
    asker.find("ask-name").fill("Dr Jane Carter")
    asker.find("chip-second_opinion").click()
    asker.find("ask-informed").select_option("oral")
    shot(asker, "ask-invite-vi")
    asker.find("ask-send").click()
    asker.find("consultation").wait_for()
    assert box.came.acquire(timeout=60), "the letter"
    to, letter = box.letters[-1]
    assert to == ["jane.carter@example.org"]
    text = letter.get_content()
    assert "You are invited" in text
    link = re.search(r"\S+/#/invitation/\S+", text)
    assert link is not None

    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    expert = Watched(context.new_page())
    # The letter names the server as the world knows it; on this machine it has another address.
    address = running.base_url + link.group(0)[link.group(0).index("/#/invitation/") :]
    expert.page.goto(address)
    expert.find("invitation-name").wait_for()
    expert.until("the name", lambda: expert.find("invitation-name").input_value() == "Dr Jane Carter")
    assert expert.page.evaluate("document.documentElement.lang") == "en"
    shot(expert, "invitation-en")
    expert.find("invitation-password").fill("a long password of hers")
    expert.find("invitation-repeat").fill("a long password of hers")
    expert.find("invitation-submit").click()
    expert.find("enrol-secret").wait_for()
    shot(expert, "enrol-en")
    secret = expert.find("enrol-secret").inner_text().replace(" ", "")
    expert.find("enrol-code").fill(pyotp.TOTP(secret).now())
    expert.find("enrol-submit").click()
    expert.find("recovery-kept").wait_for()
    shot(expert, "recovery-en")
    expert.find("recovery-kept").click()
    card = expert.find("consult-card")
    card.wait_for()
    assert card.count() == 1
    card.click()
    expert.find("consult-images").click()
    expert.page.wait_for_url("**/read/**")
    expert.until("an image", lambda: (expert.active() or {}).get("quality"), 60)
    seen = context.request.get(f"{running.base_url}/api/worklist").json()["studies"]
    assert [one["PatientID"] for one in seen] == ["MAU-0001"]
    again = Watched(browser.new_context(locale="en-GB").new_page())
    again.page.goto(address)
    again.find("invitation-spent").wait_for()
    assert not asker.wrong, asker.wrong
    assert not expert.wrong, expert.wrong


def test_the_inbox_on_a_phone(browser: Browser, running: Running, shot: Any) -> None:
    phone = entered(browser, running, EXPERT, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    phone.page.goto(f"{running.base_url}/#/consult/concluded")
    phone.find("consult-card").first.wait_for()
    shot(phone, "inbox-phone-vi")
    phone.find("consult-card").last.click()
    phone.find("consultation").wait_for()
    shot(phone, "consultation-phone-vi")
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not phone.wrong, phone.wrong


def test_everything_is_done_without_a_mouse(browser: Browser, running: Running) -> None:
    """Sign in, find and open a study, scroll, window, measure, ask, and answer at the other side."""
    asker = typed_in(browser, running, ASKER)
    keys = asker.page.keyboard
    keys.press("/")
    keys.type("MAU-0001")
    rows = asker.find("study-row")
    asker.until("one study", lambda: rows.count() == 1 and "MAU-0001" in rows.first.inner_text())
    keys.press("ArrowDown")
    keys.press("Enter")
    asker.until("the first image", lambda: (asker.active() or {}).get("voi"))
    tab_to(asker, "pane-0")
    keys.press("End")
    asker.until("the last image", lambda: asker.active()["index"] == reading.SLICES - 1)
    keys.press("2")
    asker.until("the lung window", lambda: asker.active()["voi"]["width"] == 1500)
    measured_by_keys(asker)
    tab_to(asker, "reading-consult")
    keys.press("Enter")
    asker.find("ask-dialog").wait_for()
    for _ in range(8):  # the dialog keeps the focus
        keys.press("Tab")
        assert (focus(asker) or {"dialog": True})["dialog"]
    keys.press("Escape")
    asker.find("ask-dialog").wait_for(state="detached")
    asker.until("the focus back", lambda: (focus(asker) or {}).get("testid") == "reading-consult", 20)
    keys.press("Enter")
    asker.find("ask-dialog").wait_for()
    tab_to(asker, "chip-transfer_needed")
    keys.press("Space")
    tab_to(asker, "ask-question")
    keys.type("Hỏi bằng bàn phím")
    tab_to(asker, "ask-informed")
    keys.press("ArrowDown")
    tab_to(asker, "ask-send")
    keys.press("Enter")
    asker.find("ask-dialog").wait_for(state="detached")

    expert = typed_in(browser, running, EXPERT)
    tab_to(expert, "nav-consult")
    expert.page.keyboard.press("Enter")
    card = expert.find("consult-card").filter(has_text="Hỏi bằng bàn phím")
    card.wait_for()
    for _ in range(MOST):
        expert.page.keyboard.press("Tab")
        if "Hỏi bằng bàn phím" in str(expert.page.evaluate("document.activeElement.textContent")):
            break
    expert.page.keyboard.press("Enter")
    expert.find("timeline").wait_for()
    tab_to(expert, "verdict-agree")
    expert.page.keyboard.press("Enter")
    tab_to(expert, "answer-text")
    expert.page.keyboard.type("Đồng ý, không cần chuột.")
    tab_to(expert, "answer-send")
    expert.page.keyboard.press("Enter")
    expert.find("event-opinion").wait_for()


def typed_in(browser: Browser, running: Running, name: str) -> Watched:
    """Somebody who signs in with the keyboard alone."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="vi-VN")
    watched = Watched(context.new_page())
    watched.page.goto(running.base_url)
    watched.find("sign-in-name").wait_for()
    tab_to(watched, "sign-in-name")
    watched.page.keyboard.type(name)
    tab_to(watched, "sign-in-password")
    watched.page.keyboard.type(PASSWORD)
    watched.page.keyboard.press("Enter")
    watched.find("user-menu").wait_for()
    return watched


def measured_by_keys(watched: Watched) -> None:
    """A length between two points that are set with arrows and Enter."""
    keys = watched.page.keyboard
    before = len(watched.state()["annotations"])
    keys.press("d")
    keys.press("x")
    watched.find("key-pointer").wait_for()
    keys.press("Enter")
    for _ in range(8):
        keys.press("ArrowRight")
    keys.press("Enter")
    watched.until("a length", lambda: len(watched.state()["annotations"]) == before + 1)
    keys.press("Escape")
    watched.find("key-pointer").wait_for(state="detached")
