"""Everything a room asks of the index, in one thread, in the order asked: many jobs share one transaction.

So events of a room are told in the order of their numbers, and a burst of them costs one commit.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from storage.errors import ArchiveError, StorageUnavailable
from storage.index.database import Connection, Database

log = logging.getLogger(__name__)

T = TypeVar("T")
Job = Callable[[Connection], Any]
AT_ONCE = 100


class Writing:
    """The thread and its queue. `ask` is called from the event loop."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop
        self._jobs: queue.SimpleQueue[tuple[Job, asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="rooms", daemon=True)
        self._thread.start()

    def ask(self, job: Callable[[Connection], T]) -> "asyncio.Future[T]":
        """Have the job done in a transaction that is durable when the future has its result. What raises must do so
        before it has written anything."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((job, future))
        return future

    def close(self) -> None:
        """Do what was asked, then end."""
        self._jobs.put(None)
        self._thread.join(5)

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch = [first]
            ended = False
            while len(batch) < AT_ONCE and not self._jobs.empty():
                another = self._jobs.get()
                if another is None:
                    ended = True
                    break
                batch.append(another)
            results = self._done([job for job, _ in batch])
            self._loop.call_soon_threadsafe(_settle, [future for _, future in batch], results)
            if ended:
                return

    def _done(self, jobs: list[Job]) -> list[Any]:
        results: list[Any] = []
        try:
            with self._database.writing() as db:
                for job in jobs:
                    try:
                        results.append(job(db))
                    except StorageUnavailable:
                        raise
                    except ArchiveError as error:
                        results.append(error)
        except ArchiveError as error:
            log.warning("%s: %s", type(error).__name__, error)
            return [error] * len(jobs)
        except Exception as error:
            log.exception("a room's work fell")
            return [error] * len(jobs)
        return results


def _settle(futures: "list[asyncio.Future[Any]]", results: list[Any]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.cancelled():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
