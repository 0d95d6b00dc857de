"""A circuit breaker: a server that does not answer is not asked by everybody again and again, each for its time-out."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from storage.errors import StorageFull, StorageUnavailable

FAILURES = 5  # in a row open it
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 8.0  # so that work resumes within ten seconds after the server is back


class Breaker:
    """Closed while the server answers. After some failures in a row it is open: calls fail at once for a pause that
    doubles up to a limit; then one call may try, and when it succeeds all may. Thread safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = FIRST_PAUSE_S
        self._open_until = 0.0
        self._trying = False
        self._last = ""

    @property
    def open(self) -> bool:
        """Whether calls fail at once."""
        with self._lock:
            return self._failures >= FAILURES

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """One call. StorageUnavailable in it is a failure, except that a full store does answer; anything else that
        ends it is an answer."""
        trying = self._enter()
        try:
            yield
        except StorageFull:
            self._answered()
            raise
        except StorageUnavailable as error:
            self._failed(trying, str(error))
            raise
        except BaseException:
            self._answered()
            raise
        self._answered()

    def _enter(self) -> bool:
        with self._lock:
            if self._failures < FAILURES:
                return False
            left = self._open_until - self._clock()
            if left > 0 or self._trying:
                raise StorageUnavailable(f"{self._last} (asked again in {max(left, 1.0):.0f} s)")
            self._trying = True
            return True

    def _failed(self, trying: bool, said: str) -> None:
        with self._lock:
            self._failures += 1
            self._last = said
            if trying:
                self._trying = False
                self._pause = min(2 * self._pause, LONGEST_PAUSE_S)
            if self._failures >= FAILURES:
                self._open_until = self._clock() + self._pause * random.uniform(0.8, 1.0)

    def _answered(self) -> None:
        with self._lock:
            self._failures, self._pause, self._trying = 0, FIRST_PAUSE_S, False
