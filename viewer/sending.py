"""Bodies that are sent whole with their head: data that is there, or a part of a file.

Any WSGI server can send one by iterating; our worker (viewer/serve.py) recognises it and sends it without copies.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

SENDS_FILES = "hoichan.sends_files"
"""Set in the environ by a server that takes the headers of such a body from itself: start_response is not called then,
and the values, which the application made, are not looked at again."""

AT_ONCE = "hoichan.at_once"
"""Set in the environ where nothing may be waited for: what is not in memory is not answered then."""

_BLOCK = 1 << 18
_LOOKED_AT = 1 << 18  # how far apart a file is looked at
_PAGE = os.sysconf("SC_PAGE_SIZE")
_NEAR = 1 << 16  # a frame that begins so near the front of its file is read from there on, for the kernel's sake
_STEPS = (_PAGE, 4 * _PAGE, 20 * _PAGE)  # the kernel begins with 4 pages, then reads four times as many each time
_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)  # Linux 4.14
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

    `headers` are those of the whole answer, a 200; `sent` is called once it is sent or given up. `following` has the
    kernel begin to read what is asked for next, as a rule; False when that is not needed.
    """

    def __init__(self, descriptor: int, offset: int, length: int, head: bytes = b"", tail: bytes = b"") -> None:
        self.headers: Sequence[tuple[str, str]] = ()
        self.sent: Callable[[], None] = _nothing
        self.following: Callable[[], bool] = _not_needed
        self._was_there: bool | None = None
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
        """Whether the kernel can send it without reading from a disk; False too where it does not say. What is not in
        memory the kernel has begun to read, as far as it can be told to: in pieces that grow, so that the first are
        sent while the others come. Looked at once."""
        if self._was_there is None:
            self._was_there = bool(_NOWAIT) and self._look()
        return self._was_there

    def _look(self) -> bool:
        end = self.offset + self.length
        for at in self._looked_at(end):
            if not self._is_there(at):
                if self.offset < _NEAR:
                    for more in _STEPS:
                        if at + more < end:
                            self._is_there(at + more)
                return False
        return True

    def _looked_at(self, end: int) -> Iterator[int]:
        """From where the kernel takes what follows to be read in turn, to the last byte."""
        if self.offset < _NEAR:
            if self.offset >= _PAGE:
                yield 0
            yield self.offset
            if self.length > _PAGE:
                yield self.offset + _PAGE
        else:
            yield self.offset
        yield from range(self.offset + _LOOKED_AT, end - 1, _LOOKED_AT)
        yield end - 1

    def _is_there(self, at: int) -> bool:
        """Whether this byte is in memory. If not it is on its way (EAGAIN), or nobody says (EOPNOTSUPP)."""
        try:
            return os.preadv(self.descriptor, _BYTE, at, _NOWAIT) > 0
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the file; a WSGI server calls this once the body is sent or given up."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            self.sent()


def send_file(connection: socket.socket, head: bytes, body: FileBody) -> None:
    """The head and a body of which most is a part of a file: the kernel sends that from where it lies in memory."""
    _send_with_more(connection, head + body.head)
    at, end = body.offset, body.offset + body.length
    while at < end:
        sent = os.sendfile(connection.fileno(), body.descriptor, at, end - at)
        if not sent:
            raise OSError("the file has become shorter")
        at += sent
    if body.tail:
        connection.sendall(body.tail)


def _send_with_more(connection: socket.socket, data: bytes) -> None:
    """All of the data, kept by the kernel until what follows fills the segment."""
    view = memoryview(data)
    while view:
        view = view[connection.send(view, socket.MSG_MORE) :]


def send_all(connection: socket.socket, parts: list[bytes | memoryview]) -> None:
    """All of the parts, gathered by the kernel."""
    left = sum(map(len, parts)) - connection.sendmsg(parts)
    if left:
        rest = b"".join(parts)
        connection.sendall(memoryview(rest)[len(rest) - left :])


def _nothing() -> None:
    """When nobody wants to know."""


def _not_needed() -> bool:
    """When nothing follows."""
    return False
