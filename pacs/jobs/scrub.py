"""Reading back everything that is stored, again and again, a little at a time.

What was stored lately is read back first, within a day; then everything in the order of the index. When a pass is
over the store is listed: what nothing points to is taken into the index, derived objects of no series go. A task does
one slice and asks for the next, so nothing is lost when the worker ends, and the pace is kept between slices.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from pacs.archive import Archive
from pacs.archive.adopting import DOOR
from pacs.config import ScrubConfig
from pacs.jobs.endings import Stopping
from pacs.verifying import check, recheck, stale, unindexed
from storage.errors import ArchiveError, StorageUnavailable
from storage.index import changes, damage, hospitals, maintenance, notes
from storage.model.archive import Origin, StoredObject
from storage.model.damage import CORRUPT, MISSING, Referenced
from storage.model.work import ChangeKind

log = logging.getLogger(__name__)

TASK, PRIORITY = "scrub", -10
NOTE = CURSOR = "scrub"
SLICE_SECONDS = 2.0
SLICE_BYTES = 64_000_000
SETTLED_MS = 10 * 60 * 1000  # what was stored is read back when it has lain for so long …
LINES = 500  # … in the order of the change log
PAGE = 64
IDLE_SECONDS = 600.0
SLOWEST = 1_000_000  # bytes a second, however little there is
DAY_MS = 24 * 3600 * 1000
STAGES = ("instance", "conflict", "quarantine", "rejected", "listing")


class Scrub:
    """Does a slice when it is asked to."""

    def __init__(self, archive: Archive, config: ScrubConfig, stopping: Callable[[], bool]) -> None:
        self._archive = archive
        self._config = config
        self._stopping = stopping

    def slice(self) -> float:
        """Read some objects back; after how many seconds the next slice is due."""
        if not self._config.days:
            with self._archive.database.writing() as db:
                changes.set_cursor(db, CURSOR, changes.last(db))  # who does not read must not hold the log
            return IDLE_SECONDS
        begun = time.monotonic()
        state = self._state()
        size = self._newest(state, begun)
        if size is None:
            size = self._walk(state, begun)
        with self._archive.database.writing() as db:
            notes.put(db, NOTE, state)
        if size is None:
            return IDLE_SECONDS
        return max(0.0, size / self._rate(state) - (time.monotonic() - begun))

    def recheck(self) -> int:
        """Look again at what is noted as damaged; how many are mended."""
        try:
            return recheck(self._archive.database, self._archive.objects, self._between)
        except StorageUnavailable:
            return 0  # next time

    def _state(self) -> dict[str, Any]:
        """Where the pass is; a new one when there is none or the last one is long over."""
        now = self._archive.clock()
        with self._archive.database.reading() as db:
            state = notes.get(db, NOTE)
            if not state or (state["stage"] == "" and now - state["began"] >= self._config.days * DAY_MS):
                total = maintenance.counts(db)["bytes"]
                last = {name: state.get(name, 0) for name in ("ended", "checked", "adopted", "found")}
                state = {
                    "stage": STAGES[0], "at": [0, ""], "began": now, "ended": last["ended"], "total": total,
                    "checked": 0, "bytes": 0, "found": 0, "adopted": 0, "last": last,
                }  # fmt: skip
        return state

    def _rate(self, state: dict[str, Any]) -> float:
        """Bytes a second: so that a pass takes half of its time, within bounds."""
        wanted = 2 * float(state["total"]) / (self._config.days * DAY_MS / 1000)
        return min(self._config.mb_per_second * 1e6, max(SLOWEST, wanted))

    def _newest(self, state: dict[str, Any], begun: float) -> int | None:
        """What was stored since the last look and has settled; None when there is nothing."""
        database = self._archive.database
        with database.reading() as db:
            lines = changes.after(db, changes.cursor(db, CURSOR), LINES)
            settled = [line for line in lines if line.at < self._archive.clock() - SETTLED_MS]
            uids = {line.sop_instance_uid for line in settled if line.kind is ChangeKind.INSTANCE_STORED}
            found = {(one.hospital_id, one.sop_instance_uid): one for one in damage.referenced_by_uid(db, uids)}
        if not settled:
            return None
        size, seen = 0, 0
        for line in settled:
            one = found.get((line.hospital_id, line.sop_instance_uid))
            if one is not None and line.kind is ChangeKind.INSTANCE_STORED:
                size += self._look(state, one)
            seen = line.sequence
            if self._enough(size, begun):
                break
        with database.writing() as db:
            changes.set_cursor(db, CURSOR, seen)
        return size

    def _walk(self, state: dict[str, Any], begun: float) -> int | None:
        """The next objects in the order of the index; None when the pass is over."""
        size = 0
        while state["stage"] and not self._enough(size, begun):
            if state["stage"] == "listing":
                self._list(state)
                self._next_stage(state)
                return size
            page = self._page(state)
            if not page:
                self._next_stage(state)
            for place, one in page:
                size += self._look(state, one)
                state["at"] = place
                if self._enough(size, begun):
                    break
        return size if state["stage"] else None

    def _page(self, state: dict[str, Any]) -> list[tuple[Any, Referenced]]:
        with self._archive.database.reading() as db:
            if state["stage"] == "instance":
                series_id, uid = state["at"]
                return [(list(at), one) for at, one in damage.referenced_instances(db, (series_id, uid), PAGE)]
            return list(damage.referenced_beside(db, state["stage"], int(state["at"]), PAGE))

    def _next_stage(self, state: dict[str, Any]) -> None:
        position = STAGES.index(state["stage"]) + 1
        state["stage"] = STAGES[position] if position < len(STAGES) else ""
        state["at"] = 0
        if not state["stage"]:
            state["ended"] = self._archive.clock()
            log.info(
                "everything was read back: %d objects, %d bytes, %d damaged or missing, %d taken into the index",
                state["checked"], state["bytes"], state["found"], state["adopted"],
            )  # fmt: skip

    def _look(self, state: dict[str, Any], one: Referenced) -> int:
        """Read one object back; how many bytes that was."""
        self._between()
        try:
            wrong = check(self._archive.database, self._archive.objects, one, self._archive.clock())
        except StorageUnavailable:
            with self._archive.database.writing() as db:
                notes.put(db, NOTE, state)  # up to here
            raise
        state["checked"] += 1
        state["bytes"] += one.size
        state["found"] += wrong in (CORRUPT, MISSING)
        return one.size

    def _list(self, state: dict[str, Any]) -> None:
        """What is stored and nothing points to."""
        archive = self._archive
        for stored in unindexed(archive.database, archive.objects, archive.clock(), self._between):
            state["adopted"] += adopt(archive, stored)
        for stored in stale(archive.database, archive.objects, archive.clock()):
            self._between()
            archive.objects.delete(stored.key)

    def _enough(self, size: int, begun: float) -> bool:
        return size >= SLICE_BYTES or time.monotonic() - begun > SLICE_SECONDS

    def _between(self) -> None:
        if self._stopping():
            raise Stopping("the worker is stopping")


def adopt(archive: Archive, stored: StoredObject) -> bool:
    """Take an object that nothing points to into the index; False when it cannot be."""
    code = stored.key.split("/")[0]
    with archive.database.reading() as db:
        hospital = hospitals.by_code(db, code)
    try:
        kind = archive.adopt(stored, Origin(hospital.id, code, DOOR, "scrub"))
    except StorageUnavailable:
        raise
    except ArchiveError as error:
        log.warning("%s is not indexed and stays so: %s", stored.key, error)
        return False
    log.info("%s was not indexed: %s", stored.key, kind)
    return True
