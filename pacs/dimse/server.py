"""One listener process of the DICOM door."""

import contextlib
import logging
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass

from pacs.archive import Archive
from pacs.association.tls import TlsCredentials, credentials_of
from pacs.balance import Share, Shares
from pacs.config import DicomConfig
from pacs.dimse import reasons
from pacs.dimse.admission import group_of
from pacs.dimse.association import Acceptor, Desk
from pacs.dimse.directory import Directory
from pacs.dimse.libraries import quieten
from pacs.dimse.lobby import Doors, Lobby, Visitor
from pacs.dimse.refusals import Refusals
from pacs.dimse.slots import Places, Slots
from pacs.logs import activity

log = logging.getLogger(__name__)

FINISH_SECONDS = 6.5  # for what is under way when we stop
CLOSE_SECONDS = 1.0  # for threads to end after their connection was closed under them
BACKLOG = 1024
STRANGERS_AT_ONCE = 16  # requests from addresses no peer calls from that are decided on at the same time
UNDECIDED_AT_ONCE = 256  # requests from where peers call
UNDECIDED_OF_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class Together:
    """What the listener processes have in common; made before they are forked."""

    slots: Slots
    shares: Shares
    sockets: tuple[socket.socket, ...] = ()
    """For the port without TLS and the one with it, if there is one; none: the only process opens its own."""


def together(config: DicomConfig, processes: int) -> Together:
    """For so many processes. Of several, all accept at the same sockets: what waits there waits for all of them, and a
    process that is killed leaves it to the others and to its successor."""
    slots = Slots(processes, config.max_associations, config.reserved_associations)
    sockets = tuple(listen(config, tls) for tls in _doors(config)) if processes > 1 else ()
    return Together(slots, Shares(processes), sockets)


def listen(config: DicomConfig, tls: bool = False) -> socket.socket:
    """A listening socket, for the port with or without TLS."""
    host, port = (config.tls_host or config.host, config.tls_port) if tls else (config.host, config.port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(
    config: DicomConfig,
    archive: Archive,
    stop: threading.Event,
    ready: Callable[[], None] = lambda: None,
    listener: socket.socket | None = None,
    with_others: Together | None = None,
    number: int = 0,
) -> None:
    """Serve associations until `stop` is set; then finish what is under way and return within eight seconds.

    `ready` is called when the ports are open; `listener` is used instead of a socket of our own for the port without
    TLS; `with_others` is what this process, which has the `number` (from 0), shares with others.
    """
    quieten()
    common = with_others or together(config, 1)
    credentials = credentials_of(config)
    listeners = _opened(config, credentials, common.sockets or (() if listener is None else (listener,)))
    share = Share(common.shares, number)
    server = _Server(config, archive, stop, common.slots.places(number), share, credentials)
    lobby = Lobby(listeners, server.doors, config.request_seconds, share)
    server.start(lobby.farewell)
    ready()
    try:
        while not stop.is_set():
            lobby.step(0.2)
    finally:
        share.leave()
        lobby.close()
        server.finish()
    log.info("stopped")


def _doors(config: DicomConfig) -> tuple[bool, ...]:
    """Our ports: whether each is the one with TLS."""
    return (False, True) if config.tls_port and config.tls_certificate else (False,)


def _opened(
    config: DicomConfig, credentials: TlsCredentials | None, already: tuple[socket.socket, ...]
) -> list[tuple[socket.socket, TlsCredentials | None]]:
    """The sockets of our ports, those that are open already and the others, as the lobby wants them."""
    opened: list[tuple[socket.socket, TlsCredentials | None]] = []
    for number, tls in enumerate(_doors(config)):
        door = already[number] if number < len(already) else listen(config, tls)
        opened.append((door, credentials if tls else None))
        if tls:
            log.info("listening with TLS on %s:%d", config.tls_host or config.host, config.tls_port)
        else:
            log.info("listening as %s on %s:%d", config.ae_title, config.host, config.port)
    return opened


class Undecided:
    """Who has asked and was not answered yet. Strangers are few at once, and so are those of one address: they never
    take a thread that a peer elsewhere needs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Counter[str] = Counter()

    def add(self, visitor: Visitor) -> bool:
        """Whether this one may be decided on now."""
        kind = "peers" if visitor.known else "strangers"
        group = group_of(visitor.address)
        with self._lock:
            most = UNDECIDED_AT_ONCE if visitor.known else STRANGERS_AT_ONCE
            if self._of[kind] >= most or self._of[group] >= UNDECIDED_OF_ADDRESS:
                return False
            self._of.update((kind, group))
            return True

    def remove(self, visitor: Visitor) -> None:
        """It is decided."""
        with self._lock:
            for key in ("peers" if visitor.known else "strangers", group_of(visitor.address)):
                self._of[key] -= 1
                if not self._of[key]:
                    del self._of[key]


class _Server:
    def __init__(
        self,
        config: DicomConfig,
        archive: Archive,
        stop: threading.Event,
        places: Places,
        share: Share,
        credentials: TlsCredentials | None = None,
    ) -> None:
        self._directory = Directory(archive.database)
        self._refusals = Refusals(archive.database, self._directory.hospital_of)
        desk = Desk(self._directory, self._refusals, places, credentials)
        self._acceptor = Acceptor(config, archive, desk, stop.is_set)
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._undecided = Undecided()
        self._share = share
        self._farewell: Callable[[socket.socket, str], None] = lambda connection, address: connection.close()

    @property
    def doors(self) -> Doors:
        return Doors(self.welcome, self._directory.knows, self._refusals.note)

    def start(self, farewell: Callable[[socket.socket, str], None]) -> None:
        """Begin to keep peers and refusals; `farewell` takes over the connections we refuse."""
        self._farewell = farewell
        self._directory.start()
        self._refusals.start()

    def welcome(self, visitor: Visitor) -> None:
        """Decide on a request in a thread of its own. Strangers are decided on a few at a time: they never take a
        thread that a peer needs."""
        if not visitor.known:
            self._share.come()  # a peer counts since it connected
        if not self._undecided.add(visitor):
            self._share.go()
            self._refusals.note(visitor.address, reasons.CROWD)
            visitor.connection.close()  # a flood: not even a word for each
            return
        context = copy_context()
        thread = threading.Thread(target=context.run, args=(self._run, visitor), name="association", daemon=True)
        with self._lock:
            self._open[thread] = visitor.connection
        try:
            thread.start()
        except RuntimeError:  # the machine has no thread for us: this caller goes, those who are served stay
            log.exception("an association could not begin")
            with self._lock:
                self._open.pop(thread, None)
            self._undecided.remove(visitor)
            self._share.go()
            visitor.connection.close()

    def finish(self) -> None:
        """Let associations finish their message, then close what is left."""
        deadline = time.monotonic() + FINISH_SECONDS
        for thread in self._threads():
            thread.join(max(deadline - time.monotonic(), 0))
        with self._lock:
            left = list(self._open.items())
        for _, connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread, _ in left:
            thread.join(max(deadline - time.monotonic(), 0))
        self._refusals.close()

    def _threads(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._open)

    def _run(self, visitor: Visitor) -> None:
        activity.set(f"a-{secrets.token_hex(4)}")
        try:
            refused = self._acceptor.run(visitor, lambda: self._undecided.remove(visitor))
        finally:
            self._share.go()
            with self._lock:
                self._open.pop(threading.current_thread(), None)
        if refused:
            self._farewell(visitor.connection, visitor.address)
