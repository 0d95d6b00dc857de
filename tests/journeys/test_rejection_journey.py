"""A note that storescu sends hides what it rejects at every door of a running server; a person does, and undoes, it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from storage.model.archive import InstanceKey
from storage.model.rejection import PATIENT_SAFETY
from tests.journeys.test_dicom_journeys import find
from tests.pacs.parts import Made
from tests.support.browser import Watched, chromium
from tests.support.corpus import pydicom_file
from tests.support.dcmtk import dcmtk
from tests.support.rejection import rejection_note
from tests.support.server import ADMIN, PASSWORD, Running, serving

HOST = "127.0.0.1"
PICTURES = os.environ.get("HOICHAN_PICTURES", "")  # a folder, to look at the pages


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with an administrator and two studies: one made here, one with an image to look at."""
    folder = tmp_path_factory.mktemp("rejecting")
    with serving(folder) as server:
        server.add_admin()
        for ae_title in ("STORESCU", "FINDSCU", "GETSCU"):
            server.peer(ae_title)
        for number in (1, 2):
            made = Made(sop=f"1.2.3.1.{number}", number=number)
            (folder / f"{number}.dcm").write_bytes(made.part10())
        ct = pydicom_file("CT_small.dcm")
        files = [folder / "1.dcm", folder / "2.dcm", ct]
        dcmtk("storescu", "-aec", "HOICHAN", HOST, server.dicom_port, *files)
        yield server


def images_of(server: Running, study: str) -> list[str]:
    level = ("QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={study}", "SeriesInstanceUID=1.2.3.1", "SOPInstanceUID")
    return sorted(one["00080018"] for one in find(server, *level))


def got(server: Running, folder: Path) -> int:
    """How many instances C-GET brings."""
    folder.mkdir()
    where = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3")
    dcmtk("getscu", "-aec", "HOICHAN", "-S", "-od", folder, HOST, server.dicom_port, *where, check=False)
    return len(list(folder.iterdir()))


def test_a_note_sent_by_storescu_hides_what_it_rejects(alone: Running, tmp_path: Path) -> None:
    assert images_of(alone, "1.2.3") == ["1.2.3.1.1", "1.2.3.1.2"]
    assert got(alone, tmp_path / "before") == 2
    note = tmp_path / "note.dcm"
    note.write_bytes(rejection_note([InstanceKey("1.2.3", "1.2.3.1", "1.2.3.1.1")], PATIENT_SAFETY))
    dcmtk("storescu", "-aec", "HOICHAN", HOST, alone.dicom_port, note)
    assert images_of(alone, "1.2.3") == ["1.2.3.1.2"]
    assert got(alone, tmp_path / "after") == 1
    person = alone.client().sign_in()
    assert person.get("/api/studies/1.2.3").json()["series"][0]["instances"] == 1
    assert "can be purged" in alone.cli("purge").stdout
    rest = [InstanceKey("1.2.3", "1.2.3.1", "1.2.3.1.2")]
    note.write_bytes(rejection_note(rest, PATIENT_SAFETY, "1.2.3.99.2"))
    dcmtk("storescu", "-aec", "HOICHAN", HOST, alone.dicom_port, note)
    assert find(alone, "QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2.3", "PatientName") == []
    assert got(alone, tmp_path / "nothing") == 0


def _shot(watched: Watched, name: str) -> None:
    if PICTURES:
        watched.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def _row(watched: Watched, study: str) -> Any:
    return watched.page.locator(f'[data-testid="study-row"][data-uid="{study}"]')


def test_a_person_rejects_a_study_and_restores_it(alone: Running) -> None:
    study = str(dcmread(pydicom_file("CT_small.dcm")).StudyInstanceUID)
    with chromium() as browser:
        page = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN").new_page()
        watched = Watched(page)
        page.goto(alone.base_url)
        watched.find("sign-in-name").fill(ADMIN)
        watched.find("sign-in-password").fill(PASSWORD)
        watched.find("sign-in-submit").click()
        row = _row(watched, study)
        row.wait_for()
        row.locator('[data-testid="row-status"]').click()
        _shot(watched, "menu")
        watched.find("menu-reject").click()
        watched.find("reject-reason").fill("Bệnh nhân cử động")
        _shot(watched, "reject")
        watched.find("reject-do").click()
        watched.until("the row to go", lambda: row.count() == 0)
        page.goto(f"{alone.base_url}/#/admin/rejected")
        listed = watched.find("rejected-row").filter(has_text="Bệnh nhân cử động")
        listed.wait_for()
        _shot(watched, "rejected")
        listed.locator('[data-testid="rejected-look"]').click()
        picture = watched.find("rejected-pictures").locator("img").first
        watched.until("the picture", lambda: picture.evaluate("one => one.naturalWidth") > 0)
        _shot(watched, "look")
        page.keyboard.press("Escape")
        listed.locator('[data-testid="rejected-restore"]').click()
        watched.find("rejected-reason").fill("Dùng được")
        _shot(watched, "restore")
        watched.find("rejected-do").click()
        watched.until("nothing to be left", lambda: listed.count() == 0)
        page.goto(f"{alone.base_url}/#/")
        _row(watched, study).wait_for()
        assert not watched.wrong, watched.wrong
