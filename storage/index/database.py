"""The door to the index: connections, transactions, migration, and what foreign errors mean here.

SQLite and PostgreSQL promise the same: a writing transaction that has returned survives a power cut, transactions
that write do not lose each other's updates, and lines of the change log become visible in the order of their
sequence.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import Connection as Connection  # the word other rooms use for a transaction
from sqlalchemy.engine import Engine

from storage.errors import StorageContended, StorageFull, StorageUnavailable
from storage.index import audit, changes
from storage.index.anew import begun_anew
from storage.index.line import Line
from storage.index.remembered import Clock, Stamp
from storage.index.schema import HEAD
from storage.index.types import POSTGRESQL, SQLITE
from storage.index.writer import WRITING, Writer

T = TypeVar("T")

BUSY_SECONDS = 20
AGAIN_SECONDS = 0.02
CONNECT_SECONDS = 3
_SQLITE_FULL = 13
_POSTGRESQL_FULL = frozenset({"53100"})
_POSTGRESQL_AWAY = ("08", "53", "57", "58", "40", "55", "XX")
_POSTGRESQL_CONTENDED = frozenset({"40P01", "40001"})  # deadlock, serialisation failure


class Database:
    """An index. Cheap to make; connections are opened when they are needed."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(_with_driver(url))
        self._engine = _engine(self._url)
        self._clock = Clock(self._engine)
        self._writer = Writer(self._engine)
        self._line = Line(self._url)

    @property
    def engine_name(self) -> str:
        """ "sqlite" or "postgresql"."""
        return self._engine.dialect.name

    @property
    def driver_url(self) -> str:
        """The address as the driver of PostgreSQL takes it, with its password."""
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with; what it sees is committed. Nothing written through it is kept."""
        with _translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of it is kept, durably, or none of it.

        Events given to `audit.append` and lines given to `changes.append` are written last, in this order, just before
        the commit: the locks that order them are then held for a moment only, and no other lock is ever waited for
        while holding that of the change log.
        """
        with (
            _translated(),
            self._line.stood(),
            self._writer.lent() as connection,
            connection.begin(),
        ):
            changes.start(connection)
            audit.start(connection)
            yield connection
            audit.flush(connection)
            changes.flush(connection)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, done in a transaction of its own and durable; begun anew when PostgreSQL ended it for
        another's sake. Of what was ended nothing is kept, so `work` does nothing that a transaction would not undo,
        unless doing it twice is no harm. What it raises itself is raised at once."""

        def attempt() -> T:
            with self.writing() as db:
                return work(db)

        return begun_anew(attempt, "an act")

    def stamp(self) -> Stamp:
        """Which state the index is in: nothing was committed between two equal stamps (see remembered.py)."""
        return self._clock.stamp()

    @property
    def stamps_at_once(self) -> bool:
        """Whether `stamp` asks no other process and so never waits."""
        return self.engine_name == SQLITE

    def migrate(self) -> None:
        """Bring the tables to the newest revision; one query when they are already there."""
        if self.revision() == HEAD:
            return
        from storage.index.migrations import upgrade  # Alembic takes 100 ms to import and is rarely needed

        with (
            _translated(),
            self._engine.connect().execution_options(**{WRITING: True}) as connection,
            connection.begin(),
        ):
            upgrade(connection)

    def revision(self) -> str:
        """The revision the tables are at; "" when there are none."""
        with _translated(), self._engine.connect() as connection:
            if self.engine_name == POSTGRESQL:
                there = connection.exec_driver_sql("SELECT to_regclass('alembic_version') IS NOT NULL").scalar()
            else:
                there = connection.exec_driver_sql(
                    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
                ).scalar()
            if not there:
                return ""
            return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")

    def close(self) -> None:
        """Close every connection; the next use opens new ones."""
        self._clock.close()
        self._writer.close()
        self._line.close()
        self._engine.dispose()

    def after_fork(self) -> None:
        """In a forked child: forget the parent's connections without closing them."""
        self._engine.dispose(close=False)


def _with_driver(url: str) -> str:
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def _engine(url: sa.URL) -> Engine:
    if url.get_backend_name() == POSTGRESQL:
        return sa.create_engine(
            url,
            pool_size=16,
            max_overflow=48,
            pool_timeout=BUSY_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "keepalives_idle": 10,  # a server that went away without a word is noticed within half a minute
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": BUSY_SECONDS * 1000,
                "application_name": "hoichan",
                "options": "-c synchronous_commit=on -c timezone=UTC -c idle_in_transaction_session_timeout=600000",
            },
        )
    engine = sa.create_engine(
        url,
        pool_size=16,
        max_overflow=48,
        pool_timeout=BUSY_SECONDS,
        pool_use_lifo=True,  # the connection used last knows its statements and has its pages
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -16000",
        "temp_store = MEMORY",
        "journal_size_limit = 67108864",
        "wal_autocheckpoint = 4000",  # 16 MB: pages written again and again go to their places once, with one fsync
    ):
        _set(connection, pragma)


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    """Whoever opens a new file first turns it into WAL mode, alone: SQLite does not let the others wait for that."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(AGAIN_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get(WRITING, False)
    # The write lock at once: a transaction that reads first and then writes could otherwise fail half-way.
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    """Foreign errors in our words. Their text is not repeated where it could quote a row."""
    try:
        yield
    except exc.TimeoutError as error:
        raise StorageUnavailable("the index has no free connection") from error
    except (exc.PendingRollbackError, exc.ResourceClosedError, exc.DisconnectionError) as error:
        raise StorageUnavailable("the connection to the index was lost in the middle of a transaction") from error
    except (exc.DBAPIError, sqlite3.Error) as error:  # the driver's own come from `prepared`
        known = _sqlite_meaning(error) if isinstance(error, sqlite3.Error) else _meaning(error)
        if known is None:
            raise
        raise known from error


def _sqlite_meaning(error: sqlite3.Error) -> StorageUnavailable | None:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == _SQLITE_FULL:
        return StorageFull("the index has no room to write")
    if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
        return StorageUnavailable(f"the index does not answer: {error}")
    return None


def _meaning(error: exc.DBAPIError) -> StorageUnavailable | None:
    origin: Any = error.orig
    if isinstance(origin, sqlite3.Error):
        return _sqlite_meaning(origin)
    state = getattr(origin, "sqlstate", None) or ""
    if state in _POSTGRESQL_FULL:
        return StorageFull("the index has no room to write")
    if state in _POSTGRESQL_CONTENDED:
        return StorageContended(f"the index ended one of two transactions that waited for each other ({state})")
    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.InternalError) and (
        not state or state.startswith(_POSTGRESQL_AWAY)
    ):
        return StorageUnavailable(f"the index does not answer ({state or type(origin).__name__})")
    return None
