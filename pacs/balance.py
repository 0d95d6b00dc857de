"""How connections are spread over processes that wait at one socket.

The one that is awake takes what comes: eight connections of a browser that opens a study, or four associations of a
modality, would mostly end in one process, which Python lets use one core. So each process tells the others how much it
holds, and one that holds more than another waits a moment before it takes the next. What waits meanwhile lies in the
kernel's queue, which belongs to all of them: a process that is killed takes nothing of it along.
"""

import mmap
import os
import struct
import threading
import time

PLACES = 64
PATIENCE = 20  # how many moments a connection is left to the others
MOMENT = 0.001  # seconds
NOTABLE = 8  # one more in so many makes no difference
_NOBODY = -1
_ENTRY = struct.Struct("@ii")


class Shares:
    """How much each process holds, in memory that all of them share; made before they are forked."""

    def __init__(self, places: int = PLACES) -> None:
        """`places`: how many processes there are at once, or more."""
        self._places = places
        self._counts = mmap.mmap(-1, places * _ENTRY.size)
        for place in range(places):
            self.leave(place)

    def tell(self, number: int, count: int) -> None:
        """This process, which has the number, holds so much."""
        _ENTRY.pack_into(self._counts, number % self._places * _ENTRY.size, os.getpid(), count)

    def leave(self, number: int) -> None:
        """The process of this number takes nothing any more."""
        self.tell(number, _NOBODY)

    def fewest_elsewhere(self, number: int) -> int | None:
        """What the process with the fewest has, this one left out and those that were killed; None when it is alone."""
        entries = list(_ENTRY.iter_unpack(self._counts[:]))
        del entries[number % self._places]
        told = sorted((count, process) for process, count in entries if count != _NOBODY)
        return next((count for count, process in told if lives(process)), None)


class Turn:
    """Whether it is this process's turn to take a connection. A process that is stuck takes none, so the others wait
    for it `PATIENCE` moments at most."""

    def __init__(self, shares: Shares, number: int) -> None:
        self._shares = shares
        self._number = number
        self._waited = 0

    def is_ours(self, count: int) -> bool:
        """Whether nobody else has fewer than `count`, which is what this process holds; of many, nobody notably fewer:
        a crowd is not taken in one by one by turns."""
        fewest = self._shares.fewest_elsewhere(self._number)
        return fewest is None or count <= fewest + fewest // NOTABLE

    def has_come(self, count: int) -> bool:
        """True when nobody else has fewer than `count`, or nobody else took it in time. Waits a moment before it says
        no."""
        if self._waited >= PATIENCE or self.is_ours(count):
            self._waited = 0
            return True
        self._waited += 1
        time.sleep(MOMENT)
        return False


class Share:
    """What one process holds, counted, and whether it is its turn. Thread safe."""

    def __init__(self, shares: Shares, number: int) -> None:
        self._shares = shares
        self._number = number
        self._turn = Turn(shares, number)
        self._lock = threading.Lock()
        self._left = False
        self.count = 0
        self._add(0)

    def come(self) -> None:
        """One more."""
        self._add(1)

    def go(self) -> None:
        """One less."""
        self._add(-1)

    def leave(self) -> None:
        """This process takes no more; what it holds it finishes."""
        with self._lock:
            self._left = True
            self._shares.leave(self._number)

    def may_take(self) -> bool:
        """Whether the connection that waits is for this process, see `Turn.has_come`."""
        return self._turn.has_come(self.count)

    def may_go_on(self) -> bool:
        """Whether a further one would be, without waiting."""
        return self._turn.is_ours(self.count)

    def _add(self, more: int) -> None:
        with self._lock:
            self.count += more
            if not self._left:
                self._shares.tell(self._number, self.count)


def lives(process: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
