"""The audit log: /api/admin/audit, and the same as CSV."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from pacs.acts import VIEW_SECONDS, Act
from pacs.archive import Archive
from storage.index import audit
from storage.model.archive import Scope
from storage.model.audit import AuditFilter, AuditRecord, utc
from storage.model.query import Level, Match, Matching, Query
from viewer import tables
from viewer.access.guard import Guard
from viewer.access.rights import ADMIN_AUDIT
from viewer.admin.numbers import number

PAGE, MOST, AT_ONCE = 50, 200, 500
MOST_LINES = 100_000
MOST_STUDIES = 500
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
        caller = guard.caller()
        act = Act(guard.actor(), caller.scope.hospital_ids, "audit.search")
        archive.acts.once_anywhere((caller.session_id or caller.label, act.action), VIEW_SECONDS, lambda: act)
        archive.acts.flush()
        wanted = _wanted(archive, caller.scope, request.args)
        with archive.database.reading() as db:
            found = audit.find(db, caller.scope, replace(wanted, limit=wanted.limit + 1))
        page = found[: wanted.limit]
        following = page[-1].sequence if len(found) > wanted.limit else None
        return jsonify(records=[_record(record) for record in page], next=following)

    @routes.get("/audit.csv")
    @guard.needs(ADMIN_AUDIT)
    def as_csv() -> Response:
        scope = guard.caller().scope
        wanted = _wanted(archive, scope, request.args)
        asked = {name: request.args[name] for name in ("since", "until", "actor", "action") if request.args.get(name)}
        if request.args.get("object"):
            asked["object"] = archive.acts.veiled(request.args["object"].strip())
        archive.acts.flush()
        with archive.database.writing() as db:
            guard.record(db, scope.hospital_ids, "audit.export", urlencode(asked))
        response = Response(_lines(archive, scope, wanted), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response

    return routes


def _wanted(archive: Archive, scope: Scope, given: Mapping[str, str]) -> AuditFilter:
    return AuditFilter(
        since=number(given, "since"),
        until=number(given, "until"),
        actor=given.get("actor", "").strip()[:_TEXT_MOST],
        action=given.get("action", "").strip()[:_TEXT_MOST],
        objects=_meant(archive, scope, given.get("object", "").strip()[:_TEXT_MOST]),
        before=number(given, "before"),
        limit=number(given, "limit", MOST) or PAGE,
    )


def _meant(archive: Archive, scope: Scope, text: str) -> tuple[str, ...]:
    """What the log may call this: itself, veiled (a Patient ID that was searched for), and the studies of a patient of
    this ID."""
    if not text:
        return ()
    match = Match("PatientID", Matching.SINGLE, (text,))
    asked = Query(Level.STUDY, scope, (match,), ("StudyInstanceUID",), limit=MOST_STUDIES)
    values = (found.attributes.get("0020000D", {}).get("Value") for found in archive.find(asked))
    return text, archive.acts.veiled(text), *(str(value[0]) for value in values if isinstance(value, list) and value)


def _record(record: AuditRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _COLUMNS}


def _lines(archive: Archive, scope: Scope, wanted: AuditFilter) -> Iterator[str]:
    """Newest first, page by page, so that no transaction stays open for as long as the client takes."""
    yield tables.MARK + tables.line(_COLUMNS)
    wanted, told = replace(wanted, limit=AT_ONCE), 0
    while told < MOST_LINES:
        with archive.database.reading() as db:
            page = audit.find(db, scope, wanted)
        for record in page:
            values = {**_record(record), "at": utc(record.at)}
            yield tables.line(tuple(values.values()))
        told += len(page)
        if len(page) < AT_ONCE:
            return
        wanted = replace(wanted, before=page[-1].sequence)
