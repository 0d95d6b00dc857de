"""Connections before their association: they wait without threads, and nobody is locked out by the silent."""

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from pacs.association import pdu
from pacs.dimse.lobby import Lobby
from tests.pacs.dimse.requests import CT, IMPLICIT, association_request

REQUEST = association_request([(CT, [IMPLICIT])])


class Running:
    """A lobby with its own thread; what it hands over is answered with A-ABORT."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = self.listener.getsockname()
        self.requests: list[bytes] = []
        self.lobby = Lobby(self.listener, self._ready, seconds=1.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=5)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.lobby.close()

    def _ready(self, connection: socket.socket, address: str, data: bytes) -> None:
        self.requests.append(data)
        connection.sendall(pdu.abort(0))
        connection.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.lobby.step(0.02)


@pytest.fixture
def running() -> Iterator[Running]:
    lobby = Running()
    yield lobby
    lobby.stop()


def test_a_request_in_pieces_is_handed_over_whole(running: Running) -> None:
    with running.connect() as peer:
        for start in range(0, len(REQUEST), 50):
            peer.sendall(REQUEST[start : start + 50])
            time.sleep(0.005)
        assert peer.recv(100) == pdu.abort(0)
    assert running.requests == [REQUEST]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        pdu.HEADER.pack(pdu.P_DATA, 100) + bytes(100),
        pdu.HEADER.pack(pdu.ASSOCIATE_RQ, 0xFFFFFFFF) + bytes(100),
        pdu.HEADER.pack(pdu.ASSOCIATE_RQ, 10) + bytes(10),
    ],
)
def test_what_is_no_request_is_closed_at_once(running: Running, data: bytes) -> None:
    with running.connect() as peer:
        peer.sendall(data)
        started = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(100) == b""
        assert time.monotonic() - started < 0.5
    assert running.requests == []


def test_the_silent_and_the_trickling_are_closed_at_the_deadline(running: Running) -> None:
    with running.connect() as silent, running.connect() as trickling:
        started = time.monotonic()
        trickling.settimeout(0.05)
        closed = False
        while not closed and time.monotonic() - started < 3:
            try:
                trickling.send(REQUEST[:1] if not running.requests else b"")
                closed = trickling.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
        assert closed
        assert silent.recv(1) == b""
        assert time.monotonic() - started < 2.5


def test_a_crowd_of_silent_connections_locks_nobody_out(running: Running) -> None:
    crowd = []
    try:
        for _ in range(600):
            crowd.append(running.connect())
        times = []
        for _ in range(20):
            started = time.monotonic()
            with running.connect() as peer:
                peer.sendall(REQUEST)
                assert peer.recv(100) == pdu.abort(0)
            times.append(time.monotonic() - started)
        assert max(times) < 1
    finally:
        for connection in crowd:
            connection.close()


def test_random_first_bytes_do_no_harm(running: Running) -> None:
    chance = random.Random(2)
    for _ in range(500):
        with running.connect() as peer:
            peer.sendall(bytes([chance.choice([1, 1, chance.randrange(256)])]) + os.urandom(chance.randrange(80)))
    with running.connect() as peer:
        peer.sendall(REQUEST)
        assert peer.recv(100) == pdu.abort(0)
