"""C-GET and C-MOVE: the stored bytes arrive as they are, counts are right, and nothing goes to strangers."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from pacs.association import command as commands
from pacs.association.command import Command
from pacs.dimse.identifier import decode, encode
from pacs.dimse.sop_classes import PATIENT_ROOT_MOVE, STUDY_ROOT_GET, STUDY_ROOT_MOVE
from storage.index import hospitals, peers
from tests.pacs.dimse.conftest import HOST, Door
from tests.pacs.dimse.objects import CT, ROOT, ct, dataset_bytes, write
from tests.pacs.dimse.requests import EXPLICIT, association_request
from tests.pacs.dimse.wire import associate
from tests.support.dcmtk import dcmtk
from tests.support.server import free_port
from tests.support.waiting import until


@pytest.fixture
def files(door: Door, tmp_path: Path) -> list[Path]:
    """Two studies of two series of three instances, stored."""
    paths = [
        write(tmp_path / "in", ct(study, series, number, rows=64, columns=64))
        for study in (1, 2)
        for series in (1, 2)
        for number in (1, 2, 3)
    ]
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, *paths)
    return paths


@contextlib.contextmanager
def receiver(folder: Path, port: int, *options: str) -> Iterator[Path]:
    """DCMTK's storescp, writing what it gets bit by bit."""
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("storescp") or "storescp"
    process = subprocess.Popen(
        [program, "-aet", "RECEIVER", "-od", str(folder), "+B", *options, str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "TCP_NODELAY": "1"},
    )  # fmt: skip

    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, port)) == 0

    until(listening)
    try:
        yield folder
    finally:
        process.terminate()
        process.wait(60)


def request(field: int, sop_class: str, destination: str = "", message_id: int = 1) -> bytes:
    fields: dict[int, int | str] = {
        commands.AFFECTED_SOP_CLASS_UID: sop_class,
        commands.COMMAND_FIELD: field,
        commands.MESSAGE_ID: message_id,
        commands.PRIORITY: 0,
        commands.DATASET_TYPE: commands.WITH_DATASET,
    }
    if destination:
        fields[commands.MOVE_DESTINATION] = destination
    return commands.encode(fields)


def identifier(level: str, **values: object) -> bytes:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return encode(dataset, EXPLICIT)


def move(
    door: Door, destination: str, data: bytes, sop_class: str = STUDY_ROOT_MOVE
) -> tuple[list[Command], list[str]]:
    """All responses of a C-MOVE and the Failed SOP Instance UID List of the last."""
    connection, stream = associate(door, association_request([(sop_class, [EXPLICIT])]))
    stream.send_message(1, request(commands.C_MOVE_RQ, sop_class, destination), data)
    answers: list[Command] = []
    failed: list[str] = []
    while not answers or answers[-1].status == 0xFF00:
        answers.append(stream.read_command()[1])
        if answers[-1].has_dataset:
            value = decode(stream.read_dataset(1, 1 << 20), EXPLICIT).FailedSOPInstanceUIDList
            failed = [value] if isinstance(value, str) else list(value)
    connection.close()
    return answers, failed


def counts(command: Command) -> tuple[int, int, int, int]:
    return (
        command.number(commands.REMAINING), command.number(commands.COMPLETED),
        command.number(commands.FAILED), command.number(commands.WARNING),
    )  # fmt: skip


