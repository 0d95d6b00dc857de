"""Servers the journeys share: one on the defaults, one on S3 and PostgreSQL; a journey that needs its own starts it."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from tests.support.s3 import S3Server
from tests.support.server import Running, configured


@pytest.fixture(scope="module", params=["files and SQLite", "S3 and PostgreSQL"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A started server with an administrator, once per kind of store."""
    folder = tmp_path_factory.mktemp("server")
    settings: dict[str, str] = {}
    if request.param == "S3 and PostgreSQL":
        settings = backends(request, folder)
    server = configured(folder, **settings).start()
    server.add_admin()
    yield server
    if server.process is not None:
        assert server.stop() == 0


def backends(request: pytest.FixtureRequest, folder: Path) -> dict[str, str]:
    """Settings for a bucket and a database of their own on the real servers."""
    s3: S3Server = request.getfixturevalue("s3_server")
    postgres: PostgresServer = request.getfixturevalue("postgres_server")
    return {
        "HOICHAN_OBJECTS__URL": s3.url(f"journey-{secrets.token_hex(4)}"),
        "HOICHAN_OBJECTS__ACCESS_KEY": s3.access_key,
        "HOICHAN_OBJECTS__SECRET_KEY": s3.secret_key,
        "HOICHAN_INDEX__URL": postgres.url(postgres.create()),
    }
