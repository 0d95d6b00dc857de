"""C-STORE through DCMTK's clients and through a client of bytes: kept exactly, or not at all."""

import hashlib
import resource
import threading
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from pacs.archive.spool import arriving
from pacs.archive.transcode import file_meta
from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.endings import AbortedByPeer, AssociationEnd
from tests.pacs.dimse.conftest import HOST, Door, new_door
from tests.pacs.dimse.objects import CT, ct, dataset_bytes, write
from tests.pacs.dimse.requests import EXPLICIT, association_request
from tests.pacs.dimse.wire import associate
from tests.support.corpus import corpus
from tests.support.dcmtk import dcmtk
from tests.support.waiting import until


def store_rq(uid: str, message_id: int = 1, sop_class: str = CT) -> bytes:
    return commands.encode(
        {
            commands.AFFECTED_SOP_CLASS_UID: sop_class,
            commands.COMMAND_FIELD: commands.C_STORE_RQ,
            commands.MESSAGE_ID: message_id,
            commands.PRIORITY: 0,
            commands.DATASET_TYPE: commands.WITH_DATASET,
            commands.AFFECTED_SOP_INSTANCE_UID: uid,
        }
    )


def test_keeps_the_dataset_byte_for_byte(door: Door, tmp_path: Path) -> None:
    paths = [write(tmp_path / "in", ct(number=n, rows=512, columns=512)) for n in range(1, 6)]
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, *paths)
    for path in paths:
        assert dataset_bytes(door.content(path.stem)) == dataset_bytes(path)
    assert door.spooled() == []


def test_the_file_meta_is_the_same_whoever_sends(door: Door, tmp_path: Path) -> None:
    path = write(tmp_path, ct())
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, path)
    before = door.instance(path.stem).stored
    dcmtk("dcmsend", "-aec", "HOICHAN", HOST, door.port, path)
    dcmtk("storescu", "-aet", "TEST", "-aec", "HOICHAN", HOST, door.port, path)
    assert door.instance(path.stem).stored == before
    assert door.count() == 1
    content = door.content(path.stem)
    assert content.startswith(file_meta(CT, path.stem, EXPLICIT))
    assert hashlib.sha256(content).hexdigest() == before.sha256
    meta = pydicom.dcmread(door.archive.local_path(door.instance(path.stem)) or path).file_meta
    assert "SourceApplicationEntityTitle" not in meta
    assert meta.FileMetaInformationVersion == b"\0\1"


def test_other_content_under_the_same_uid_is_kept_beside_the_first(door: Door, tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", ct()), write(tmp_path / "2", ct(SeriesDescription="khác"))
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, first)
    text = dcmtk("storescu", "-v", "-aec", "HOICHAN", HOST, door.port, second)
    assert "Received Store Response (Success)" in text
    assert dataset_bytes(door.content(first.stem)) == dataset_bytes(first)


@pytest.mark.skipif(corpus() is None, reason="needs the shared corpus")
def test_every_transfer_syntax_is_kept_as_it_is(door: Door) -> None:
    folder = (corpus() or Path()) / "transfer-syntaxes/ct-one-slice-16-syntaxes"
    kept = 0
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        connection, stream = associate(door, association_request([(dataset.SOPClassUID, [syntax])], max_pdu=131072))
        uid = f"1.2.826.0.1.3680043.10.1120.9.{kept}"
        data = dataset_bytes(path)
        stream.send_message(1, store_rq(uid, sop_class=dataset.SOPClassUID), data + b"\0" * (len(data) % 2))
        status = stream.read_command()[1].status
        # another SOP Instance UID than the dataset's: refused, unless the dataset cannot be read (then quarantined)
        assert status in (0xA900, 0xC000), path.name
        stream.send_message(1, store_rq(dataset.SOPInstanceUID, 2, dataset.SOPClassUID), data + b"\0" * (len(data) % 2))
        assert stream.read_command()[1].status == 0, path.name
        connection.close()
        kept += 1
    assert kept == 16


def test_private_sop_classes_and_transfer_syntaxes_are_kept(door: Door) -> None:
    private_class, private_syntax = "1.2.840.113619.4.27", "1.2.840.113619.5.2"
    path_bytes = b"".join(
        (b"\x08\x00\x16\x00UI", (20).to_bytes(2, "little"), private_class.encode() + b"\0",
         b"\x08\x00\x18\x00UI", (8).to_bytes(2, "little"), b"1.2.3.4\0")
    )  # fmt: skip
    connection, stream = associate(door, association_request([(private_class, [private_syntax])]))
    stream.send_message(1, store_rq("1.2.3.4", sop_class=private_class), path_bytes)
    status = stream.read_command()[1].status
    connection.close()
    assert status in (0x0000, 0xC000)  # kept; C000 where it says too little to be indexed
    kept = [stored.key for stored in door.objects()]
    assert len(kept) == 1
    assert dataset_bytes(door.archive.objects.get(kept[0])) == path_bytes


def test_several_requests_sent_without_waiting_are_answered_in_order(door: Door, tmp_path: Path) -> None:
    paths = [write(tmp_path, ct(number=n, rows=64, columns=64)) for n in range(1, 9)]
    connection, stream = associate(door)
    wire = b"".join(
        part
        for n, path in enumerate(paths, 1)
        for part in pdu.message(1, store_rq(path.stem, n), dataset_bytes(path), 4000)
    )
    connection.sendall(wire + pdu.RELEASE_REQUEST)
    answers = [stream.read_command()[1] for _ in paths]
    assert [(answer.responded_to, answer.status) for answer in answers] == [(n, 0) for n in range(1, 9)]
    assert stream.read_pdu(5, pdu.RELEASE_RP, 100)[0] == pdu.RELEASE_RP
    assert [dataset_bytes(door.content(path.stem)) == dataset_bytes(path) for path in paths] == [True] * 8
    connection.close()


