"""Another encoding of what is stored is let go, and never while something points to it."""

import pytest

from storage.errors import ObjectMissing
from storage.index import instances, noted
from storage.model.archive import ALREADY_STORED, CONFLICT, STORED, Description, Instance, StoredObject
from tests.pacs.parts import IMPLICIT, House, Made

AGAIN = Made(syntax=IMPLICIT).part10()


def _judged_by(here: House, monkeypatch: pytest.MonkeyPatch, judge: object) -> None:
    monkeypatch.setattr(here.archive._committer, "_same_content", judge)


def test_bytes_that_were_let_go_meanwhile_are_not_noted(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(newcomer: Description, stored: StoredObject, existing: Instance) -> bool:
        here.archive.objects.delete(stored.key)  # as another process does that was quicker with the same bytes
        return False

    assert here.put(Made().part10()).kind == STORED
    with monkeypatch.context() as patch:
        _judged_by(here, patch, judge)
        with pytest.raises(ObjectMissing):
            here.put(AGAIN)
    with here.archive.database.reading() as db:
        assert instances.conflicts(db, here.scope) == []
    assert here.put(AGAIN).kind == ALREADY_STORED, "the sender tries again"


def test_bytes_that_were_noted_meanwhile_are_kept(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(newcomer: Description, stored: StoredObject, existing: Instance) -> bool:
        with here.archive.database.writing() as db:  # as another process does that came to another result
            instances.add_conflict(db, newcomer, stored, here.origin, existing)
        return True

    here.put(Made().part10())
    with monkeypatch.context() as patch:
        _judged_by(here, patch, judge)
        here.put(AGAIN)
    with here.archive.database.reading() as db:
        (conflict,) = instances.conflicts(db, here.scope)
    assert here.archive.objects.get(conflict.object_key) == AGAIN
    assert here.put(AGAIN).kind == CONFLICT, "and so they are answered from then on"


def test_holding_several_objects_costs_nothing_on_sqlite(here: House) -> None:
    with here.archive.database.writing() as db:
        noted.hold(db, ["main/o/aa/1", "main/o/aa/2", "main/o/aa/1"])
