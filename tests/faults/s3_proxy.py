"""A proxy in front of a real S3 server that misbehaves on purpose, in twelve ways, in some of the requests.

It looks at whole HTTP requests and answers, so that it can lose, change and swap them; what it does not touch it passes
on as it is, signatures included.
"""

import contextlib
import http.client
import random
import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

HEALTHY = "healthy"
BEHAVIOURS = (
    "refuse",  # the connection is reset before a word
    "blackhole",  # the request is taken and nothing is ever answered
    "reset",  # the connection is reset in the middle of the request's or the answer's body
    "slow",  # the answer comes in drops
    "500",
    "503",  # or 429, with Retry-After
    "200 with error",  # status 200, and an XML error as body
    "truncated",  # the whole length announced, half of the body sent
    "wrong length",  # half of the body, announced as if it were all
    "swapped",  # the answer to another GET, of another object or of an earlier one
    "lost answer",  # the store has done it, the client never hears
    "corrupted",  # one byte is another one, on the way in or out
)
_ERROR = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>try again</Message></Error>"
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(slots=True)
class Request:
    """One request, whole."""

    line: bytes
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def method(self) -> str:
        return self.line.split(b" ")[0].decode()

    @property
    def path(self) -> str:
        return self.line.split(b" ")[1].decode()


