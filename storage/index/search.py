"""Finding patients, studies, series and instances (C-FIND, QIDO-RS), and pages of the worklist.

Rows are read in keyset pages and answered one by one: however many match, only a page is in memory. Orders:

    ""                          newest study first, then by Series Number and Instance Number; patients newest first
    "study_date", "received_at", "patient_name" and the same with "-" for descending: at the STUDY level only

When a name was typed with marks, those that have them come first, then the others, both in that order. Keys that no
index serves are asked of every row, newest first, in windows; an `Effort` says how far that may go.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import not_
from typing import Any

from sqlalchemy.engine import Connection

from storage.errors import InvalidQuery
from storage.index.clauses import Clause, Value, all_of, among, negated, permitted, select
from storage.index.conditions import condition, is_spelled, marked
from storage.index.effort import Effort
from storage.index.merging import Merger, selected_columns
from storage.index.ordering import Key, Order
from storage.index.residual import attribute_of, matches
from storage.index.types import SQLITE
from storage.index.worklist import STUDY_ORDERS, worklist
from storage.model.attributes import COMBINED, LEVELS
from storage.model.query import Found, Level, Match, Query

__all__ = ["Effort", "find", "worklist"]

_FIRST_PAGE, _LAST_PAGE = 100, 2000
_FIRST_WINDOW, _LAST_WINDOW = 500, 8000
_NO_NUMBER = 1 << 40  # series and instances without a number come last
_UNBOUNDED = Effort(rows=1 << 60, seconds=1e9, answers=None)

_BY_SERIES = (Key(f"coalesce(e.number, {_NO_NUMBER})"), Key("e.id"))
_BY_INSTANCE = (Key(f"coalesce(i.number, {_NO_NUMBER})"), Key("i.uid", kind=str))
_NEWEST = STUDY_ORDERS["-study_date"]
_ORDERS = {
    Level.PATIENT: Order("patient", (Key("p.id", descending=True),)),
    Level.STUDY: _NEWEST,
    Level.SERIES: Order("series", (*_NEWEST.keys, *_BY_SERIES)),
    Level.IMAGE: Order("image", (*_NEWEST.keys, *_BY_SERIES, *_BY_INSTANCE)),
}
_OF_STUDIES = "study s JOIN patient p ON s.patient_id = p.id JOIN hospital h ON s.hospital_id = h.id"

Place = tuple[Value, ...]


@dataclass(slots=True)
class _Plan:
    """A question as SQL. `base` selects the rows that are read in order, `asked` is asked of each of them, and `left`
    is left to Python. `parts` are read one after the other: names with the marks as they were `marked`, then others."""

    order: Order
    columns: str
    tables: str
    base: list[Clause]
    asked: list[Clause] = field(default_factory=list)
    left: list[tuple[Match, bool]] = field(default_factory=list)
    parts: list[Clause | None] = field(default_factory=lambda: [None])
    marked: str = ""
    driven: bool = False
    selective: bool = False

    @property
    def named(self) -> bool:
        """Whether only names of patients are left to Python, of which SQL has matched those of one component group."""
        return all(lone and match.keyword == "PatientName" for match, lone in self.left)

    @property
    def in_windows(self) -> bool:
        return not self.driven and bool(self.asked or self.left or self.parts[0])


def find(db: Connection, query: Query, effort: Effort | None = None) -> Iterator[Found]:
    """What the query selects, in its order. InvalidQuery is raised at once, not at the first answer. Without an
    `effort` nothing is left out, however long it takes."""
    plan = _plan(db, query)
    place, part = plan.order.place(query.after) if query.after else (None, 0)
    return _answers(db, query, plan, effort or _UNBOUNDED, place, min(part, len(plan.parts) - 1))


def _answers(
    db: Connection, query: Query, plan: _Plan, effort: Effort, place: Place | None, part: int
) -> Iterator[Found]:
    keys = len(plan.order.keys)
    merger = Merger(db, query.level, query.returns, keys, query.scope)
    skip, given, named = query.offset, 0, plan.named
    for number, rows in _numbered(db, query, plan, effort, place, part, merger):
        if skip >= len(rows) and not plan.left:
            skip -= len(rows)
            continue
        name = f"{plan.order.name}/{number}" if number else plan.order.name
        for row, values, told in merger.merged(rows):
            made_of = () if merger.counts_patients else values
            found = Found(query.level, told, values[0], name, tuple(row[:keys]), made_of)
            sure = not plan.left or (named and _is_lone(merger.patient_name(row)))
            if not sure and not all(matches(match, found.attributes, lone=lone) for match, lone in plan.left):
                continue
            if skip:
                skip -= 1
                continue
            if not plan.selective and effort.full(given):
                return
            yield found
            given += 1
            if given == query.limit:
                return


def _is_lone(name: str) -> bool:
    """Whether a name has one component group."""
    return bool(name) and "=" not in name


def _numbered(
    db: Connection, query: Query, plan: _Plan, effort: Effort, place: Place | None, part: int, merger: Merger
) -> Iterator[tuple[int, Sequence[Any]]]:
    """The rows in their order, page by page, with the number of the part each page is of."""
    if plan.driven and plan.marked and place is None and part == 0:
        if effort.spent():
            return
        rows = _of_both(db, plan)
        if len(rows) < _LAST_PAGE:
            first = [is_spelled(plan.marked, merger.patient_name(row)) for row in rows]
            yield 0, list(compress(rows, first))
            yield 1, list(compress(rows, map(not_, first)))
            return
    for number in range(part, len(plan.parts)):
        for rows in _pages(db, query, plan, effort, plan.parts[number], place):
            yield number, rows
        if effort.why:
            return
        place = None


def _of_both(db: Connection, plan: _Plan) -> Sequence[Any]:
    """The rows of all parts in one reading, as many as a page has: where an index names a few rows, finding them is
    most of the work, and asking SQL for the marks of their names costs more than looking here."""
    where = all_of([*plan.base, *plan.asked])
    sql = f"SELECT {plan.columns} FROM {plan.tables} WHERE {where.sql} ORDER BY {plan.order.by} LIMIT {_LAST_PAGE}"
    return select(db, sql, where.values)


def _pages(
    db: Connection,
    query: Query,
    plan: _Plan,
    effort: Effort,
    part: Clause | None,
    place: Place | None,
) -> Iterator[Sequence[Any]]:
    """The rows of one part, page by page, window by window."""
    order = plan.order
    where = [*plan.base, *plan.asked, *([part] if part else [])]
    size = _first_size(query, plan)
    window = _FIRST_WINDOW
    while True:
        window = max(1, min(window, effort.rows - effort.looked_at))
        end = _end_of_window(db, plan, place, window) if plan.in_windows else None
        bounded = [*where, order.until(end)] if end is not None else where
        while True:
            if effort.spent():
                return
            found = all_of([*bounded, order.after(place)] if place is not None else bounded)
            sql = f"SELECT {plan.columns} FROM {plan.tables} WHERE {found.sql} ORDER BY {order.by} LIMIT {size}"
            rows = select(db, sql, found.values)
            if rows:
                yield rows
                place = tuple(rows[-1][: len(order.keys)])
            if len(rows) < size:
                break
            size = min(size * 2, _LAST_PAGE)
        if end is None:
            return
        effort.looked_at += window
        place, window = end, min(window * 4, _LAST_WINDOW)


def _first_size(query: Query, plan: _Plan) -> int:
    """The rows of the first page."""
    if query.limit is not None and not plan.left:
        return max(1, min(query.limit + query.offset, _LAST_PAGE))
    return _LAST_PAGE if plan.driven else _FIRST_PAGE


def _end_of_window(db: Connection, plan: _Plan, place: Place | None, window: int) -> Place | None:
    """The place so many rows on, asked of nothing but the order; None when there are not as many."""
    where = all_of([*plan.base, plan.order.after(place)] if place is not None else plan.base)
    sql = (
        f"SELECT {plan.order.columns} FROM {plan.tables} WHERE {where.sql} "
        f"ORDER BY {plan.order.by} LIMIT 1 OFFSET {window - 1}"
    )
    rows = select(db, sql, where.values)
    return tuple(rows[0]) if rows else None


def _plan(db: Connection, query: Query) -> _Plan:
    order = _order(query)
    dialect = db.dialect.name
    base = [among("p.hospital_id", sorted(query.scope.hospital_ids))]
    if query.level is not Level.PATIENT:
        base = [permitted("s", query.scope)]
    else:  # a patient as such is never granted
        base.append(Clause("EXISTS (SELECT 1 FROM study n WHERE n.patient_id = p.id)"))
    plan = _Plan(order, f"{order.columns}, {selected_columns(query.level)}", _tables(dialect, query), base)
    for match in query.matches:
        _check_level(match, query.level)
        found = condition(db, match, query.limit)
        if found.clause is not None:
            in_order = match.keyword in ("StudyDate", "StudyDateAndStudyTime")
            (plan.base if found.driven or in_order else plan.asked).append(found.clause)
        if not found.exact:
            plan.left.append((match, found.lone))
        plan.driven |= found.driven
        plan.selective |= found.selective
        first = marked(dialect, match)
        if first is not None and found.clause is not None:
            plan.parts, plan.marked = [first, negated(first)], match.values[0]
    return plan


def _order(query: Query) -> Order:
    if not query.order:
        return _ORDERS[query.level]
    if query.level is not Level.STUDY or query.order not in STUDY_ORDERS:
        raise InvalidQuery(f"{query.order!r} is not an order at the {query.level} level")
    return STUDY_ORDERS[query.order]


def _check_level(match: Match, level: Level) -> None:
    keyword = COMBINED[match.keyword][0] if match.keyword in COMBINED else match.keyword
    if LEVELS.index(attribute_of(keyword).level) > LEVELS.index(level):
        raise InvalidQuery(f"{match.keyword} is not a key at the {level} level")


def _tables(dialect: str, query: Query) -> str:
    """SQLite does not know how few series a study has, and would rather read every instance and sort. A sum cannot be
    looked up in an index, so there the join goes from the upper level down, in the order of the studies."""
    if query.level is Level.PATIENT:
        return "patient p JOIN hospital h ON p.hospital_id = h.id"
    tables = _OF_STUDIES
    named = {match.keyword for match in query.matches}
    if query.level in (Level.SERIES, Level.IMAGE):
        downward = dialect == SQLITE and named.isdisjoint(("SeriesInstanceUID", "SOPInstanceUID"))
        tables += f" JOIN series e ON e.study_id = s.id{' + 0' if downward else ''}"
    if query.level is Level.IMAGE:
        downward = dialect == SQLITE and "SOPInstanceUID" not in named
        tables += f" JOIN instance i ON i.series_id = e.id{' + 0' if downward else ''}"
    return tables
