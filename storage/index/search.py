"""Finding patients, studies, series and instances (C-FIND, QIDO-RS), and pages of the worklist.

Rows are read in keyset pages and answered one by one: however many match, only a page is in memory. Orders:

    ""                          newest study first, then by Series Number and Instance Number; patients newest first
    "study_date", "received_at", "patient_name" and the same with "-" for descending: at the STUDY level only
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import InvalidQuery
from storage.index import schema
from storage.index.conditions import COMBINED, condition
from storage.index.merging import Merger, selected_columns
from storage.index.ordering import Key, Order
from storage.index.residual import attribute_of, matches
from storage.index.rows import mine
from storage.index.types import SQLITE
from storage.index.worklist import STUDY_ORDERS, worklist
from storage.model.attributes import LEVELS
from storage.model.query import Found, Level, Match, Query

__all__ = ["COMBINED", "find", "worklist"]

_FIRST_PAGE, _LAST_PAGE = 100, 2000
_NO_NUMBER = 1 << 40  # series and instances without a number come last

_BY_SERIES = (
    Key("series_number", sa.func.coalesce(schema.series.c.number, _NO_NUMBER)),
    Key("series_id", schema.series.c.id),
)
_BY_INSTANCE = (
    Key("instance_number", sa.func.coalesce(schema.instance.c.number, _NO_NUMBER)),
    Key("instance_uid", schema.instance.c.uid),
)
_NEWEST = STUDY_ORDERS["-study_date"]
_ORDERS = {
    Level.PATIENT: Order("patient", (Key("id", schema.patient.c.id, descending=True),)),
    Level.STUDY: _NEWEST,
    Level.SERIES: Order("series", (*_NEWEST.keys, *_BY_SERIES)),
    Level.IMAGE: Order("image", (*_NEWEST.keys, *_BY_SERIES, *_BY_INSTANCE)),
}


def find(db: Connection, query: Query) -> Iterator[Found]:
    """What the query selects, in its order. InvalidQuery is raised at once, not at the first answer."""
    order = _order(query)
    statement, left = _statement(db, query, order)
    place = order.place(query.after) if query.after else None
    return _answers(db, query, order, statement, left, place)


def _answers(
    db: Connection,
    query: Query,
    order: Order,
    statement: "sa.Select[Any]",
    left: tuple[Match, ...],
    place: tuple[Any, ...] | None,
) -> Iterator[Found]:
    merger = Merger(db, query.level, query.returns)
    skip, remaining = query.offset, query.limit
    size = _FIRST_PAGE if remaining is None or left else max(1, min(remaining + skip, _LAST_PAGE))
    while remaining is None or remaining > 0:
        page = statement if place is None else statement.where(order.after(place))
        rows = db.execute(page.limit(size)).all()
        for row, attributes in merger.merged(rows):
            if any(not matches(match, attributes) for match in left):
                continue
            if skip:
                skip -= 1
                continue
            yield Found(query.level, attributes, row.hospital_code, order.cursor(order.values(row)))
            if remaining is not None:
                remaining -= 1
                if remaining == 0:
                    return
        if len(rows) < size:
            return
        place = order.values(rows[-1])
        size = min(size * 2, _LAST_PAGE)


def _order(query: Query) -> Order:
    if not query.order:
        return _ORDERS[query.level]
    if query.level is not Level.STUDY or query.order not in STUDY_ORDERS:
        raise InvalidQuery(f"{query.order!r} is not an order at the {query.level} level")
    return STUDY_ORDERS[query.order]


def _statement(db: Connection, query: Query, order: Order) -> tuple["sa.Select[Any]", tuple[Match, ...]]:
    """The rows SQL can select, in order, and the keys that are left to Python."""
    owner = schema.patient.c.hospital_id if query.level is Level.PATIENT else schema.study.c.hospital_id
    statement = (
        sa.select(*selected_columns(query.level), *order.columns())
        .select_from(_tables(db.dialect.name, query))
        .where(mine(owner, query.scope.hospital_ids))
        .order_by(*order.clauses())
    )
    if query.level is Level.PATIENT:
        statement = statement.where(sa.exists().where(schema.study.c.patient_id == schema.patient.c.id))
    left = []
    for match in query.matches:
        _check_level(match, query.level)
        found = condition(db, match)
        if found.clause is not None:
            statement = statement.where(found.clause)
        if not found.exact:
            left.append(match)
    return statement, tuple(left)


def _check_level(match: Match, level: Level) -> None:
    its_level = Level.STUDY if match.keyword == COMBINED else attribute_of(match.keyword).level
    if LEVELS.index(its_level) > LEVELS.index(level):
        raise InvalidQuery(f"{match.keyword} is not a key at the {level} level")


def _tables(dialect: str, query: Query) -> "sa.Join":
    hospital, patient, study, series, instance = (
        schema.hospital, schema.patient, schema.study, schema.series, schema.instance
    )  # fmt: skip
    if query.level is Level.PATIENT:
        return patient.join(hospital, patient.c.hospital_id == hospital.c.id)
    tables = study.join(patient, study.c.patient_id == patient.c.id)
    tables = tables.join(hospital, study.c.hospital_id == hospital.c.id)
    named = {match.keyword for match in query.matches}
    if query.level in (Level.SERIES, Level.IMAGE):
        downward = dialect == SQLITE and named.isdisjoint(("SeriesInstanceUID", "SOPInstanceUID"))
        tables = tables.join(series, series.c.study_id == _upper(study.c.id, downward))
    if query.level is Level.IMAGE:
        downward = dialect == SQLITE and "SOPInstanceUID" not in named
        tables = tables.join(instance, instance.c.series_id == _upper(series.c.id, downward))
    return tables


def _upper(column: "sa.Column[int]", downward: bool) -> "sa.ColumnElement[int]":
    """SQLite does not know how few series a study has, and would rather read every instance and sort. A sum cannot
    be looked up in an index, so the join goes from the upper level down, in the order of the studies."""
    return column + 0 if downward else column
