"""Whether a disk may still be believed when it says that something is durable.

After a failed fsync the kernel may mark what it could not write as clean, and say success to the next fsync of the same
file or folder. So the first failure ends it: nothing more is acknowledged until somebody has looked at the disk.
"""

import logging
import os
import time
from pathlib import Path

from storage.errors import StorageUnavailable

log = logging.getLogger(__name__)

MARK = ".sync-failed"


class Trust:
    """Of one store's root folder. Lost for every process that uses it, through a file; where that cannot be written,
    for this process until it ends."""

    def __init__(self, root: Path) -> None:
        self._mark = root / MARK
        self._mark_path = str(self._mark)
        self._name = root.name
        self._lost = ""

    @property
    def lost(self) -> str:
        """Why nothing is taken, in a sentence; "" while the disk is trusted."""
        if self._lost:
            return self._lost
        try:
            return self._mark.read_text(encoding="utf-8") if self._mark.exists() else ""
        except OSError as error:
            return f"the disk of {self._name} cannot be read: {error.strerror}"

    def lost_at(self) -> float:
        """When it was lost, in seconds UTC; now, when that is not known."""
        try:
            return self._mark.stat().st_mtime
        except OSError:
            return time.time()

    def must_hold(self) -> None:
        """Raise StorageUnavailable when it is lost."""
        if self._lost or os.path.exists(self._mark_path):
            raise StorageUnavailable(self.lost or f"the disk of {self._name} could not make something durable")

    def lose(self, error: OSError) -> None:
        """An fsync failed."""
        at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        reason = f"the disk of {self._name} could not make something durable at {at}: {error.strerror}"
        log.critical("%s; nothing more is taken until the disk was looked at: hoichan storage recheck", reason)
        try:
            self._mark.write_text(reason, encoding="utf-8")
        except OSError:
            self._lost = reason

    def restore(self) -> None:
        """The disk was looked at."""
        self._lost = ""
        self._mark.unlink(missing_ok=True)
