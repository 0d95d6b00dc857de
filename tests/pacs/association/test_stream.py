"""The stream on a real socket pair: fragments, limits, deadlines, and every way an association ends."""

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.endings import (
    AbortedByPeer,
    ConnectionLost,
    ProtocolError,
    Released,
    Stopping,
    TimedOut,
)
from pacs.association.stream import PduStream
from tests.support.waiting import PATIENCE

MAX_PDU = 16384
ECHO = commands.encode({commands.COMMAND_FIELD: commands.C_ECHO_RQ, commands.DATASET_TYPE: commands.NO_DATASET})
STORE = commands.encode({commands.COMMAND_FIELD: commands.C_STORE_RQ, commands.DATASET_TYPE: commands.WITH_DATASET})


class Pair:
    """A stream and the peer's socket."""

    def __init__(self, message_seconds: float = PATIENCE, pdu_seconds: float = PATIENCE, max_message: int = 0) -> None:
        ours, self.peer = socket.socketpair()
        self.stopping = False
        self.stream = PduStream(
            ours, max_pdu=MAX_PDU, idle_seconds=1 if message_seconds == 1 else PATIENCE,
            message_seconds=message_seconds, pdu_seconds=pdu_seconds,
            max_message=max_message, stopping=lambda: self.stopping,
        )  # fmt: skip

    def close(self) -> None:
        self.peer.close()
        self.stream.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    both = Pair()
    yield both
    both.close()


@pytest.fixture
def hasty() -> Iterator[Pair]:
    """Of which one gives the other a second."""
    both = Pair(message_seconds=1)
    yield both
    both.close()


def test_a_message_in_one_fragment(pair: Pair) -> None:
    pair.peer.sendall(b"".join(pdu.message(5, STORE, b"dataset!", MAX_PDU)))
    context_id, command = pair.stream.read_command()
    assert (context_id, command.field) == (5, commands.C_STORE_RQ)
    assert b"".join(bytes(part) for part in pair.stream.fragments(5)) == b"dataset!"


@pytest.mark.parametrize("fragment", [2, 6, 1000, MAX_PDU - 6])
def test_a_message_in_many_fragments_arriving_in_any_pieces(pair: Pair, fragment: int) -> None:
    dataset = bytes(range(256)) * (4 if fragment < 10 else 2000)
    wire = b"".join(pdu.message(1, STORE, dataset, fragment)) * 2

    def send() -> None:
        step = 7 if len(wire) < 30000 else 13001
        for start in range(0, len(wire), step):
            pair.peer.sendall(wire[start : start + step])

    thread = threading.Thread(target=send)
    thread.start()
    for _ in range(2):
        pair.stream.read_command()
        assert b"".join(bytes(part) for part in pair.stream.fragments(1)) == dataset
    thread.join()


def test_several_values_in_one_pdu(pair: Pair) -> None:
    values = b"".join(
        pdu.PDV.pack(len(data) + 2, 3, control) + data
        for data, control in ((STORE, 3), (b"ab", 0), (b"cd", 0), (b"ef", 2), (ECHO, 3))
    )
    pair.peer.sendall(pdu.HEADER.pack(pdu.P_DATA, len(values)) + values)
    pair.stream.read_command()
    assert [bytes(part) for part in pair.stream.fragments(3)] == [b"ab", b"cd", b"ef"]
    assert pair.stream.has_more()
    assert pair.stream.read_command()[1].field == commands.C_ECHO_RQ
    assert not pair.stream.has_more()


