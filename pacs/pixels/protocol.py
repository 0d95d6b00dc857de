"""How a request and its answer cross the socket: a length, a JSON head, binary parts. Never pickle.

u32 big endian   length of the head
head             JSON object; "parts" lists the lengths of the parts
parts            bytes, one after the other
"""

import json
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

MOST_HEAD_BYTES = 1 << 20
MOST_PART_BYTES = 640 << 20


class BrokenMessageError(Exception):
    """The other side closed the connection, or said what makes no sense."""


def send(connection: socket.socket, head: dict[str, Any], parts: Sequence[bytes | memoryview]) -> None:
    """Send one message."""
    text = json.dumps({**head, "parts": [len(part) for part in parts]}).encode()
    connection.sendall(struct.pack(">I", len(text)) + text)
    for part in parts:
        if part:
            connection.sendall(part)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[bytes]]:
    """Receive one message. Raises BrokenMessageError; nothing is allocated for a length that is over the limits."""
    (length,) = struct.unpack(">I", _exactly(connection, 4))
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
    if length <= 65536:
        first = connection.recv(length, socket.MSG_WAITALL) if length else b""
        if len(first) != length:
            raise BrokenMessageError("the connection was closed")
        return first
    buffer = bytearray(length)
    view, done = memoryview(buffer), 0
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
