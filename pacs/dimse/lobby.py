"""Connections that have not asked for an association yet: no thread, almost no memory, ten seconds.

Whoever connects and says nothing, or trickles, or speaks something else, costs one file descriptor until its deadline
or until somebody else needs the place. Addresses of known peers come first: a stranger never takes the place of a peer.
The TLS handshake is made here too, in pieces, so that a silent caller keeps nobody waiting.
Who holds more associations than another listener process leaves the next connection to it, see `pacs.balance`.
"""

import collections
import contextlib
import logging
import resource
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pacs.association import pdu
from pacs.association.tls import TlsCredentials
from pacs.balance import Share, Shares
from pacs.dimse import handshake, reasons
from pacs.dimse.admission import group_of

log = logging.getLogger(__name__)

REQUEST_SECONDS = 10.0
MOST_WAITING = 512
MOST_OF_STRANGER = 10  # waiting connections of one address no peer calls from
HANDSHAKES_AT_ONCE = 8  # steps of strangers' handshakes before others are looked at again: each costs a millisecond
FAREWELL_SECONDS = 2.0  # for who was refused to close the connection (PS3.8 §9.1.5)
SHORTEST_REQUEST = 68  # fixed part of an A-ASSOCIATE-RQ after its header
_HANDSHAKE, _REQUEST, _FAREWELL = range(3)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who has asked for an association, with the A-ASSOCIATE-RQ. `known`: some peer calls from this address."""

    connection: socket.socket
    address: str
    request: bytes
    known: bool


@dataclass(frozen=True, slots=True)
class Doors:
    """What the lobby asks and tells. None of these may block."""

    ready: Callable[[Visitor], None]
    knows: Callable[[str], bool] = lambda address: False
    refused: Callable[[str, str], None] = lambda address, reason: None


@dataclass(eq=False, slots=True)
class _Guest:
    connection: socket.socket
    address: str
    known: bool
    deadline: float
    group: str
    phase: int = _REQUEST
    data: bytearray = field(default_factory=bytearray)
    expected: int = 6


class Lobby:
    """Accepts connections and hands over those whose A-ASSOCIATE-RQ is complete."""

    def __init__(
        self,
        listeners: list[tuple[socket.socket, TlsCredentials | None]],
        doors: Doors,
        seconds: float = REQUEST_SECONDS,
        share: Share | None = None,
    ) -> None:
        """`listeners`: each with the credentials of its TLS, or None. `seconds`: for handshake and request together.
        `share`: what this process holds beside the others that accept at the same sockets; callers from where peers
        call are added when they connect, and taken off here only when they go without having asked."""
        self._listeners = [listener for listener, _ in listeners]
        self._doors = doors
        self._seconds = seconds
        self._share = share or Share(Shares(1), 0)
        self._guests: dict[str, dict[_Guest, None]] = {}  # by group of addresses, oldest first
        self._leaving: collections.deque[tuple[socket.socket, str]] = collections.deque()
        self._count = 0
        self._most = min(MOST_WAITING, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
        self._selector = selectors.DefaultSelector()
        for listener, credentials in listeners:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, credentials)

    def step(self, seconds: float) -> None:
        """Wait at most `seconds` for something to happen and deal with it, peers first."""
        strangers: list[_Guest] = []
        for key, _ in self._selector.select(seconds):
            if not isinstance(key.data, _Guest):
                self._accept(key.fileobj, key.data)  # type: ignore[arg-type]
            elif key.data.known:
                self._attend(key.data)
            else:
                strangers.append(key.data)
        handshakes = 0
        for guest in strangers:
            handshakes += guest.phase == _HANDSHAKE
            if guest.phase != _HANDSHAKE or handshakes <= HANDSHAKES_AT_ONCE:
                self._attend(guest)
        while self._leaving:
            self._see_off(*self._leaving.popleft())
        now = time.monotonic()
        for guest in [guest for guests in self._guests.values() for guest in guests if guest.deadline < now]:
            self._dismiss(guest, "" if guest.phase == _FAREWELL else reasons.NO_REQUEST)

    def farewell(self, connection: socket.socket, address: str) -> None:
        """Take over a connection that was refused: it is closed when the caller has read the answer. Any thread."""
        self._leaving.append((connection, address))

    def close(self) -> None:
        """Stop listening; those who wait are sent away."""
        for listener in self._listeners:
            self._selector.unregister(listener)
            listener.close()
        for guest in [guest for guests in self._guests.values() for guest in guests]:
            self._dismiss(guest, "")
        while self._leaving:
            _close(self._leaving.popleft()[0])
        self._selector.close()

    def _accept(self, listener: socket.socket, credentials: TlsCredentials | None) -> None:
        if not self._share.may_take():
            return
        for accepted in range(64):
            if accepted and not self._share.may_go_on():
                return
            try:
                connection, place = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("cannot accept a connection: %s", error.strerror or error)
                self._make_room(known=True)
                return
            address = str(place[0])
            known = self._doors.knows(address)
            group = group_of(address)
            if not self._has_room(group, known):
                self._doors.refused(address, reasons.CROWD)
                _close(connection)
                continue
            connection.setblocking(False)
            guest = _Guest(connection, address, known, time.monotonic() + self._seconds, group)
            if credentials is not None:
                try:
                    guest.connection = credentials.server().wrap_socket(
                        connection, server_side=True, do_handshake_on_connect=False
                    )
                except (OSError, ValueError):  # gone already
                    _close(connection)
                    continue
                guest.phase = _HANDSHAKE
            if known:
                self._share.come()
            self._enter(guest)

    def _enter(self, guest: _Guest) -> None:
        self._guests.setdefault(guest.group, {})[guest] = None
        self._count += 1
        self._selector.register(guest.connection, selectors.EVENT_READ, guest)

    def _has_room(self, group: str, known: bool) -> bool:
        """Whether this caller may wait; somebody else may have to go for it."""
        own = self._guests.get(group, {})
        if not known and len(own) >= MOST_OF_STRANGER:
            self._dismiss(next(iter(own)), reasons.CROWD)
        return self._count < self._most or self._make_room(known)

    def _make_room(self, known: bool) -> bool:
        """Send away the oldest guest of the address that has the most: a stranger, or a peer for another peer."""
        strangers = [guests for guests in self._guests.values() if not next(iter(guests)).known]
        crowd = max(strangers or (list(self._guests.values()) if known else []), key=len, default=None)
        if crowd is None:
            return False
        self._dismiss(next(iter(crowd)), reasons.CROWD)
        return True

    def _see_off(self, connection: socket.socket, address: str) -> None:
        if self._count >= self._most:
            _close(connection)
            return
        try:
            connection.setblocking(False)
            if not isinstance(connection, ssl.SSLSocket):
                connection.shutdown(socket.SHUT_WR)
            until = time.monotonic() + FAREWELL_SECONDS
            known = self._doors.knows(address)
            self._enter(_Guest(connection, address, known, until, group_of(address), _FAREWELL))
        except (OSError, ValueError):
            _close(connection)

    def _attend(self, guest: _Guest) -> None:
        if guest not in self._guests.get(guest.group, ()):
            return  # sent away a moment ago
        if guest.phase == _HANDSHAKE and not self._shake_hands(guest):
            return
        if guest.phase == _FAREWELL:
            self._hear_out(guest)
        else:
            self._read(guest)

    def _shake_hands(self, guest: _Guest) -> bool:
        """Go on with the handshake; whether it is complete."""
        assert isinstance(guest.connection, ssl.SSLSocket)
        try:
            guest.connection.do_handshake()
        except ssl.SSLWantReadError:
            self._selector.modify(guest.connection, selectors.EVENT_READ, guest)
            return False
        except ssl.SSLWantWriteError:
            self._selector.modify(guest.connection, selectors.EVENT_WRITE, guest)
            return False
        except (OSError, ValueError) as error:
            self._dismiss(guest, handshake.reason_of(error))
            return False
        self._selector.modify(guest.connection, selectors.EVENT_READ, guest)
        guest.phase = _REQUEST
        return True

    def _read(self, guest: _Guest) -> None:
        while True:
            try:
                data = guest.connection.recv(guest.expected - len(guest.data))
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
                return
            except OSError:
                data = b""
            if not data:
                self._dismiss(guest, "")
                return
            guest.data += data
            if guest.data[0] != pdu.ASSOCIATE_RQ:
                self._dismiss(guest, _what_else(guest.data))
                return
            if len(guest.data) < guest.expected:
                continue
            if guest.expected > 6:
                self._leave(guest)
                self._doors.ready(Visitor(guest.connection, guest.address, bytes(guest.data), guest.known))
                return
            length = pdu.HEADER.unpack(guest.data)[1]
            if not SHORTEST_REQUEST <= length <= pdu.MAX_ASSOCIATE:
                self._dismiss(guest, reasons.UNREADABLE)
                return
            guest.expected = 6 + length

    def _hear_out(self, guest: _Guest) -> None:
        """Read and forget, a bounded amount at a time."""
        try:
            gone = not guest.connection.recv(65536)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return
        except OSError:
            gone = True
        if gone:
            self._dismiss(guest, "")

    def _leave(self, guest: _Guest) -> None:
        guests = self._guests[guest.group]
        del guests[guest]
        if not guests:
            del self._guests[guest.group]
        self._count -= 1
        self._selector.unregister(guest.connection)

    def _dismiss(self, guest: _Guest, reason: str) -> None:
        if reason:
            self._doors.refused(guest.address, reason)
        if guest.known and guest.phase != _FAREWELL:
            self._share.go()
        self._leave(guest)
        _close(guest.connection)


def _what_else(data: bytes | bytearray) -> str:
    """What somebody speaks whose first byte is not that of a request."""
    if data[0] == 0x16:
        return reasons.SPEAKS_TLS
    return reasons.SPEAKS_HTTP if bytes(data[:1]) in (b"G", b"P", b"H", b"O", b"D", b"C") else reasons.NOT_DICOM


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.close()
