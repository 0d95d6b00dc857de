"""A link as its maker and a guest live it, in real browsers: made, opened on a phone, withdrawn while it is open."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.support.browser import Watched, chromium
from tests.support.server import ADMIN, PASSWORD, Browserless, Running, serving
from tests.viewer.objects import instance

STUDY, SERIES = "1.2.840.77.1", "1.2.840.77.1.1"
MOST_BYTES = 150_000  # of the page of a link, everything it loads but pictures, as it crosses the network
SCREEN = {"width": 375, "height": 667}
PHONE: dict[str, Any] = {"viewport": SCREEN, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("link")) as running:
        owner = running.add_admin()
        roles = ["radiologist", "technologist"]
        lan = {"name": "bs.lan", "display_name": "BS. Lan", "password": PASSWORD, "roles": roles, "hospital": "main"}
        assert owner.ask("POST", "/api/admin/users", lan).status == 201
        doctor = signed_in(running)
        pixels = b"".join((n * 16).to_bytes(2, "little") for n in range(64 * 64))
        for number in range(1, 5):
            uids = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES, "SOPInstanceUID": f"{SERIES}.{number}"}
            data = instance(**uids, InstanceNumber=number, Rows=64, Columns=64, PixelData=pixels)
            sent = doctor.ask("POST", "/api/uploads", data, {"Content-Type": "application/octet-stream"})
            assert sent.status == 200
        yield running


def signed_in(running: Running) -> Browserless:
    doctor = Browserless(running.base_url)
    doctor.csrf = doctor.ask("POST", "/api/session", {"name": "bs.lan", "password": PASSWORD}).json()["csrf"]
    return doctor


def opened(context: BrowserContext, url: str, pin: str) -> Watched:
    """The page of a link, past its door."""
    guest = Watched(context.new_page())
    guest.page.goto(url)
    guest.find("door").wait_for()
    guest.find("door-pin").fill(pin)
    guest.find("door-name").fill("Prof. Anna Schmidt")
    guest.find("door-institution").fill("Charité Berlin")
    guest.find("door-agree").check()
    guest.find("door-enter").click()
    return guest


def test_a_link_is_made_opened_on_a_phone_and_withdrawn(browser: Browser, server: Running, tmp_path: Path) -> None:
    desk = Watched(browser.new_context(viewport={"width": 1560, "height": 900}, locale="vi-VN").new_page())
    desk.page.goto(server.base_url)
    desk.find("sign-in-name").fill("bs.lan")
    desk.find("sign-in-password").fill(PASSWORD)
    desk.find("sign-in-submit").click()
    desk.find("study-row").first.hover()
    desk.find("preview-share").click()
    desk.find("share-purpose").fill("Ý kiến thứ hai")
    desk.find("share-make").click()
    desk.find("share-made").wait_for()
    url, pin = desk.find("share-url").input_value(), desk.find("share-pin").input_value()
    desk.page.screenshot(path=str(tmp_path / "made.png"))

    context = browser.new_context(**PHONE, locale="en-GB")
    loaded: dict[str, int] = {}
    context.on("response", lambda one: loaded.update({one.url: int(one.headers.get("content-length", 0))}))
    guest = opened(context, url, pin)
    guest.find("lite").wait_for()
    stage = guest.find("stage")
    guest.until("a picture", lambda: stage.get_attribute("data-shown"))
    assert "#" not in guest.page.url  # the secret has left the address
    guest.until("all its images", lambda: stage.get_attribute("data-count") == "4")
    assert guest.page.evaluate("document.documentElement.scrollWidth") == 375
    before = stage.get_attribute("data-index")
    box = stage.bounding_box()
    assert box is not None
    guest.page.mouse.move(box["x"] + 50, box["y"] + 100)
    guest.page.mouse.wheel(0, 120)
    guest.until(
        "the next slice", lambda: stage.get_attribute("data-index") != before and stage.get_attribute("data-shown")
    )
    assert guest.find("quality").is_visible()
    page = {address: size for address, size in loaded.items() if "/static/" in address or "/s/" in address}
    assert 0 < sum(page.values()) < MOST_BYTES, page
    assert not [address for address in page if "viewport" in address or "reading" in address]
    guest.page.screenshot(path=str(tmp_path / "phone.png"))

    desk.find("share-done").click()
    desk.page.goto(f"{server.base_url}/#/links")
    desk.find("link-revoke").first.click()
    desk.find("revoke-do").click()
    guest.find("phase-over").wait_for()
    assert guest.find("stage").count() == 0
    assert desk.wrong == []
    assert guest.wrong == []


def test_on_a_computer_the_reading_room_opens_with_the_study_of_the_link(browser: Browser, server: Running) -> None:
    doctor = signed_in(server)
    asked = {"studies": [STUDY], "purpose": "hội chẩn", "anonymise": False}
    made = doctor.ask("POST", "/api/links", asked).json()
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    guest = opened(context, made["url"], made["pin"])
    guest.page.wait_for_url(f"**/read/{STUDY}")
    guest.until("the images", lambda: (guest.active() or {}).get("quality") in ("original", "preview"))
    assert guest.find("reading-share").count() == 0
    assert guest.find("reading-consult").count() == 0
    home = guest.find("back").get_attribute("href")
    assert home == made["url"].split("#")[0].removeprefix(server.base_url)
    doctor.ask("DELETE", f"/api/links/{made['link']['id']}")
    guest.find("phase-over").wait_for()
    assert guest.wrong == []


def test_the_administrator_sees_the_links_and_nothing_of_the_patient(browser: Browser, server: Running) -> None:
    signed_in(server).ask("POST", "/api/links", {"studies": [STUDY], "purpose": "đào tạo"})
    admin = Watched(browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB").new_page())
    admin.page.goto(server.base_url)
    admin.find("sign-in-name").fill(ADMIN)
    admin.find("sign-in-password").fill(PASSWORD)
    admin.find("sign-in-submit").click()
    admin.find("user-menu").wait_for()
    admin.page.goto(f"{server.base_url}/#/admin/links")
    admin.find("link-row").first.wait_for()
    text = admin.find("links").inner_text()
    assert "đào tạo" in text
    assert "Nguyễn" not in text
    assert admin.wrong == []
