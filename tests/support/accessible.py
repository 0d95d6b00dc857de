"""What a page must have for those who do not see or point well: names of controls, and texts that stand out from what
is behind them (WCAG 2.2, 1.3.1, 1.4.3 and 4.1.2, level AA)."""

import time
from pathlib import Path
from typing import Any

_LOOK = Path(__file__).with_suffix(".js")


def wanting(page: Any, seconds: float = 20) -> list[str]:
    """What is wrong on the page once it has come to rest: what is only half faded in does not stand out yet."""
    look, deadline = _LOOK.read_text(encoding="utf-8"), time.monotonic() + seconds
    while True:
        found: list[str] = page.evaluate(look)
        if not found or time.monotonic() > deadline:
            return found
        page.wait_for_timeout(200)