@pytest.mark.parametrize("ending", ["abort", "close", "release", "other context", "command"])
def test_what_ends_in_the_middle_leaves_nothing(door: Door, tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, ct(rows=256, columns=256))
    connection, stream = associate(door)
    parts = list(pdu.message(1, store_rq(path.stem), dataset_bytes(path), 8192))
    connection.sendall(b"".join(parts[:-2]))
    until(lambda: arriving() == 1)
    if ending == "abort":
        connection.sendall(pdu.abort(0))
    elif ending == "release":
        connection.sendall(pdu.RELEASE_REQUEST)
    elif ending == "other context":
        connection.sendall(pdu.p_data(3, pdu.LAST, b"ab"))
    elif ending == "command":
        connection.sendall(b"".join(pdu.message(1, store_rq(path.stem, 2), b"ab", 8192)))
    else:
        connection.close()
    if ending in ("other context", "command"):
        with pytest.raises(AbortedByPeer):
            stream.read_command()
    until(lambda: arriving() == 0 and door.spooled() == [])
    assert door.count() == 0
    assert door.objects() == []
    connection.close()


def test_an_object_over_the_limit_is_aborted_and_removed(tmp_path: Path) -> None:
    door = new_door(tmp_path, max_object_mb=1).open()
    door.peer("TEST", "store")
    connection, stream = associate(door)
    with pytest.raises(AssociationEnd):  # noqa: PT012 - whether sending or reading notices first is open
        stream.send_message(1, store_rq("1.2.3"))
        for _ in range(100):
            stream.send(pdu.p_data(1, 0, bytes(65536)))
        stream.read_command()
    until(lambda: arriving() == 0 and door.spooled() == [])
    assert door.count() == 0
    connection.close()
    door.close()


def test_a_dataset_of_another_instance_than_the_command_is_refused(door: Door, tmp_path: Path) -> None:
    path = write(tmp_path, ct())
    connection, stream = associate(door)
    stream.send_message(1, store_rq("1.2.3.4.5"), dataset_bytes(path))
    assert stream.read_command()[1].status == 0xA900
    stream.send_message(1, store_rq(path.stem), dataset_bytes(path))
    assert stream.read_command()[1].status == 0
    connection.close()


def test_commands_that_make_no_sense_are_answered(door: Door) -> None:
    connection, stream = associate(door)
    stream.send_message(1, store_rq(""), b"ab")
    assert stream.read_command()[1].status == 0x0117
    stream.send_message(1, store_rq("1" * 65), b"ab")
    assert stream.read_command()[1].status == 0x0117
    no_dataset = commands.encode(
        {
            commands.COMMAND_FIELD: commands.C_STORE_RQ, commands.MESSAGE_ID: 3,
            commands.DATASET_TYPE: commands.NO_DATASET, commands.AFFECTED_SOP_INSTANCE_UID: "1.2",
        }
    )  # fmt: skip
    stream.send_message(1, no_dataset)
    assert stream.read_command()[1].status == 0x0114
    strange = commands.encode(
        {commands.COMMAND_FIELD: 0x0130, commands.MESSAGE_ID: 4, commands.DATASET_TYPE: commands.WITH_DATASET}
    )
    stream.send_message(1, strange, b"abcd")
    answer = stream.read_command()[1]
    assert (answer.field, answer.status) == (0x8130, 0x0211)
    connection.close()


def test_a_full_spool_is_said_and_the_association_goes_on(door: Door, tmp_path: Path) -> None:
    path = write(tmp_path, ct(rows=256, columns=256))
    connection, stream = associate(door)
    door.archive.spool.mkdir(exist_ok=True)
    moved = door.archive.spool
    door.archive.spool = Path("/proc/nowhere")
    stream.send_message(1, store_rq(path.stem), dataset_bytes(path))
    assert stream.read_command()[1].status == 0xA700
    door.archive.spool = moved
    stream.send_message(1, store_rq(path.stem, 2), dataset_bytes(path))
    assert stream.read_command()[1].status == 0
    connection.close()


def test_an_endless_dataset_costs_no_memory(door: Door) -> None:
    connection, stream = associate(door)
    stream.send_message(1, store_rq("1.2.3"))
    block = pdu.p_data(1, 0, bytes(131066)) * 8
    connection.sendall(block)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        connection.sendall(block)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 96 * 1024  # of 300 MB
    connection.close()
    until(lambda: arriving() == 0 and door.spooled() == [])


def test_implicit_is_kept_implicit(door: Door, tmp_path: Path) -> None:
    path = write(tmp_path, ct(), ImplicitVRLittleEndian)
    dcmtk("storescu", "-xi", "-aec", "HOICHAN", HOST, door.port, path)
    assert door.instance(path.stem).facts.transfer_syntax_uid == ImplicitVRLittleEndian
    assert dataset_bytes(door.content(path.stem)) == dataset_bytes(path)


def test_associations_at_once(door: Door, tmp_path: Path) -> None:
    groups = [
        [write(tmp_path, ct(series=s, number=n, rows=128, columns=128)) for n in range(1, 11)] for s in range(1, 5)
    ]
    threads = [
        threading.Thread(target=dcmtk, args=("storescu", "-aec", "HOICHAN", HOST, door.port, *paths))
        for paths in groups
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert door.count() == 40
