"""Labelled points on the way of an instance, and the trap that kills a process exactly there.

The points are drawn where the process meets the operating system, the index driver and the socket, not in the product:
the launcher wraps those calls in the process that is to die. One small file, mapped by every process, says which point
is armed and at which pass; whoever makes that pass notes it in the file and dies by SIGKILL.
"""

import mmap
import os
import signal
import struct
from pathlib import Path

POINTS = (
    "spool-opened",  # the spool file exists, nothing is in it
    "bytes-written",  # half of the bytes of a write to the spool file are in it
    "before-file-sync",  # all bytes are written, none is known to be durable
    "after-file-sync",
    "after-link",  # the object has its name, the folder is not durable
    "after-folder-sync",
    "before-commit",  # the rows are written, the transaction is not committed
    "after-commit",
    "before-answer",  # all is durable, the sender does not know
    "after-answer",
)
_CELL = struct.Struct("<qqqq")  # armed point + 1 (0: none), passes left, hits, the process that was hit
_SIZE = 4096


class Trap:
    """The mapped file. The harness arms it and reads the hits; processes of the server step on it."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._claims = path.parent

    # --- in the harness

    def arm(self, point: str, passes: int) -> None:
        """The process that makes the pass number `passes` (1: the next one) dies there."""
        hits = self.hits()
        for claim in self._claims.glob("claim-*"):
            claim.unlink()
        _CELL.pack_into(self._map, 0, POINTS.index(point) + 1, passes, hits, 0)

    def disarm(self) -> None:
        _CELL.pack_into(self._map, 0, 0, 0, self.hits(), 0)

    def hits(self) -> int:
        """How often somebody died here."""
        return int(_CELL.unpack_from(self._map, 0)[2])

    def victim(self) -> int:
        """The process that died at the point that was armed last; 0 when none has yet."""
        return int(_CELL.unpack_from(self._map, 0)[3])

    # --- in the server

    def is_armed(self, point: int) -> bool:
        """Cheap: asked at every pass. `point` is the place in POINTS."""
        return self._map[0] == point + 1

    def step(self, point: int) -> None:
        """One pass; the last one is fatal. Processes and threads may step at the same time."""
        armed, left, hits, victim = _CELL.unpack_from(self._map, 0)
        if armed != point + 1 or victim:
            return
        if left > 1:
            _CELL.pack_into(self._map, 0, armed, left - 1, hits, 0)
            return
        try:
            os.close(os.open(self._claims / f"claim-{hits}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return  # somebody else is dying for it
        _CELL.pack_into(self._map, 0, 0, 0, hits + 1, os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)
