"""C-ECHO and C-STORE as SCU, against a door of our own and against what is no DICOM peer."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import cast

import pytest

from pacs.archive import Archive
from pacs.association import pdu
from pacs.association.contexts import Context
from pacs.association.stream import PduStream
from pacs.errors import PeerUnreachable
from pacs.send.dicom import MAX_CONTEXTS, echo, groups, proposals
from pacs.send.requestor import address_of
from pacs.send.sources import StreamSource, skip_file_meta
from pacs.send.store import StoreScu
from storage.errors import ObjectCorrupt
from storage.model.archive import Instance, InstanceFacts, InstanceKey, StoredObject
from storage.model.people import Peer
from tests.pacs.dimse.conftest import HOST, Door, new_door
from tests.support.server import free_port


def peer(port: int | None, host: str = HOST, ae_title: str = "HOICHAN") -> Peer:
    return Peer(ae_title, 1, "main", host, port, frozenset())


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something that listens and answers one connection its own way."""
    with socket.create_server((HOST, 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    opened = new_door(tmp_path).open()
    opened.peer("US")
    yield opened
    opened.close()


def test_echo_says_how_long_it_took(door: Door) -> None:
    assert 0 < echo(peer(door.port), "US") < 2000


def test_echo_says_why_not(door: Door) -> None:
    with pytest.raises(PeerUnreachable, match="our AE title is not known there"):
        echo(peer(door.port), "STRANGER")
    with pytest.raises(PeerUnreachable, match="does not know the called AE title"):
        echo(peer(door.port, ae_title="OTHER"), "US")
    with pytest.raises(PeerUnreachable, match="cannot be reached"):
        echo(peer(free_port()), "US")
    with pytest.raises(PeerUnreachable, match="no address and port"):
        echo(peer(None), "US")


@pytest.mark.parametrize(
    "answer",
    [
        lambda connection: connection.close(),
        lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n"),
        lambda connection: connection.sendall(pdu.abort(0)),
        lambda connection: connection.sendall(pdu.HEADER.pack(pdu.ASSOCIATE_AC, 0xFFFFFFFF)),
        lambda connection: connection.sendall(pdu.HEADER.pack(pdu.ASSOCIATE_AC, 70) + bytes(70)),
        lambda connection: connection.recv(1) and connection.recv(100000) and None,
    ],
)
def test_what_is_no_dicom_peer_is_said_to_be_none(answer: Callable[[socket.socket], None]) -> None:
    with answering(answer) as port, pytest.raises(PeerUnreachable):
        echo(peer(port), "US", timeout=1)


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("10.0.0.1", 104, ("10.0.0.1", 104)),
        ("10.0.0.1/32", 104, ("10.0.0.1", 104)),
        ("ct.benhvien.vn", 104, ("ct.benhvien.vn", 104)),
        ("10.0.0.0/8", 104, None),
        ("10.0.0.1", None, None),
    ],
)
def test_where_a_peer_can_be_reached(host: str, port: int | None, address: tuple[str, int] | None) -> None:
    assert address_of(peer(port, host)) == address


def instance(sop_class: str, syntax: str = "1.2.840.10008.1.2.4.90") -> Instance:
    facts = InstanceFacts(
        sop_instance_uid="1.2", sop_class_uid=sop_class, transfer_syntax_uid=syntax, number=1, rows=None, columns=None,
        bits_allocated=None, frames=0, dataset_offset=0, pixel_offset=None, pixel_length=None, frame_length=None,
    )  # fmt: skip
    return Instance(1, InstanceKey("1", "1.1", "1.2"), facts, StoredObject("k", 1, "0" * 64, 0), "CT")


def test_the_stored_syntax_is_proposed_first_and_alone() -> None:
    wanted = proposals([instance("1.2.3"), instance("1.2.3"), instance("1.2.4", "1.2.840.10008.1.2")])
    assert [(one.abstract_syntax, one.transfer_syntaxes) for one in wanted] == [
        ("1.2.3", ("1.2.840.10008.1.2.4.90",)), ("1.2.4", ("1.2.840.10008.1.2",)),
        ("1.2.3", ("1.2.840.10008.1.2.1",)), ("1.2.3", ("1.2.840.10008.1.2",)), ("1.2.4", ("1.2.840.10008.1.2.1",)),
    ]  # fmt: skip


def test_many_sop_classes_are_sent_in_groups_that_fit() -> None:
    many = [instance(f"1.2.{n}") for n in range(100)]
    found = list(groups(many))
    assert [one for group in found for one in group] == many
    assert all(len(proposals(group)) <= MAX_CONTEXTS for group in found)
    assert len(found) == 3


def dataset_on_the_wire(data: bytes, fragment: int) -> bytes:
    """What a StoreScu sends after the command."""
    ours, theirs = socket.socketpair()
    read = bytearray()

    def drain() -> None:
        while block := theirs.recv(1 << 20):
            read.extend(block)

    thread = threading.Thread(target=drain)
    thread.start()
    stream = PduStream(ours, max_pdu=16384, idle_seconds=5, message_seconds=5)
    stream.fragment = fragment
    context = Context(5, "1.2", "1.2.840.10008.1.2.1", as_scu=True, as_scp=False)
    scu = StoreScu(stream, {5: context}, cast(Archive, None), lambda: 1)
    scu._send(instance("1.2", "1.2.840.10008.1.2.1"), StreamSource(context, BytesIO(data)), 1, b"")
    ours.close()
    thread.join()
    theirs.close()
    position = 0
    while not read[position + 11] & pdu.COMMAND or not read[position + 11] & pdu.LAST:
        position += 6 + struct.unpack_from(">L", read, position + 2)[0]
    return bytes(read[position + 6 + struct.unpack_from(">L", read, position + 2)[0] :])


@pytest.mark.parametrize("size", [1, 2, 9, 10, 11, 20, 1000, 131066, 131067, 300_001, 1_048_528, 2_500_001])
@pytest.mark.parametrize("fragment", [10, 16378, 131066])
def test_fragments_are_even_and_lose_nothing(size: int, fragment: int) -> None:
    data = bytes(n % 251 for n in range(size))
    if size > 100_000 and fragment == 10:
        data = data[:10_001]
    wire = dataset_on_the_wire(data, fragment)
    position, parts, lasts = 0, [], []
    while position < len(wire):
        length = struct.unpack_from(">L", wire, position + 2)[0]
        value, context_id, control = struct.unpack_from(">LBB", wire, position + 6)
        assert (value + 4, context_id) == (length, 5)
        parts.append(wire[position + 12 : position + 6 + length])
        lasts.append(control)
        position += 6 + length
    assert all(len(part) % 2 == 0 and len(part) <= fragment for part in parts)
    assert b"".join(parts) == data + b"\0" * (len(data) % 2)
    assert lasts == [0] * (len(lasts) - 1) + [pdu.LAST]


def test_file_meta_is_skipped_and_checked() -> None:
    meta = bytes(128) + b"DICM" + b"\2\0\0\0UL\4\0" + struct.pack("<L", 6) + b"abcdef"
    stream = BytesIO(meta + b"dataset")
    skip_file_meta(stream)
    assert stream.read() == b"dataset"
    for broken in (b"", bytes(200), meta[:-2]):
        with pytest.raises(ObjectCorrupt):
            skip_file_meta(BytesIO(broken))
