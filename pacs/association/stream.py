"""The established association on its socket: one thread reads it in large blocks and writes it whole.

pynetdicom's reactors are not used here: they poll, read 4 KiB at a time and hold whole messages in memory
(docs/decisions/0002-receive-loop.md).
"""

import contextlib
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.command import Command
from pacs.association.endings import (
    INVALID_PARAMETER,
    UNEXPECTED_PDU,
    UNRECOGNISED_PDU,
    AbortedByPeer,
    ConnectionLost,
    ProtocolError,
    Released,
    Stopping,
    TimedOut,
    TooLarge,
)

TICK_SECONDS = 0.5  # how often a waiting read looks at its deadline and at `stopping`
SEND_SECONDS = 30  # a peer that takes nothing for this long is gone
FINISH_SECONDS = 2  # for the peer to close the connection after the last PDU
SLOWEST = 1000  # bytes a second that keep a PDU and a message alive beyond their deadlines
PDU_SECONDS = 30.0
_MOST_PARTS = 512  # parts of one system call; the kernel takes 1024


class Pdv(NamedTuple):
    """A presentation data value; `data` is only valid until the next one is read."""

    context_id: int
    command: bool
    last: bool
    data: memoryview


class PduStream:
    """PDUs from and to a connected socket. Memory is one buffer of a few PDUs, whatever is sent through it.

    Three clocks watch who sends to us: nothing may be said for `idle_seconds` between messages; every PDU of a message
    must be complete `pdu_seconds` after the one before it, or bring `slowest` bytes a second; so must the whole message
    within `message_seconds`. A message of more than `max_message` bytes (0: any number) ends the association.
    """

    def __init__(
        self,
        connection: socket.socket,
        *,
        max_pdu: int,
        idle_seconds: float,
        message_seconds: float,
        pdu_seconds: float = PDU_SECONDS,
        slowest: int = SLOWEST,
        max_message: int = 0,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._socket = connection
        self._longest = max_pdu + 6
        self._idle_seconds = idle_seconds
        self._message_seconds = message_seconds
        self._pdu_seconds = pdu_seconds
        self._stopping = stopping
        self._buffer = bytearray(max(3 * (max_pdu + 12), 256 * 1024))
        self._view = memoryview(self._buffer)
        self._start = self._end = 0  # what is read and not yet consumed
        self._pdu_end = 0  # end of the P-DATA-TF whose values are being consumed
        self._deadline = 0.0  # of the message, or of being idle
        self._pdu_deadline = 0.0
        self.in_message = False  # whether a message has begun to arrive
        self._received = 0  # bytes of the message under way
        self._received_before = 0  # of these, before the PDU under way
        self.slowest = slowest
        self.max_message = max_message
        self._unread: tuple[int, Command] | None = None
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._tls = connection if isinstance(connection, ssl.SSLSocket) else None
        self.fragment = pdu.fragment_length(0)  # longest fragment the peer takes; set after negotiation
        prepare(connection)

    # --- reading

    def read_command(self, seconds: float | None = None) -> tuple[int, Command]:
        """The next command set and its presentation context; waits `seconds` for it (idle time by default)."""
        if self._unread is not None:
            unread, self._unread = self._unread, None
            return unread
        if self._stopping():
            raise Stopping
        self.in_message = False
        self._received = 0
        self._deadline = time.monotonic() + (self._idle_seconds if seconds is None else seconds)
        value = self._next_value()
        if not self.in_message:
            self._begin_message(time.monotonic())
        context_id, parts = value.context_id, bytearray()
        while True:
            if not value.command or value.context_id != context_id:
                raise ProtocolError("a fragment that does not belong to a command", UNEXPECTED_PDU)
            parts += value.data
            if len(parts) > commands.MAX_COMMAND:
                raise ProtocolError("a command set without end", INVALID_PARAMETER)
            if value.last:
                return context_id, commands.decode(bytes(parts))
            value = self._next_value()

    def unread_command(self, context_id: int, command: Command) -> None:
        """Put back a command that was read too early."""
        self._unread = context_id, command

    def fragments(self, context_id: int) -> Iterator[memoryview]:
        """The fragments of the dataset that follows a command; each is only valid until the next."""
        while True:
            value = self._next_value()
            if value.command or value.context_id != context_id:
                raise ProtocolError("a fragment that does not belong to the dataset", UNEXPECTED_PDU)
            yield value.data
            if value.last:
                return

    def read_dataset(self, context_id: int, limit: int) -> bytes:
        """A whole short dataset (an identifier) of at most `limit` bytes."""
        data = bytearray()
        for fragment in self.fragments(context_id):
            data += fragment
            if len(data) > limit:
                raise ProtocolError("an identifier without end", INVALID_PARAMETER)
        return bytes(data)

    def skip_dataset(self, context_id: int, limit: int) -> None:
        """Read a dataset of at most `limit` bytes and forget it."""
        skip(self.fragments(context_id), limit)

    def has_more(self, seconds: float = 0) -> bool:
        """Whether the peer has said something that was not read yet, or says it within so many seconds."""
        if self._unread is not None or self._end > self._start:
            return True
        return (self._tls is not None and self._tls.pending() > 0) or bool(self._poll.poll(seconds * 1000))

    def read_pdu(self, seconds: float, first: int, longest: int) -> tuple[int, bytes]:
        """One whole PDU outside of an established association; its type must be `first`, release, reject or abort."""
        self.in_message = True
        self._received = 0
        self._deadline = time.monotonic() + seconds
        self._need(6, strict=True)
        kind, length = pdu.HEADER.unpack_from(self._buffer, self._start)
        if kind not in (first, pdu.ASSOCIATE_RJ, pdu.RELEASE_RQ, pdu.RELEASE_RP, pdu.ABORT, pdu.P_DATA):
            raise ProtocolError(f"a PDU of type {kind}", UNRECOGNISED_PDU)
        if length > (longest if kind in (first, pdu.P_DATA) else pdu.MAX_OTHER):
            raise ProtocolError(f"a PDU of {length} bytes", INVALID_PARAMETER)
        self._need(6 + length, strict=True)
        data = bytes(self._view[self._start : self._start + 6 + length])
        self._start += 6 + length
        return kind, data

    def _next_value(self) -> Pdv:
        if self._start >= self._pdu_end:
            self._next_p_data()
        if self._pdu_end - self._start < pdu.PDV_HEADER:
            raise ProtocolError("a P-DATA-TF that ends inside a value", INVALID_PARAMETER)
        length, context_id, control = pdu.PDV.unpack_from(self._buffer, self._start)
        first = self._start + pdu.PDV_HEADER
        last = self._start + 4 + length
        if length < 2 or last > self._pdu_end:
            raise ProtocolError("a value longer than its P-DATA-TF", INVALID_PARAMETER)
        self._start = last
        return Pdv(context_id, bool(control & pdu.COMMAND), bool(control & pdu.LAST), self._view[first:last])

    def _next_p_data(self) -> None:
        if self.in_message:
            self._begin_pdu(time.monotonic())
        self._need(6)
        kind, length = pdu.HEADER.unpack_from(self._buffer, self._start)
        if kind == pdu.P_DATA:
            if length > self._longest or length < pdu.PDV_HEADER:
                raise ProtocolError(f"a P-DATA-TF of {length} bytes", INVALID_PARAMETER)
            self._need(6 + length)
            self._start += 6
            self._pdu_end = self._start + length
            return
        if not pdu.ASSOCIATE_RQ <= kind <= pdu.ABORT:
            raise ProtocolError(f"a PDU of type {kind}", UNRECOGNISED_PDU)
        if kind == pdu.RELEASE_RQ:
            raise Released
        if kind == pdu.ABORT:
            raise AbortedByPeer
        raise ProtocolError(f"a PDU of type {kind} inside an association", UNEXPECTED_PDU)

    def _need(self, count: int, strict: bool = False) -> None:
        """Have `count` bytes in one piece from `_start` on. `strict`: slow progress does not extend the deadline."""
        if self._end - self._start >= count:
            return
        if self._start == self._end:
            self._start = self._end = 0
        elif len(self._buffer) - self._start < count:
            remaining = self._end - self._start
            self._view[:remaining] = bytes(self._view[self._start : self._end])
            self._start, self._end = 0, remaining
        while self._end - self._start < count:
            self._receive(strict)

    def _receive(self, strict: bool) -> None:
        try:
            count = self._socket.recv_into(self._view[self._end :])
        except ssl.SSLWantReadError:
            count = -1
        except (BlockingIOError, InterruptedError, TimeoutError):
            count = -1
        except OSError as error:
            raise ConnectionLost(str(error.strerror or error)) from error
        if count == 0:
            raise ConnectionLost("closed by the peer")
        now = time.monotonic()
        if count > 0:
            self._end += count
            if not self.in_message:
                self._begin_message(now)
            self._received += count
        elif not self.in_message and self._stopping():
            raise Stopping
        self._check_time(now, strict)

    def _begin_message(self, now: float) -> None:
        self.in_message = True
        self._deadline = now + self._message_seconds
        self._begin_pdu(now)

    def _begin_pdu(self, now: float) -> None:
        if self.max_message and self._received > self.max_message:
            raise TooLarge(f"a message of more than {self.max_message} bytes")
        self._pdu_deadline = now + self._pdu_seconds
        self._received_before = self._received

    def _check_time(self, now: float, strict: bool) -> None:
        if strict or not self.in_message:
            if now > self._deadline:
                raise TimedOut("too slow" if strict else "idle")
            return
        of_pdu = self._received - self._received_before
        if now > self._pdu_deadline + of_pdu / self.slowest or now > self._deadline + self._received / self.slowest:
            raise TimedOut("too slow")

    # --- writing

    def send(self, data: bytes | bytearray | memoryview) -> None:
        """All of `data`."""
        try:
            if self._tls is not None:
                self._tls.settimeout(SEND_SECONDS)
            self._socket.sendall(data)
            if self._tls is not None:
                self._tls.settimeout(TICK_SECONDS)
        except OSError as error:
            raise ConnectionLost(str(error.strerror or error)) from error

    def send_parts(self, parts: Sequence[bytes | memoryview]) -> None:
        """All of the parts, in order, without putting them together first."""
        if self._tls is not None:  # which knows no sendmsg
            self.send(b"".join(parts))
            return
        at, left = 0, list(parts)
        try:
            while at < len(left):
                sent = self._socket.sendmsg(left[at : at + _MOST_PARTS])
                while at < len(left) and sent >= len(left[at]):
                    sent -= len(left[at])
                    at += 1
                if sent:
                    left[at] = memoryview(left[at])[sent:]
        except OSError as error:
            raise ConnectionLost(str(error.strerror or error)) from error

    def send_message(self, context_id: int, command: bytes, dataset: bytes | None = None) -> None:
        """A command set, and the dataset that belongs to it when there is one."""
        self.send(self.encoded(context_id, command, dataset))

    def encoded(self, context_id: int, command: bytes, dataset: bytes | None = None) -> bytes:
        """A message as it goes over the wire, for callers that send several at once."""
        return b"".join(pdu.message(context_id, command, dataset, self.fragment))

    def finish(self) -> None:
        """After the last PDU: leave it to the peer to close, for a moment (PS3.8 §9.1.5)."""
        with contextlib.suppress(OSError):
            if self._tls is None:  # there the end of writing would be the end of reading
                self._socket.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + FINISH_SECONDS
            while time.monotonic() < deadline:
                with contextlib.suppress(BlockingIOError, TimeoutError):
                    if not self._socket.recv(65536):
                        return

    def close(self) -> None:
        """Close the transport connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def skip(fragments: Iterator[memoryview], limit: int) -> None:
    """Read what is left of a dataset, at most `limit` bytes, and forget it."""
    size = 0
    for fragment in fragments:
        size += len(fragment)
        if size > limit:
            raise TooLarge(f"an object of more than {limit} bytes")


def prepare(connection: socket.socket) -> None:
    """Blocking, without Nagle's algorithm, and waking up every tick. Under TLS Python must wake up, not the kernel."""
    connection.settimeout(TICK_SECONDS if isinstance(connection, ssl.SSLSocket) else None)
    with contextlib.suppress(OSError):  # not TCP (socketpair in tests)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(TICK_SECONDS))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(SEND_SECONDS))


def _timeval(seconds: float) -> bytes:
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
