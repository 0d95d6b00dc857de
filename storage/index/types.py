"""Column types that mean the same on SQLite and PostgreSQL, and small helpers all tables share."""

import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from storage.model.text import nfc

# Compared and sorted by bytes on both engines, whatever the locale of the server.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# Grows past 2**31; on SQLite it must be INTEGER to be the row's own number.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INT = sa.Integer()
BYTES = sa.LargeBinary()
BOOL = sa.Boolean()

POSTGRESQL, SQLITE = "postgresql", "sqlite"
_LAST = "\U0010ffff"


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


def clean(text: str) -> str:
    """Composed, without NUL, and without the padding blanks that DICOM calls insignificant."""
    return nfc(text).strip(" ")


def among(column: "sa.Column[Any]", name: str) -> "sa.ColumnElement[bool]":
    """The rows whose column has one of the values given as the parameter `name`; for statements that are made once."""
    return column.in_(sa.bindparam(name, expanding=True))


def upper_bound(prefix: str) -> str:
    """The text that sorts after everything that starts with `prefix`."""
    return prefix + _LAST


def insert_new(db: Connection, table: sa.Table) -> Any:
    """INSERT … ON CONFLICT DO NOTHING of this engine; rows that are already there are left alone."""
    return upsert(db, table).on_conflict_do_nothing()


def inserted(db: Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Insert this row unless it is already there; whether it was new."""
    first = next(iter(table.primary_key.columns))
    return db.execute(insert_new(db, table).values(row).returning(first)).first() is not None


def upsert(db: Connection, table: sa.Table) -> Any:
    """INSERT of this engine that has `on_conflict_do_update`."""
    return postgresql.insert(table) if db.dialect.name == POSTGRESQL else sqlite.insert(table)
