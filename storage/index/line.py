"""Writers of one SQLite index stand in line: who waits sleeps in the kernel and is woken when its turn has come.

SQLite lets one write at a time, and has the others ask again after 1, 2, 5, 10 … ms, which is longer than most
transactions take. The line is a lock (flock) on the folder of the index; the kernel takes it back from a process that
is killed. Nothing depends on it: who cannot stand in line, or has stood for long enough, asks SQLite as ever, and so
does a program that knows nothing of it.
"""

import fcntl
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from storage.index.types import SQLITE

LONGEST_SECONDS = 1.0


class Line:
    """The line before the index of this address. Before another engine's, or one in memory, nobody waits."""

    def __init__(self, url: sa.URL, longest: float = LONGEST_SECONDS) -> None:
        on_disk = url.get_backend_name() == SQLITE and url.database and not url.database.startswith((":", "file:"))
        self._folder = Path(url.database or "").absolute().parent if on_disk else None
        self._longest = longest
        self._place: _Place | None = None
        self._owner = 0  # the process whose place it is; a fork takes one of its own

    @contextmanager
    def stood(self) -> Iterator[bool]:
        """When it is our turn, or after the longest wait; whether it is our turn."""
        place = None if self._folder is None else self._mine(self._folder)
        if place is None or not place.take(self._longest):
            yield False
            return
        try:
            yield True
        finally:
            place.give_back()

    def close(self) -> None:
        """Leave the line; the next one who stands in it comes anew."""
        place, self._place = self._place, None
        if place is not None and self._owner == os.getpid():
            place.close()
        self._owner = 0

    def _mine(self, folder: Path) -> "_Place | None":
        if self._owner != os.getpid():
            try:
                self._place = _Place(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            except OSError:
                return None
            self._owner = os.getpid()
        return self._place


class _Place:
    """One process's place. One of its threads at a time has the turn or waits for it.

    There is no limit to how long the kernel lets one wait. So when it is not our turn at once, a thread of our own
    waits: nobody is held up for good by a process that was stopped in the middle of a transaction.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shut = weakref.finalize(self, os.close, descriptor)
        self._threads = threading.Lock()  # one after the other
        self._state = threading.Lock()  # over these three
        self._wanted = False  # somebody waits for what our thread waits for
        self._waits = False  # our thread waits in the kernel, or is about to
        self._over = False
        self._thread: threading.Thread | None = None
        self._begin, self._told = threading.Lock(), threading.Lock()  # released to wake the other one
        self._begin.acquire()
        self._told.acquire()
        self._came = False

    def take(self, longest: float) -> bool:
        """Wait, at most so many seconds; whether it is our turn."""
        if not self._threads.acquire(timeout=longest):
            return False
        try:
            if (not self._waits and self._locked(fcntl.LOCK_NB)) or self._awaited(longest):
                return True
        except OSError:  # a file system that has no such locks
            pass
        self._threads.release()
        return False

    def give_back(self) -> None:
        """Let the next one have its turn."""
        with suppress(OSError):  # closed meanwhile
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        with self._state:
            self._over = True
            if self._thread is None:
                self._shut()
            elif not self._waits:
                self._begin.release()  # it shuts up and goes

    def _locked(self, how: int) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | how)
        except BlockingIOError:
            return False
        return True

    def _awaited(self, longest: float) -> bool:
        """Let our thread wait; it may wait already for somebody who gave up."""
        with self._state:
            self._wanted = True
            if not self._waits:
                self._waits = True
                if self._thread is None:
                    self._thread = threading.Thread(target=self._wait, name="line", daemon=True)
                    self._thread.start()
                self._begin.release()
        if not self._told.acquire(timeout=longest):
            with self._state:
                if self._wanted:
                    self._wanted = False
                    return False
            self._told.acquire()  # it came in this very moment
        return self._came

    def _wait(self) -> None:
        """Our thread: waits in the kernel whenever it is asked to."""
        while True:
            self._begin.acquire()
            came = False
            if not self._over:
                with suppress(OSError):
                    came = self._locked(0)
            with self._state:
                if self._wanted:
                    self._wanted, self._came = False, came
                    self._told.release()
                elif came:
                    with suppress(OSError):
                        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                self._waits = False
                if self._over:
                    self._shut()
                    return
