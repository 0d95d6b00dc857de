"""Conditions as SQL text: small, made in microseconds where a tree of expressions takes milliseconds, and the same text
for the same question, so that both engines keep its plan.

Values never stand in the text: ``?`` holds their place. Tables have one letter: p patient, s study, e series,
i instance, h hospital.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from storage.index.types import POSTGRESQL, upper_bound
from storage.model.archive import Scope

Value = str | int | None
LETTERS = {"patient": "p", "study": "s", "series": "e", "instance": "i", "hospital": "h"}
_ESCAPE = "|"
_LITERAL_PREFIX = re.compile(r"[^*?]*")


class Clause(NamedTuple):
    """A condition with the values of its ``?``, in their order."""

    sql: str
    values: tuple[Value, ...] = ()


NEVER = Clause("1 = 0")


def select(db: Connection, sql: str, values: Sequence[Value] = ()) -> Sequence[Any]:
    """The rows of a statement, as plain tuples. SQLite's own driver runs it: SQLAlchemy's result would cost more than
    the search. Each statement sees what is committed by then."""
    if db.dialect.name == POSTGRESQL:
        return named(db, sql, values)
    driver: Any = db.connection.driver_connection
    rows: list[Any] = driver.execute(sql, values).fetchall()
    return rows


def named(db: Connection, sql: str, values: Sequence[Value] = ()) -> Sequence[Any]:
    """The rows of a statement, with the names of their columns."""
    if db.dialect.name == POSTGRESQL:
        sql = sql.replace("?", "%s")
    return db.exec_driver_sql(sql, tuple(values)).all()


def column(name: str) -> str:
    """ "table.column" of the schema as it stands in the text."""
    table, _, own = name.partition(".")
    return f'{LETTERS[table]}."{own}"'


def all_of(clauses: Iterable[Clause]) -> Clause:
    """Every one of them; of none, always true."""
    given = tuple(clauses)
    if len(given) == 1:
        return given[0]
    return _joined(given, " AND ") if given else Clause("1 = 1")


def any_of(clauses: Iterable[Clause]) -> Clause:
    """At least one of them; of none, never."""
    given = tuple(clauses)
    if len(given) == 1:
        return given[0]
    return _joined(given, " OR ") if given else NEVER


def negated(clause: Clause) -> Clause:
    return Clause(f"NOT ({clause.sql})", clause.values)


def among(name: str, values: Iterable[Value]) -> Clause:
    """The column has one of these values."""
    given = tuple(values)
    if len(given) == 1:
        return Clause(f"{name} = ?", given)
    return Clause(f"{name} IN ({', '.join('?' * len(given))})", given) if given else NEVER


def permitted(letter: str, scope: Scope) -> Clause:
    """The studies that the scope shows; `letter` stands for the table of studies."""
    hospitals = among(f"{letter}.hospital_id", sorted(scope.hospital_ids))
    if not scope.studies:
        return hospitals
    pairs = ", ".join(["(?, ?)"] * len(scope.studies))
    values = tuple(value for pair in sorted(scope.studies) for value in pair)
    granted = Clause(f"({letter}.hospital_id, {letter}.uid) IN (VALUES {pairs})", values)
    return any_of((hospitals, granted)) if scope.hospital_ids else granted


def begins(name: str, prefix: str) -> Clause:
    """The column starts with `prefix`, as a range that an index serves."""
    return Clause(f"{name} >= ? AND {name} < ?", (prefix, upper_bound(prefix)))


def holds(dialect: str, name: str, part: str) -> Clause:
    """The column has `part` in it, literally."""
    return Clause(f"{'strpos' if dialect == POSTGRESQL else 'instr'}({name}, ?) > 0", (part,))


def glob(dialect: str, name: str, pattern: str) -> Clause:
    """The column matches the DICOM wildcard pattern: ``*`` any text, ``?`` one character, all else literally."""
    if dialect == POSTGRESQL:
        escaped = re.sub(r"([|%_])", r"|\1", pattern).replace("*", "%").replace("?", "_")
        matched = Clause(f"{name} LIKE ? ESCAPE '{_ESCAPE}'", (escaped,))
    else:
        matched = Clause(f"{name} GLOB ?", (pattern.replace("[", "[[]"),))
    prefix = literal_prefix(pattern)
    return all_of((begins(name, prefix), matched)) if prefix else matched


def literal_prefix(pattern: str) -> str:
    """What a pattern demands before its first wildcard."""
    found = _LITERAL_PREFIX.match(pattern)
    return found.group() if found else ""


def _joined(clauses: Sequence[Clause], word: str) -> Clause:
    return Clause(
        "(" + word.join(f"({clause.sql})" for clause in clauses) + ")",
        tuple(value for clause in clauses for value in clause.values),
    )
