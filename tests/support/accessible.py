"""What a page must have for those who do not see or point well: names of controls, and texts that stand out from what
is behind them (WCAG 2.2, 1.3.1, 1.4.3 and 4.1.2, level AA)."""

from pathlib import Path
from typing import Any

_LOOK = Path(__file__).with_suffix(".js")


def wanting(page: Any) -> list[str]:
    """What is wrong on the page as it stands."""
    found: list[str] = page.evaluate(_LOOK.read_text(encoding="utf-8"))
    return found
