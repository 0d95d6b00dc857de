"""The web door as one process of the supervisor: gunicorn embedded, its workers open the archive after forking."""

import contextlib
import errno
import json
import logging
import os
import select
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any

from flask import Flask
from gunicorn import SERVER
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import wsgi
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import ParseException
from gunicorn.util import close_graceful, http_date
from gunicorn.workers.gthread import TConn, ThreadWorker

from pacs.archive import Archive
from pacs.balance import Shares, Turn
from pacs.config import Config
from pacs.logs import activity
from viewer.app import create_app
from viewer.arriving import ArrivingBody
from viewer.at_once import AtOnce
from viewer.headers import BARE
from viewer.heads import Again, Heads
from viewer.problems import MEDIA_TYPE, trace
from viewer.sending import SENDS_FILES, DataBody, FileBody, HandOver, send_all, send_file
from viewer.warming import warm

log = logging.getLogger(__name__)

GRACE_SECONDS = 6
HEADER_SECONDS = 15.0  # a request's head must be complete within this
SILENCE_SECONDS = 30  # nothing read or written for so long ends the connection
CROWDED_SECONDS = 2.0  # the same, and the patience with bodies, while most threads are taken
PATIENCE_SECONDS = 10.0  # time we wait for a body before its speed counts
LINGER_SECONDS = 2.0  # a client has so long to take the end of a last answer
SLOWEST = 1024  # bytes a second
KEEPALIVE_SECONDS = 75
FEW = 2  # so many connections in threads may read ahead; more keep the disk busy without it
AT_ONCE_MS = 4  # how long a thread waits for the next request on a connection before it lets go of it


