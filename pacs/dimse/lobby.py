"""Connections that have not asked for an association yet: no thread, almost no memory, ten seconds.

Whoever connects and says nothing, or trickles, or speaks something else, costs one file descriptor until its deadline
or until somebody else needs the place.
"""

import contextlib
import logging
import resource
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pacs.association import pdu

log = logging.getLogger(__name__)

REQUEST_SECONDS = 10.0
MOST_WAITING = 512
SHORTEST_REQUEST = 68  # fixed part of an A-ASSOCIATE-RQ after its header

Ready = Callable[[socket.socket, str, bytes], None]


@dataclass(eq=False, slots=True)
class _Guest:
    connection: socket.socket
    address: str
    deadline: float
    data: bytearray = field(default_factory=bytearray)
    expected: int = 6


class Lobby:
    """Accepts connections and hands over those whose A-ASSOCIATE-RQ is complete."""

    def __init__(self, listener: socket.socket, ready: Ready, seconds: float = REQUEST_SECONDS) -> None:
        """`ready` gets the connection, its address and the A-ASSOCIATE-RQ; it must not block."""
        self._listener = listener
        self._ready = ready
        self._seconds = seconds
        self._guests: dict[_Guest, None] = {}  # oldest first
        self._most = min(MOST_WAITING, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
        self._selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, None)

    def step(self, seconds: float) -> None:
        """Wait at most `seconds` for something to happen and deal with it."""
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._accept()
            elif key.data in self._guests:
                self._read(key.data)
        now = time.monotonic()
        for guest in [guest for guest in self._guests if guest.deadline < now]:
            log.info("%s: no association request in time, closed", guest.address)
            self._dismiss(guest)

    def close(self) -> None:
        """Stop listening; those who wait are sent away."""
        self._selector.unregister(self._listener)
        self._listener.close()
        for guest in list(self._guests):
            self._dismiss(guest)
        self._selector.close()

    def _accept(self) -> None:
        for _ in range(64):
            try:
                connection, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("cannot accept a connection: %s", error.strerror or error)
                self._make_room()
                return
            connection.setblocking(False)
            if len(self._guests) >= self._most:
                self._make_room()
            guest = _Guest(connection, str(address[0]), time.monotonic() + self._seconds)
            self._guests[guest] = None
            self._selector.register(connection, selectors.EVENT_READ, guest)

    def _make_room(self) -> None:
        """Send away the oldest guest of the address that has the most."""
        if self._guests:
            busiest, _ = Counter(guest.address for guest in self._guests).most_common(1)[0]
            self._dismiss(next(guest for guest in self._guests if guest.address == busiest))

    def _read(self, guest: _Guest) -> None:
        while True:
            try:
                data = guest.connection.recv(guest.expected - len(guest.data))
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""
            if not data:
                self._dismiss(guest)
                return
            guest.data += data
            if guest.data[0] != pdu.ASSOCIATE_RQ:
                log.info("%s: does not speak DICOM, closed", guest.address)
                self._dismiss(guest)
                return
            if len(guest.data) < guest.expected:
                continue
            if guest.expected > 6:
                self._leave(guest)
                self._ready(guest.connection, guest.address, bytes(guest.data))
                return
            length = pdu.HEADER.unpack(guest.data)[1]
            if not SHORTEST_REQUEST <= length <= pdu.MAX_ASSOCIATE:
                log.info("%s: an association request of %d bytes, closed", guest.address, length)
                self._dismiss(guest)
                return
            guest.expected = 6 + length

    def _leave(self, guest: _Guest) -> None:
        del self._guests[guest]
        self._selector.unregister(guest.connection)

    def _dismiss(self, guest: _Guest) -> None:
        self._leave(guest)
        with contextlib.suppress(OSError):
            guest.connection.close()
