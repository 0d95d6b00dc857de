"""Pages of the worklist, their total and their facets."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import InvalidQuery
from storage.index import schema
from storage.index.ordering import Key, Order
from storage.index.patterns import holds
from storage.index.rows import STUDY_COLUMNS, STUDY_TABLES, mine, split, study_of
from storage.index.words import studies_with
from storage.model.archive import Scope
from storage.model.text import tokens
from storage.model.worklist import COUNT_CAP, SORTS, Facets, WorklistFilter, WorklistPage

_STUDY = schema.study.c

_KEYS = {
    "received_at": (("received_at", _STUDY.received_at), ("id", _STUDY.id)),
    "study_date": (("study_date", _STUDY.study_date), ("study_time", _STUDY.study_time), ("id", _STUDY.id)),
    "patient_name": (("name_fold", schema.patient.c.name_fold), ("id", _STUDY.id)),
}
STUDY_ORDERS = {
    sign + name: Order(sign + name, tuple(Key(label, column, bool(sign)) for label, column in _KEYS[name]))
    for name in SORTS
    for sign in ("", "-")
}


def worklist(db: Connection, scope: Scope, wanted: WorklistFilter) -> WorklistPage:
    """One page of the studies of this scope that the filter lets through."""
    order = STUDY_ORDERS.get(wanted.sort)
    if order is None:
        raise InvalidQuery(f"{wanted.sort!r} is not an order of the worklist")
    conditions = _conditions(db, scope, wanted)
    statement = (
        sa.select(*STUDY_COLUMNS, *order.columns())
        .select_from(STUDY_TABLES)
        .where(*conditions.values())
        .order_by(*order.clauses())
        .limit(wanted.limit + 1)
    )
    if wanted.after:
        statement = statement.where(order.after(order.place(wanted.after)))
    rows = db.execute(statement).all()
    page, more = rows[: wanted.limit], len(rows) > wanted.limit
    total, facets = _facets(db, conditions) if wanted.with_facets else (-1, Facets())
    return WorklistPage(
        studies=tuple(study_of(row) for row in page),
        next=order.cursor(order.values(page[-1])) if more and page else "",
        total=total,
        facets=facets,
    )


def _conditions(db: Connection, scope: Scope, wanted: WorklistFilter) -> "dict[str, sa.ColumnElement[bool]]":
    """What selects, by the name of the filter it comes from."""
    clauses: dict[str, sa.ColumnElement[bool]] = {"scope": mine(_STUDY.hospital_id, scope.hospital_ids)}
    words = tokens(wanted.search)
    if words:
        clauses["search"] = studies_with(db, words)
    days = [_STUDY.study_date > 0] if wanted.date_from or wanted.date_to else []
    if wanted.date_from:
        days.append(_STUDY.study_date >= wanted.date_from)
    if wanted.date_to:
        days.append(_STUDY.study_date <= wanted.date_to)
    if days:
        clauses["date"] = sa.and_(*days)
    if wanted.modalities:
        dialect = db.dialect.name
        clauses["modality"] = sa.or_(*(holds(dialect, _STUDY.modalities, f"\\{name}\\") for name in wanted.modalities))
    if wanted.statuses:
        clauses["status"] = _STUDY.status.in_(wanted.statuses)
    if wanted.hospital_codes:
        codes = schema.hospital.c.code.in_(wanted.hospital_codes)
        clauses["hospital"] = _STUDY.hospital_id.in_(sa.select(schema.hospital.c.id).where(codes))
    return clauses


def _facets(db: Connection, conditions: "dict[str, sa.ColumnElement[bool]]") -> tuple[int, Facets]:
    """The total, and per facet the counts under all other filters."""
    everything = _counted(db, conditions)
    total = sum(row.n for row in everything)
    counts: dict[str, dict[str, int]] = {"modality": {}, "status": {}, "hospital": {}}
    for facet, seen in counts.items():
        rows = everything
        if facet in conditions:
            rows = _counted(db, {name: clause for name, clause in conditions.items() if name != facet})
        for row in rows:
            names = {"modality": split(row.modalities), "status": (row.status,), "hospital": (row.code,)}[facet]
            for name in names:
                seen[name] = seen.get(name, 0) + int(row.n)
    ordered = {facet: dict(sorted(seen.items())) for facet, seen in counts.items()}
    return int(total), Facets(**ordered)


def _counted(db: Connection, conditions: "dict[str, sa.ColumnElement[bool]]") -> list[Any]:
    some = (
        sa.select(_STUDY.modalities, _STUDY.status, _STUDY.hospital_id)
        .where(*conditions.values())
        .limit(COUNT_CAP)
        .subquery("some")
    )
    statement = (
        sa.select(some.c.modalities, some.c.status, schema.hospital.c.code, sa.func.count().label("n"))
        .join(schema.hospital, schema.hospital.c.id == some.c.hospital_id)
        .group_by(some.c.modalities, some.c.status, schema.hospital.c.code)
    )
    return list(db.execute(statement))
