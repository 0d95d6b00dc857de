"""Wildcards and ranges of text in the SQL of both engines."""

import re
from typing import Any

import sqlalchemy as sa

from storage.index.types import POSTGRESQL, upper_bound

_ESCAPE = "|"
_LITERAL_PREFIX = re.compile(r"[^*?]*")


def glob(dialect: str, column: "sa.ColumnElement[str]", pattern: str) -> "sa.ColumnElement[bool]":
    """`column` matches the DICOM wildcard pattern: ``*`` any text, ``?`` one character, all else literally."""
    if dialect == POSTGRESQL:
        escaped = re.sub(r"([|%_])", r"|\1", pattern).replace("*", "%").replace("?", "_")
        matched: sa.ColumnElement[bool] = column.like(escaped, escape=_ESCAPE)
    else:
        matched = column.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
    prefix = literal_prefix(pattern)
    return sa.and_(begins(column, prefix), matched) if prefix else matched


def begins(column: "sa.ColumnElement[Any]", prefix: str) -> "sa.ColumnElement[bool]":
    """`column` starts with `prefix`, as a range that an index serves."""
    return sa.and_(column >= prefix, column < upper_bound(prefix))


def holds(dialect: str, column: "sa.ColumnElement[str]", part: str) -> "sa.ColumnElement[bool]":
    """`column` has `part` in it, literally."""
    position = sa.func.strpos if dialect == POSTGRESQL else sa.func.instr
    return position(column, sa.literal(part, sa.Text())) > 0


def literal_prefix(pattern: str) -> str:
    """What a pattern demands before its first wildcard."""
    found = _LITERAL_PREFIX.match(pattern)
    return found.group() if found else ""
