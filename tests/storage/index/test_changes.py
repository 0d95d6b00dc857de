"""The change log."""

import threading
import time

import pytest

from storage.index import changes
from storage.index.database import Database
from storage.model.archive import Hospital, Scope
from storage.model.work import ChangeKind


def _append(database: Database, hospital: Hospital, *details: str) -> None:
    with database.writing() as db:
        for detail in details:
            changes.append(db, hospital.id, ChangeKind.STUDY_CHANGED, study_instance_uid="1.2", detail=detail)


def test_lines_come_in_their_order(database: Database, hospital: Hospital, other_hospital: Hospital) -> None:
    _append(database, hospital, "a", "b")
    _append(database, other_hospital, "c\x00")
    with database.reading() as db:
        lines = changes.after(db, 0)
        assert [line.detail for line in lines] == ["a", "b", "c"]
        assert [line.detail for line in changes.after(db, lines[0].sequence, limit=1)] == ["b"]
        assert [line.detail for line in changes.after(db, 0, scope=Scope(frozenset({other_hospital.id})))] == ["c"]
        assert changes.last(db) == lines[-1].sequence
        assert lines[0].kind is ChangeKind.STUDY_CHANGED
        assert (lines[0].hospital_id, lines[0].study_instance_uid) == (hospital.id, "1.2")


def test_a_transaction_that_fails_says_nothing(database: Database, hospital: Hospital) -> None:
    def fail() -> None:
        with database.writing() as db:
            changes.append(db, hospital.id, ChangeKind.STUDY_CHANGED)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    _append(database, hospital, "after")
    with database.reading() as db:
        assert [line.detail for line in changes.after(db, 0)] == ["after"]


def test_cursors_do_not_go_back(database: Database) -> None:
    with database.writing() as db:
        assert changes.cursor(db, "worker") == 0
        changes.set_cursor(db, "worker", 7)
        changes.set_cursor(db, "worker", 3)
        changes.set_cursor(db, "other", 1)
    with database.reading() as db:
        assert changes.cursor(db, "worker") == 7
        assert changes.cursors(db) == {"other": 1, "worker": 7}


def test_old_lines_can_be_forgotten_but_never_the_last(database: Database, hospital: Hospital) -> None:
    _append(database, hospital, "a", "b", "c")
    with database.writing() as db:
        last = changes.last(db)
        assert changes.trim(db, last + 100) == 2
    _append(database, hospital, "d")
    with database.reading() as db:
        assert [line.sequence for line in changes.after(db, 0)] == [last, last + 1]


def test_a_reader_never_skips_a_line(database: Database, hospital: Hospital) -> None:
    """Writers commit in another order than they began; a reader that follows the last sequence misses nothing."""
    writers, each = 6, 40
    seen: list[str] = []
    done = threading.Event()

    def write(number: int) -> None:
        for line in range(each):
            with database.writing() as db:
                changes.append(db, hospital.id, ChangeKind.STUDY_CHANGED, detail=f"{number}.{line}")
                time.sleep(0.001 * (number % 3))

    def follow() -> None:
        position = 0
        while True:
            last_round = done.is_set()
            with database.reading() as db:
                lines = changes.after(db, position)
            seen.extend(line.detail for line in lines)
            position = lines[-1].sequence if lines else position
            if last_round and not lines:
                return

    reader = threading.Thread(target=follow)
    reader.start()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    assert sorted(seen) == sorted(f"{number}.{line}" for number in range(writers) for line in range(each))
