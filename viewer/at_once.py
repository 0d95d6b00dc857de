"""Answers the main loop of a web worker gives itself.

A frame that is in the kernel's memory, asked for by somebody who is remembered, costs a tenth of a millisecond; giving
the connection to a thread and back, and threads that take turns at Python's one lock, cost more than that. So a request
like one before on the same connection (viewer/heads.py) is first looked at here. What the application cannot answer
without waiting (`hoichan.at_once`) goes to a thread as ever; a client that takes its answer slowly holds up nobody: the
rest is sent when its socket can take more.
"""

import os
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from pacs.logs import activity
from viewer.heads import Heads
from viewer.sending import SENDS_FILES, FileBody

Ask = Callable[[dict[str, Any], Callable[..., Any]], FileBody | None]
_REFRESHED_SECONDS = 1.0  # how exactly it is known since when a connection has been silent


class Sending:
    """An answer on its way: what of it is left."""

    def __init__(self, connection: socket.socket, head: bytes, body: FileBody) -> None:
        self._socket = connection
        self._body = body
        self._front = memoryview(head + body.head)
        self._at, self._end = body.offset, body.offset + body.length
        self._tail = memoryview(body.tail)
        self.following = body.following
        self.since = time.monotonic()

    def go_on(self) -> bool:
        """Send what the socket takes; whether that was all. Raises OSError when the client is gone."""
        try:
            while self._front:
                self._front = self._front[self._socket.send(self._front, socket.MSG_MORE) :]
            while self._at < self._end:
                sent = os.sendfile(self._socket.fileno(), self._body.descriptor, self._at, self._end - self._at)
                if not sent:
                    raise OSError("the file has become shorter")
                self._at += sent
            while self._tail:
                self._tail = self._tail[self._socket.send(self._tail) :]
        except BlockingIOError:
            self.since = time.monotonic()
            return False
        return True

    def close(self) -> None:
        """Sent or given up."""
        self._body.close()
        activity.set("-")


class AtOnce:
    """The part of a worker (viewer/serve.py, as are its connections) that answers at once. Of its main loop only: no
    other thread may call it."""

    def __init__(self, worker: Any, ask: Ask, head: Callable[[FileBody], bytes], silence_seconds: float) -> None:
        self._worker = worker
        self._ask = ask
        self._head = head
        self._silence = silence_seconds
        self._on_their_way: dict[Any, Sending] = {}

    def takes(self, conn: Any) -> bool:
        """Answer what has come on a waiting connection; False when that is for a thread."""
        if not self._worker.alive or not isinstance(conn.parser, Heads):
            return False
        try:
            again = conn.parser.again()
        except BlockingIOError:
            return True  # woken for nothing
        except OSError:
            return False
        if again is None:
            return False
        environ = again.environ()
        environ[SENDS_FILES] = True
        try:
            body = self._ask(environ, _never)
        except Exception:  # a thread meets it again and says so; here it would be the end of the whole worker
            body = None
        if body is None:
            activity.set("-")
            conn.parser.leave(again)
            return False
        self._worker.nr += 1
        self._begin(conn, Sending(conn.sock, self._head(body), body))
        return True

    def end_silent(self) -> None:
        """End the connections of clients that have taken nothing of their answer for long."""
        oldest = time.monotonic() - self._silence
        for conn in [conn for conn, sending in self._on_their_way.items() if sending.since < oldest]:
            self._end(conn, self._on_their_way.pop(conn))

    def _begin(self, conn: Any, sending: Sending) -> None:
        worker = self._worker
        try:
            done = sending.go_on()
        except OSError:
            worker.keepalived_conns.remove(conn)
            self._end(conn, sending)
            return
        if done:
            _sent(conn, sending)
            now = time.monotonic()
            if conn.timeout < now + worker.cfg.keepalive - _REFRESHED_SECONDS:
                worker.keepalived_conns.remove(conn)
                self._waits(conn)
            return
        worker.keepalived_conns.remove(conn)
        self._on_their_way[conn] = sending
        worker.poller.modify(conn.sock, selectors.EVENT_WRITE, partial(self._can_take_more, conn))

    def _can_take_more(self, conn: Any, _socket: socket.socket) -> None:
        sending = self._on_their_way[conn]
        try:
            if not sending.go_on():
                return
        except OSError:
            self._end(conn, self._on_their_way.pop(conn))
            return
        del self._on_their_way[conn]
        _sent(conn, sending)
        worker = self._worker
        worker.poller.modify(conn.sock, selectors.EVENT_READ, partial(worker.on_client_socket_readable, conn))
        self._waits(conn)

    def _waits(self, conn: Any) -> None:
        """The connection waits for its next request from now on."""
        conn.set_timeout()
        if not self._worker.alive:
            conn.timeout = time.monotonic()
        self._worker.keepalived_conns.append(conn)

    def _end(self, conn: Any, sending: Sending) -> None:
        sending.close()
        self._worker.poller.unregister(conn.sock)
        self._worker.nr_conns -= 1
        conn.close()


def _sent(conn: Any, sending: Sending) -> None:
    if conn.reads_ahead:
        conn.reads_ahead = sending.following()
    sending.close()


def _never(*_: object) -> None:
    """An answer at once has its headers in its body."""
