"""A short sample of `python -m tests.faults.database`: every kind of trouble once. And SQLite, locked and full."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.errors import StorageFull, StorageUnavailable
from storage.index import database as module
from tests.faults import database
from tests.pacs.parts import House, Made, house


def test_nothing_acknowledged_is_lost_by_trouble_of_postgresql(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)  # PostgreSQL's server runs as somebody else
    good = database.run(4, tmp_path, seed=1, most=200, senders=2)
    said = capsys.readouterr().out
    assert good, said
    for kind in (database.RESTART, database.CRASH, database.STORM, database.BACKEND):
        assert f"{kind} 1" in said, said


def test_sqlite_that_is_locked_refuses_and_then_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    here = house(tmp_path)
    here.put(Made().part10())
    other = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable):
        here.put(Made(sop="1.2.9").part10())
    assert here.archive.bytes_of(here.instance(Made())) == Made().part10()
    other.execute("ROLLBACK")
    here.put(Made(sop="1.2.9").part10())
    assert here.spooled() == []
    other.close()
    here.archive.close()


def test_sqlite_that_is_full_refuses_and_then_goes_on(here: House) -> None:
    here.put(Made().part10())
    engine = here.archive.database._engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def limited(connection: sqlite3.Connection, record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit}")

    limit = pages
    sa.event.listen(engine, "connect", limited)
    here.archive.database.close()
    refused = 0
    for number in range(25):
        try:
            here.put(Made(sop=f"1.2.9.{number}", study=f"1.2.9.{number}", series=f"1.2.9.{number}.1").part10())
        except StorageFull:
            refused += 1
    assert refused > 0
    assert here.spooled() == []
    limit = 1_000_000
    here.archive.database.close()
    here.put(Made(sop="1.2.9.0", study="1.2.9.0", series="1.2.9.0.1").part10())


@pytest.fixture
def here(tmp_path: Path) -> House:
    return house(tmp_path)
