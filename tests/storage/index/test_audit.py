"""The audit log: it only grows, in one order, and what was altered is found."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from storage.errors import ArchiveError
from storage.index import audit, schema
from storage.index.database import Database
from storage.model.archive import Hospital, Scope
from storage.model.audit import AuditEvent, AuditFilter, Chain, as_object
from tests.support.alterations import KINDS, alterations

ROOT = Path(__file__).parents[3]


def _event(hospital: Hospital, n: int = 0, **more: str) -> AuditEvent:
    facts = {"actor": f"người.{n % 3}", "action": "conflict.keep", "object": f"1.2.{n}", "patient": "1.2"}
    return AuditEvent(hospital.id, hospital.code, **{**facts, **more})


def _write(database: Database, *events: AuditEvent) -> None:
    with database.writing() as db:
        for event in events:
            audit.append(db, event)


def _faults(database: Database, anchors: dict[int, str] | None = None) -> list[str]:
    with database.reading() as db:
        chain = Chain(anchors)
        links = ({**as_object(record), "hash": record.hash} for record in audit.records(db))
        return [str(fault) for fault in (*chain.take(links), *chain.end())]


def test_events_are_chained_in_the_order_of_commits(
    database: Database, hospital: Hospital, other_hospital: Hospital
) -> None:
    _write(database, _event(hospital, 1), _event(other_hospital, 2))
    _write(database, _event(hospital, 3, reason="trùng\x00"))
    with database.reading() as db:
        found = list(audit.records(db))
        assert [record.sequence for record in found] == [1, 2, 3]
        assert found[2].reason == "trùng"
        assert found[2].previous == found[1].hash
        assert audit.head(db) == (3, found[2].hash)
        assert [record.sequence for record in audit.records(db, after=2)] == [3]
    assert _faults(database) == []


def test_what_is_not_committed_is_not_in_the_log(database: Database, hospital: Hospital) -> None:
    def fail() -> None:
        with database.writing() as db:
            audit.append(db, _event(hospital))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    _write(database, _event(hospital, 5))
    with database.reading() as db:
        assert [record.object for record in audit.records(db)] == ["1.2.5"]


@pytest.mark.parametrize("what", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_database_refuses_to_change_a_record(database: Database, hospital: Hospital, what: str) -> None:
    _write(database, _event(hospital))
    with pytest.raises((exc.DBAPIError, ArchiveError)), database.writing() as db:
        db.exec_driver_sql(what)
    assert _faults(database) == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET reason = 'khác' WHERE sequence = 7",
        "UPDATE audit SET at = at + 1 WHERE sequence = 20",
        "DELETE FROM audit WHERE sequence = 3",
        "DELETE FROM audit WHERE sequence > 15",
        "DELETE FROM audit",
    ],
)
def test_alterations_behind_the_triggers_are_found(database: Database, hospital: Hospital, sql: str) -> None:
    _write(database, *(_event(hospital, n) for n in range(20)))
    with database.reading() as db:
        anchors = dict([audit.head(db)])
    assert _faults(database, anchors) == []
    with database.writing() as db:
        if database.engine_name == "postgresql":
            db.exec_driver_sql("ALTER TABLE audit DISABLE TRIGGER USER")
        else:
            db.exec_driver_sql("DROP TRIGGER audit_no_UPDATE")
            db.exec_driver_sql("DROP TRIGGER audit_no_DELETE")
        db.exec_driver_sql(sql)
    assert _faults(database, anchors)


def test_random_alterations_are_all_found() -> None:
    found = alterations(600, seed=20261126)
    assert set(found) == set(KINDS)
    assert all(detected == made > 0 for made, detected in found.values()), found


def test_search_by_time_actor_action_and_object(
    database: Database, hospital: Hospital, other_hospital: Hospital, scope: Scope
) -> None:
    with database.writing() as db:
        for n in range(10):
            action = "conflict.keep" if n % 2 else "conflicts.list"
            audit.append(db, _event(hospital, n, action=action), at=1000 + n)
        audit.append(db, _event(other_hospital, 99), at=1005)
    with database.reading() as db:

        def objects(**wanted: object) -> list[int]:
            return [record.sequence for record in audit.find(db, scope, AuditFilter(**wanted))]  # type: ignore[arg-type]

        assert objects() == list(range(10, 0, -1))
        assert objects(limit=3) == [10, 9, 8]
        assert objects(limit=3, before=8) == [7, 6, 5]
        assert objects(since=1003, until=1006) == [6, 5, 4]
        assert objects(actor="người.1") == [8, 5, 2]
        assert objects(action="conflict") == [10, 8, 6, 4, 2]
        assert objects(action="conflict.keep", objects=("1.2.3",)) == [4]
        assert objects(objects=("1.2",)) == list(range(10, 0, -1))
        assert objects(objects=("1.2.99",)) == []


def test_processes_write_one_chain(database: Database, hospital: Hospital, url: str) -> None:
    code = (
        "import sys\nfrom storage.index import audit\nfrom storage.index.database import Database\n"
        "from storage.model.audit import AuditEvent\n"
        "database = Database(sys.argv[1])\n"
        "for n in range(25):\n"
        "    with database.writing() as db:\n"
        "        for m in range(2):\n"
        "            audit.append(db, AuditEvent(int(sys.argv[2]), 'h', sys.argv[3], 'a.b', f'{n}.{m}'))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, url, str(hospital.id), name], cwd=ROOT)
        for name in ("p", "q", "r")
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert _faults(database) == []
    with database.reading() as db:
        assert audit.head(db)[0] == 150
        assert db.execute(sa.select(sa.func.count()).select_from(schema.audit)).scalar_one() == 150
