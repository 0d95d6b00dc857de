"""The body of a request as it arrives: what the socket gives is what the application gets.

gunicorn's own reader copies every block five times on its way through two buffers; a study of 250 MB that is stored by
STOW-RS paid a tenth of its processor time for that.
"""

from typing import Any

_LEAST = 8192  # what gunicorn reads at least; what is beyond the body is the next request's


class ArrivingBody:
    """A body of known length, in the place of gunicorn's, from an unreader that is held to a pace (serve.py). A read
    gives what is there, at most `size` bytes of it, and waits only when nothing is; b"" at the end, and when the sender
    has gone."""

    def __init__(self, unreader: Any, length: int) -> None:
        self._unreader = unreader
        self._left = length
        self.failed = False  # where the next request begins is not known then

    def read(self, size: int | None = None) -> bytes:
        """The next bytes; all of them without `size`, or when it is negative."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self._some(self._left), b""))
        return self._some(size)

    def _some(self, size: int) -> bytes:
        wanted = min(size, self._left)
        if not wanted:
            return b""
        data = self._unreader.take_buffered()
        if not data:
            try:
                data = self._unreader.chunk(max(wanted, _LEAST))
            except BaseException:
                self.failed = True
                raise
        if not data:
            self.failed = True
        if len(data) > wanted:
            self._unreader.unread(data[wanted:])
            data = data[:wanted]
        self._left -= len(data)
        return bytes(data)

    def readinto(self, target: bytearray | memoryview) -> int:
        """Put the next bytes into `target`: how many there are, 0 at the end and when the sender has gone. Nothing is
        made for them, so the memory that a large body goes through stays the same."""
        wanted = memoryview(target)[: self._left]
        if not wanted:
            return 0
        data = self._unreader.take_buffered()
        if data:
            count = min(len(data), len(wanted))
            wanted[:count] = data[:count]
            self._unreader.unread(data[count:])
        else:
            count = self._received(wanted)
        self._left -= count
        return count

    def _received(self, target: memoryview) -> int:
        """Through the unreader, where the server counts how quickly the body comes."""
        self.failed = True
        count: int = self._unreader.chunk_into(target)
        self.failed = not count
        return count

    def readline(self, size: int | None = None) -> bytes:
        """Up to the end of a line; nobody here reads lines, but the interface has them."""
        line = bytearray()
        most = self._left if size is None or size < 0 else size
        while len(line) < most and not line.endswith(b"\n") and (data := self._some(1)):
            line += data
        return bytes(line)

    def readlines(self, hint: int = -1) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Any:
        return iter(self.readline, b"")
