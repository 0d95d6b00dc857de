"""A light HTTP/1.1 client: many kept-alive connections in one thread, bodies read and thrown away.

Python's own client costs as much as a fast server does and would be what is measured. This one reads into one buffer
and only looks at the status line and Content-Length (or the end of a chunked body, or of the connection). A connection
that the server closes instead of answering, or within its answer, is opened anew and asked again, as clients do (RFC
9112, 9.3.1); the time goes on meanwhile, and how often it happened is told.
"""

import contextlib
import re
import selectors
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit

from bench.targets import Target

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_BUFFER = 1 << 20
_TRIES = 10  # of one request


@dataclass(frozen=True, slots=True)
class Rate:
    """What a run of equal requests came to."""

    per_second: float
    p50_ms: float
    p95_ms: float
    bytes_per_second: float
    reopened: int = 0  # connections that were closed without a whole answer


class _Connection:
    """One request at a time on a kept-alive connection."""

    def __init__(self, target: Target, accept: str) -> None:
        parts = urlsplit(target.web)
        self.root = parts.path
        authorization = f"Authorization: {target.authorization}\r\n" if target.authorization else ""
        self.head = f"Host: {parts.netloc}\r\nAccept: {accept}\r\n{authorization}\r\n"
        self.address = parts.hostname or "", parts.port or 80
        self.socket = self._open()
        self.begun = 0.0
        self.path = ""
        self.reopened = self.tries = 0
        self.received = 0
        self.size: int | None = None  # of the whole answer, once the head is read
        self.chunked = self.until_closed = False
        self.early = self.tail = b""

    def _open(self) -> socket.socket:
        opened = socket.create_connection(self.address, timeout=120)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def ask(self, path: str) -> None:
        self.begun = time.perf_counter()
        self.path, self.tries = path, 0
        self._send()

    def _send(self) -> None:
        self.received, self.size = 0, None
        self.early = self.tail = b""
        self.chunked = self.until_closed = False
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # reading will tell
            self.socket.sendall(f"GET {self.root}{self.path} HTTP/1.1\r\n{self.head}".encode())

    def again(self) -> None:
        """The same request on a new connection. RuntimeError where it was asked often enough."""
        self.tries += 1
        if self.tries == _TRIES:
            raise RuntimeError(f"the server closed the connection {_TRIES} times instead of answering")
        self.reopened += 1
        self.socket.close()
        self.socket = self._open()
        self._send()

    def read(self, buffer: memoryview) -> bool | None:
        """Read what is there; whether the answer is complete, None when the connection was closed. RuntimeError for
        anything but success."""
        try:
            count = self.socket.recv_into(buffer)
        except ConnectionResetError:
            count = 0
        if not count and self.until_closed:
            return True
        if not count:
            return None
        self.received += count
        # The end of the last chunk may come in pieces.
        self.tail = (self.tail + bytes(buffer[max(0, count - len(_LAST_CHUNK)) : count]))[-len(_LAST_CHUNK) :]
        if self.size is None and not self._head_read(bytes(buffer[: min(count, 4096)])):
            return False
        if self.until_closed:
            return False
        if self.chunked:
            return self.tail == _LAST_CHUNK
        assert self.size is not None
        return self.received >= self.size

    def _head_read(self, piece: bytes) -> bool:
        self.early += piece
        end = self.early.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.early[: end + 2]
        if head[9:12] not in (b"200", b"206"):
            raise RuntimeError(f"status {head[9:12].decode()}")
        found = _LENGTH.search(head)
        self.chunked = found is None and _CHUNKED.search(head) is not None
        self.until_closed = found is None and not self.chunked
        self.size = end + 4 + (int(found[1]) if found else 0)
        return True


def rate(target: Target, paths: Sequence[str], accept: str, clients: int, seconds: float) -> Rate:
    """Ask for the paths in turn over `clients` connections for so long."""
    selector = selectors.DefaultSelector()
    buffer = memoryview(bytearray(_BUFFER))
    following: Iterator[str] = cycle(paths)
    took: list[float] = []
    amount = 0
    connections = [_Connection(target, accept) for _ in range(clients)]
    began = time.perf_counter()
    end = began + seconds
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask(next(following))
    busy = clients
    while busy:
        for key, _ in selector.select(120):
            connection = key.data
            done = connection.read(buffer)
            if done is None:
                selector.unregister(connection.socket)
                connection.again()
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            if not done:
                continue
            now = time.perf_counter()
            took.append(now - connection.begun)
            amount += connection.received
            if now < end:
                connection.ask(next(following))
            else:
                busy -= 1
    whole = time.perf_counter() - began
    for connection in connections:
        connection.socket.close()
    took.sort()
    return Rate(
        len(took) / whole,
        1000 * statistics.median(took),
        1000 * took[min(len(took) - 1, len(took) * 95 // 100)],
        amount / whole,
        sum(connection.reopened for connection in connections),
    )


def drained(target: Target, path: str, accept: str) -> tuple[int, float]:
    """Bytes and seconds of one answer that is read and thrown away."""
    connection = _Connection(target, accept)
    buffer = memoryview(bytearray(_BUFFER))
    connection.ask(path)
    while not (done := connection.read(buffer)):
        if done is None:
            raise RuntimeError("the server closed the connection")
    seconds = time.perf_counter() - connection.begun
    connection.socket.close()
    return connection.received, seconds
