"""On PostgreSQL transactions that add the same studies and patients wait for each other, and never in a circle."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from storage.errors import StorageContended
from storage.index import changes, hospitals, instances, parents, turns
from storage.index.database import Database
from storage.model.archive import Hospital
from tests.storage.index.made import Made
from tests.support.postgres import PostgresServer
from tests.support.waiting import until

PATIENCE_S = 60


@pytest.fixture
def shared(postgres_server: PostgresServer) -> Iterator[tuple[Database, str]]:
    name = postgres_server.create()
    url = postgres_server.url(name)
    database = Database(url)
    yield database, url
    database.close()
    postgres_server.drop(name)


def _hospital(database: Database) -> Hospital:
    with database.writing() as db:
        return hospitals.ensure(db, "bach-mai", "")


def _add(database: Database, hospital: Hospital, *made: Made) -> list[str]:
    with database.writing() as db:
        return [one.kind for one in instances.add(db, [each.item(hospital) for each in made])]


def _wait_for_a_waiting_one(url: str, futures: list["Future[Any]"]) -> None:
    """Until a transaction of this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def somebody_waits() -> bool:
        for future in futures:
            if future.done():
                future.result()
        return observer.execute(waiting).fetchone() != (0,)

    with psycopg.connect(url, autocommit=True) as observer:
        until(somebody_waits)


def test_who_made_a_patient_never_waits_for_who_wants_it(
    shared: tuple[Database, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has made the patient P and is about to make the study S. Meanwhile others make S for the patient Q, and then
    add to S and to a new study of P. If they held S while they wait for P, the first one could not go on."""
    database, url = shared
    hospital = _hospital(database)
    made_patient, go_on = threading.Event(), threading.Event()
    first, real = threading.local(), parents._marks

    def marks(*given: Any) -> Any:
        if getattr(first, "here", False):
            made_patient.set()
            assert go_on.wait(PATIENCE_S)
        return real(*given)

    def make() -> list[str]:
        first.here = True
        return _add(database, hospital, Made(study="S", patient_id="P", sop="1"))

    def others() -> list[str]:
        kinds = _add(database, hospital, Made(study="S", patient_id="Q", sop="2"))
        more = Made(study="S", patient_id="Q", sop="3"), Made(study="S2", series="S2.1", patient_id="P", sop="4")
        return kinds + _add(database, hospital, *more)

    monkeypatch.setattr(parents, "_marks", marks)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(make)
        assert made_patient.wait(PATIENCE_S)
        other = pool.submit(others)
        try:
            _wait_for_a_waiting_one(url, [other])
        finally:
            go_on.set()
        assert one.result(PATIENCE_S) == ["stored"]
        assert other.result(PATIENCE_S) == ["stored"] * 3
    with database.reading() as db:
        assert changes.last(db) == 4


def test_two_that_take_turns_the_other_way_round_are_told_apart(shared: tuple[Database, str]) -> None:
    """PostgreSQL ends one of two that wait for each other: that one is told so, the other goes on."""
    database, _ = shared
    hospital = _hospital(database)
    mine, theirs = (hospital.id, "1"), (hospital.id, "2")
    ready = threading.Barrier(2)

    def cross(first: tuple[int, str], then: tuple[int, str]) -> str:
        with database.writing() as db:
            turns.take(db, [first])
            ready.wait(PATIENCE_S)
            turns.take(db, [then])
        return "done"

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(cross, mine, theirs), pool.submit(cross, theirs, mine)]
        told = [future.exception(PATIENCE_S) for future in both]
    assert [type(one) for one in told if one is not None] == [StorageContended]


def test_what_is_taken_is_taken_until_the_end(shared: tuple[Database, str]) -> None:
    database, url = shared
    hospital = _hospital(database)
    with ThreadPoolExecutor(1) as pool:
        with database.writing() as db:
            turns.take(db, [(hospital.id, "S")], [("P", hospital.id, "")])
            turns.take(db, [(hospital.id, "S")], [("P", hospital.id, "")])
            other = pool.submit(_add, database, hospital, Made(study="S", patient_id="Q"))
            _wait_for_a_waiting_one(url, [other])
            assert not other.done()
        assert other.result(PATIENCE_S) == ["stored"]
