"""News between servers that share a PostgreSQL: the id of what changed, told when the transaction commits; and what
need not be kept, told at once.

SQLite has one server, so there it does nothing.
"""

import contextlib
from collections.abc import Callable, Sequence

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import Connection

from storage.errors import StorageUnavailable
from storage.index.database import Database
from storage.index.types import POSTGRESQL

ROOMS = "hoichan_rooms"
NODES = "hoichan_nodes"
LONGEST = 7_000  # bytes of one payload; PostgreSQL takes fewer than 8,000
_LOOK_SECONDS = 2.0


def tell(db: Connection, channel: str, payload: str) -> None:
    """Tell every server that listens, once this transaction has committed."""
    if db.dialect.name == POSTGRESQL:
        db.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload})


def listen(
    database: Database,
    channel: str,
    hear: Callable[[str], None],
    over: Callable[[], bool],
    listening: Callable[[], None] = lambda: None,
) -> None:
    """Give each payload to `hear`, in the order of the commits, until `over`. Returns at once with SQLite. `listening`
    is called when nothing is missed any more: what was told before is to be looked up then. Raises StorageUnavailable
    when the connection is lost."""
    if not shared(database):
        return
    try:
        with contextlib.closing(psycopg.connect(database.driver_url, autocommit=True)) as connection:
            connection.execute(f"LISTEN {channel}")
            listening()
            while not over():
                for notice in connection.notifies(timeout=_LOOK_SECONDS):
                    hear(notice.payload)
    except psycopg.Error as error:
        raise _unavailable(error) from error


def shared(database: Database) -> bool:
    """Whether other servers may be on the same index."""
    return database.engine_name == POSTGRESQL


class Teller:
    """Tells what is of no use a moment later: on a connection of its own, and waiting for no disk."""

    def __init__(self, database: Database) -> None:
        self._url = database.driver_url
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def tell(self, channel: str, payloads: Sequence[str]) -> None:
        """Tell these in their order. Raises StorageUnavailable; the next call connects anew."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._url, autocommit=True)
                self._connection.execute("SET synchronous_commit TO off")
            told = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"
            self._connection.execute(told, (channel, list(payloads)))
        except psycopg.Error as error:
            self.close()
            raise _unavailable(error) from error

    def close(self) -> None:
        """Let the connection go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()


def _unavailable(error: psycopg.Error) -> StorageUnavailable:
    return StorageUnavailable(f"the index does not answer ({type(error).__name__})")
