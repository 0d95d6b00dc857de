"""News between servers that share a PostgreSQL: the id of what changed, told when the transaction commits.

SQLite has one server, so there it does nothing.
"""

import contextlib
from collections.abc import Callable

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import Connection

from storage.errors import StorageUnavailable
from storage.index.database import Database
from storage.index.types import POSTGRESQL

ROOMS = "hoichan_rooms"
_LOOK_SECONDS = 2.0


def tell(db: Connection, channel: str, payload: str) -> None:
    """Tell every server that listens, once this transaction has committed."""
    if db.dialect.name == POSTGRESQL:
        db.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload})


def listen(database: Database, channel: str, hear: Callable[[str], None], over: Callable[[], bool]) -> None:
    """Give each payload to `hear`, in the order of the commits, until `over`. Returns at once with SQLite.
    Raises StorageUnavailable when the connection is lost: what was told meanwhile is then not known."""
    if database.engine_name != POSTGRESQL:
        return
    try:
        with contextlib.closing(psycopg.connect(database.driver_url, autocommit=True)) as connection:
            connection.execute(f"LISTEN {channel}")
            while not over():
                for notice in connection.notifies(timeout=_LOOK_SECONDS):
                    hear(notice.payload)
    except psycopg.Error as error:
        raise StorageUnavailable(f"the index does not answer ({type(error).__name__})") from error
