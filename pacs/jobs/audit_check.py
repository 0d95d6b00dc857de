"""The whole audit log is checked against its anchors once a day, and what was found is noted for the Health page.

Whoever can write the index can write the note as well, until the next check: it is there so that somebody looks. What
holds is `hoichan audit verify`, which takes nobody's word for it.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pacs.archive import Archive
from pacs.auditing import Anchoring
from pacs.jobs.endings import Stopping
from storage.index import audit, notes, tasks
from storage.index.database import Connection

log = logging.getLogger(__name__)

TASK = "audit-check"
NOTE = "audit-check"
EVERY_MS = 24 * 3600 * 1000
YOUNG_MS = 3600 * 1000  # a log that began so lately need not have an anchor yet
NAMED = 5  # faults that are named; of the others it is noted how many there are


def ask(db: Connection) -> None:
    """Have the log checked as soon as there is time."""
    tasks.enqueue(db, TASK, {}, key=TASK)


def ask_when_due(db: Connection, now: int) -> None:
    """Have it checked when that is a day ago, or when nothing vouched for it then."""
    found = notes.get(db, NOTE)
    if now - int(found.get("at", 0)) >= EVERY_MS or not found.get("anchors"):
        ask(db)


def run(archive: Archive, anchoring: Anchoring, stopping: Callable[[], bool]) -> None:
    """Check it and note what was found. Raises Stopping when the worker ends; nothing is noted then."""

    def between() -> None:
        if stopping():
            raise Stopping("the worker is stopping")

    found = anchoring.check(archive.database, archive.objects, between)
    now = archive.clock()
    told: dict[str, Any] = {
        "at": now,
        "records": found.records,
        "anchors": found.anchors,
        "signed_to": found.signed_to,
        "fits": [found.fits.serial, found.fits.sequence] if found.fits else [],
        "faults": [asdict(fault) for fault in found.faults[:NAMED]],
        "more": max(0, len(found.faults) - NAMED),
    }

    def note(db: Connection) -> None:
        before = notes.get(db, NOTE)
        told["young"] = now - audit.began(db, now) < YOUNG_MS
        told["since"] = (before.get("since") or now) if found.faults else 0
        told["whole"] = before.get("whole", 0) if found.faults or not found.anchors else now
        notes.put(db, NOTE, told)

    archive.database.transact(note)
    if found.faults:
        log.error("the audit log was altered (%s): see `hoichan audit verify`", found.faults[0])
