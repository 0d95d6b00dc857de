"""How much work a query may be."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

ROWS, SECONDS, ANSWERS = 200_000, 10.0, 10_000


@dataclass(slots=True)
class Effort:
    """What one query may cost, counted as it goes on. A key without an index asks every row of the hospital, newest
    first: after so many rows, or so long, the search ends. `answers` limits queries without a key that selects.

    `why` says in words why the answers are not all there are; "" when they are. `goes_on` is asked between pages.
    """

    rows: int = ROWS
    seconds: float = SECONDS
    answers: int | None = ANSWERS
    goes_on: Callable[[], bool] = lambda: True
    why: str = ""
    looked_at: int = 0
    began: float = field(default_factory=time.monotonic)

    def spent(self) -> bool:
        """Whether to end here."""
        if not self.why:
            if self.looked_at >= self.rows:
                self.why = f"only the newest {self.looked_at} were searched; add a date, name or ID"
            elif time.monotonic() - self.began >= self.seconds:
                self.why = f"the search took more than {self.seconds:g} s; add a date, name or ID"
        return bool(self.why) or not self.goes_on()

    def full(self, given: int) -> bool:
        """Whether no more than the `given` answers may be given."""
        if self.answers is None or given < self.answers:
            return False
        self.why = f"more than {self.answers} answers; add a date, name or ID"
        return True
