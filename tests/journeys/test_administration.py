"""An administrator's day in a real browser: every page in both languages on a desk and a telephone, and what is decided
there about what came in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from playwright.sync_api import Browser
from pydicom.data import get_testdata_file
from pydicom.uid import UID

from tests.support.accessible import wanting
from tests.support.browser import Watched, chromium
from tests.support.dcmtk import dcmtk
from tests.support.keys import focus
from tests.support.server import ADMIN, PASSWORD, Running, serving
from tests.support.waiting import until

PAGES = {
    "peers": ("Thiết bị DICOM", "DICOM peers"),
    "users": ("Người dùng", "Users"),
    "hospitals": ("Bệnh viện", "Hospitals"),
    "roles": ("Vai trò", "Roles"),
    "tokens": ("Mã truy cập API", "API tokens"),
    "links": ("Liên kết", "Links"),
    "conflicts": ("Xung đột", "Conflicts"),
    "quarantine": ("Cách ly", "Quarantine"),
    "rejected": ("Đã loại bỏ", "Rejected"),
    "recordings": ("Ghi âm", "Recordings"),
    "audit": ("Nhật ký", "Audit log"),
    "health": ("Tình trạng", "Health"),
}
UIDS = [f"1.2.826.0.1.3680043.8.498.77.{number}" for number in range(1, 4)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A hospital to which three images came twice, under the name of two patients, and something that is no object."""
    folder = tmp_path_factory.mktemp("administration")
    came = folder / "came"
    came.mkdir()
    with serving(folder) as server:
        server.add_admin()
        for patient, name in (("BN-0001", "Nguyễn^Đức^Văn"), ("BN-0002", "Trần^Bình^Văn")):
            for number, uid in enumerate(UIDS):
                _slice(came / f"{number}.dcm", uid, patient, name)
            dcmtk("storescu", "-aec", "HOICHAN", "127.0.0.1", server.dicom_port, *sorted(came.iterdir()))
        (folder / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"broken" * 20)
        server.cli("import", str(folder / "broken.dcm"), check=False)
        yield server


def _slice(path: Path, uid: str, patient: str, name: str) -> None:
    source = get_testdata_file("MR_small.dcm")
    assert isinstance(source, str)
    dataset = pydicom.dcmread(source)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientID, dataset.PatientName = patient, name
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{UIDS[0]}.1", f"{UIDS[0]}.1.1"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    dataset.save_as(path)


def _signed_in(browser: Browser, running: Running, width: int = 1280, height: int = 800) -> Watched:
    page = browser.new_context(viewport={"width": width, "height": height}, locale="vi-VN").new_page()
    watched = Watched(page)
    page.goto(running.base_url)
    watched.find("sign-in-name").fill(ADMIN)
    watched.find("sign-in-password").fill(PASSWORD)
    watched.find("sign-in-submit").click()
    watched.find("user-menu").wait_for()
    return watched


def _open(watched: Watched, running: Running, page: str) -> None:
    watched.page.goto(f"{running.base_url}/#/admin/{page}")
    watched.until(f"the page {page}", lambda: watched.find(f"admin-{page}").get_attribute("aria-current") == "page")


def _records(running: Running, action: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.client().ask("GET", f"/api/admin/audit?action={action}").json()["records"]
    return found


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_every_page_has_its_title_and_fits(browser: Browser, running: Running, width: int, height: int) -> None:
    watched = _signed_in(browser, running, width, height)
    page = watched.page
    for at, language, administration in ((1, "en", "Administration"), (0, "vi", "Quản trị")):
        watched.find("user-menu").click()
        watched.find(f"menu-{language}").click()
        for name, titles in PAGES.items():
            _open(watched, running, name)
            _looks(watched, f"{titles[at]} · {administration} · Hội Chẩn")
            assert wanting(page) == [], (name, language)
    assert not watched.wrong, watched.wrong
    page.context.close()


def _looks(watched: Watched, title: str) -> None:
    """The page of this title, whole, within its window, with one heading of the first level."""
    page = watched.page
    watched.until(f"the title {title}", lambda: page.title() == title)
    watched.until("one heading of the first level", lambda: page.locator("h1").count() == 1)
    watched.until("what it shows", lambda: page.locator(".skeleton").count() == 0)
    beyond = "one => document.documentElement['scroll' + one] - document.documentElement['client' + one]"
    sizes = {one: page.evaluate(beyond, one) for one in ("Width", "Height")}
    assert max(sizes.values()) <= 0, f"{title} is larger than its window: {sizes}"


def test_the_keyboard_gets_past_the_menus(browser: Browser, running: Running) -> None:
    watched = _signed_in(browser, running)
    _open(watched, running, "tokens")
    watched.page.reload()
    watched.find("admin-tokens").wait_for()
    watched.page.keyboard.press("Tab")
    assert "Đến nội dung" in focus(watched)["what"]
    watched.page.keyboard.press("Enter")
    watched.page.keyboard.press("Tab")
    assert focus(watched)["what"].count("admin-head") == 0
    assert watched.page.evaluate("document.activeElement.closest('main') !== null")
    watched.page.context.close()


def test_conflicts_of_one_sending_are_decided_together(browser: Browser, running: Running) -> None:
    watched = _signed_in(browser, running)
    _open(watched, running, "conflicts")
    rows = watched.find("conflict-row").filter(has_text="BN-0002")
    watched.until("three conflicts", lambda: rows.count() == 3)
    rows.first.get_by_role("button").click()
    watched.find("decide-all").check()
    watched.find("decide-reason").fill("gửi nhầm người bệnh")
    watched.find("decide-keep").click()
    watched.find("compare").wait_for(state="detached")
    watched.find("conflicts-none").wait_for()
    found = _records(running, "conflict.keep")
    assert [one["object"] for one in sorted(found, key=lambda one: str(one["object"]))] == UIDS
    assert {one["reason"] for one in found} == {"gửi nhầm người bệnh"}
    assert not watched.wrong, watched.wrong
    watched.page.context.close()


def test_what_could_not_be_read_is_linked_to_a_study_one_looks_for(browser: Browser, running: Running) -> None:
    watched = _signed_in(browser, running)
    _open(watched, running, "quarantine")
    watched.find("quarantine-link").first.click()
    assert watched.find("asking-do").is_disabled()
    watched.find("link-study").fill("duc")
    watched.find("link-found").first.check()
    watched.find("asking-do").click()
    watched.find("asking").wait_for(state="detached")
    watched.until("it to be noted", lambda: len(_records(running, "quarantine.link")) == 1)
    assert _records(running, "quarantine.link")[0]["patient"] == f"{UIDS[0]}.1"
    assert not watched.wrong, watched.wrong
    watched.page.context.close()


def test_the_health_page_tells_of_the_audit_log(browser: Browser, running: Running) -> None:
    client = running.client()

    def checked() -> bool:
        checks = client.ask("GET", "/api/admin/health").json()["checks"]
        return any(one["name"] == "audit log" and "at" in one["audit"] for one in checks)

    assert until(checked), "the worker checks it soon after it has started"
    watched = _signed_in(browser, running)
    _open(watched, running, "health")
    row = watched.find("check-audit log")
    row.wait_for()
    assert "Kiểm tra toàn bộ lúc" in row.inner_text()
    assert not watched.wrong, watched.wrong
    watched.page.context.close()
