"""Inserting many rows with one statement that does not grow with their number.

SQLite runs a prepared INSERT once per row without leaving the process. PostgreSQL gets all rows as one JSON
parameter: a statement of 64 times 20 parameters costs it, and the driver, more than the rows themselves.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import ReturningInsert

from storage.index.prepared import each
from storage.index.types import POSTGRESQL


def insert_many(db: Connection, table: sa.Table, rows: Sequence[dict[str, Any]], *, ignore: bool = False) -> None:
    """Insert these rows, which all have the same columns; `ignore` leaves alone those that are already there."""
    if not rows:
        return
    if db.dialect.name == POSTGRESQL:
        db.execute(_from_json(table, tuple(rows[0]), ignore), _document(rows))
    else:
        each(db, _row_by_row(table, ignore), rows)


def insert_new_instances(db: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> set[tuple[int, str]]:
    """Insert these rows; the (hospital, UID) of those that were new. On SQLite, where writers are alone, all are."""
    if db.dialect.name != POSTGRESQL:
        each(db, _row_by_row(table, False), rows)
        return {(row["hospital_id"], row["uid"]) for row in rows}
    statement = _new_from_json(table, tuple(rows[0]))
    return {(row.hospital_id, row.uid) for row in db.execute(statement, _document(rows))}


@lru_cache(maxsize=64)
def _row_by_row(table: sa.Table, ignore: bool) -> sqlite.Insert:
    return sqlite.insert(table).on_conflict_do_nothing() if ignore else sqlite.insert(table)


@lru_cache(maxsize=64)
def _new_from_json(table: sa.Table, names: tuple[str, ...]) -> ReturningInsert[tuple[int, str]]:
    return _from_json(table, names, True).returning(table.c.hospital_id, table.c.uid)


@lru_cache(maxsize=64)
def _from_json(table: sa.Table, names: tuple[str, ...], ignore: bool) -> postgresql.Insert:
    columns = [sa.column(name, _plain(table.c[name].type)) for name in names]
    document = sa.cast(sa.bindparam("rows", type_=sa.Text()), postgresql.JSON())
    given = sa.func.json_to_recordset(document).table_valued(*columns, name="given").render_derived(with_types=True)
    statement = postgresql.insert(table).from_select(list(names), sa.select(*given.c), include_defaults=False)
    return statement.on_conflict_do_nothing() if ignore else statement


def _plain(kind: "sa.types.TypeEngine[Any]") -> "sa.types.TypeEngine[Any]":
    """The type without its collation, which belongs to the column that is inserted into."""
    return sa.Text() if isinstance(kind, sa.Text) else kind


def _document(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {"rows": json.dumps(rows, ensure_ascii=False, separators=(",", ":"), default=_hexadecimal)}


def _hexadecimal(value: object) -> str:
    """Bytes as PostgreSQL reads them."""
    assert isinstance(value, bytes)
    return "\\x" + value.hex()