@pytest.mark.parametrize(
    "wire",
    [
        pdu.HEADER.pack(pdu.P_DATA, 0xFFFFFFFF),
        pdu.HEADER.pack(pdu.P_DATA, MAX_PDU + 7),
        pdu.HEADER.pack(pdu.P_DATA, 3) + b"abc",
        pdu.HEADER.pack(pdu.P_DATA, 6) + pdu.PDV.pack(3, 1, 3),
        pdu.HEADER.pack(pdu.P_DATA, 6) + pdu.PDV.pack(0xFFFFFFFF, 1, 3),
        pdu.HEADER.pack(pdu.P_DATA, 6) + pdu.PDV.pack(1, 1, 3),
        pdu.HEADER.pack(pdu.P_DATA, 6) + pdu.PDV.pack(2, 1, 3),
        pdu.HEADER.pack(pdu.ASSOCIATE_RQ, 4) + b"1234",
        pdu.HEADER.pack(99, 4) + b"1234",
        pdu.p_data(1, 0, b"data before a command"),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_refuses_what_breaks_the_protocol(pair: Pair, wire: bytes) -> None:
    pair.peer.sendall(wire)
    with pytest.raises(ProtocolError):
        pair.stream.read_command()


def test_a_command_without_end_is_refused(pair: Pair) -> None:
    def send() -> None:
        with pytest.raises(OSError):  # noqa: PT012 - which send fails is open
            while True:
                pair.peer.sendall(pdu.p_data(1, pdu.COMMAND, bytes(8192)))

    thread = threading.Thread(target=send)
    thread.start()
    with pytest.raises(ProtocolError):
        pair.stream.read_command()
    pair.stream.close()
    thread.join()


def test_datasets_stay_in_their_context(pair: Pair) -> None:
    pair.peer.sendall(b"".join(pdu.message(1, STORE, None, MAX_PDU)) + pdu.p_data(3, pdu.LAST, b"ab"))
    pair.stream.read_command()
    with pytest.raises(ProtocolError):
        list(pair.stream.fragments(1))


def test_release_abort_and_loss_are_told_apart(pair: Pair) -> None:
    for wire, ending in ((pdu.RELEASE_REQUEST, Released), (pdu.abort(0), AbortedByPeer)):
        other = Pair()
        other.peer.sendall(wire)
        with pytest.raises(ending):
            other.stream.read_command()
        other.close()
    pair.peer.close()
    with pytest.raises(ConnectionLost):
        pair.stream.read_command()


def test_the_idle_end_at_their_deadline_also_when_they_trickle(hasty: Pair) -> None:
    stop = threading.Event()

    def trickle() -> None:
        for byte in ECHO * 100:
            if stop.wait(0.05):
                return
            hasty.peer.send(bytes([4]) if not byte else bytes([0]))

    thread = threading.Thread(target=trickle)
    thread.start()
    with pytest.raises((TimedOut, ProtocolError)):
        hasty.stream.read_command()
    stop.set()
    thread.join()


def test_a_message_that_stalls_ends_at_its_deadline(hasty: Pair) -> None:
    started = time.monotonic()
    hasty.peer.sendall(b"".join(pdu.message(1, STORE, None, MAX_PDU)) + pdu.p_data(1, 0, b"ab"))
    hasty.stream.read_command()
    with pytest.raises(TimedOut):
        list(hasty.stream.fragments(1))
    assert time.monotonic() - started > 0.9


def test_a_pdu_that_trickles_ends_at_its_deadline_unless_the_link_is_known_to_be_thin() -> None:
    """20 bytes every tenth of a second: too slow for 1,000 bytes a second, not for a peer that may bring one."""
    for slowest, lives in ((1000, False), (1, True)):
        pair = Pair(message_seconds=600, pdu_seconds=0.2)
        pair.stream.slowest = slowest
        wire = pdu.p_data(1, 3, STORE) + pdu.p_data(1, 2, bytes(160))
        stop = threading.Event()

        def trickle(to: socket.socket = pair.peer, data: bytes = wire, stop: threading.Event = stop) -> None:
            for start in range(0, len(data), 20):
                if stop.wait(0.1):
                    return
                to.sendall(data[start : start + 20])

        thread = threading.Thread(target=trickle)
        thread.start()

        def read(stream: PduStream = pair.stream) -> None:
            stream.read_command()
            stream.skip_dataset(1, 1000)

        with contextlib.nullcontext() if lives else pytest.raises(TimedOut, match="too slow"):
            read()
        stop.set()
        thread.join()
        pair.close()


@pytest.mark.parametrize("fragment", [b"", bytes(1000)])
def test_a_message_without_end_is_refused_also_when_it_brings_nothing(fragment: bytes) -> None:
    pair = Pair(max_message=1_000_000)
    pair.peer.settimeout(PATIENCE)

    def endless() -> None:
        block = pdu.p_data(1, 0, fragment) * 100
        with contextlib.suppress(OSError):
            pair.peer.sendall(pdu.p_data(1, 3, STORE))
            while True:
                pair.peer.sendall(block)

    thread = threading.Thread(target=endless)
    thread.start()
    pair.stream.read_command()
    with pytest.raises(ProtocolError, match="message of more than"):
        pair.stream.skip_dataset(1, 1 << 40)
    pair.close()
    thread.join()


def test_stopping_ends_between_messages_only(pair: Pair) -> None:
    pair.peer.sendall(b"".join(pdu.message(1, STORE, None, MAX_PDU)) + pdu.p_data(1, 0, b"ab"))
    pair.stream.read_command()
    pair.stopping = True
    fragments = pair.stream.fragments(1)
    assert bytes(next(fragments)) == b"ab"
    pair.peer.sendall(pdu.p_data(1, pdu.LAST, b"cd"))
    assert bytes(next(fragments)) == b"cd"
    with pytest.raises(StopIteration):
        next(fragments)
    with pytest.raises(Stopping):
        pair.stream.read_command()


def test_memory_does_not_grow_with_the_object(pair: Pair) -> None:
    block = b"".join(pdu.p_data(1, 0, bytes(MAX_PDU - 6)) for _ in range(64))

    def send() -> None:
        pair.peer.sendall(b"".join(pdu.message(1, STORE, None, MAX_PDU)))
        for _ in range(200):
            pair.peer.sendall(block)
        pair.peer.sendall(pdu.p_data(1, pdu.LAST, b"ab"))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    thread = threading.Thread(target=send)
    thread.start()
    pair.stream.read_command()
    size = sum(len(part) for part in pair.stream.fragments(1))
    thread.join()
    assert size == 200 * 64 * (MAX_PDU - 6) + 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # of 200 MB


def test_fragments_we_send_fit_into_what_the_peer_takes() -> None:
    assert pdu.fragment_length(0) == pdu.MAX_SENT - 6
    assert pdu.fragment_length(16384) == 16378
    assert pdu.fragment_length(16383) == 16376
    for wire in pdu.message(1, STORE, bytes(100_000), pdu.fragment_length(4096)):
        assert len(wire) <= 4096 + 6
