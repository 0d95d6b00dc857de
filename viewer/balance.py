"""How connections are spread over the web workers.

All workers wait at one socket, and the one that is awake takes what comes: eight connections of a browser that opens a
study would mostly end in one process, which Python lets use one core. So each worker tells the others how many
connections it holds, and one that holds more than another waits a moment before it takes the next.
"""

import mmap
import struct
import time

PLACES = 64
PATIENCE = 20  # how many moments a connection is left to the others
MOMENT = 0.001  # seconds
_NOBODY = -1
_ENTRY = struct.Struct("@i")


class Shares:
    """How many connections each worker holds, in memory that all of them share; made before they are forked."""

    def __init__(self) -> None:
        self._counts = mmap.mmap(-1, PLACES * _ENTRY.size)
        for place in range(PLACES):
            self.leave(place)

    def tell(self, worker: int, connections: int) -> None:
        """This worker holds so many."""
        _ENTRY.pack_into(self._counts, worker % PLACES * _ENTRY.size, connections)

    def leave(self, worker: int) -> None:
        """This worker is no more."""
        self.tell(worker, _NOBODY)

    def fewest_elsewhere(self, worker: int) -> int | None:
        """What the worker with the fewest connections has, this one left out; None when it is alone."""
        counts = [count for (count,) in _ENTRY.iter_unpack(self._counts[:])]
        del counts[worker % PLACES]
        return min((count for count in counts if count != _NOBODY), default=None)


class Turn:
    """Whether it is this worker's turn to take a connection. A worker that is stuck takes none, so the others wait for
    it `PATIENCE` moments at most."""

    def __init__(self, shares: Shares, worker: int) -> None:
        self._shares = shares
        self._worker = worker
        self._waited = 0

    def has_come(self, connections: int) -> bool:
        """True when nobody else has fewer than `connections`, or nobody else took it in time. Waits a moment before it
        says no."""
        self._shares.tell(self._worker, connections)
        fewest = self._shares.fewest_elsewhere(self._worker)
        if fewest is None or connections <= fewest or self._waited >= PATIENCE:
            self._waited = 0
            return True
        self._waited += 1
        time.sleep(MOMENT)
        return False
