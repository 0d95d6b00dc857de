"""A real PostgreSQL for tests: Debian's binaries, a private cluster on 127.0.0.1, gone with the test session.

As root the server runs as nobody, because PostgreSQL refuses to run as root. The cluster does not survive a power
cut (fsync is off): what the tests kill are processes, never the machine.
"""

import ctypes
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from storage.index.database import Database

_INSTALL = "apt-get install postgresql"
_FIRST_PORT, _LAST_PORT = 19500, 19599  # below those that connections of somebody could be given
_READY_S = 120
_PR_SET_PDEATHSIG = 1
_OWNER = "hoichan"
_TEMPLATE = "template_hoichan"
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class PostgresServer:
    """A private cluster; `database` gives fresh databases that already have all tables."""

    def __init__(self, folder: Path) -> None:
        self._binaries = _binaries()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self.port = 0
        if os.getuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        made = subprocess.run(
            [*_as_somebody(), self._binaries / "initdb", "-D", folder / "data", "-U", _OWNER, "-A", "trust",
             "-E", "UTF8", "--locale=C", "-N"],
            capture_output=True, text=True, cwd="/", env=_environment(),
        )  # fmt: skip
        if made.returncode:
            pytest.fail(f"initdb did not succeed:\n{made.stdout[-1000:]}{made.stderr[-1000:]}", pytrace=False)

    @property
    def pid(self) -> int:
        """The server's first process; 0 when it does not run."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start and wait until it answers; the port of an earlier start is kept."""
        ports = [self.port] if self.port else range(_FIRST_PORT, _LAST_PORT + 1)
        for port in ports:
            if _is_free(port) and self._come_up(port):
                self.port = port
                return
        log = (self._folder / "log").read_text(errors="replace")
        pytest.fail(f"PostgreSQL did not come up:\n{log[-2000:]}", pytrace=False)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is a fast shutdown, SIGQUIT an immediate one (as a crash, followed by recovery)."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=_READY_S)
            self._process = None

    def migrate_template(self) -> None:
        """Make the database that all others are copies of."""
        with self._administer() as connection:
            connection.execute(f"CREATE DATABASE {_TEMPLATE}")
        database = Database(self.url(_TEMPLATE))
        database.migrate()
        database.close()

    def create(self, template: str = _TEMPLATE) -> str:
        """A fresh database; its name."""
        name = f"t{next(self._numbers)}"
        with self._administer() as connection:
            copied = " STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""  # as ever before 15
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}{copied}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        with self._administer() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        return f"postgresql://{_OWNER}@127.0.0.1:{self.port}/{name}"

    def _administer(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.url("postgres"), autocommit=True)

    def _come_up(self, port: int) -> bool:
        options = _SETTINGS | {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self._folder)}
        command = [*_as_somebody(), str(self._binaries / "postgres"), "-D", str(self._folder / "data"), "-p", str(port)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=_environment(),
                preexec_fn=None if os.getuid() == 0 else _stop_with_parent,
            )  # fmt: skip
        begun = time.monotonic()
        while time.monotonic() - begun < _READY_S and self._process.poll() is None:
            try:
                with psycopg.connect(
                    f"postgresql://{_OWNER}@127.0.0.1:{port}/postgres", connect_timeout=30
                ) as connection:
                    answered = connection.execute("SHOW data_directory").fetchone()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                if answered == (str(self._folder / "data"),):
                    return True
                break  # another session's server took the port in between
        self.stop()
        return False


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of the session; missing binaries fail the test that asked for it."""
    _binaries()
    folder = Path(tempfile.mkdtemp(prefix="hoichan-postgres-"))
    server = None
    try:
        server = PostgresServer(folder)
        server.start()
        server.migrate_template()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, migrated database for one test."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        pytest.fail(f"the PostgreSQL tests need its server: {_INSTALL}", pytrace=False)
    return found[-1].parent


def _as_somebody() -> list[str]:
    """The words before a command that make it run as nobody when we are root."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig", "INT", "--"]


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "LC_ALL": "C", "TZ": "UTC"}


def _stop_with_parent() -> None:
    """Also when the test run itself is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
