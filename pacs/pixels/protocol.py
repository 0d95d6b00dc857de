"""How a request and its answer cross the socket: a length, a JSON head, binary parts. Never pickle.

u32 big endian   length of the head
head             JSON object; "parts" lists the lengths of the parts
parts            bytes, one after the other

A frame that is a range of a file may stay there: the file goes with the first bytes (SCM_RIGHTS), the second part is
empty, and "file" in the head is the range.
"""

import json
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

MOST_HEAD_BYTES = 1 << 20
MOST_PART_BYTES = 640 << 20
_TOGETHER = 64 << 10


class BrokenMessageError(Exception):
    """The other side closed the connection, or said what makes no sense."""


class FromFile(NamedTuple):
    """A range of an open file, which stays the caller's."""

    descriptor: int
    offset: int
    length: int


def send(
    connection: socket.socket, head: dict[str, Any], parts: Sequence[bytes | memoryview], file: int | None = None
) -> None:
    """Send one message, with an open file when one is given."""
    text = json.dumps({**head, "parts": [len(part) for part in parts]}).encode()
    lead: list[bytes | memoryview] = [struct.pack(">I", len(text)), text]
    rest = list(parts)
    while rest and len(rest[0]) <= _TOGETHER:
        lead.append(rest.pop(0))
    data = b"".join(lead)
    sent = 0 if file is None else socket.send_fds(connection, [data], [file])
    for part in (memoryview(data)[sent:], *rest):
        if part:  # sending nothing would fail where the answer has come and the other side has gone
            connection.sendall(part)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[bytes]]:
    """Receive one message. Raises BrokenMessageError; nothing is allocated for a length that is over the limits."""
    return _received(connection, _exactly(connection, 4))


@contextmanager
def received(connection: socket.socket) -> Iterator[tuple[dict[str, Any], list[bytes], int | None]]:
    """The same with the file that came, if one did; it is closed afterwards."""
    first, files, _, _ = socket.recv_fds(connection, 4, 1)
    try:
        head, parts = _received(connection, first + _exactly(connection, 4 - len(first)) if first else first)
        yield head, parts, files[0] if files else None
    finally:
        for file in files:
            os.close(file)


def _received(connection: socket.socket, first: bytes) -> tuple[dict[str, Any], list[bytes]]:
    if len(first) != 4:
        raise BrokenMessageError("the connection was closed")
    (length,) = struct.unpack(">I", first)
    if length > MOST_HEAD_BYTES:
        raise BrokenMessageError("the head is too long")
    head = json.loads(_exactly(connection, length))
    lengths = head.get("parts") if isinstance(head, dict) else None
    if not isinstance(lengths, list) or len(lengths) > 8:
        raise BrokenMessageError("the head has no list of parts")
    if not all(isinstance(part, int) and 0 <= part <= MOST_PART_BYTES for part in lengths):
        raise BrokenMessageError("a part is too long")
    return head, [_exactly(connection, part) for part in lengths]


def _exactly(connection: socket.socket, length: int) -> bytes:
    first = connection.recv(length, socket.MSG_WAITALL) if 0 < length <= 65536 else b""
    if len(first) == length:
        return first
    buffer = bytearray(first.ljust(length, b"\0"))  # a signal cuts a read short: what it brought is kept
    view, done = memoryview(buffer), len(first)
    while done < length:
        count = connection.recv_into(view[done:], length - done, socket.MSG_WAITALL)
        if not count:
            raise BrokenMessageError("the connection was closed")
        done += count
    return bytes(buffer)


@contextmanager
def short_address(path: str) -> Iterator[str]:
    """A socket address for any path: AF_UNIX allows 107 bytes, longer ones go by way of the open directory."""
    if len(os.fsencode(path)) <= 107:
        yield path
        return
    directory, name = os.path.split(path)
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