def received(folder: Path) -> set[bytes]:
    return {dataset_bytes(path) for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (("QueryRetrieveLevel=STUDY", f"StudyInstanceUID={ROOT}.1"), slice(0, 6)),
        (("QueryRetrieveLevel=SERIES", f"StudyInstanceUID={ROOT}.1", f"SeriesInstanceUID={ROOT}.1.2"), slice(3, 6)),
        (
            ("QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={ROOT}.1", f"SeriesInstanceUID={ROOT}.1.1",
             f"SOPInstanceUID={ROOT}.1.1.1\\{ROOT}.1.1.3"),
            slice(0, 3, 2),
        ),
    ],
)  # fmt: skip
def test_getscu_brings_the_same_bytes(
    door: Door, files: list[Path], tmp_path: Path, keys: tuple[str, ...], chosen: slice
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    arguments = [part for key in keys for part in ("-k", key)]
    dcmtk("getscu", "-S", "-B", "-od", out, "-aec", "HOICHAN", HOST, door.port, *arguments)
    assert received(out) == {dataset_bytes(path) for path in files[chosen]}


def test_get_of_what_the_peer_does_not_take_counts_as_failed(door: Door, files: list[Path]) -> None:
    connection, stream = associate(door, association_request([(STUDY_ROOT_GET, [EXPLICIT])]))
    data = identifier("SERIES", StudyInstanceUID=f"{ROOT}.1", SeriesInstanceUID=f"{ROOT}.1.1")
    stream.send_message(1, request(commands.C_GET_RQ, STUDY_ROOT_GET), data)
    answers = [stream.read_command()[1] for _ in range(3)]
    assert counts(answers[0]) == (2, 0, 1, 0)
    assert (answers[-1].status, counts(answers[-1])) == (0xA702, (0, 0, 3, 0))
    failed = decode(stream.read_dataset(1, 1 << 20), EXPLICIT).FailedSOPInstanceUIDList
    assert sorted(failed) == [f"{ROOT}.1.1.{n}" for n in (1, 2, 3)]
    connection.close()


def test_get_can_be_cancelled_between_sub_operations(door: Door, files: list[Path]) -> None:
    data = association_request([(STUDY_ROOT_GET, [EXPLICIT]), (CT, [EXPLICIT])], roles={CT: (False, True)})
    connection, stream = associate(door, data)
    stream.send_message(
        1, request(commands.C_GET_RQ, STUDY_ROOT_GET), identifier("STUDY", StudyInstanceUID=f"{ROOT}.1")
    )
    context_id, store = stream.read_command()
    assert (context_id, store.field, store.sop_instance_uid) == (3, commands.C_STORE_RQ, f"{ROOT}.1.1.1")
    stream.read_dataset(3, 1 << 20)
    cancel = {
        commands.COMMAND_FIELD: commands.C_CANCEL_RQ, commands.MESSAGE_ID_RESPONDED_TO: 1,
        commands.DATASET_TYPE: commands.NO_DATASET,
    }  # fmt: skip
    stream.send_message(1, commands.encode(cancel))
    stream.send_message(3, commands.response(store, 0xB000))
    pending = stream.read_command()[1]
    assert (pending.status, counts(pending)) == (0xFF00, (5, 0, 0, 1))
    final = stream.read_command()[1]
    assert (final.status, counts(final)) == (0xFE00, (5, 0, 0, 1))
    connection.close()


def test_movescu_sends_to_a_peer_that_listens(door: Door, files: list[Path], tmp_path: Path) -> None:
    port = free_port()
    door.peer("RECEIVER", port=port)
    with receiver(tmp_path / "out", port) as out:
        dcmtk(
            "movescu", "-S", "-aec", "HOICHAN", "-aem", "RECEIVER", HOST, door.port,
            "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ROOT}.2",
        )  # fmt: skip
        assert received(out) == {dataset_bytes(path) for path in files[6:]}


def test_move_counts_every_sub_operation(door: Door, files: list[Path], tmp_path: Path) -> None:
    port = free_port()
    door.peer("RECEIVER", port=port)
    with receiver(tmp_path / "out", port) as out:
        answers, failed = move(door, "RECEIVER", identifier("PATIENT", PatientID="BN001"), PATIENT_ROOT_MOVE)
        assert [counts(answer) for answer in answers] == [(11 - n, n + 1, 0, 0) for n in range(11)] + [(0, 12, 0, 0)]
        assert (answers[-1].status, failed) == (0, [])
        assert len(received(out)) == 12


def test_move_is_lenient_about_upper_levels(door: Door, files: list[Path], tmp_path: Path) -> None:
    port = free_port()
    door.peer("RECEIVER", port=port)
    with receiver(tmp_path / "out", port):
        data = identifier("IMAGE", SOPInstanceUID=[f"{ROOT}.1.1.1", f"{ROOT}.2.2.3"])
        answers, _ = move(door, "RECEIVER", data)
    assert (answers[-1].status, counts(answers[-1])) == (0, (0, 2, 0, 0))


def test_move_to_strangers_is_refused(door: Door, files: list[Path]) -> None:
    data = identifier("STUDY", StudyInstanceUID=f"{ROOT}.1")
    with door.archive.database.writing() as db:
        other = hospitals.ensure(db, "other", "Bệnh viện khác")
    door.peer("NOPORT")
    door.peer("NETWORK", host="10.0.0.0/8", port=104)
    door.peer("ELSEWHERE", port=free_port(), hospital=other)
    for destination in ("NOWHERE", "NOPORT", "NETWORK", "ELSEWHERE", ""):
        answers, _ = move(door, destination, data)
        assert [answer.status for answer in answers] == [0xA801], destination


def test_move_to_a_peer_that_does_not_answer_fails_all(door: Door, files: list[Path]) -> None:
    door.peer("SILENT", port=free_port())
    answers, failed = move(door, "SILENT", identifier("STUDY", StudyInstanceUID=f"{ROOT}.1"))
    assert (answers[-1].status, counts(answers[-1])) == (0xA702, (0, 0, 6, 0))
    assert len(failed) == 6


def test_a_receiver_that_breaks_costs_one_instance_at_a_time(door: Door, files: list[Path], tmp_path: Path) -> None:
    port = free_port()
    door.peer("RECEIVER", port=port)
    with receiver(tmp_path / "out", port, "--abort-during"):
        answers, failed = move(door, "RECEIVER", identifier("STUDY", StudyInstanceUID=f"{ROOT}.1"))
    assert (answers[-1].status, counts(answers[-1])) == (0xA702, (0, 0, 6, 0))
    assert len(failed) == 6


def test_move_of_nothing_is_a_success(door: Door, files: list[Path]) -> None:
    door.peer("RECEIVER", port=free_port())
    answers, _ = move(door, "RECEIVER", identifier("STUDY", StudyInstanceUID="9.9"))
    assert [(answer.status, counts(answer)) for answer in answers] == [(0, (0, 0, 0, 0))]


@pytest.mark.parametrize(
    "data",
    [identifier("STUDY"), identifier("SERIES", StudyInstanceUID=f"{ROOT}.1"), identifier("WARD"), b"nonsense"],
)
def test_move_without_a_unique_key_makes_no_sense(door: Door, files: list[Path], data: bytes) -> None:
    door.peer("RECEIVER", port=free_port())
    assert [answer.status for answer in move(door, "RECEIVER", data)[0]] == [0xA900]


def test_a_missing_object_fails_alone(door: Door, files: list[Path], tmp_path: Path) -> None:
    port = free_port()
    door.peer("RECEIVER", port=port)
    door.archive.objects.delete(door.instance(f"{ROOT}.1.1.2").stored.key)
    with receiver(tmp_path / "out", port) as out:
        answers, failed = move(door, "RECEIVER", identifier("STUDY", StudyInstanceUID=f"{ROOT}.1"))
        assert (answers[-1].status, counts(answers[-1])) == (0xB000, (0, 5, 1, 0))
        assert failed == [f"{ROOT}.1.1.2"]
        assert len(received(out)) == 5


def test_what_the_receiver_does_not_take_is_converted(door: Door, files: list[Path], tmp_path: Path) -> None:
    port = free_port()
    door.peer("RECEIVER", port=port)
    with receiver(tmp_path / "out", port, "+xi") as out:
        answers, _ = move(door, "RECEIVER", identifier("STUDY", StudyInstanceUID=f"{ROOT}.1"))
        assert (answers[-1].status, counts(answers[-1])) == (0, (0, 6, 0, 0))
        want = {dataset_bytes(write(tmp_path / "implicit", ct(1, s, n, rows=64, columns=64), ImplicitVRLittleEndian))
                for s in (1, 2) for n in (1, 2, 3)}  # fmt: skip
        assert received(out) == want


def test_a_peer_that_changes_its_port_needs_no_restart(door: Door, files: list[Path], tmp_path: Path) -> None:
    port = free_port()
    peer = door.peer("RECEIVER")
    data = identifier("SERIES", StudyInstanceUID=f"{ROOT}.1", SeriesInstanceUID=f"{ROOT}.1.1")
    assert move(door, "RECEIVER", data)[0][-1].status == 0xA801
    with door.archive.database.writing() as db:
        peers.update(db, replace(peer, port=port))
    time.sleep(1.1)
    with receiver(tmp_path / "out", port):
        assert move(door, "RECEIVER", data)[0][-1].status == 0


def test_a_peer_that_takes_nothing_holds_up_nobody_else(door: Door, tmp_path: Path) -> None:
    paths = [write(tmp_path / "in", ct(1, 1, number, rows=512, columns=512)) for number in range(1, 9)]
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, *paths)
    data = association_request(
        [(STUDY_ROOT_GET, [EXPLICIT]), (CT, [EXPLICIT])], roles={CT: (False, True)}, max_pdu=16384
    )
    stuck, stream = associate(door, data)
    with stuck:
        stream.fragment = 16378
        stream.send_message(
            1, request(commands.C_GET_RQ, STUDY_ROOT_GET), identifier("STUDY", StudyInstanceUID=f"{ROOT}.1")
        )
        # it reads none of it; another one meanwhile gets all
        assert get_all(door, data) == (8, 0)


def get_all(door: Door, data: bytes) -> tuple[int, int]:
    """Fetch the study with an association of our own: how many came, and the final status."""
    connection, stream = associate(door, data)
    with connection:
        stream.fragment = 16378
        stream.send_message(
            1, request(commands.C_GET_RQ, STUDY_ROOT_GET), identifier("STUDY", StudyInstanceUID=f"{ROOT}.1")
        )
        came = 0
        while True:
            context_id, command = stream.read_command()
            if command.field == commands.C_STORE_RQ:
                stream.skip_dataset(context_id, 1 << 20)
                came += 1
                stream.send_message(context_id, commands.response(command, 0))
            elif command.status != 0xFF00:
                assert command.number(commands.COMPLETED) == came
                return came, command.status
