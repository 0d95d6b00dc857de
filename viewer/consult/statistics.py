"""Figures of consultations: /api/consult/statistics, and the sites as CSV."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from pacs.consult.statistics import figures, sites
from storage.index import hospitals
from storage.index.consult_statistics import Counted, counted
from storage.index.types import now_ms
from viewer import tables
from viewer.access.guard import Guard
from viewer.access.rights import CONSULT_STATISTICS
from viewer.errors import InvalidRequest

YEAR_MS = 365 * 24 * 3600 * 1000
EXPERTS = "Chuyên gia được mời / invited experts"
_COLUMNS = (
    "direction", "site", "requests", "answered", "in_time", "median_minutes", "p90_minutes", "closed", "withdrawn",
    "transfers_avoided", "transfers_made",
)  # fmt: skip


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """For the hospitals where the caller may see them; numbers only, nothing of a patient."""
    routes = Blueprint("statistics", __name__, url_prefix="/api/consult")

    def found() -> tuple[Sequence[Counted], frozenset[int], dict[int, str]]:
        own, now = guard.caller().scope.hospital_ids, now_ms()
        since, until = _instant("since", now - YEAR_MS), _instant("until", now + 1)
        with archive.database.reading() as db:
            names = {one.id: one.name or one.code for one in hospitals.all(db)}
            return counted(db, own, since, until), own, names

    @routes.get("/statistics")
    @guard.needs(CONSULT_STATISTICS)
    def statistics() -> Response:
        return jsonify(figures(*found(), ""))  # the page names them in its language

    @routes.get("/statistics.csv")
    @guard.needs(CONSULT_STATISTICS)
    def as_csv() -> Response:
        rows = sites(*found(), EXPERTS)
        with archive.database.writing() as db:
            guard.record(db, guard.caller().scope.hospital_ids, "statistics.export")
        response = Response(_csv(rows), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="consultations.csv"'
        return response

    return routes


def _instant(name: str, default: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise InvalidRequest(f"{name} must be UTC milliseconds")
    return int(text)


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    lines = [_COLUMNS, *([row[name] for name in _COLUMNS] for row in rows)]
    return tables.MARK + "".join(map(tables.line, lines))
