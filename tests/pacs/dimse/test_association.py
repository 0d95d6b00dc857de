"""Who may associate, what is refused and noted, limits, hostile peers, and a stop that loses nothing."""

import contextlib
import logging
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pacs.archive.spool import arriving
from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.endings import AbortedByPeer, ConnectionLost
from pacs.association.stream import PduStream
from pacs.command.supervisor import GRACE_SECONDS
from pacs.dimse import reasons, server
from storage.index import changes, peers
from storage.model.people import Refusal
from storage.model.work import ChangeKind
from tests.pacs.dimse.conftest import HOST, Door, new_door
from tests.pacs.dimse.objects import ct, dataset_bytes, write
from tests.pacs.dimse.requests import CT, EXPLICIT, IMPLICIT, association_request
from tests.pacs.dimse.test_store import store_rq
from tests.pacs.dimse.wire import associate
from tests.support.dcmtk import dcmtk
from tests.support.waiting import PATIENCE, until

VERIFICATION = "1.2.840.10008.1.1"


def answer_to(door: Door, data: bytes) -> bytes:
    """The PDU that answers an A-ASSOCIATE-RQ."""
    with door.connect() as connection:
        stream = PduStream(connection, max_pdu=16384, idle_seconds=PATIENCE, message_seconds=PATIENCE)
        connection.sendall(data)
        return stream.read_pdu(PATIENCE, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)[1]


def refusals(door: Door) -> list[Refusal]:
    with door.archive.database.reading() as db:
        return peers.refusals(db)


def test_echoscu_is_answered(door: Door) -> None:
    dcmtk("echoscu", "-v", "-aec", "HOICHAN", HOST, door.port)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("address", [True, False])
@pytest.mark.parametrize("called", [True, False])
def test_only_the_right_title_address_and_called_title_together(
    tmp_path: Path, known: bool, address: bool, called: bool
) -> None:
    door = new_door(tmp_path).open()
    door.peer("TEST" if known else "OTHER", host="127.0.0.0/8" if address else "192.0.2.0/24")
    data = association_request([(VERIFICATION, [IMPLICIT])], called="HOICHAN" if called else "ANOTHER")
    answer = answer_to(door, data)
    expected = known and address and called
    if not expected:
        until(lambda: bool(refusals(door)))
    noted = refusals(door)
    with door.archive.database.reading() as db:
        log = [change.kind for change in changes.after(db, 0)]
    door.close()
    if expected:
        assert answer[0] == pdu.ASSOCIATE_AC
        assert noted == []
        return
    assert answer[0] == pdu.ASSOCIATE_RJ
    assert tuple(answer[7:10]) == ((1, 1, 7) if not called else (1, 1, 3))
    assert [(one.ae_title, one.address, one.count) for one in noted] == [("TEST", HOST, 1)]
    assert log == [ChangeKind.ASSOCIATION_REFUSED]


def test_a_peer_by_host_name(door: Door) -> None:
    door.peer("NAMED", host="localhost")
    door.peer("GONE", host="no-such-host.invalid")
    assert answer_to(door, association_request([(VERIFICATION, [IMPLICIT])], calling="NAMED"))[0] == pdu.ASSOCIATE_AC
    assert answer_to(door, association_request([(VERIFICATION, [IMPLICIT])], calling="GONE"))[0] == pdu.ASSOCIATE_RJ


def test_peers_are_known_without_a_restart(door: Door) -> None:
    request = association_request([(VERIFICATION, [IMPLICIT])], calling="NEW")
    assert answer_to(door, request)[0] == pdu.ASSOCIATE_RJ
    door.peer("NEW")
    assert answer_to(door, request)[0] == pdu.ASSOCIATE_AC
    with door.archive.database.writing() as db:
        peers.remove(db, "NEW")
    until(lambda: answer_to(door, request)[0] == pdu.ASSOCIATE_RJ)


def test_another_application_context_or_version_is_refused(door: Door) -> None:
    good = association_request([(VERIFICATION, [IMPLICIT])])
    assert answer_to(door, good.replace(b"1.2.840.10008.3.1.1.1", b"1.2.840.10008.3.1.1.2"))[7:10] == bytes((1, 1, 2))
    assert answer_to(door, good[:6] + b"\0\2" + good[8:])[7:10] == bytes((1, 2, 2))


def test_the_last_association_is_noted_with_the_peer(door: Door, tmp_path: Path) -> None:
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, write(tmp_path, ct()))

    def noted() -> bool:
        with door.archive.database.reading() as db:
            peer = peers.get(db, "STORESCU")
        return peer.last_association_at is not None and peer.last_stored_at is not None

    until(noted)


def test_too_many_associations_are_refused_for_the_moment(tmp_path: Path) -> None:
    door = new_door(tmp_path, max_associations=2).open()
    door.peer("TEST", "store")
    held = [associate(door) for _ in range(2)]
    answer = answer_to(door, association_request([(CT, [EXPLICIT])]))
    assert (answer[0], tuple(answer[7:10])) == (pdu.ASSOCIATE_RJ, (2, 3, 2))
    held[0][0].close()
    until(lambda: answer_to(door, association_request([(CT, [EXPLICIT])]))[0] == pdu.ASSOCIATE_AC)
    held[1][0].close()
    door.close()


