"""Bodies that are sent whole with their head: data that is there, or a part of a file.

Any WSGI server can send one by iterating; our worker (viewer/serve.py) recognises it and sends it without copies.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

SENDS_FILES = "hoichan.sends_files"
"""Set in the environ by a server that takes the headers of such a body from itself: start_response is not called then,
and the values, which the application made, are not looked at again."""

AT_ONCE = "hoichan.at_once"
"""Set in the environ where nothing may be waited for: what is not in memory is not answered then."""

_BLOCK = 1 << 18
_LOOKED_AT = 1 << 18  # how far apart a file is looked at
_NOWAIT = getattr(os, "RWF_NOWAIT", None)  # Linux 4.14
_BYTE = [bytearray(1)]


class DataBody:
    """A body that is there whole, with the headers of its answer, a 200."""

    def __init__(self, data: bytes, headers: Sequence[tuple[str, str]]) -> None:
        self.data = data
        self.headers = headers

    def __iter__(self) -> Iterator[bytes]:
        yield self.data


class HandOver:
    """No body: the connection itself goes to another process. `go(socket, bytes read after the head)` gives it away;
    False when nobody takes it."""

    def __init__(self, go: Callable[[Any, bytes], bool]) -> None:
        self.go = go

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


class FileBody:
    """`head`, then `length` bytes of an open file from `offset` on, then `tail`. Owns the descriptor.

    `headers` are those of the whole answer, a 200; `sent` is called once it is sent or given up.
    """

    def __init__(self, descriptor: int, offset: int, length: int, head: bytes = b"", tail: bytes = b"") -> None:
        self.headers: Sequence[tuple[str, str]] = ()
        self.sent: Callable[[], None] = _nothing
        self.descriptor = descriptor
        self.offset = offset
        self.length = length
        self.head = head
        self.tail = tail

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        return len(self.head) + self.length + len(self.tail)

    def __iter__(self) -> Iterator[bytes]:
        if self.head:
            yield self.head
        at, end = self.offset, self.offset + self.length
        while at < end:
            data = os.pread(self.descriptor, min(_BLOCK, end - at), at)
            if not data:
                raise OSError("the file has become shorter")
            at += len(data)
            yield data
        if self.tail:
            yield self.tail

    def is_in_memory(self) -> bool:
        """Whether the kernel can send it without reading from a disk; False too where it does not say."""
        if _NOWAIT is None:
            return False
        last = self.offset + self.length - 1
        try:
            for at in (*range(self.offset, last, _LOOKED_AT), last):
                os.preadv(self.descriptor, _BYTE, at, _NOWAIT)
        except OSError:  # EAGAIN: not there; EOPNOTSUPP: this file system does not say
            return False
        return True

    def close(self) -> None:
        """Let go of the file; a WSGI server calls this once the body is sent or given up."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            self.sent()


def _nothing() -> None:
    """When nobody wants to know."""
