"""Connections, migration, foreign errors, and several processes at once."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import exc

from storage.errors import StorageContended, StorageFull, StorageUnavailable
from storage.index import database as module
from storage.index import hospitals, instances, migrations, schema
from storage.index.database import Database
from storage.model.archive import Hospital, Scope
from tests.storage.index.conftest import ENGINES
from tests.storage.index.made import Made
from tests.support.postgres import PostgresServer

ROOT = Path(__file__).parents[3]


def test_migrating_makes_the_tables_of_the_schema(database: Database) -> None:
    assert database.revision() == schema.HEAD
    with database.reading() as db:
        differences = compare_metadata(MigrationContext.configure(db), schema.metadata)
    assert differences == []


def test_the_head_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(migrations.config()).get_current_head() == schema.HEAD


def test_migrating_again_is_quick_and_does_not_load_alembic(database: Database, url: str) -> None:
    code = (
        "import sys, time; from storage.index.database import Database; d = Database(sys.argv[1]); d.revision();"
        "t = time.process_time(); d.migrate(); took = time.process_time() - t;"
        "assert 'alembic' not in sys.modules; assert took < 0.3, took"
    )
    subprocess.run([sys.executable, "-c", code, url], cwd=ROOT, check=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_processes_may_migrate_at_once(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path / 'index.sqlite'}"
    if engine == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url(server.create("template0"))
    code = "import sys; from storage.index.database import Database; Database(sys.argv[1]).migrate()"
    pipe = subprocess.PIPE
    both = [subprocess.Popen([sys.executable, "-c", code, url], cwd=ROOT, stderr=pipe, text=True) for _ in range(2)]
    wrong = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], "".join(wrong)[-4000:]
    database = Database(url)
    assert database.revision() == schema.HEAD
    database.close()


def test_at_most_eight_secondary_indexes_on_the_large_tables() -> None:
    large = (schema.patient, schema.study, schema.series, schema.instance)
    constraints = [
        constraint for table in large for constraint in table.constraints if isinstance(constraint, sa.UniqueConstraint)
    ]
    assert constraints == []
    assert sum(len(table.indexes) for table in large) <= 8


def test_what_fails_is_not_kept(database: Database) -> None:
    def fail() -> None:
        with database.writing() as db:
            hospitals.ensure(db, "a", "A")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.reading() as db:
        assert hospitals.all(db) == []
        db.execute(schema.hospital.insert().values(code="b", name="B"))
    with database.reading() as db:
        assert hospitals.all(db) == []


def test_hospitals_are_made_once(database: Database, hospital: Hospital) -> None:
    with database.writing() as db:
        assert hospitals.ensure(db, "bach-mai", "") == hospital
        renamed = hospitals.ensure(db, "bach-mai", "BV Bạch Mai")
        assert (renamed.id, renamed.name) == (hospital.id, "BV Bạch Mai")
        assert hospitals.by_code(db, "bach-mai") == hospitals.by_id(db, hospital.id) == renamed
        assert hospitals.everywhere(db) == Scope(frozenset({hospital.id}))


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'index.sqlite'}")
    database.migrate()
    with database.writing() as db:
        hospital = hospitals.ensure(db, "a", "A")
    with database.reading() as db:
        pages = db.exec_driver_sql("PRAGMA page_count").scalar_one()
    database.close()

    def fill() -> None:
        with database.writing() as db:
            db.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            instances.add(db, [Made(sop=str(n)).item(hospital) for n in range(1000)])

    with pytest.raises(StorageFull):
        fill()


class _Told(psycopg.OperationalError):
    def __init__(self, state: str | None) -> None:
        self._state = state
        super().__init__("with the name of a patient")

    @property
    def sqlstate(self) -> str | None:  # type: ignore[override]
        return self._state


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ("53100", StorageFull),
        ("53300", StorageUnavailable),
        ("57P01", StorageUnavailable),
        ("40P01", StorageContended),
        ("40001", StorageContended),
        ("40003", StorageUnavailable),
        (None, StorageUnavailable),
        ("42703", None),
    ],
)
def test_states_of_postgresql_are_understood(state: str | None, meaning: type[Exception] | None) -> None:
    told = module._meaning(exc.OperationalError("SELECT", None, _Told(state)))
    assert (None if told is None else type(told)) is meaning
    assert "patient" not in str(told)


def test_bugs_are_not_hidden(database: Database) -> None:
    def wrong() -> None:
        with database.reading() as db:
            db.exec_driver_sql("INSERT INTO hospital (id, code) VALUES (1, NULL)")

    with pytest.raises(exc.IntegrityError):
        wrong()


def test_no_server_means_unavailable() -> None:
    with pytest.raises(StorageUnavailable):
        Database("postgresql://nobody@127.0.0.1:1/none").migrate()


def test_no_folder_means_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        Database(f"sqlite:///{tmp_path}/none/index.sqlite").migrate()


def test_a_file_that_is_no_database_means_unavailable(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"not a database at all " * 100)
    with pytest.raises(StorageUnavailable):
        Database(f"sqlite:///{tmp_path}/index.sqlite").migrate()


def test_sqlite_is_durable_and_several_may_read() -> None:
    prepared = sqlite3.connect(":memory:")
    module._prepare_sqlite(prepared, None)
    assert prepared.execute("PRAGMA synchronous").fetchone() == (2,)
    assert prepared.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_the_index_answers_again_after_a_restart(postgres_server: PostgresServer) -> None:
    database = Database(postgres_server.url(postgres_server.create()))
    with database.writing() as db:
        hospitals.ensure(db, "a", "A")
    postgres_server.stop(signal.SIGQUIT)
    try:
        with pytest.raises(StorageUnavailable):
            database.revision()
    finally:
        postgres_server.start()
    with database.reading() as db:
        assert [one.code for one in hospitals.all(db)] == ["a"]
    database.close()


def test_a_forked_child_opens_its_own_connections(database: Database) -> None:
    with database.reading() as db:
        hospitals.all(db)
    child = os.fork()
    if child == 0:
        try:
            database.after_fork()
            with database.writing() as db:
                hospitals.ensure(db, "child", "Child")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    with database.reading() as db:
        assert [one.code for one in hospitals.all(db)] == ["child"]


def test_readers_do_not_wait_for_a_writer(database: Database, hospital: Hospital) -> None:
    with database.writing() as db:
        db.execute(schema.hospital.update().values(name="new"))
        with database.reading() as other:  # one that waited would wait for ever: the writer goes on after it
            assert hospitals.all(other)[0].name == "Bệnh viện Bạch Mai"


ADDER = """
import sys
from storage.index import instances
from storage.index.database import Database
from storage.index.hospitals import by_code
from tests.storage.index.conftest import ENGINES
from tests.storage.index.made import Made
database = Database(sys.argv[1])
mine = int(sys.argv[2])
with database.reading() as db:
    hospital = by_code(db, "bach-mai")