def test_a_peer_can_have_limits_of_its_own(door: Door, tmp_path: Path) -> None:
    with door.archive.database.writing() as db:
        peers.update(db, replace(peers.get(db, "TEST"), max_associations=1, max_object_mb=1, min_rate=5))
    connection, stream = associate(door)
    assert answer_to(door, association_request([(CT, [EXPLICIT])]))[7:10] == bytes((2, 3, 2))
    stream.send_message(1, store_rq("1.2.3"))
    with contextlib.suppress(ConnectionLost):
        for _ in range(20):
            stream.send(pdu.p_data(1, 0, bytes(100_000)))
    with pytest.raises((AbortedByPeer, ConnectionLost)):
        stream.read_command()
    connection.close()
    until(lambda: door.spooled() == [])
    until(lambda: {reasons.TOO_MANY_OF_PEER, reasons.TOO_LARGE} <= {one.reason for one in refusals(door)})


@pytest.mark.parametrize(
    "wire",
    [
        pdu.HEADER.pack(pdu.P_DATA, 0xFFFFFFFF) + bytes(1000),
        pdu.HEADER.pack(pdu.P_DATA, 131072 + 7) + bytes(1000),
        pdu.p_data(1, 3, b"no command set"),
        pdu.p_data(7, 3, commands.encode({commands.COMMAND_FIELD: 0x30, commands.DATASET_TYPE: 0x0101})),
        pdu.HEADER.pack(77, 4) + bytes(4),
    ],
)
def test_who_breaks_the_protocol_is_aborted_at_once(door: Door, wire: bytes) -> None:
    assert door.config.idle_seconds >= PATIENCE, "who is only silent is not aborted in the time we wait"
    connection, stream = associate(door)
    connection.sendall(wire)
    with pytest.raises(AbortedByPeer):
        stream.read_command()
    connection.close()
    dcmtk("echoscu", "-aec", "HOICHAN", HOST, door.port)


def test_the_idle_are_closed(tmp_path: Path) -> None:
    door = new_door(tmp_path, idle_seconds=1).open()
    door.peer("TEST", "store")
    started = time.monotonic()
    connection, stream = associate(door)
    with pytest.raises(AbortedByPeer):
        stream.read_command()
    assert time.monotonic() - started > 0.9
    connection.close()
    door.close()


def still_open(connection: socket.socket) -> bool:
    """Whether the other side has not closed it, and has said nothing."""
    connection.setblocking(False)
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    return False


def test_a_silent_crowd_locks_no_modality_out(tmp_path: Path) -> None:
    door = new_door(tmp_path, request_seconds=300).open()
    door.peer("ECHOSCU")
    dcmtk("echoscu", "-aec", "HOICHAN", HOST, door.port)  # from now on its address is that of a peer
    crowd = [door.connect() for _ in range(600)]
    try:
        for _ in range(3):
            dcmtk("echoscu", "-aec", "HOICHAN", HOST, door.port)
        assert sum(map(still_open, crowd)) > 100, "it was let in beside them, not when they had gone"
    finally:
        for connection in crowd:
            connection.close()
        door.close()


def test_a_stop_finishes_the_object_that_is_arriving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FINISH_SECONDS", 2 * PATIENCE)
    door = new_door(tmp_path).open()
    door.peer("TEST", "store")
    path = write(tmp_path / "in", ct(rows=256, columns=256))
    busy, stream = associate(door)
    idle, idle_stream = associate(door)
    parts = list(pdu.message(1, store_rq(path.stem), dataset_bytes(path), 8192))
    busy.sendall(b"".join(parts[:-1]))
    until(lambda: arriving() == 1)
    door.stop.set()
    with pytest.raises(AbortedByPeer):
        idle_stream.read_command()
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, door.port)) != 0
    busy.sendall(parts[-1])
    assert stream.read_command()[1].status == 0
    with pytest.raises(AbortedByPeer):
        stream.read_command()
    assert door.thread is not None
    door.thread.join(PATIENCE)
    assert not door.thread.is_alive()
    assert dataset_bytes(door.content(path.stem)) == dataset_bytes(path)
    door.close()
    busy.close()
    idle.close()


def test_a_stop_does_not_wait_for_who_stalls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.FINISH_SECONDS + server.CLOSE_SECONDS < GRACE_SECONDS, "when the supervisor would kill it"
    monkeypatch.setattr(server, "FINISH_SECONDS", 1.0)
    door = new_door(tmp_path).open()
    door.peer("TEST", "store")
    connection, stream = associate(door)
    stream.send_message(1, store_rq("1.2.3"))
    stream.send(pdu.p_data(1, 0, bytes(1000)))
    until(lambda: arriving() == 1)
    door.close()  # fails when it takes a minute; the message has ten
    assert door.spooled() == []
    connection.close()


def test_nothing_runs_when_nobody_is_there(door: Door) -> None:
    dcmtk("echoscu", "-aec", "HOICHAN", HOST, door.port)
    until(lambda: not [one for one in threading.enumerate() if one.name == "association"])


def test_logs_name_peers_and_uids_but_no_patients(
    door: Door, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    good = write(tmp_path / "1", ct())
    other = write(tmp_path / "2", ct(SeriesDescription="khác", PatientBirthDate="19800203"))
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, good)
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, other)
    for key in ("PatientName=NGUYEN*", "PatientID=BN001", "PatientBirthDate=1980-02-03", "StudyDate=BN001"):
        dcmtk("findscu", "-S", "-aec", "HOICHAN", HOST, door.port, "-k", "QueryRetrieveLevel=STUDY", "-k", key)
    dcmtk(
        "movescu", "-P", "-aec", "HOICHAN", "-aem", "NOWHERE", HOST, door.port,
        "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=BN001", check=False,
    )  # fmt: skip
    said = caplog.text + "".join(capfd.readouterr())
    assert "STORESCU" in said
    assert good.stem in said
    for secret in ("BN001", "Nguy", "NGUYEN", "19800203", "1980-02-03"):
        assert secret not in said
