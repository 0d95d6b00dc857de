"""Refusals are counted in memory, written together, and bounded."""

from pathlib import Path

import pytest

from pacs.dimse import reasons
from pacs.dimse import refusals as room
from pacs.dimse.refusals import MOST_AT_ONCE, Refusals
from storage.index import changes, peers
from storage.model.people import Refusal
from tests.pacs.parts import House, house
from tests.support.waiting import until


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


def noted(home: House) -> list[Refusal]:
    with home.archive.database.reading() as db:
        return peers.refusals(db)


def test_many_of_one_kind_are_one_row(home: House) -> None:
    refusals = Refusals(home.archive.database, lambda title: None)
    for _ in range(1000):
        refusals.note("10.0.0.9", reasons.SPEAKS_HTTP)
    refusals.note("10.0.0.8", reasons.UNKNOWN_CALLING, "CT1", "HOICHAN", "ab" * 32)
    refusals.flush()
    refusals.note("10.0.0.9", reasons.SPEAKS_HTTP)
    refusals.flush()
    found = {(one.ae_title, one.address): one for one in noted(home)}
    assert found["", "10.0.0.9"].count == 1001
    assert found["CT1", "10.0.0.8"].certificate == "ab" * 32
    with home.archive.database.reading() as db:
        assert len(changes.after(db, 0)) == 1, "only who gave a name calls the administrator"


def test_a_flood_of_different_callers_stays_small(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_KEPT", 300)
    refusals = Refusals(home.archive.database, lambda title: None)
    for number in range(5000):
        refusals.note(f"10.{number >> 8}.{number & 255}.1", reasons.UNKNOWN_CALLING, f"S{number}", "HOICHAN")
    refusals.flush()
    found = noted(home)
    assert len(found) == MOST_AT_ONCE + 1
    assert sum(one.count for one in found) == 5000
    for number in range(5000):
        refusals.note(f"11.{number >> 8}.{number & 255}.1", reasons.NOT_DICOM)
    refusals.flush()
    with home.archive.database.reading() as db:
        assert len(peers.refusals(db, 10_000)) <= 600


def test_they_are_written_by_themselves_and_at_the_end(home: House) -> None:
    refusals = Refusals(home.archive.database, lambda title: None)
    refusals.start()
    refusals.note("10.0.0.9", reasons.CROWD)
    until(lambda: bool(noted(home)))
    refusals.note("10.0.0.9", reasons.CROWD)
    refusals.close()
    assert noted(home)[0].count == 2
