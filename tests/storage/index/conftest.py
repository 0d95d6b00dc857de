"""Every test of the index runs on both engines."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.index import hospitals
from storage.index.database import Database
from storage.model.archive import Hospital, Scope
from tests.support.index import lay_index
from tests.support.postgres import PostgresServer

ENGINES = ("sqlite", "postgresql")


@contextmanager
def fresh_url(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """An empty index with its tables, on the engine of the parameter."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = server.create()
        yield server.url(name)
        server.drop(name)
    else:
        yield lay_index(folder / "index.sqlite")


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_url(request, tmp_path) as made:
        yield made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    yield made
    made.close()


@pytest.fixture
def hospital(database: Database) -> Hospital:
    return make_hospital(database, "bach-mai", "Bệnh viện Bạch Mai")


@pytest.fixture
def other_hospital(database: Database) -> Hospital:
    return make_hospital(database, "viet-duc", "Bệnh viện Việt Đức")


@pytest.fixture
def scope(hospital: Hospital) -> Scope:
    return Scope(frozenset({hospital.id}))


def make_hospital(database: Database, code: str, name: str) -> Hospital:
    with database.writing() as db:
        return hospitals.ensure(db, code, name)
