"""Two hospitals behind one door: what a peer asks for is looked for among its own hospital's studies only."""

from dataclasses import replace
from pathlib import Path

import pytest

from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.stream import PduStream
from pacs.dimse import reasons
from pacs.dimse.sop_classes import (
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
)
from storage.index import hospitals, peers
from storage.model.archive import Hospital, Origin
from tests.pacs.dimse.conftest import Door
from tests.pacs.dimse.objects import ROOT, ct, write
from tests.pacs.dimse.requests import EXPLICIT, association_request
from tests.pacs.dimse.test_find import ask, keys
from tests.pacs.dimse.test_retrieve import counts, identifier, request
from tests.pacs.dimse.wire import associate
from tests.support.server import free_port
from tests.support.waiting import until

STUDIES = 40
SHARED = 1  # this study is at both hospitals, under the same UIDs
FIND = [
    ("PATIENT", PATIENT_ROOT_FIND, {"PatientID": "", "PatientName": "*"}),
    ("STUDY", STUDY_ROOT_FIND, {"StudyInstanceUID": "", "PatientID": "*"}),
    ("STUDY", STUDY_ROOT_FIND, {"StudyInstanceUID": "", "PatientName": "*", "StudyDate": "19000101-"}),
    ("STUDY", STUDY_ROOT_FIND, {"StudyInstanceUID": f"{ROOT}.105", "PatientID": ""}),
    ("STUDY", STUDY_ROOT_FIND, {"AccessionNumber": "ACC105", "StudyInstanceUID": "", "PatientID": ""}),
    ("SERIES", STUDY_ROOT_FIND, {"StudyInstanceUID": f"{ROOT}.105", "SeriesInstanceUID": ""}),
    ("IMAGE", STUDY_ROOT_FIND, {"StudyInstanceUID": f"{ROOT}.105", "SeriesInstanceUID": f"{ROOT}.105.1",
                                "SOPInstanceUID": ""}),
]  # fmt: skip


@pytest.fixture
def two(door: Door, tmp_path: Path) -> Door:
    """MAIN's studies 1 to 40 and OTHER's 1 and 101 to 139; each has a peer, and the other's listens somewhere."""
    with door.archive.database.writing() as db:
        other = hospitals.ensure(db, "other", "Bệnh viện khác")
    for where, first in ((door.hospital, 1), (other, 100)):
        for study in (SHARED, *range(first + 1, first + STUDIES)):
            _store(door, where, study, tmp_path / where.code)
    door.peer("MAIN_WS", "query", "retrieve", port=free_port())
    door.peer("OTHER_WS", "query", "retrieve", hospital=other, port=free_port())
    return door


def _store(door: Door, where: Hospital, study: int, folder: Path) -> None:
    with door.archive.receive(Origin(where.id, where.code, "import", "test")) as incoming:
        made = ct(study, PatientID=f"{where.code}-{study}", PatientName=f"Nguyễn^{where.code}", StudyDate="20260110")
        incoming.write(write(folder, made).read_bytes())
        assert door.archive.store(incoming).kind == "stored"


def test_a_peer_finds_no_row_of_another_hospital(two: Door) -> None:
    rows = 0
    for level, sop_class, wanted in FIND:
        for peer, patients in (("MAIN_WS", "main-"), ("OTHER_WS", "other-")):
            answers, status = ask(two, keys(level, **wanted), sop_class, calling=peer)
            assert status == 0
            assert all(str(answer.get("PatientID", patients)).startswith(patients) for answer in answers)
            if any("105" in str(value) for value in wanted.values()):
                assert len(answers) == (peer == "OTHER_WS"), (level, wanted, peer)
            else:
                assert len(answers) == STUDIES, (level, wanted, peer)
            rows += len(answers)
    assert rows > 6 * STUDIES


@pytest.mark.parametrize("sop_class", [STUDY_ROOT_GET, PATIENT_ROOT_GET, STUDY_ROOT_MOVE, PATIENT_ROOT_MOVE])
def test_a_peer_brings_nothing_of_another_hospital(two: Door, sop_class: str) -> None:
    moving = sop_class in (STUDY_ROOT_MOVE, PATIENT_ROOT_MOVE)
    field, destination = (commands.C_MOVE_RQ, "MAIN_WS") if moving else (commands.C_GET_RQ, "")
    for level, wanted in (
        ("STUDY", {"StudyInstanceUID": f"{ROOT}.105"}),
        ("SERIES", {"StudyInstanceUID": f"{ROOT}.105", "SeriesInstanceUID": f"{ROOT}.105.1"}),
        ("IMAGE", {"SOPInstanceUID": f"{ROOT}.105.1.1", "StudyInstanceUID": f"{ROOT}.105"}),
        ("PATIENT", {"PatientID": "other-105"}),
    ):
        for nobodys in (False, True):
            asked = {key: value.replace("105", "905") if nobodys else value for key, value in wanted.items()}
            asked_rq = association_request([(sop_class, [EXPLICIT])], calling="MAIN_WS")
            connection, stream = associate(two, asked_rq)
            with connection:
                stream.send_message(1, request(field, sop_class, destination), identifier(level, **asked))
                _, answer = stream.read_command()
            assert (answer.status, counts(answer)) == (0, (0, 0, 0, 0)), (level, nobodys)


def test_nothing_goes_to_another_hospitals_peer(two: Door) -> None:
    for destination in ("OTHER_WS", "NOBODY"):
        connection, stream = associate(two, association_request([(STUDY_ROOT_MOVE, [EXPLICIT])], calling="MAIN_WS"))
        with connection:
            data = identifier("STUDY", StudyInstanceUID=f"{ROOT}.{SHARED}")
            stream.send_message(1, request(commands.C_MOVE_RQ, STUDY_ROOT_MOVE, destination), data)
            assert stream.read_command()[1].status == 0xA801


def test_another_hospitals_title_from_another_address_is_nobody(two: Door) -> None:
    """A title is no secret: with its address it is a peer; without, a stranger that is written down."""
    with two.archive.database.writing() as db:
        peers.update(db, replace(peers.get(db, "OTHER_WS"), host="192.0.2.0/24"))
    for calling in ("OTHER_WS", "other_ws", "OTHER_WSS", "OTHER WS"):
        with two.connect() as connection:
            stream = PduStream(connection, max_pdu=131072, idle_seconds=30, message_seconds=30)
            connection.sendall(association_request([(STUDY_ROOT_FIND, [EXPLICIT])], calling=calling))
            assert stream.read_pdu(30, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)[0] == pdu.ASSOCIATE_RJ, calling

    def noted() -> dict[str, str]:
        with two.archive.database.reading() as db:
            return {one.ae_title: one.reason for one in peers.refusals(db)}

    until(lambda: noted().get("OTHER_WS") == reasons.WRONG_ADDRESS)
