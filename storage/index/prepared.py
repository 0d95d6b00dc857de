"""Statements of the receiving path and of what viewers ask for, compiled once and given to the SQLite driver directly.

SQLAlchemy spends more on one execution than SQLite does (47 µs against 7 for a lookup), and a C-STORE that comes alone
is six of them. The statements stay SQLAlchemy's, and so does the transaction; on PostgreSQL, where a round trip costs
more than either, it runs them as well.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from storage.index.types import SQLITE

_DIALECT = sqlite.dialect()
_named: Any = namedtuple  # its fields are only known once a statement is
Row = Callable[[Sequence[Any]], Any]


def rows(db: Connection, statement: "sa.Select[Any]", given: Mapping[str, Any]) -> list[Any]:
    """The answer as rows with named columns. A list in `given` is the values of an expanding parameter. Outside of
    a transaction it sees what is committed by then."""
    if db.dialect.name != SQLITE:
        return list(db.execute(statement, dict(given)))
    given = {name: _padded(value) if isinstance(value, list) else value for name, value in given.items()}
    lengths = tuple((name, len(value) if isinstance(value, list) else None) for name, value in given.items())
    text, places, row = _select(statement, lengths)
    values = [_value(given, *place) for place in places]
    return list(map(row, _driver(db).execute(text, values)))


def _padded(values: list[Any]) -> list[Any]:
    """The same values, the last one repeated: lists of few lengths make few statements, and making one takes longer
    than running it."""
    return values + values[-1:] * ((1 << (len(values) - 1).bit_length()) - len(values)) if values else values


def _value(given: Mapping[str, Any], name: str, index: Any) -> Any:
    if index is None:
        return given[name]
    return given[name][index] if name else index


def each(db: Connection, statement: "sa.Insert | sa.Update", given: Sequence[dict[str, Any]]) -> None:
    """Run it once for every row of parameters; all of them have the same names."""
    if not _direct(db):
        db.execute(statement, given[0] if len(given) == 1 else given)
        return
    text, names = _change(statement, tuple(given[0]))
    driver = _driver(db)
    if len(given) == 1:
        one = given[0]
        driver.execute(text, [one[name] for name in names])
    else:
        driver.executemany(text, [[one[name] for name in names] for one in given])


def _direct(db: Connection) -> bool:
    """Only inside a transaction that is there: the driver opens none of its own."""
    return db.dialect.name == SQLITE and db.in_transaction()


def _driver(db: Connection) -> Any:
    return db.connection.driver_connection


@lru_cache(maxsize=1024)
def _select(
    statement: "sa.Select[Any]", lengths: tuple[tuple[str, int | None], ...]
) -> tuple[str, list[tuple[str, Any]], Row]:
    """The text, where each of its parameters comes from (a name, and the place in its list; no name: this very value),
    and what makes a row. Column types must be ones that the driver gives as they are."""
    given = {name: 0 if length is None else list(range(length)) for name, length in lengths}
    statement = statement.params(**given)
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    values = statement.compile(dialect=_DIALECT).params  # with those that stand in the statement itself
    places: dict[str, tuple[str, Any]] = {}
    for name, length in lengths:
        places |= {name: (name, None)} if length is None else {f"{name}_{i + 1}": (name, i) for i in range(length)}
    made = _named("Row", [str(column.key) for column in statement.selected_columns])
    return str(compiled), [places.get(name) or ("", values[name]) for name in compiled.positiontup or ()], made._make


@lru_cache(maxsize=256)
def _change(statement: "sa.Insert | sa.Update", names: tuple[str, ...]) -> tuple[str, list[str]]:
    inserted = list(names) if isinstance(statement, sa.Insert) else None
    compiled = statement.compile(dialect=_DIALECT, column_keys=inserted)
    return str(compiled), list(compiled.positiontup or ())
