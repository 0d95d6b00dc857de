"""Connections before their association: they wait without threads, and nobody is locked out by the silent."""

import contextlib
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from pacs.association import pdu
from pacs.balance import Share, Shares
from pacs.dimse import reasons
from pacs.dimse.admission import group_of
from pacs.dimse.lobby import MOST_OF_STRANGER, Doors, Lobby, Visitor
from tests.pacs.dimse.requests import CT, IMPLICIT, association_request
from tests.pacs.dimse.test_association import still_open
from tests.support.waiting import PATIENCE, until

REQUEST = association_request([(CT, [IMPLICIT])])


class Running:
    """A lobby with its own thread; what it hands over is answered with A-ABORT."""

    def __init__(self, seconds: float) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = self.listener.getsockname()
        self.requests: list[bytes] = []
        self.refused: Counter[tuple[str, str]] = Counter()
        self.known = {"127.0.0.1"}
        doors = Doors(self._ready, lambda address: address in self.known, self._refuse)
        self.share = Share(Shares(1), 0)
        self.lobby = Lobby([(self.listener, None)], doors, seconds=seconds, share=self.share)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(self.address, timeout=PATIENCE, source_address=(source, 0))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.lobby.close()

    def _ready(self, visitor: Visitor) -> None:
        self.requests.append(visitor.request)
        visitor.connection.sendall(pdu.abort(0))
        visitor.connection.close()

    def _refuse(self, address: str, reason: str) -> None:
        self.refused[address, reason] += 1

    def _run(self) -> None:
        while not self._stop.is_set():
            self.lobby.step(0.02)


@pytest.fixture
def running() -> Iterator[Running]:
    """A lobby that is more patient than the test."""
    lobby = Running(10 * PATIENCE)
    yield lobby
    lobby.stop()


@pytest.fixture
def hasty() -> Iterator[Running]:
    """A lobby that gives nobody more than a second."""
    lobby = Running(1.0)
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
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(100) == b""
    assert running.requests == []


def test_the_silent_and_the_trickling_are_closed_at_the_deadline(hasty: Running) -> None:
    with hasty.connect() as silent, hasty.connect() as trickling:
        trickling.settimeout(0.05)
        trickling.sendall(REQUEST[:2])

        def closed() -> bool:
            try:
                trickling.send(b"\0")  # of a request whose length says that it would be complete in minutes
                return trickling.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        until(closed)
        assert silent.recv(1) == b""
    assert hasty.requests == []


def test_a_crowd_of_silent_connections_locks_nobody_out(running: Running) -> None:
    crowd = []
    try:
        for _ in range(600):
            crowd.append(running.connect())
        for _ in range(20):
            with running.connect() as peer:
                peer.sendall(REQUEST)
                assert peer.recv(100) == pdu.abort(0)
        assert sum(map(still_open, crowd)) > 100, "others were let in beside them, not when they had gone"
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


def test_a_stranger_has_few_places_and_its_oldest_goes_first(running: Running) -> None:
    running.known.clear()
    crowd = [running.connect() for _ in range(MOST_OF_STRANGER)]
    with running.connect() as newest:
        assert crowd[0].recv(1) == b"", "the oldest went"
        newest.sendall(REQUEST)
        assert newest.recv(100) == pdu.abort(0)
    for connection in crowd:
        connection.close()
    until(lambda: running.refused["127.0.0.1", reasons.CROWD] == 1)


def test_strangers_never_take_the_place_of_a_peer(running: Running) -> None:
    running.lobby._most = 20
    waiting = [running.connect() for _ in range(15)]
    strangers = []
    for number in range(2, 60):
        with contextlib.suppress(OSError):
            strangers.append(running.connect(f"127.0.0.{number}"))
    for peer in waiting:
        peer.sendall(REQUEST)
        assert peer.recv(100) == pdu.abort(0)
    for connection in waiting + strangers:
        connection.close()
    until(lambda: sum(running.refused.values()) >= 58 - 20)
    assert not [address for address, reason in running.refused if address == "127.0.0.1"]


def test_a_stranger_goes_when_only_peers_wait(running: Running) -> None:
    running.lobby._most = 3
    waiting = [running.connect() for _ in range(3)]
    with running.connect("127.0.0.9") as stranger:
        assert stranger.recv(1) == b""
    for peer in waiting:
        peer.sendall(REQUEST)
        assert peer.recv(100) == pdu.abort(0)
        peer.close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", reasons.SPEAKS_HTTP),
        (b"\x16\x03\x01\x02\x00\x01", reasons.SPEAKS_TLS),
        (b"\xff\xff\xff\xff", reasons.NOT_DICOM),
        (pdu.HEADER.pack(pdu.ASSOCIATE_RQ, 0xFFFFFFFF), reasons.UNREADABLE),
        (REQUEST[:9], reasons.NO_REQUEST),
    ],
)
def test_every_refusal_is_told_with_its_reason(hasty: Running, data: bytes, reason: str) -> None:
    with hasty.connect() as peer:
        peer.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(100) == b""
    until(lambda: hasty.refused)
    assert hasty.refused == {("127.0.0.1", reason): 1}


def test_who_only_looks_whether_the_port_is_open_is_not_counted(running: Running) -> None:
    running.connect().close()
    with running.connect() as peer:
        peer.sendall(REQUEST)
        assert peer.recv(100) == pdu.abort(0)
    assert not running.refused


def test_who_was_refused_may_read_the_answer_before_it_is_closed(running: Running) -> None:
    theirs, ours = socket.socketpair()
    theirs.sendall(pdu.reject(1, 1, 3))
    running.lobby.farewell(theirs, "10.0.0.9")
    with ours:
        assert ours.recv(10) == pdu.reject(1, 1, 3)
        assert ours.recv(10) == b""


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("::ffff:10.0.0.9", "10.0.0.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_one_caller_is_one_group_of_addresses(address: str, group: str) -> None:
    assert group_of(address) == group


def test_who_comes_from_where_peers_call_counts_until_it_goes_or_is_handed_over(running: Running) -> None:
    with running.connect(), running.connect("127.0.0.2"):
        until(lambda: running.share.count == 1)
    until(lambda: running.share.count == 0)
    with running.connect() as peer:
        peer.sendall(REQUEST)
        until(lambda: running.requests)
        assert running.share.count == 1, "now it is for who has it to say when it goes"
