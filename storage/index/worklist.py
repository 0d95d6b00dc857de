"""Pages of the worklist, their total and their facets."""

from typing import Any

from sqlalchemy.engine import Connection

from storage.errors import InvalidQuery
from storage.index import schema
from storage.index.clauses import Clause, all_of, among, any_of, column, holds, named, negated, permitted
from storage.index.conditions import spelled
from storage.index.documents import documents_of
from storage.index.ordering import Key, Order
from storage.index.rows import PATIENT_FACTS, split, study_of
from storage.index.words import studies_with
from storage.model.archive import Scope
from storage.model.text import tokens
from storage.model.worklist import COUNT_CAP, SORTS, Facets, WorklistFilter, WorklistPage

_KEYS = {
    "received_at": (("s.received_at", int), ("s.id", int)),
    "study_date": (("s.study_date", int), ("s.study_time", str), ("s.id", int)),
    "patient_name": (("p.name_fold", str), ("s.id", int)),
}
STUDY_ORDERS = {
    sign + name: Order(sign + name, tuple(Key(sql, bool(sign), kind) for sql, kind in _KEYS[name]))
    for name in SORTS
    for sign in ("", "-")
}
_COLUMNS = ", ".join(
    (
        *(column(f"study.{own.name}") for own in schema.study.c),
        *(f"{column(f'patient.{name}')} AS patient__{name}" for name in PATIENT_FACTS),
        "h.code AS hospital_code",
        "h.name AS hospital_name",
    )
)
_TABLES = "study s JOIN patient p ON s.patient_id = p.id JOIN hospital h ON s.hospital_id = h.id"


def worklist(db: Connection, scope: Scope, wanted: WorklistFilter) -> WorklistPage:
    """One page of the studies of this scope that the filter lets through. What was searched for with marks brings
    those names first that have them."""
    order = STUDY_ORDERS.get(wanted.sort)
    if order is None:
        raise InvalidQuery(f"{wanted.sort!r} is not an order of the worklist")
    conditions = _conditions(db, scope, wanted)
    first = spelled(db.dialect.name, wanted.search) if "search" in conditions else None
    parts = [None] if first is None else [first, negated(first)]
    place, part = order.place(wanted.after) if wanted.after else (None, 0)
    rows: list[tuple[int, Any]] = []
    for number in range(min(part, len(parts) - 1), len(parts)):
        chosen = parts[number]
        where = [*conditions.values(), *([chosen] if chosen else [])]
        if place is not None and number == part:
            where.append(order.after(place))
        missing = wanted.limit + 1 - len(rows)
        rows += [(number, row) for row in _rows(db, order, all_of(where), missing)]
        if len(rows) > wanted.limit:
            break
    page, more = rows[: wanted.limit], len(rows) > wanted.limit
    total, facets = _facets(db, conditions) if wanted.with_facets else (-1, Facets())
    last = len(order.keys)
    documents = documents_of(db, [row for _, row in page])
    return WorklistPage(
        studies=tuple(study_of(row, documents.get(row.id, 0)) for _, row in page),
        next=order.cursor(tuple(page[-1][1][-last:]), page[-1][0]) if more and page else "",
        total=total,
        facets=facets,
    )


def _rows(db: Connection, order: Order, where: Clause, limit: int) -> "list[Any]":
    keys = ", ".join(f"{key.sql} AS key__{number}" for number, key in enumerate(order.keys))
    sql = f"SELECT {_COLUMNS}, {keys} FROM {_TABLES} WHERE {where.sql} ORDER BY {order.by} LIMIT {limit}"
    return list(named(db, sql, where.values))


def _conditions(db: Connection, scope: Scope, wanted: WorklistFilter) -> dict[str, Clause]:
    """What selects, by the name of the filter it comes from."""
    clauses = {"scope": permitted("s", scope)}
    words = tokens(wanted.search)
    if words:
        clauses["search"] = studies_with(db, words, wanted.limit).clause
    days = [Clause("s.study_date > 0")] if wanted.date_from or wanted.date_to else []
    if wanted.date_from:
        days.append(Clause("s.study_date >= ?", (wanted.date_from,)))
    if wanted.date_to:
        days.append(Clause("s.study_date <= ?", (wanted.date_to,)))
    if days:
        clauses["date"] = all_of(days)
    if wanted.modalities:
        dialect = db.dialect.name
        clauses["modality"] = any_of(holds(dialect, "s.modalities", f"\\{name}\\") for name in wanted.modalities)
    if wanted.statuses:
        clauses["status"] = among("s.status", wanted.statuses)
    if wanted.hospital_codes:
        codes = among("code", wanted.hospital_codes)
        clauses["hospital"] = Clause(f"s.hospital_id IN (SELECT id FROM hospital WHERE {codes.sql})", codes.values)
    return clauses


def _facets(db: Connection, conditions: dict[str, Clause]) -> tuple[int, Facets]:
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


def _counted(db: Connection, conditions: dict[str, Clause]) -> list[Any]:
    where = all_of(conditions.values())
    sql = (
        "SELECT few.modalities, few.status, h.code, count(*) AS n FROM (SELECT s.modalities, s.status, s.hospital_id "
        f"FROM study s WHERE {where.sql} LIMIT {COUNT_CAP}) AS few JOIN hospital h ON h.id = few.hospital_id "
        "GROUP BY few.modalities, few.status, h.code"
    )
    return list(named(db, sql, where.values))
