"""A transaction that was ended for another's sake is begun anew; everybody who writes does it here.

Of two transactions that wait for each other PostgreSQL ends one, and nothing of that one is kept. Whoever asked for it
has done nothing wrong, and the same again, a moment later, succeeds.
"""

import itertools
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from storage.errors import StorageContended, StorageFull, StorageUnavailable

log = logging.getLogger(__name__)

TRIES, PAUSE_SECONDS = 5, 0.02  # of one that was ended for another's sake; each pause is longer
UNAVAILABLE_PAUSE_SECONDS = 0.1
T = TypeVar("T")


def begun_anew(attempt: Callable[[], T], about: str, *, unavailable_tries: int = 1) -> T:
    """What `attempt` returns: one whole transaction, which does nothing else that could not be done twice.

    `unavailable_tries` is how often it is tried when the index does not answer: more than once only where it is no harm
    if the first one was kept after all. `about` is for the log.
    """
    for number in itertools.count(1):
        try:
            return attempt()
        except StorageFull:
            raise
        except StorageUnavailable as error:
            contended = isinstance(error, StorageContended)
            if number >= (TRIES if contended else unavailable_tries):
                raise
            log.warning("the index was not available to %s, trying again: %s", about, error)
            time.sleep(number * (PAUSE_SECONDS if contended else UNAVAILABLE_PAUSE_SECONDS))
    raise AssertionError("unreachable")