print("ready", flush=True)
sys.stdin.readline()
order = range(30) if mine % 2 else range(29, -1, -1)
kinds = []
for batch in order:
    made = [
        Made(study=f"{batch % 5}", series=f"{batch % 5}.{n % 2}", sop=f"{batch}.{n}", patient_id=f"P{batch % 5 // 2}",
             content=f"{batch}.{n}" if n else f"{batch}.{n}.{mine}", stored_at=1000 + mine)
        for n in range(8)
    ] + [Made(study=f"own {mine}", series=f"own {mine}.1", sop=f"own {mine}.{batch}")]
    with database.writing() as db:
        added = instances.add(db, [one.item(hospital) for one in made])
    kinds += [one.kind for one in added]
print(*[kinds.count(kind) for kind in ("stored", "already stored", "differs")])
"""


def test_processes_that_add_the_same_do_not_fail(
    database: Database, hospital: Hospital, scope: Scope, url: str
) -> None:
    """Four processes add the same 30 batches; one instance of each batch differs between them."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ADDER, url, str(n)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told, wrong = zip(*(process.communicate() for process in processes), strict=True)
    assert [process.returncode for process in processes] == [0] * 4, "".join(wrong)[-4000:]
    stored, already, differs = (sum(numbers) for numbers in zip(*(map(int, t.split()) for t in told), strict=True))
    assert (stored, already, differs) == (30 * 8 + 4 * 30, 3 * 30 * 7, 3 * 30)
    with database.reading() as db:
        found = [instances.study(db, scope, str(number)) for number in range(5)]
        for study in found:
            held = instances.of_study(db, scope, study.facts.study_instance_uid)
            series = instances.series_of(db, scope, study.facts.study_instance_uid)
            assert (study.instances, study.bytes, study.series) == (48, 48_000, 2)
            assert len(held) == sum(one.instances for one in series) == 48
        changed = db.execute(sa.select(sa.func.count()).select_from(schema.change)).scalar_one()
        patients = db.execute(sa.select(sa.func.count()).select_from(schema.patient)).scalar_one()
    assert changed == stored
    assert patients == 3 + 1


def test_many_threads_share_one_database(database: Database, hospital: Hospital, scope: Scope) -> None:
    failed = []

    def add(mine: int) -> None:
        try:
            for n in range(20):
                with database.writing() as db:
                    instances.add(db, [Made(sop=f"{mine}.{n}").item(hospital)])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with database.reading() as db:
        assert instances.study(db, scope, "1.2.3").instances == 160
