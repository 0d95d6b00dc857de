"""Places for associations, counted over all listener processes of an installation.

The counts lie in memory the processes share. Each writes only its own region and reads the others', so there is no
lock a killed process could keep; its region is cleared by its successor, or by whoever finds everything taken.
"""

import hashlib
import mmap
import os
import threading

from pacs.balance import lives

_WORD = 8


class Slots:
    """The shared memory. Make it before forking; each process then takes its region with `places`."""

    def __init__(self, processes: int, total: int, reserved: int = 0) -> None:
        """`total` associations at once in all processes; the last `reserved` of them are for peers that have none."""
        self.total = total
        self.reserved = min(reserved, total // 4)
        self.processes = processes
        self._words = memoryview(mmap.mmap(-1, processes * (total + 1) * _WORD)).cast("Q")

    def places(self, number: int) -> "Places":
        """The region of listener process `number` (from 0), empty."""
        return Places(self, number)

    def region(self, number: int) -> memoryview:
        """First the process id of who works there, then one word for each place: 0, or whose it is."""
        return self._words[number * (self.total + 1) : (number + 1) * (self.total + 1)]

    def taken(self) -> list[int]:
        """Whose the taken places are."""
        taken: list[int] = []
        for number in range(self.processes):
            taken += [word for word in self.region(number)[1:].tolist() if word]
        return taken

    def clear_dead(self) -> None:
        """Give back what processes that are no more have left."""
        for number in range(self.processes):
            region = self.region(number)
            owner = region[0]
            if owner and not lives(owner) and region[0] == owner:
                _clear(region)


class Places:
    """The places this process has given out. Thread safe."""

    def __init__(self, slots: Slots, number: int) -> None:
        self._slots = slots
        self._region = slots.region(number)
        self._lock = threading.Lock()
        _clear(self._region)
        self._region[0] = os.getpid()

    def take(self, ae_title: str, most: int) -> int:
        """A place for this peer, which may have `most`; 0 when there is none for it, -1 when it has too many itself."""
        key = _key(ae_title)
        with self._lock:
            place = next((index for index, word in enumerate(self._region[1:].tolist(), 1) if not word), 0)
            if not place:
                return 0
            self._region[place] = key  # first take it, then count: two who come at once cannot both be the last
            for attempt in (1, 2):
                taken = self._slots.taken()
                own = taken.count(key)
                total = self._slots.total - (self._slots.reserved if own > 1 else 0)
                if own <= most and len(taken) <= total:
                    return place
                if attempt == 1:
                    self._slots.clear_dead()
            self._region[place] = 0
            return -1 if own > most else 0

    def give_back(self, place: int) -> None:
        """The association at this place has ended."""
        self._region[place] = 0


def _key(ae_title: str) -> int:
    return int.from_bytes(hashlib.blake2b(ae_title.encode(), digest_size=_WORD).digest(), "big") | 1


def _clear(region: memoryview) -> None:
    region[:] = memoryview(bytes(len(region) * _WORD)).cast("Q")