def serve(config: Config, open_archive: Callable[[], Archive], ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM; returns (by SystemExit 0) within 8 s of it. `ready` is called when a worker answers."""
    Server(config, open_archive, ready).run()


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings and nothing from its command line, files or environment."""

    def __init__(self, config: Config, open_archive: Callable[[], Archive], ready: Callable[[], None]) -> None:
        self._config = config
        self._open_archive = open_archive
        self._ready = ready
        self.shares = Shares()
        self._archive: Archive | None = None
        super().__init__()

    def load_config(self) -> None:
        web = self._config.web
        host = f"[{web.host}]" if ":" in web.host else web.host
        settings: dict[str, Any] = {
            "bind": [f"{host}:{web.port}"],
            "workers": web.workers,
            "threads": web.threads,
            "worker_class": Worker,
            "logger_class": Journal,
            "accesslog": None,
            "control_socket_disable": True,
            "keepalive": KEEPALIVE_SECONDS,
            "graceful_timeout": GRACE_SECONDS,
            "timeout": 60,
            "worker_connections": 2000,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
            "forwarded_allow_ips": "127.0.0.1,::1",
            "limit_request_fields": 64,
            "proc_name": "hoichan-web",
            "post_worker_init": lambda worker: self._ready(),
            "child_exit": lambda arbiter, worker: self.shares.leave(worker.age),
            "worker_exit": lambda arbiter, worker: self._leave(),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """In the worker, after the fork."""
        self._archive = self._open_archive()
        app = create_app(self._archive, self._config)
        warm(app, self._archive)
        return app

    def _leave(self) -> None:
        """In the worker, at its end: what was noted for the audit log is written."""
        if self._archive is not None:
            self._archive.close()


class Connection(TConn):  # type: ignore[misc]
    """A connection whose repeated heads are not read again."""

    parser: Any
    is_quick = False  # whether its next request may be one for the main loop
    reads_ahead = False  # whether what was last asked for, or what follows it, had to be read from the disk

    def init(self) -> None:
        super().init()
        if not self.is_http2 and not isinstance(self.parser, Heads):
            self.parser = Heads(self.parser)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gthread that lets no silent or slow client keep a thread for long, and whose event streams end when it does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock = threading.Lock()
        self._heads: dict[TConn, float] = {}  # connections whose request head is being read, and since when
        self._given: set[TConn] = set()  # connections that belong to another process now
        self._busy = 0
        self._crowded_from = self.cfg.threads * 3 // 4  # gunicorn looks a setting up each time it is asked for
        self._shares: Shares = self.app.shares
        self._turn = Turn(self._shares, self.age)
        self._at_once: AtOnce | None = None

    def run(self) -> None:
        """The main loop."""
        ask = self.wsgi.extensions.get("hoichan.at_once")
        if ask is not None:
            self._at_once = AtOnce(self, ask, _quick_head, SILENCE_SECONDS)
        super().run()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: no new requests, streams end, what is being answered is finished."""
        super().handle_exit(sig, frame)
        with contextlib.suppress(AttributeError, KeyError):
            self.wsgi.extensions["hoichan.stop"]()

    def accept(self, listener: Any) -> None:
        """A new connection waits in the poller, not in a thread, until it says something."""
        self._shares.tell(self.age, self.nr_conns)
        if not self._turn.has_come(self.nr_conns):
            return
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        conn = Connection(self.cfg, sock, address, listener.getsockname())
        conn.timeout = time.monotonic() + SILENCE_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """A waiting connection says something: answered here when that needs no waiting, else by a thread."""
        if self._at_once is None or not self._at_once.takes(conn):
            super().on_client_socket_readable(conn, client)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """The main loop's wait; the other workers see what we hold meanwhile."""
        self._shares.tell(self.age, self.nr_conns)
        super().wait_for_and_dispatch_events(timeout)

    def handle(self, conn: TConn) -> Any:
        activity.set("-")
        limit = struct.pack("@ll", SILENCE_SECONDS, 0)
        with contextlib.suppress(OSError):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        with self._lock:
            self._busy += 1
        try:
            self._head_comes(conn)
            keep = super().handle(conn)
            while keep is True and self._goes_on(conn):
                self._head_comes(conn)
                keep = super().handle(conn)
            if not keep and conn not in self._given:
                # Here and not in the main loop, which a client that never closes would hold up.
                conn.sock.setblocking(True)
                close_graceful(conn.sock, timeout=0.1 if self._is_crowded() else LINGER_SECONDS)
                conn.close = _closed
            return keep
        finally:
            self._given.discard(conn)
            self._head_is_read(conn)
            with self._lock:
                self._busy -= 1

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Have the application answer, and send it; whether the connection can be used again."""
        self._head_is_read(conn)
        response, environ = self._made(req, conn)
        environ["wsgi.multithread"] = environ[SENDS_FILES] = True
        self.nr += 1
        if not self.alive or len(self.keepalived_conns) >= self.max_keepalived:
            response.force_close()
        body = self.wsgi(environ, response.start_response)
        if isinstance(body, HandOver):
            return self._hand_over(body, conn)
        try:
            if isinstance(body, FileBody):
                was_there = body.is_in_memory()
                send_file(response.sock, _head(response, body, body.size), body)
                needed = self._busy <= FEW and (conn.reads_ahead or not was_there)
                conn.reads_ahead = needed and body.following()
                conn.is_quick = self._at_once is not None and was_there and not conn.reads_ahead
            elif isinstance(body, DataBody):
                send_all(response.sock, [_head(response, body, len(body.data)), body.data])
            elif isinstance(body, environ["wsgi.file_wrapper"]):
                response.write_file(body)
            else:
                for piece in body:
                    response.write(piece)
            response.close()
        except OSError:
            raise
        except Exception:
            if not response.headers_sent:
                raise
            self.log.exception("a response broke off")  # another answer on this connection would be read as its rest
            close_graceful(conn.sock)
            raise StopIteration from None
        finally:
            if hasattr(body, "close"):
                body.close()
        return not response.should_close()

    def _made(self, req: Any, conn: TConn) -> tuple[wsgi.Response, dict[str, Any]]:
        if isinstance(req, Again):
            return wsgi.Response(req.first, conn.sock, self.cfg), req.environ()
        pace(conn.parser.unreader, self._patience)
        response, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg)
        conn.parser.keep(req, environ)
        if isinstance(req.body.reader, LengthReader) and req.body.reader.length:
            req.body = environ["wsgi.input"] = ArrivingBody(conn.parser.unreader, req.body.reader.length)
        return response, environ

    def _hand_over(self, body: HandOver, conn: TConn) -> bool:
        """Give the connection to another process; ours is closed without a word, since the other goes on speaking."""
        if body.go(conn.sock, conn.parser.unreader.buf.getvalue()):
            self._given.add(conn)
            conn.sock.close()
            conn.close = _closed
        else:
            self._refuse(conn.sock, 503, {"Retry-After": "2"})
        return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """What gunicorn could not read as a request: answered without repeating any of it, logged by its kind."""
        status = _STATUS.get(type(exc).__name__, 400) if isinstance(exc, ParseException) else 500
        self.log.warning(
            "%d to %s: %s", status, (addr or ("-",))[0], trace(exc) if status == 500 else type(exc).__name__
        )
        self._refuse(client, status, {})

    def _refuse(self, client: socket.socket, status: int, more: dict[str, str]) -> None:
        """A problem document about nothing in particular, and the end of the connection."""
        body = json.dumps({"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}).encode()
        head = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), "Connection": "close", **BARE, **more}
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{key}: {value}" for key, value in head.items())]
        with contextlib.suppress(OSError):
            client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def murder_pending(self) -> None:
        """Called every second by the main loop: also ends connections that trickle their head."""
        super().murder_pending()
        if self._at_once is not None:
            self._at_once.end_silent()
        oldest = time.monotonic() - (CROWDED_SECONDS if self._is_crowded() else HEADER_SECONDS)
        with self._lock:
            late = [conn for conn, since in self._heads.items() if since < oldest]
        for conn in late:
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)

    def _goes_on(self, conn: TConn) -> bool:
        """Whether the next request comes at once: a client that loads a series asks again within a millisecond, and
        waiting here costs less than handing the connection to the main loop and back."""
        if not self.alive or self._is_crowded() or conn.is_http2 or conn.parser.unreader.buf.getvalue():
            return False
        if conn.is_quick:
            conn.is_quick = False
            return False
        waiting = select.poll()
        waiting.register(conn.sock, select.POLLIN)
        return bool(waiting.poll(AT_ONCE_MS)) and self.alive

    def _head_comes(self, conn: TConn) -> None:
        with self._lock:
            self._heads[conn] = time.monotonic()

    def _head_is_read(self, conn: TConn) -> None:
        with self._lock:
            self._heads.pop(conn, None)

    def _is_crowded(self) -> bool:
        return bool(self._busy > self._crowded_from)

    def _patience(self) -> float:
        return CROWDED_SECONDS if self._is_crowded() else PATIENCE_SECONDS


def _head(response: wsgi.Response, body: DataBody | FileBody, size: int) -> bytes:
    """The head of a 200, which counts as sent."""
    response.status, response.status_code, response.response_length = "200 OK", 200, size
    response.headers_sent, response.sent = True, size
    major, minor = response.req.version
    return _head_of(f"{major}.{minor}", response.version, "close" if response.should_close() else "keep-alive", body)


def _quick_head(body: FileBody) -> bytes:
    """The head of a 200 to a request like one before, which keeps its connection."""
    return _head_of("1.1", SERVER, "keep-alive", body)


def _head_of(version: str, server: str, connection: str, body: DataBody | FileBody) -> bytes:
    lines = [
        f"HTTP/{version} 200 OK\r\nServer: {server}\r\nDate: {_date(int(time.time()))}\r\nConnection: {connection}\r\n",
        *[f"{name}: {value}\r\n" for name, value in body.headers],
        "\r\n",
    ]
    return "".join(lines).encode("latin-1")


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    """The same for all answers of a second."""
    return str(http_date(second))


def pace(unreader: Any, patience: Callable[[], float]) -> None:
    """Hold the sender of a body to SLOWEST bytes a second, counted over the time we wait for it. The unreader gets a
    second way, `chunk_into(target)`, which makes nothing for what it receives."""
    receive = type(unreader).chunk
    waited, brought = 0.0, 0

    def came(count: int, began: float) -> None:
        nonlocal waited, brought
        waited += time.monotonic() - began
        brought += count
        if count and waited > patience() and brought < SLOWEST * waited:
            raise TimeoutError("the body comes too slowly")

    def chunk(size_hint: int | None = None) -> bytes:
        began = time.monotonic()
        data: bytes = receive(unreader, size_hint)
        came(len(data), began)
        return data

    def chunk_into(target: memoryview) -> int:
        began = time.monotonic()
        count: int = unreader.sock.recv_into(target)
        came(count, began)
        return count

    unreader.chunk, unreader.chunk_into = chunk, chunk_into


def _closed(graceful: bool = False) -> None:
    """Instead of closing a connection a second time."""


_STATUS = {
    "LimitRequestLine": 414,
    "LimitRequestHeaders": 431,
    "UnsupportedTransferCoding": 501,
    "ExpectationFailed": 417,
}


class Journal(Logger):  # type: ignore[misc]
    """gunicorn's log lines go where ours go, and an exception is told by its place, not by its message."""

    def setup(self, cfg: Any) -> None:
        self.error_log = logging.getLogger("viewer.gunicorn")
        self.access_log = logging.getLogger("gunicorn.access")

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        error = sys.exc_info()[1]
        self.error_log.error("%s: %s", msg.split("%")[0].strip(), trace(error) if error else "")

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Our own line is in viewer/journal.py."""

    def reopen_files(self) -> None:
        """There are none."""

    def close_on_exec(self) -> None:
        """There is nothing to close."""
