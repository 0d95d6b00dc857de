"""Logs tell of UIDs and sizes, never of patients, at any level."""

import logging

import pytest

from pacs.importing import import_paths
from pacs.jobs.worker import Worker
from storage.model.archive import CONFLICT, QUARANTINED
from tests.pacs.parts import House, Made, element
from tests.support.corpus import corpus

SECRET = "Bí^Mật"


def test_no_patient_is_in_the_logs(here: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    odd = element(0x00100030, "DA", "19800229x") + element(0x00101010, "AS", "SECRETAGE")
    here.put(Made(name=SECRET, patient_id="SECRET1", before=odd).part10())
    assert here.put(Made(name=SECRET + "^2", patient_id="SECRET1").part10()).kind == CONFLICT
    assert here.put(Made(name=SECRET, patient_id="SECRET1", series="SECRETUID").part10()).kind == QUARANTINED
    worker = Worker(here.archive)
    here.archive.summarise(here.origin.hospital_id, "1.2.3", "1.2.3.1")
    for _ in range(3):
        worker.step()
    assert "SECRET" not in caplog.text
    assert SECRET not in caplog.text


def test_nor_those_of_the_corpus(here: House, caplog: pytest.LogCaptureFixture) -> None:
    folder = corpus()
    if folder is None:
        pytest.skip("needs the corpus")
    caplog.set_level(logging.DEBUG)
    import_paths(
        here.archive, here.origin, [folder / "charsets", folder / "odd-and-broken", folder / "derived-objects"]
    )
    worker = Worker(here.archive)
    while worker.step():
        pass
    assert not [record for record in caplog.records if record.name.startswith("pydicom")]
    for name in ("Yamada", "Buc^J", "JANCT000", "Lastname"):
        assert name not in caplog.text
