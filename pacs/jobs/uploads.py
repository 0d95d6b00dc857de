"""Objects that wait on this machine are brought to their final store, beside the tasks: they must not wait for each
other. The queue is the folder where the objects wait; nothing of it is in the index, which may be away meanwhile."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from storage.errors import ArchiveError
from storage.objects.base import ObjectStore

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
AT_ONCE = 16


@contextmanager
def uploading(objects: ObjectStore, stop: threading.Event) -> Iterator[None]:
    """While the block runs, a thread settles what waits; it ends with `stop`, at the latest after its last batch."""
    thread = threading.Thread(target=run, args=(objects, stop), name="uploads", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def run(objects: ObjectStore, stop: threading.Event, poll: float = POLL_SECONDS) -> None:
    """Settle again and again until `stop` is set; whatever happens, it goes on after a pause."""
    troubled = False
    while not stop.is_set():
        moved = 0
        try:
            moved = objects.settle(AT_ONCE)
            troubled = False
        except (ArchiveError, OSError) as error:
            if not troubled:
                log.warning("uploads pause: %s", error)
            troubled = True
        except Exception:
            if not troubled:
                log.exception("uploads pause")
            troubled = True
        if not moved:
            stop.wait(poll)
