"""Storage Commitment Push Model as SCP, asked by pynetdicom: on the same association, on a new one, after a restart."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]
from sqlalchemy.engine import Connection

from pacs.dimse import commitment as room
from pacs.jobs import commitment as jobs
from pacs.jobs.worker import Worker
from storage.errors import StorageUnavailable
from storage.index import commitments, tasks
from storage.model.archive import CONFLICT, Origin
from storage.model.commitment import CHECKED, GIVEN_UP, REPORTED, REQUESTED, CommitmentState, Reference
from tests.pacs.dimse.conftest import HOST, Door, new_door
from tests.pacs.dimse.objects import CT, ct, write
from tests.support.server import free_port
from tests.support.waiting import PATIENCE, until

INSTANCE = "1.2.840.10008.1.20.1.1"
Heard = tuple[int, Dataset]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(jobs, "HELD_SECONDS", 0.1)
    monkeypatch.setattr(jobs, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(room, "POLL_SECONDS", 0.02)


def stored(door: Door, folder: Path, count: int) -> list[str]:
    """So many instances in the archive; their UIDs."""
    uids = []
    for number in range(1, count + 1):
        path = write(folder, ct(1, 1, number))
        with door.archive.receive(Origin(door.hospital.id, door.hospital.code, "import", "test")) as incoming:
            incoming.write(path.read_bytes())
            outcome = door.archive.store(incoming)
        assert outcome.key is not None
        uids.append(outcome.key.sop_instance_uid)
    return uids


def asking(uids: list[str], transaction: str = "", sop_class: str = CT) -> Dataset:
    """Action Information."""
    dataset = Dataset()
    dataset.TransactionUID = transaction or generate_uid()
    dataset.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        dataset.ReferencedSOPSequence.append(item)
    return dataset


def handler(heard: "queue.SimpleQueue[Heard]", status: int = 0) -> list[Any]:
    def on_report(event: Any) -> tuple[int, None]:
        heard.put((event.event_type, event.event_information))
        return status, None

    return [(evt.EVT_N_EVENT_REPORT, on_report)]


@contextmanager
def associated(
    door: Door, heard: "queue.SimpleQueue[Heard]", syntax: str = "", status: int = 0
) -> Iterator[Association]:
    ae = AE("MODALITY")
    ae.add_requested_context(StorageCommitmentPushModel, syntax or None)
    association = ae.associate(HOST, door.port, ae_title="HOICHAN", evt_handlers=handler(heard, status))
    assert association.is_established
    try:
        yield association
    finally:
        association.release()


@contextmanager
def listening(heard: "queue.SimpleQueue[Heard]", role: bool, port: int = 0, status: int = 0) -> Iterator[int]:
    """The peer's own door, where a result comes on a new association; with or without role selection."""
    ae = AE("MODALITY")
    if role:
        ae.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    else:
        ae.add_supported_context(StorageCommitmentPushModel)
    server = ae.start_server((HOST, port), block=False, evt_handlers=handler(heard, status))
    assert server is not None
    assert server.socket is not None
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.shutdown()


@contextmanager
def working(door: Door) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Worker(door.archive, poll=0.02).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def states(door: Door) -> list[CommitmentState]:
    with door.archive.database.reading() as db:
        return commitments.all(db, door.scope)


def ask(association: Association, dataset: Dataset, action: int = 1, instance: str = INSTANCE) -> int:
    answer, _ = association.send_n_action(dataset, action, StorageCommitmentPushModel, instance)
    return int(answer.Status)


def uids_of(sequence: Any) -> list[str]:
    return [str(item.ReferencedSOPInstanceUID) for item in sequence]


def due_now(door: Door) -> Callable[[], bool]:
    """Do what is due; whether the newest request is over."""
    worker = Worker(door.archive, poll=0.01)

    def step() -> bool:
        worker.step()
        return states(door)[0].state in (REPORTED, GIVEN_UP)

    return step


