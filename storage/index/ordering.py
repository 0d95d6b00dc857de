"""Keyset pages: an order, the condition that continues after a row, and the cursor a caller carries between pages."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from storage.errors import InvalidQuery
from storage.index.clauses import Clause, Value, all_of, any_of, negated
from storage.model.query import cursor_of


@dataclass(frozen=True, slots=True)
class Key:
    """One expression of an order, and the type of its values."""

    sql: str
    descending: bool = False
    kind: type = int


@dataclass(frozen=True, slots=True)
class Order:
    """Keys that together are unique, so that a row is a place in the order. `name` guards cursors of other orders."""

    name: str
    keys: tuple[Key, ...]

    @property
    def columns(self) -> str:
        """What must be selected first so that the place of a row is its beginning."""
        return ", ".join(key.sql for key in self.keys)

    @property
    def by(self) -> str:
        """For ORDER BY."""
        return ", ".join(f"{key.sql} DESC" if key.descending else key.sql for key in self.keys)

    def after(self, place: Sequence[Value]) -> Clause:
        """The rows that come later than this place."""
        return _later(self._runs(place))

    def until(self, place: Sequence[Value]) -> Clause:
        """The rows that do not come later than this place."""
        runs = self._runs(place)
        bound = _compared(runs[0], ">=" if runs[0][0][0].descending else "<=")
        return bound if len(runs) == 1 else all_of((bound, negated(_later(runs))))

    def cursor(self, place: Sequence[Value], part: int = 0) -> str:
        """The place as opaque text; `part` when the rows come in parts that each have this order."""
        return cursor_of(f"{self.name}/{part}" if part else self.name, place)

    def place(self, cursor: str) -> tuple[tuple[Value, ...], int]:
        """The place a cursor names, and the part it is in."""
        try:
            read = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            name, *values = read
        except (ValueError, TypeError):
            raise InvalidQuery("the cursor is not one of ours") from None
        part = 1 if name == f"{self.name}/1" else 0
        if name not in (self.name, f"{self.name}/1") or len(values) != len(self.keys):
            raise InvalidQuery("the cursor belongs to another order")
        for key, value in zip(self.keys, values, strict=True):
            if not isinstance(value, key.kind) or isinstance(value, bool):
                raise InvalidQuery("the cursor is not one of ours")
        return tuple(values), part

    def _runs(self, place: Sequence[Value]) -> list[list[tuple[Key, Value]]]:
        placed = list(zip(self.keys, place, strict=True))
        return [list(run) for _, run in groupby(placed, key=lambda pair: pair[0].descending)]


def _later(runs: list[list[tuple[Key, Value]]]) -> Clause:
    """Row values compare whole runs of one direction, so that an index on them serves the first run."""
    first, rest = runs[0], runs[1:]
    descending = first[0][0].descending
    beyond = _compared(first, "<" if descending else ">")
    if not rest:
        return beyond
    bound = _compared(first, "<=" if descending else ">=")
    return all_of((bound, any_of((beyond, all_of((_compared(first, "="), _later(rest)))))))


def _compared(run: list[tuple[Key, Value]], sign: str) -> Clause:
    values = tuple(value for _, value in run)
    if len(run) == 1:
        return Clause(f"{run[0][0].sql} {sign} ?", values)
    return Clause(f"({', '.join(key.sql for key, _ in run)}) {sign} ({', '.join('?' * len(run))})", values)
