"""Streams of a part of an object. All can seek, and none ends early without saying so."""

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from storage.errors import ObjectCorrupt

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Positioned(io.RawIOBase):
    """A readable, seekable range of `length` bytes; how bytes come is up to `_read_at`."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self._length - self._at))
        if wanted == 0:
            return 0
        count = self._read_at(self._at, view[:wanted])
        if count == 0:
            raise ObjectCorrupt(f"the object ended after {self._at} bytes of {self._length}")
        self._at += count
        return count

    def _read_at(self, position: int, view: memoryview) -> int:
        raise NotImplementedError


class FileRange(_Positioned):
    """A range of a file; owns the descriptor."""

    def __init__(self, descriptor: int, offset: int, length: int) -> None:
        super().__init__(length)
        self._descriptor = descriptor
        self._offset = offset

    def _read_at(self, position: int, view: memoryview) -> int:
        return os.preadv(self._descriptor, [view], self._offset + position)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class Body(Protocol):
    """Bytes that come in order from somewhere else."""

    def readinto(self, view: memoryview, /) -> int: ...

    def close(self) -> None: ...


class FetchedRange(_Positioned):
    """A range that `fetch(position)` begins to deliver from `position` on; begun when read, again after a seek."""

    def __init__(self, fetch: Callable[[int], Body], length: int) -> None:
        super().__init__(length)
        self._fetch = fetch
        self._body: Body | None = None
        self._body_at = 0

    def _read_at(self, position: int, view: memoryview) -> int:
        if self._body is not None and self._body_at != position:
            self._body.close()
            self._body = None
        if self._body is None:
            self._body, self._body_at = self._fetch(position), position
        count = self._body.readinto(view)
        self._body_at += count
        return count

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
        super().close()