@pytest.mark.parametrize("syntax", ["", ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_success_comes_on_the_association_that_asked(door: Door, tmp_path: Path, syntax: str) -> None:
    door.peer("MODALITY", "store")
    uids = stored(door, tmp_path / "in", 3)
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    with working(door), associated(door, heard, syntax) as association:
        dataset = asking(uids)
        assert ask(association, dataset) == 0
        kind, result = heard.get(timeout=PATIENCE)
        assert kind == 1
        assert result.TransactionUID == dataset.TransactionUID
        assert uids_of(result.ReferencedSOPSequence) == uids
        assert "FailedSOPSequence" not in result
        assert result.RetrieveAETitle == "HOICHAN"
        until(lambda: states(door)[0].state == REPORTED)
    assert (states(door)[0].instances, states(door)[0].failed) == (3, 0)


@pytest.mark.parametrize("role", [True, False])
def test_the_result_comes_on_a_new_association(door: Door, tmp_path: Path, role: bool) -> None:
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    with listening(heard, role) as port:
        door.peer("MODALITY", "store", host="127.0.0.0/8", port=port)
        uids = stored(door, tmp_path / "in", 2)
        with associated(door, queue.SimpleQueue()) as association:
            assert ask(association, asking(uids)) == 0
        with working(door):
            kind, result = heard.get(timeout=PATIENCE)
            assert (kind, uids_of(result.ReferencedSOPSequence)) == (1, uids)
            until(lambda: states(door)[0].state == REPORTED)


def test_a_request_survives_a_restart_and_a_peer_that_is_away(tmp_path: Path) -> None:
    door = new_door(tmp_path).open()
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    port = free_port()  # nobody listens there yet
    door.peer("MODALITY", "store", port=port)
    uids = stored(door, tmp_path / "in", 2)
    with associated(door, queue.SimpleQueue()) as association:
        assert ask(association, asking(uids)) == 0
    door.close()
    again = new_door(tmp_path)
    assert states(again)[0].state == REQUESTED
    with working(again):
        until(lambda: states(again)[0].tries > 1)
        assert states(again)[0].state == CHECKED
        assert "cannot be reached" in states(again)[0].error
        with listening(heard, role=True, port=port):
            assert heard.get(timeout=PATIENCE)[0] == 1
            until(lambda: states(again)[0].state == REPORTED)
    again.archive.close()


def test_what_is_not_there_not_that_or_not_whole_fails(door: Door, tmp_path: Path) -> None:
    door.peer("MODALITY", "store")
    whole, flipped, gone, other = stored(door, tmp_path / "in", 4)
    path = door.archive.local_path(door.instance(flipped))
    assert path is not None
    data = bytearray(path.read_bytes())
    data[-7] ^= 0x10
    path.chmod(0o600)
    path.write_bytes(data)
    door.archive.objects.delete(door.instance(gone).stored.key)
    dataset = asking([whole, flipped, gone, "1.2.3.999"])
    dataset.ReferencedSOPSequence += asking([other], sop_class="1.2.840.10008.5.1.4.1.1.4").ReferencedSOPSequence
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    with working(door), associated(door, heard) as association:
        assert ask(association, dataset) == 0
        kind, result = heard.get(timeout=PATIENCE)
        assert kind == 2
        assert uids_of(result.ReferencedSOPSequence) == [whole]
        reasons = {str(item.ReferencedSOPInstanceUID): item.FailureReason for item in result.FailedSOPSequence}
        assert reasons == {flipped: 0x0110, gone: 0x0112, "1.2.3.999": 0x0112, other: 0x0119}
        until(lambda: states(door)[0].state == REPORTED)
    assert states(door)[0].failed == 4


def test_both_of_a_conflict_must_be_whole(door: Door, tmp_path: Path) -> None:
    door.peer("MODALITY", "store")
    uids = stored(door, tmp_path / "in", 1)
    path = write(tmp_path / "other", ct(1, 1, 1, StudyDescription="khác"))
    with door.archive.receive(Origin(door.hospital.id, door.hospital.code, "import", "test")) as incoming:
        incoming.write(path.read_bytes())
        outcome = door.archive.store(incoming)
    assert outcome.kind == CONFLICT
    door.archive.objects.delete(outcome.stored.key)
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    with working(door), associated(door, heard) as association:
        assert ask(association, asking(uids)) == 0
        assert heard.get(timeout=PATIENCE)[0] == 2


def test_the_same_request_again_is_answered_again_another_one_fails(door: Door, tmp_path: Path) -> None:
    door.peer("MODALITY", "store")
    uids = stored(door, tmp_path / "in", 2)
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    with working(door), associated(door, heard) as association:
        for _ in range(2):
            assert ask(association, asking(uids, "1.2.3.4")) == 0
            assert heard.get(timeout=PATIENCE)[0] == 1
        assert len(states(door)) == 1
        assert ask(association, asking(uids[:1], "1.2.3.4")) == 0
        kind, result = heard.get(timeout=PATIENCE)
        assert kind == 2
        assert [item.FailureReason for item in result.FailedSOPSequence] == [0x0131]


def test_asked_again_while_a_report_is_under_way_it_is_reported_again(door: Door) -> None:
    origin = Origin(door.hospital.id, door.hospital.code, "dimse", "MODALITY")
    asked = [Reference(CT, "1.2.3.1")]
    with door.archive.database.writing() as db:
        number = commitments.request(db, origin, "1.2.3.4", asked)
        commitments.checked(db, number, asked)
        first = commitments.claim(db, number, 60)
    assert first
    with door.archive.database.writing() as db:
        assert commitments.request(db, origin, "1.2.3.4", asked) == number
        commitments.reported(db, number, first)  # the answer to the first report comes after the second request
        assert states_in(db, door) == [CHECKED]
        second = commitments.claim(db, number, 60)
        commitments.reported(db, number, second)
        assert states_in(db, door) == [REPORTED]


def states_in(db: Connection, door: Door) -> list[str]:
    return [one.state for one in commitments.all(db, door.scope)]


def test_requests_that_make_no_sense_are_refused(door: Door) -> None:
    door.peer("MODALITY", "store")
    with associated(door, queue.SimpleQueue()) as association:
        assert ask(association, asking(["1.2.3"]), instance="1.2.3") == 0x0112
        assert ask(association, asking(["1.2.3"]), action=2) == 0x0123
        assert ask(association, asking([])) == 0x0115
        assert ask(association, asking([""])) == 0x0115
        assert ask(association, asking(["1.2.3"])) == 0  # the association has not suffered
    assert len(states(door)) == 1


def test_a_peer_that_may_not_store_may_not_ask(door: Door) -> None:
    door.peer("MODALITY", "query", "retrieve")
    ae = AE("MODALITY")
    ae.add_requested_context(StorageCommitmentPushModel)
    ae.add_requested_context("1.2.840.10008.1.1")
    association = ae.associate(HOST, door.port, ae_title="HOICHAN")
    assert [context.abstract_syntax for context in association.accepted_contexts] == ["1.2.840.10008.1.1"]
    association.release()


def test_another_hospital_is_not_spoken_of(door: Door, tmp_path: Path) -> None:
    from storage.index import hospitals

    with door.archive.database.writing() as db:
        lao_cai = hospitals.ensure(db, "lao-cai", "Lào Cai")
    door.peer("MODALITY", "store", hospital=lao_cai)
    uids = stored(door, tmp_path / "in", 1)
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    with working(door), associated(door, heard) as association:
        assert ask(association, asking(uids)) == 0
        _, result = heard.get(timeout=PATIENCE)
        assert [item.FailureReason for item in result.FailedSOPSequence] == [0x0112]


def test_nothing_is_said_while_the_store_does_not_answer(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.peer("MODALITY", "store")
    uids = stored(door, tmp_path / "in", 1)
    with associated(door, queue.SimpleQueue()) as association:
        assert ask(association, asking(uids)) == 0

    def away(*_: object) -> None:
        raise StorageUnavailable("the store does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(door.archive.objects, "verified", away)
        due_now(door)()
        assert (states(door)[0].state, states(door)[0].tries) == (REQUESTED, 1)
        day = jobs.CHECKING_MS
        broken.setattr(door.archive, "clock", lambda: states(door)[0].requested_at + day + 1)
        until(lambda: due_now(door)() or states(door)[0].state == CHECKED)
    with door.archive.database.reading() as db:
        assert [one.reason for one in commitments.get(db, states(door)[0].id).references] == [0x0213]


def test_a_peer_without_an_address_is_given_up_in_the_end(door: Door, tmp_path: Path) -> None:
    door.peer("MODALITY", "store")
    uids = stored(door, tmp_path / "in", 1)
    with associated(door, queue.SimpleQueue()) as association:
        assert ask(association, asking(uids)) == 0
    step = due_now(door)
    until(lambda: step() or states(door)[0].tries > 0)
    assert states(door)[0].state == CHECKED
    assert "no address and port" in states(door)[0].error
    later = (states(door)[0].checked_at or 0) + jobs.TELLING_MS + 1
    door.archive.clock = lambda: later
    until(step)
    assert states(door)[0].state == GIVEN_UP
    with door.archive.database.reading() as db:
        assert not [one for one in tasks.all(db) if one.kind == commitments.TASK]


def test_a_refused_report_is_tried_again(door: Door, tmp_path: Path) -> None:
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    with listening(heard, role=True, status=0x0110) as port:
        door.peer("MODALITY", "store", port=port)
        uids = stored(door, tmp_path / "in", 1)
        with working(door), associated(door, heard, status=0x0110) as association:
            assert ask(association, asking(uids)) == 0
            for _ in range(2):
                assert heard.get(timeout=PATIENCE)[0] == 1
        assert states(door)[0].state == CHECKED