@dataclass(slots=True)
class Answer:
    """One answer, whole. `announced` is the length it claims."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    announced: int = -1

    def encoded(self, method: str) -> bytes:
        """As it goes over the wire; the answer to a HEAD announces what it does not bring."""
        length = self.announced if self.announced >= 0 else len(self.body)
        lines = [f"HTTP/1.1 {self.status} {http.client.responses.get(self.status, '')}", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() not in _HOP]
        head = "\r\n".join([*lines, "", ""]).encode()
        return head if method == "HEAD" else head + self.body


class Gone(Exception):
    """This connection is over."""


@dataclass
class Proxy:
    """`behaviour` is what it does to a request with probability `share`."""

    upstream: tuple[str, int]
    behaviour: str = HEALTHY
    share: float = 0.3
    seed: int = 1
    port: int = 0
    passed: Counter[str] = field(default_factory=Counter)  # by method
    spoilt: Counter[str] = field(default_factory=Counter)  # by behaviour

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._lock = threading.Lock()
        self._earlier: list[tuple[str, Answer]] = []
        self._over = threading.Event()
        self._ways: dict[str, Callable[[socket.socket, Request], Answer | None]] = {
            "refuse": self._reset,
            "blackhole": self._blackhole,
            "reset": self._reset_inside,
            "slow": self._slow,
            "500": lambda connection, request: Answer(500, [("Content-Type", "application/xml")], _ERROR),
            "503": self._busy,
            "200 with error": lambda connection, request: Answer(200, [("Content-Type", "application/xml")], _ERROR),
            "truncated": self._truncated,
            "wrong length": self._wrong_length,
            "swapped": self._swapped,
            "lost answer": self._lost,
            "corrupted": self._corrupted,
        }

    @contextmanager
    def serving(self) -> Iterator["Proxy"]:
        """Listens on `port` of 127.0.0.1 while the block runs."""
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError, Gone, http.client.HTTPException):
                    proxy._connection(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            block_on_close = False

        with Server(("127.0.0.1", self.port), Handler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self._over.set()
                server.shutdown()
                thread.join()

    def _connection(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as incoming:
            while True:
                request = _read(incoming)
                with self._lock:
                    behaviour = self.behaviour if self._chance.random() < self.share else HEALTHY
                if behaviour == HEALTHY:
                    answer: Answer | None = self._pass(request)
                else:
                    with self._lock:
                        self.spoilt[behaviour] += 1
                    answer = self._ways[behaviour](connection, request)
                if answer is None:
                    return
                connection.sendall(answer.encoded(request.method))
                if answer.announced >= 0:
                    return

    def _pass(self, request: Request) -> Answer:
        """What the store answers. Remembers objects, to give them out in the place of others."""
        with self._lock:
            self.passed[request.method] += 1
        store = http.client.HTTPConnection(*self.upstream, timeout=30)
        try:
            store.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                store.putheader(name, value)
            store.endheaders(request.body or None)
            response = store.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
            if request.method == "HEAD":
                answer.announced = -1
                length = response.getheader("Content-Length")
                return _HeadAnswer(answer.status, answer.headers, b"", -1, length or "0")
        finally:
            store.close()
        if request.method == "GET" and answer.status in (200, 206) and "x-amz-meta-sha256" in _lower(answer.headers):
            with self._lock:
                self._earlier = [*self._earlier[-20:], (request.path, answer)]
        return answer

    def _reset(self, connection: socket.socket, request: Request) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        raise Gone

    def _blackhole(self, connection: socket.socket, request: Request) -> None:
        self._over.wait(5)

    def _reset_inside(self, connection: socket.socket, request: Request) -> None:
        if request.method != "PUT":
            whole = self._pass(request).encoded(request.method)
            connection.sendall(whole[: len(whole) - max(1, len(whole) // 3)])
            time.sleep(0.01)
        self._reset(connection, request)

    def _slow(self, connection: socket.socket, request: Request) -> None:
        whole = self._pass(request).encoded(request.method)
        for start in range(0, len(whole), max(1, len(whole) // 5)):
            connection.sendall(whole[start : start + max(1, len(whole) // 5)])
            if self._over.wait(0.02):
                break

    def _busy(self, connection: socket.socket, request: Request) -> Answer:
        with self._lock:
            status = self._chance.choice((503, 429))
        return Answer(status, [("Content-Type", "application/xml"), ("Retry-After", "0")], _ERROR)

    def _truncated(self, connection: socket.socket, request: Request) -> Answer:
        answer = self._pass(request)
        if request.method != "GET":
            return answer
        return replace(answer, body=answer.body[: len(answer.body) // 2], announced=len(answer.body))

    def _wrong_length(self, connection: socket.socket, request: Request) -> Answer:
        answer = self._pass(request)
        return answer if request.method != "GET" else replace(answer, body=answer.body[: len(answer.body) // 2])

    def _swapped(self, connection: socket.socket, request: Request) -> Answer:
        answer = self._pass(request)
        with self._lock:
            others = [earlier for path, earlier in self._earlier if path != request.path]
            if request.method != "GET" or not others or "x-amz-meta-sha256" not in _lower(answer.headers):
                return answer
            return self._chance.choice(others)

    def _lost(self, connection: socket.socket, request: Request) -> None:
        self._pass(request)

    def _corrupted(self, connection: socket.socket, request: Request) -> Answer:
        with self._lock:
            place, bit = self._chance.random(), 1 << self._chance.randrange(8)
        if request.method == "PUT" and request.body:
            return self._pass(replace(request, body=_flipped(request.body, place, bit)))
        answer = self._pass(request)
        if request.method != "GET" or "x-amz-meta-sha256" not in _lower(answer.headers):
            return answer
        return replace(answer, body=_flipped(answer.body, place, bit))


@dataclass(slots=True)
class _HeadAnswer(Answer):
    """Announces the length of what a GET would bring."""

    length: str = "0"

    def encoded(self, method: str) -> bytes:
        head = Answer.encoded(self, method)
        return head.replace(b"Content-Length: 0\r\n", f"Content-Length: {self.length}\r\n".encode(), 1)


def _read(incoming: "socket.SocketIO | object") -> Request:
    readline: Callable[[], bytes] = incoming.readline  # type: ignore[union-attr]
    line = readline().strip()
    if not line:
        raise Gone
    headers: list[tuple[str, str]] = []
    length = 0
    while header := readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers.append((name, value.strip()))
        if name.lower() == "content-length":
            length = int(value)
    body = incoming.read(length) if length else b""  # type: ignore[union-attr]
    if len(body) < length:
        raise Gone
    return Request(line, headers, body)


def _lower(headers: list[tuple[str, str]]) -> set[str]:
    return {name.lower() for name, _ in headers}


def _flipped(data: bytes, place: float, bit: int) -> bytes:
    if not data:
        return data
    at = int(place * len(data))
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
