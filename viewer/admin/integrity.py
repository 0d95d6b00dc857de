"""Whether what is stored is still what was stored, and what became of the questions of peers: for the health page."""

from dataclasses import asdict
from typing import Any

from pacs.archive import Archive
from pacs.jobs import audit_check
from pacs.jobs.scrub import NOTE
from storage.index import commitments, damage, notes
from storage.model.archive import Scope
from storage.model.damage import CORRUPT, MISSING

LISTED = 200
LATE_MS = 2 * audit_check.EVERY_MS
WHOLE, NEW, BROKEN, UNVOUCHED, LATE = "whole", "new", "broken", "unvouched", "late"  # words the page explains


def check(archive: Archive, scope: Scope) -> dict[str, Any]:
    """The last pass of reading everything back, and how many objects are damaged or missing now."""
    with archive.database.reading() as db:
        counts, state = damage.counts(db, scope), notes.get(db, NOTE)
    running = bool(state.get("stage"))
    last = state.get("last", {}) if running else state
    found = {"corrupt": counts.get(CORRUPT, 0), "missing": counts.get(MISSING, 0)}
    scrub = {
        "running": running,
        "began": state.get("began", 0),
        "ended": last.get("ended", 0),
        "checked": state.get("checked", 0),
        "adopted": last.get("adopted", 0),
        **found,
    }
    detail = f"{found['corrupt']} corrupt, {found['missing']} missing; {scrub['checked']} read back in this pass"
    return {"name": "stored objects", "ok": not any(found.values()), "detail": detail, "scrub": scrub}


def audit_log(archive: Archive) -> dict[str, Any]:
    """What the worker found when it last checked the audit log against its anchors; nothing is checked now."""
    with archive.database.reading() as db:
        found = notes.get(db, audit_check.NOTE)
    state = _state_of(found, archive.clock())
    return {
        "name": "audit log",
        "ok": state in (WHOLE, NEW),
        "attention": state in (UNVOUCHED, LATE),
        "detail": f"{state}; {found.get('records', 0)} records, {found.get('anchors', 0)} anchors",
        "audit": {**found, "state": state},
    }


def _state_of(found: dict[str, Any], now: int) -> str:
    if found.get("faults"):
        return BROKEN
    if found and now - found["at"] > LATE_MS:
        return LATE
    if found.get("anchors"):
        return WHOLE
    return NEW if not found.get("records") or found["young"] else UNVOUCHED


def lists(archive: Archive, scope: Scope) -> dict[str, Any]:
    """Which objects are damaged or missing, and what peers asked us to answer for, the newest first."""
    with archive.database.reading() as db:
        damaged = damage.all(db, scope, LISTED)
        asked = commitments.all(db, scope, LISTED)
    return {"damaged": [asdict(one) for one in damaged], "commitments": [asdict(one) for one in asked]}
