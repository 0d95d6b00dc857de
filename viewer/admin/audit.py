"""The audit log: /api/admin/audit, and the same as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from storage.index import audit, hospitals
from storage.model.archive import Scope
from storage.model.audit import AuditEvent, AuditFilter, AuditRecord, utc
from viewer.access.guard import Guard
from viewer.access.rights import ADMIN_AUDIT
from viewer.admin.numbers import number

PAGE, MOST, AT_ONCE = 50, 200, 500
MOST_LINES = 100_000
_TEXT_MOST = 200
_COLUMNS = (
    "sequence", "at", "hospital", "actor", "role", "address", "action", "object", "patient", "reason", "result",
    "detail", "hash",
)  # fmt: skip


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Who did what, for the hospitals where the caller may see it."""
    routes = Blueprint("audit", __name__, url_prefix="/api/admin")

    @routes.get("/audit")
    @guard.needs(ADMIN_AUDIT)
    def search() -> Response:
        wanted = _wanted(request.args)
        with archive.database.reading() as db:
            found = audit.find(db, guard.caller().scope, replace(wanted, limit=wanted.limit + 1))
        page = found[: wanted.limit]
        following = page[-1].sequence if len(found) > wanted.limit else None
        return jsonify(records=[_record(record) for record in page], next=following)

    @routes.get("/audit.csv")
    @guard.needs(ADMIN_AUDIT)
    def as_csv() -> Response:
        scope, actor = guard.caller().scope, guard.actor()
        with archive.database.writing() as db:
            hospital = next(one for one in hospitals.all(db) if one.id in scope.hospital_ids)
            event = AuditEvent(
                hospital.id, hospital.code, actor.name, "audit.export", request.query_string.decode("latin-1"),
                actor.role, actor.address,
            )  # fmt: skip
            audit.append(db, event)
        response = Response(_lines(archive, scope, _wanted(request.args)), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response

    return routes


def _wanted(given: Mapping[str, str]) -> AuditFilter:
    return AuditFilter(
        since=number(given, "since"),
        until=number(given, "until"),
        actor=given.get("actor", "").strip()[:_TEXT_MOST],
        action=given.get("action", "").strip()[:_TEXT_MOST],
        object=given.get("object", "").strip()[:_TEXT_MOST],
        before=number(given, "before"),
        limit=number(given, "limit", MOST) or PAGE,
    )


def _record(record: AuditRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _COLUMNS}


def _lines(archive: Archive, scope: Scope, wanted: AuditFilter) -> Iterator[str]:
    """Newest first, page by page, so that no transaction stays open for as long as the client takes."""
    yield "\ufeff" + _line(_COLUMNS)  # the mark tells spreadsheets that this is UTF-8
    wanted, told = replace(wanted, limit=AT_ONCE), 0
    while told < MOST_LINES:
        with archive.database.reading() as db:
            page = audit.find(db, scope, wanted)
        for record in page:
            values = {**_record(record), "at": utc(record.at)}
            yield _line(tuple(_harmless(str(value)) for value in values.values()))
        told += len(page)
        if len(page) < AT_ONCE:
            return
        wanted = replace(wanted, before=page[-1].sequence)


def _line(values: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def _harmless(text: str) -> str:
    """No formula for a spreadsheet."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
