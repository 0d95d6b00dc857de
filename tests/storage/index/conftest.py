"""Every test of the index runs on both engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.index import hospitals
from storage.index.database import Database
from storage.model.archive import Hospital, Scope


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a fresh index is; on PostgreSQL it already has its tables."""
    if request.param == "postgresql":
        made: str = request.getfixturevalue("postgres_url")
        return made
    return f"sqlite:///{tmp_path / 'index.sqlite'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def hospital(database: Database) -> Hospital:
    with database.writing() as db:
        return hospitals.ensure(db, "bach-mai", "Bệnh viện Bạch Mai")


@pytest.fixture
def other_hospital(database: Database) -> Hospital:
    with database.writing() as db:
        return hospitals.ensure(db, "viet-duc", "Bệnh viện Việt Đức")


@pytest.fixture
def scope(hospital: Hospital) -> Scope:
    return Scope(frozenset({hospital.id}))
