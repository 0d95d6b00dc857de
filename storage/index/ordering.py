"""Keyset pages: an order, the condition that continues after a row, and the cursor a caller carries between pages."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from storage.errors import InvalidQuery


@dataclass(frozen=True, slots=True)
class Key:
    """One column of an order; `label` names it in the rows."""

    label: str
    column: "sa.ColumnElement[Any]"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """Keys that together are unique, so that a row is a place in the order. `name` guards cursors of other orders."""

    name: str
    keys: tuple[Key, ...]

    def columns(self) -> "list[sa.Label[Any]]":
        """What must be selected so that `values` can be read from a row."""
        return [key.column.label(f"key__{key.label}") for key in self.keys]

    def clauses(self) -> "list[sa.ColumnElement[Any]]":
        """For ORDER BY."""
        return [key.column.desc() if key.descending else key.column.asc() for key in self.keys]

    def values(self, row: Any) -> tuple[Any, ...]:
        """Where this row is in the order."""
        return tuple(row._mapping[f"key__{key.label}"] for key in self.keys)

    def after(self, values: Sequence[Any]) -> "sa.ColumnElement[bool]":
        """The rows that come later than this place."""
        placed = list(zip(self.keys, values, strict=True))
        runs = [list(run) for _, run in groupby(placed, key=lambda pair: pair[0].descending)]
        return _later(runs)

    def cursor(self, values: Sequence[Any]) -> str:
        """The place as opaque text."""
        text = json.dumps([self.name, *values], ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def place(self, cursor: str) -> tuple[Any, ...]:
        """The place a cursor names."""
        try:
            read = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            name, *values = read
        except (ValueError, TypeError):
            raise InvalidQuery("the cursor is not one of ours") from None
        if name != self.name or len(values) != len(self.keys):
            raise InvalidQuery("the cursor belongs to another order")
        for key, value in zip(self.keys, values, strict=True):
            if not isinstance(value, key.column.type.python_type) or isinstance(value, bool):
                raise InvalidQuery("the cursor is not one of ours")
        return tuple(values)


def _later(runs: list[list[tuple[Key, Any]]]) -> "sa.ColumnElement[bool]":
    """Row values compare whole runs of one direction, so that an index on them serves the first run."""
    first, rest = runs[0], runs[1:]
    columns = sa.tuple_(*(key.column for key, _ in first))
    place = sa.tuple_(*(sa.literal(value, key.column.type) for key, value in first))
    descending = first[0][0].descending
    beyond = columns < place if descending else columns > place
    if not rest:
        return beyond
    here = sa.and_(*(key.column == value for key, value in first))
    bound = columns <= place if descending else columns >= place
    return sa.and_(bound, sa.or_(beyond, sa.and_(here, _later(rest))))
