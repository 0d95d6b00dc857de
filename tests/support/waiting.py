"""Waiting for what happens elsewhere: as short as it takes, and long enough that only a fault takes longer."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

PATIENCE = 60.0  # seconds; a machine may be slow, busy and alone with one core


def until(condition: Callable[[], Answer], seconds: float = PATIENCE, pause: float = 0.02) -> Answer:
    """The first answer of `condition` that is true; AssertionError with the last one after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds:.0f} s: {answer!r}"
        time.sleep(pause)
    return answer
