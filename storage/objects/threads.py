"""A few threads for what waits on disks and networks, also after a fork."""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Threads:
    """Runs one function over many items at a time. Made on first use, and made anew in a forked process."""

    def __init__(self, workers: int, name: str) -> None:
        self._workers = workers
        self._name = name
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0

    def over(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """All results in the order of the items. When one fails, its error is raised after all have ended."""
        todo = list(items)
        if len(todo) <= 1 or self._workers <= 1:
            return [function(item) for item in todo]
        pool = self._threads()
        futures = [pool.submit(function, item) for item in todo]
        errors = [error for error in [future.exception() for future in futures] if error is not None]
        if errors:
            raise errors[0]
        return [future.result() for future in futures]

    def _threads(self) -> ThreadPoolExecutor:
        pid = os.getpid()
        if self._pid != pid:  # the threads and perhaps a held lock stayed behind in the parent
            self._lock = threading.Lock()
            self._pool = None
            self._pid = pid
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix=self._name)
            return self._pool
