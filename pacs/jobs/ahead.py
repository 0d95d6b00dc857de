"""Follows the change log while series arrive and makes their metadata ahead, so that whoever opens one at once need
not wait. It has no cursor in the index and asks for no task: what it misses is made on request."""

import logging
import threading
import time

from pacs.archive.arriving import Arriving
from storage.errors import StorageUnavailable
from storage.index import changes
from storage.index.database import Database
from storage.model.work import ChangeKind

log = logging.getLogger(__name__)

BUSY_SECONDS, IDLE_SECONDS = 0.05, 0.1  # between looks while something arrives, and when nothing did lately
LATELY_SECONDS = 3.0
SWEEP_SECONDS = 600.0
AT_ONCE = 256  # instances; what is far behind is made on request or with the manifest
_MOST_BEHIND = 5000


class Ahead:
    """Makes pieces until it is stopped. For one thread."""

    def __init__(self, database: Database, arriving: Arriving) -> None:
        self._database = database
        self._arriving = arriving
        self._cursor: int | None = None
        self._stamp: object = None
        self._next_sweep = 0.0

    def run(self, stop: threading.Event) -> None:
        """Follow until `stop` is set. An index that does not answer is asked again a little later."""
        last = 0.0
        while not stop.is_set():
            try:
                if self.step():
                    last = time.monotonic()
            except StorageUnavailable:
                self._stamp = None
            if time.monotonic() >= self._next_sweep:
                self._next_sweep = time.monotonic() + SWEEP_SECONDS
                self._arriving.sweep()
            stop.wait(BUSY_SECONDS if time.monotonic() - last < LATELY_SECONDS else IDLE_SECONDS)

    def step(self) -> int:
        """Make what is new; for how many instances. The first step only notes where the log ends."""
        stamp = self._database.stamp()
        if stamp == self._stamp:
            return 0
        with self._database.reading() as db:
            if self._cursor is None or changes.last(db) - self._cursor > _MOST_BEHIND:
                self._cursor = changes.last(db)
            found = changes.after(db, self._cursor, AT_ONCE)
        arrived: dict[tuple[int, str, str], list[str]] = {}
        for one in found:
            if one.kind == ChangeKind.INSTANCE_STORED and one.series_instance_uid:
                series = one.hospital_id, one.study_instance_uid, one.series_instance_uid
                arrived.setdefault(series, []).append(one.sop_instance_uid)
        made = sum(self._arriving.ahead(*series, uids) for series, uids in arrived.items())
        if found:
            self._cursor = found[-1].sequence
        if len(found) < AT_ONCE:
            self._stamp = stamp
        return made
