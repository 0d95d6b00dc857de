"""A thread beside the one that works: for what the processor can do while the other one waits for the disk."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class _Beside:
    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """No thread yet; a fork leaves them behind in the parent."""
        self._pool: ThreadPoolExecutor | None = None

    def run(self, work: Callable[[], None]) -> "Future[None]":
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="beside")
        return self._pool.submit(work)


_beside = _Beside()


def beside(work: Callable[[], None]) -> "Future[None]":
    """Run it in the thread beside; the caller awaits it before it looks at what was worked on."""
    return _beside.run(work)
