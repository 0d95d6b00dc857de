"""A progress line for a terminal: share done, rate, time left. Without a terminal, a line now and then."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(slots=True)
class Progress:
    """Counts things of a known total; `advance` is cheap and may be called for every one."""

    what: str
    total: int
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    done: int = 0
    bytes: int = 0
    _began: float = field(default_factory=time.monotonic)
    _drawn: float = 0.0

    def advance(self, count: int = 1, size: int = 0) -> None:
        """So many more are done, of so many bytes."""
        self.done += count
        self.bytes += size
        now = time.monotonic()
        if now - self._drawn >= (0.1 if self.stream.isatty() else 5.0):
            self._drawn = now
            self._draw()

    def finish(self) -> None:
        """Draw the last state and end the line."""
        if self.done or self.stream.isatty():
            self._draw()
            if self.stream.isatty():
                self.stream.write("\n")

    def _draw(self) -> None:
        seconds = max(time.monotonic() - self._began, 1e-3)
        rate = self.done / seconds
        left = (self.total - self.done) / rate if rate and self.total > self.done else 0.0
        text = f"{self.done:,} of {self.total:,} {self.what}  {rate:,.0f}/s"
        if self.bytes:
            text += f"  {self.bytes / seconds / 1e6:,.1f} MB/s"
        if left:
            text += f"  {_duration(left)} left"
        if not self.stream.isatty():
            self.stream.write(text + "\n")
            return
        width = 24
        filled = int(width * self.done / self.total) if self.total else width
        self.stream.write(f"\r\x1b[K[{'█' * filled}{'·' * (width - filled)}] {text}")
        self.stream.flush()


def _duration(seconds: float) -> str:
    whole = int(seconds + 0.5)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
