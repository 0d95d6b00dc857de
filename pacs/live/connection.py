"""One WebSocket (RFC 6455): the handshake, texts in and out, limits, and an end that is always reached."""

import asyncio
import contextlib
import hashlib
import http.cookies
import logging
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

log = logging.getLogger(__name__)

PATH = "/ws"
LONGEST = 16 * 1024  # bytes of one message
PER_SECOND, BURST = 60.0, 240.0  # messages of one socket; the burst is an outbox after a cut
NOT_SENT = 4096  # bytes the kernel may hold unsent before we wait: what is older than that is better replaced
HANDSHAKE_SECONDS = 10.0
CLOSE_SECONDS = 3.0
SILENCE_SECONDS = 30.0  # a peer that neither says nor acknowledges anything for so long is gone
PING_SECONDS = 10.0

NORMAL, POLICY, FULL, AGAIN = 1000, 1008, 1013, 1012


class Host(Protocol):
    """What a connection needs of the process."""

    def origins(self, host: str) -> set[str]:
        """Network locations whose pages may open a socket, given what the browser calls us."""

    def heard(self, connection: "Connection", text: str) -> None:
        """A message came."""

    def gone(self, connection: "Connection") -> None:
        """The connection is over."""

    def writable(self, connection: "Connection") -> None:
        """What was held back can be sent."""


class Connection(asyncio.Protocol):
    """A socket of a browser; `read` is what was read of it before it came to us."""

    def __init__(self, host: Host, read: bytes = b"") -> None:
        self._host = host
        self._read = read
        self._ws = ServerProtocol(max_size=LONGEST)
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []
        self._parts: list[bytes] = []
        self._tokens, self._counted = BURST, time.monotonic()
        self._over = False
        self.heard_at = time.monotonic()
        self.paused = False
        self.cookies: frozenset[str] = frozenset()  # SHA-256 of each cookie's value
        self.sent = 0
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            for option, value in ((socket.TCP_NODELAY, 1), (_TCP_NOTSENT_LOWAT, NOT_SENT)):
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
        transport.set_write_buffer_limits(high=NOT_SENT, low=0)
        self._timers.append(self._loop.call_later(HANDSHAKE_SECONDS, self._open_by_now))
        if self._read:
            self.data_received(self._read)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.heard_at = time.monotonic()
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Request):
                self._shake(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()

    def eof_received(self) -> bool:
        self._ws.receive_eof()
        self._flush()
        return False

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._host.writable(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        for timer in self._timers:
            timer.cancel()
        self._host.gone(self)

    @property
    def is_open(self) -> bool:
        return not self._over and self._ws.state is State.OPEN

    def say(self, text: bytes) -> None:
        """Send a text; nothing happens when the connection is over."""
        if self.is_open:
            self._ws.send_text(text)
            self._flush()

    def end(self, code: int, reason: str = "") -> None:
        """Close it in an orderly way, or without one when the other side does not answer."""
        with contextlib.suppress(ConnectionClosed, InvalidState):
            self._ws.send_close(code, reason)
        self._flush()
        self._later(CLOSE_SECONDS, self._abort)

    def _shake(self, request: Request) -> None:
        origins = request.headers.get_all("Origin")
        host = request.headers.get("Host", "").casefold()
        if urlsplit(request.path).path != PATH:
            response = self._ws.reject(HTTPStatus.NOT_FOUND, "there is nothing at this address\n")
        elif len(origins) != 1 or urlsplit(origins[0]).netloc.casefold() not in self._host.origins(host):
            response = self._ws.reject(HTTPStatus.FORBIDDEN, "this request was made by a page of another site\n")
        else:
            response = self._ws.accept(request)
            self.cookies = _cookies(request.headers.get_all("Cookie"))
        self._ws.send_response(response)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self._later(PING_SECONDS, self._ping)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            self._parts.append(bytes(frame.data))
            if not frame.fin:
                return
            text, self._parts = b"".join(self._parts), []
            if not self._allowed():
                self.end(POLICY, "too many messages")
                return
            try:
                self._host.heard(self, text.decode())
            except UnicodeDecodeError:
                self.end(POLICY, "not UTF-8")
        elif frame.opcode is Opcode.BINARY:
            self.end(POLICY, "texts only")

    def _allowed(self) -> bool:
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._counted) * PER_SECOND) - 1
        self._counted = now
        return self._tokens >= 0

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        for data in self._ws.data_to_send():
            if data:
                self.sent += len(data)
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
        if self._ws.close_expected():
            self._later(CLOSE_SECONDS, self._abort)

    def _ping(self) -> None:
        if time.monotonic() - self.heard_at > SILENCE_SECONDS:
            self._abort()
        elif self.is_open:
            self._ws.send_ping(b"")
            self._flush()
            self._later(PING_SECONDS, self._ping)

    def _open_by_now(self) -> None:
        if self._ws.state is State.CONNECTING:
            self._abort()

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        if not self._over:
            self._timers = [
                timer for timer in self._timers if not timer.cancelled() and timer.when() > self._loop.time()
            ]
            self._timers.append(self._loop.call_later(seconds, act))

    def _abort(self) -> None:
        if self._transport is not None and not self._over:
            self._transport.abort()


_TCP_NOTSENT_LOWAT = 25  # Linux; elsewhere setting it fails, which is suppressed


def _cookies(headers: list[str]) -> frozenset[str]:
    """SHA-256 of the value of each cookie: a ticket stands on one of them."""
    found = set()
    for header in headers:
        try:
            jar = http.cookies.SimpleCookie(header)
        except http.cookies.CookieError:
            continue
        found |= {hashlib.sha256(morsel.value.encode()).hexdigest() for morsel in jar.values()}
    return frozenset(found)
