"""A transaction that PostgreSQL ended for another's sake is begun anew; the sender hears of success only."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from storage.errors import StorageContended
from storage.index import changes, instances
from storage.model.archive import STORED
from storage.objects.filesystem import FilesystemStore
from tests.pacs.archive.test_store import index_fails
from tests.pacs.parts import House, Made, house
from tests.support.waiting import until

PATIENCE_S = 60
_HERE = " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_both_of_two_that_waited_for_each_other_succeed(
    tmp_path: Path, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection of somebody else holds the study; who stores has taken its turn and waits for the study; then the
    other one wants to store something of the study as well. It is patient, so it is not the one that is ended."""
    made = house(tmp_path, index_url=postgres_url)
    made.put(Made(sop="1.1").part10())
    with ThreadPoolExecutor(1) as pool, psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("SET deadlock_timeout = '1h'")
        with other.transaction():
            other.execute("SELECT id FROM study WHERE uid = '1.2.3' FOR UPDATE")
            stored = pool.submit(made.put, Made(sop="1.2").part10())
            _wait_for_a_waiting_one(postgres_url)
            held = "SELECT classid, objid, objsubid FROM pg_locks WHERE locktype = 'advisory' AND granted" + _HERE
            for kind, number, _ in other.execute(held).fetchall():
                other.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", (kind, number))
            other.execute("UPDATE study SET status = 'reading' WHERE uid = '1.2.3'")
        assert stored.result(PATIENCE_S).kind == STORED
    assert any("waited for each other" in record.getMessage() for record in caplog.records)
    with made.archive.database.reading() as db:
        study = instances.study(db, made.scope, "1.2.3")
        assert (study.instances, study.status, changes.last(db) >= 2) == (2, "reading", True)
        told = [line.sop_instance_uid for line in changes.after(db, 0)]
    assert told == ["1.1", "1.2"], "one line for each, however often it was tried"
    assert made.spooled() == []
    made.archive.close()


def test_it_is_begun_anew_a_few_times(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    index_fails(monkeypatch, StorageContended("ended"), 4)
    assert here.put(Made().part10()).kind == STORED
    with here.archive.database.reading() as db:
        assert len(changes.after(db, 0)) == 1


def test_and_then_the_sender_is_told(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    index_fails(monkeypatch, StorageContended("ended"), 5)
    with pytest.raises(StorageContended):
        here.put(Made().part10())
    assert here.put(Made().part10()).kind == STORED


def test_conflicts_beside_new_instances_of_the_same_studies(tmp_path: Path, postgres_url: str) -> None:
    """Conflicts are counted at one study while instances are added to another, in two archives the other way round."""
    store = FilesystemStore(tmp_path / "objects")
    two = [house(tmp_path / name, objects=store, index_url=postgres_url) for name in ("one", "two")]
    studies = ("1.2.3", "1.2.4")
    for study in studies:
        two[0].put(Made(study=study, series=f"{study}.1", sop=f"{study}.1.0").part10())
    begin = threading.Barrier(16)

    def put(number: int) -> str:
        side, study = number % 2, studies[(number // 2) % 2]
        sop = f"{study}.1.{1 + number}" if number < 8 else f"{study}.1.0"
        begin.wait(PATIENCE_S)
        return two[side].put(Made(study=study, series=f"{study}.1", sop=sop, pixels=bytes([number]) * 32).part10()).kind

    with ThreadPoolExecutor(16) as pool:
        kinds = list(pool.map(put, range(16)))
    assert sorted(kinds) == ["conflict"] * 8 + [STORED] * 8
    with two[0].archive.database.reading() as db:
        found = [instances.study(db, two[0].scope, study) for study in studies]
    assert [(one.instances, one.conflicts) for one in found] == [(5, 4)] * 2
    for one in two:
        one.archive.close()


def _wait_for_a_waiting_one(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as observer:
        until(lambda: observer.execute(WAITING).fetchone() != (0,))
