"""One listener process of the DICOM door."""

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextvars import copy_context

from pacs.archive import Archive
from pacs.association import pdu
from pacs.config import DicomConfig
from pacs.dimse.association import TOO_MANY, Acceptor
from pacs.dimse.directory import Directory
from pacs.dimse.libraries import quieten
from pacs.dimse.lobby import Lobby
from pacs.dimse.request import ae_titles
from pacs.logs import activity

log = logging.getLogger(__name__)

FINISH_SECONDS = 6.5  # for what is under way when we stop
REJECTED_AT_ONCE = 32  # of those that are too many, who hear so; each costs a thread for up to two seconds
CLOSE_SECONDS = 1.0  # for threads to end after their connection was closed under them


def listen(config: DicomConfig) -> socket.socket:
    """A listening socket that other listener processes can share (SO_REUSEPORT)."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(256)
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
) -> None:
    """Serve associations until `stop` is set; then finish what is under way and return within eight seconds.

    `ready` is called when the port is open; `listener` is used instead of a socket of our own.
    """
    quieten()
    server = _Server(config, archive, stop)
    lobby = Lobby(listener or listen(config), server.welcome, config.request_seconds)
    log.info("listening as %s on %s:%d", config.ae_title, config.host, config.port)
    ready()
    try:
        while not stop.is_set():
            lobby.step(0.2)
    finally:
        lobby.close()
        server.finish()
    log.info("stopped")


class _Server:
    def __init__(self, config: DicomConfig, archive: Archive, stop: threading.Event) -> None:
        self._config = config
        self._stop = stop
        self._directory = Directory(archive.database)
        self._acceptor = Acceptor(config, archive, self._directory, stop.is_set)
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._rejecting = threading.BoundedSemaphore(REJECTED_AT_ONCE)

    def welcome(self, connection: socket.socket, address: str, data: bytes) -> None:
        """Start the thread of an association, or reject it when there are too many."""
        with self._lock:
            places = len(self._open)
        if places >= self._config.max_associations:
            if not self._rejecting.acquire(blocking=False):
                connection.close()  # a flood: not even a word for each
                return
            threading.Thread(target=self._reject, args=(connection, address, data), name="reject", daemon=True).start()
            return
        context = copy_context()
        thread = threading.Thread(
            target=context.run, args=(self._run, connection, address, data), name="association", daemon=True
        )
        with self._lock:
            self._open[thread] = connection
        try:
            thread.start()
        except RuntimeError:  # the machine has no thread for us: this caller goes, those who are served stay
            log.exception("an association could not begin")
            with self._lock:
                self._open.pop(thread, None)
            connection.close()

    def finish(self) -> None:
        """Let associations finish their message, then close what is left."""
        deadline = time.monotonic() + FINISH_SECONDS
        for thread in self._threads():
            thread.join(max(deadline - time.monotonic(), 0))
        with self._lock:
            left = list(self._open.items())
        for _, connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread, _ in left:
            thread.join(max(deadline - time.monotonic(), 0))

    def _threads(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._open)

    def _run(self, connection: socket.socket, address: str, data: bytes) -> None:
        activity.set(f"a-{secrets.token_hex(4)}")
        try:
            self._acceptor.run(connection, address, data)
        finally:
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    def _reject(self, connection: socket.socket, address: str, data: bytes) -> None:
        calling, called = ae_titles(data)
        try:
            connection.settimeout(2)
            connection.sendall(pdu.reject(TOO_MANY.result, TOO_MANY.source, TOO_MANY.reason))
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        except OSError:
            pass
        finally:
            connection.close()
            self._rejecting.release()
        self._directory.refuse(calling, called, address, TOO_MANY.words)
