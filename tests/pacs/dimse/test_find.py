"""C-FIND through findscu: levels, models, kinds of keys, names with and without accents, and the statuses."""

import re
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs.association import command as commands
from pacs.association.stream import PduStream
from pacs.dimse.answers import AnswerWriter
from pacs.dimse.identifier import decode, encode
from pacs.dimse.sop_classes import PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from pacs.present import to_dataset
from storage.index import hospitals
from storage.index.effort import Effort
from storage.model.attributes import down_to
from storage.model.query import Found, Level, Query
from tests.pacs.dimse.conftest import HOST, Door
from tests.pacs.dimse.objects import ROOT, ct, write
from tests.pacs.dimse.requests import EXPLICIT, IMPLICIT, association_request
from tests.pacs.dimse.wire import associate
from tests.support.dcmtk import dcmtk


@pytest.fixture
def filled(door: Door, tmp_path: Path) -> Door:
    """Patient BN001 with studies 1 and 2, patient BN002 with study 3; two series of two instances in each."""
    paths = [
        write(tmp_path / "in", ct(study, series, number, PatientID=patient_id, PatientName=name))
        for study, patient_id, name in (
            (1, "BN001", "Nguyễn^Văn^An"),
            (2, "BN001", "Nguyễn^Văn^An"),
            (3, "BN002", "Trần^Thị^Đào"),
        )
        for series in (1, 2)
        for number in (1, 2)
    ]
    dcmtk("storescu", "-aec", "HOICHAN", HOST, door.port, *paths)
    return door


def ask(door: Door, identifier: Dataset, sop_class: str = STUDY_ROOT_FIND, **more: object) -> tuple[list[Dataset], int]:
    """The answers and the final status."""
    connection, stream = associate(door, association_request([(sop_class, [EXPLICIT])], **more))  # type: ignore[arg-type]
    answers, statuses = find(stream, identifier, sop_class)
    connection.close()
    return answers, statuses[-1]


def find(stream: PduStream, identifier: Dataset, sop_class: str = STUDY_ROOT_FIND) -> tuple[list[Dataset], list[int]]:
    stream.send_message(1, find_rq(sop_class), encode(identifier, EXPLICIT))
    answers: list[Dataset] = []
    statuses: list[int] = []
    while True:
        _, command = stream.read_command()
        statuses.append(command.status)
        if not command.has_dataset:
            return answers, statuses
        answers.append(decode(stream.read_dataset(1, 1 << 20), EXPLICIT))


def find_rq(sop_class: str = STUDY_ROOT_FIND, message_id: int = 1) -> bytes:
    return commands.encode(
        {
            commands.AFFECTED_SOP_CLASS_UID: sop_class,
            commands.COMMAND_FIELD: commands.C_FIND_RQ,
            commands.MESSAGE_ID: message_id,
            commands.PRIORITY: 0,
            commands.DATASET_TYPE: commands.WITH_DATASET,
        }
    )


def keys(level: str, **values: object) -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_findscu_sees_every_level(filled: Door) -> None:
    def run(model: str, *wanted: str) -> int:
        arguments = [part for key in wanted for part in ("-k", key)]
        text = dcmtk("findscu", "-v", model, "-aec", "HOICHAN", HOST, filled.port, *arguments)
        return len(re.findall(r"Find Response: \d+ \((?:Pending|Warning)", text)) or text.count("Find Response:")

    study, series = f"StudyInstanceUID={ROOT}.1", f"SeriesInstanceUID={ROOT}.1.2"
    assert run("-P", "QueryRetrieveLevel=PATIENT", "PatientID") == 2
    assert run("-S", "QueryRetrieveLevel=STUDY", "StudyInstanceUID") == 3
    assert run("-P", "QueryRetrieveLevel=STUDY", "PatientID=BN001", "StudyInstanceUID") == 2
    assert run("-S", "QueryRetrieveLevel=SERIES", study, "SeriesInstanceUID") == 2
    assert run("-S", "QueryRetrieveLevel=IMAGE", study, series, "SOPInstanceUID") == 2


def test_answers_carry_what_was_asked_in_utf_8(filled: Door) -> None:
    answers, status = ask(
        filled,
        keys("STUDY", StudyInstanceUID=f"{ROOT}.3", PatientName="", NumberOfStudyRelatedInstances=None, PatientAge=""),
    )
    assert status == 0
    (answer,) = answers
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert str(answer.PatientName) == "Trần^Thị^Đào"
    assert answer.NumberOfStudyRelatedInstances == 4
    assert "PatientAge" in answer
    assert not answer.PatientAge
    assert (answer.QueryRetrieveLevel, answer.RetrieveAETitle) == ("STUDY", "HOICHAN")


@pytest.mark.parametrize(
    ("charset", "declared", "name"),
    [
        ("ISO_IR 6", None, b"Tran^Thi^Dao"),
        ("ISO_IR 100", "ISO_IR 100", "Tran^Thi^Đào".replace("Đ", "D").encode("latin-1")),
        ("GB18030", "GB18030", "Trần^Thị^Đào".encode("gb18030")),
    ],
)
def test_a_peer_gets_its_answers_in_its_character_set(
    filled: Door, charset: str, declared: str | None, name: bytes
) -> None:
    filled.peer("OLD", "query", charset=charset)
    connection, stream = associate(filled, association_request([(STUDY_ROOT_FIND, [EXPLICIT])], calling="OLD"))
    stream.send_message(1, find_rq(), encode(keys("STUDY", StudyInstanceUID=f"{ROOT}.3", PatientName=""), EXPLICIT))
    assert stream.read_command()[1].has_dataset
    data = stream.read_dataset(1, 1 << 20)
    assert name in data
    assert decode(data, EXPLICIT).get("SpecificCharacterSet") == declared
    connection.close()
    # and it finds the patient again by what it was told
    answers, _ = ask(filled, keys("STUDY", StudyInstanceUID="", PatientName="Tran^Thi^Dao"), calling="OLD")
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("wanted", "studies"),
    [
        ({"PatientID": "BN001"}, {1, 2}),
        ({"PatientID": "BN00*"}, {1, 2, 3}),
        ({"PatientID": "BN00?", "StudyDate": "20260102-"}, {2, 3}),
        ({"StudyDate": "20260101-20260102"}, {1, 2}),
        ({"StudyInstanceUID": [f"{ROOT}.1", f"{ROOT}.3", "9.9"]}, {1, 3}),
        ({"AccessionNumber": "ACC2"}, {2}),
        ({"PatientID": "NOBODY"}, set()),
        ({"ModalitiesInStudy": "CT"}, {1, 2, 3}),
        ({"ModalitiesInStudy": "MR"}, set()),
    ],
)
def test_keys_select(filled: Door, wanted: dict[str, object], studies: set[int]) -> None:
    answers, status = ask(filled, keys("STUDY", **({"StudyInstanceUID": ""} | wanted)))
    assert status == 0
    assert {int(answer.StudyInstanceUID.rpartition(".")[2]) for answer in answers} == studies


def test_a_name_in_utf_8_and_fuzzy_without_accents(filled: Door) -> None:
    identifier = keys("STUDY", SpecificCharacterSet="ISO_IR 192", PatientName="Trần*", StudyInstanceUID="")
    answers, _ = ask(filled, identifier)
    assert len(answers) == 1
    fuzzy = keys("STUDY", PatientName="dao tran", StudyInstanceUID="")
    answers, _ = ask(filled, fuzzy, extended={STUDY_ROOT_FIND: b"\0\0\1"})
    assert len(answers) == 1


def test_relational_queries_must_be_negotiated(filled: Door) -> None:
    identifier = keys("IMAGE", SOPInstanceUID=f"{ROOT}.2.1.1")
    assert ask(filled, identifier)[1] == 0xA900
    answers, status = ask(filled, identifier, extended={STUDY_ROOT_FIND: b"\1"})
    assert (len(answers), status) == (1, 0)


def test_unknown_keys_are_answered_with_a_warning(filled: Door) -> None:
    connection, stream = associate(filled, association_request([(STUDY_ROOT_FIND, [EXPLICIT])]))
    assert set(find(stream, keys("STUDY", StudyInstanceUID=""))[1][:-1]) == {0xFF00}
    assert set(find(stream, keys("STUDY", StudyInstanceUID="", PixelSpacing=None))[1][:-1]) == {0xFF01}
    assert set(find(stream, keys("STUDY", StudyInstanceUID="", SeriesDescription="x"))[1][:-1]) == {0xFF01}
    answers, _ = find(stream, keys("STUDY", StudyInstanceUID=f"{ROOT}.1", PixelSpacing=None, SeriesDescription=""))
    assert "PixelSpacing" not in answers[0]  # what is not supported is not answered (PS3.4 C.2.2.1.3)
    assert "SeriesDescription" not in answers[0]
    connection.close()


CONSOLE = {
    "STUDY": "PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyDate StudyTime AccessionNumber "
    "StudyID StudyDescription ModalitiesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances "
    "SOPClassesInStudy InstanceAvailability NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries "
    "NumberOfPatientRelatedInstances",
    "SERIES": "SeriesInstanceUID Modality SeriesNumber NumberOfSeriesRelatedInstances InstanceAvailability",
    "IMAGE": "SOPInstanceUID SOPClassUID InstanceNumber InstanceAvailability Rows Columns",
}


@pytest.mark.parametrize("level", CONSOLE)
def test_a_console_sees_full_rows(filled: Door, level: str) -> None:
    unique = {"StudyInstanceUID": f"{ROOT}.1"} | ({"SeriesInstanceUID": f"{ROOT}.1.1"} if level == "IMAGE" else {})
    given = dict.fromkeys(CONSOLE[level].split()) | unique
    answers, status = ask(filled, keys(level, RetrieveAETitle="", InstitutionName="", **given))
    assert status == 0
    for answer in answers:
        empty = [keyword for keyword in (*given, "RetrieveAETitle") if not str(answer.get(keyword, "") or "")]
        assert empty == []


def test_the_modality_of_a_study_is_that_of_its_series(filled: Door) -> None:
    answers, _ = ask(filled, keys("STUDY", StudyInstanceUID="", Modality="CT"))
    assert [answer.Modality for answer in answers] == ["CT"] * 3
    assert ask(filled, keys("STUDY", StudyInstanceUID="", Modality="MR")) == ([], 0)


def test_date_and_time_are_one_moment_when_negotiated(filled: Door) -> None:
    identifier = keys("STUDY", StudyInstanceUID="", StudyDate="20260101-20260103", StudyTime="230000-010000")
    assert ask(filled, identifier)[0] == []
    assert len(ask(filled, identifier, extended={STUDY_ROOT_FIND: b"\0\1\0"})[0]) == 1


def test_times_are_those_of_the_time_zone_when_negotiated(filled: Door) -> None:
    [known] = ask(filled, keys("STUDY", StudyInstanceUID=f"{ROOT}.1", StudyTime=None, StudyDate=None))[0]
    here = datetime.strptime(f"{known.StudyDate}{str(known.StudyTime)[:6]}", "%Y%m%d%H%M%S").astimezone()
    there = here.astimezone(timezone(timedelta(hours=9)))
    identifier = keys(
        "STUDY", StudyInstanceUID="", TimezoneOffsetFromUTC="+0900", StudyDate=f"{there:%Y%m%d}",
        StudyTime=f"{there:%H%M%S}",
    )  # fmt: skip
    [answer] = ask(filled, identifier, extended={STUDY_ROOT_FIND: b"\0\0\0\1"})[0]
    assert answer.StudyInstanceUID == f"{ROOT}.1"
    assert answer.TimezoneOffsetFromUTC == f"{here:%z}"
    assert ask(filled, identifier)[0] == [] or f"{here:%z}" == "+0900"


def test_what_could_not_be_searched_through_is_no_success(filled: Door) -> None:
    filled.archive.effort = lambda: Effort(rows=2)
    connection, stream = associate(filled, association_request([(STUDY_ROOT_FIND, [EXPLICIT])]))
    stream.send_message(1, find_rq(), encode(keys("STUDY", StudyInstanceUID="", PatientAge="099Y"), EXPLICIT))
    answer = stream.read_command()[1]
    assert answer.status == 0xA700
    assert answer.text(commands.ERROR_COMMENT).startswith("only the newest 2")
    connection.close()


def test_a_search_that_finds_nothing_can_be_cancelled(filled: Door) -> None:
    asked: list[bool] = []

    class Endless(Effort):
        def spent(self) -> bool:
            asked.append(self.goes_on())
            return not asked[-1] and len(asked) > 1

    filled.archive.effort = lambda: Endless(rows=1)
    connection, stream = associate(filled, association_request([(STUDY_ROOT_FIND, [EXPLICIT])]))
    identifier = encode(keys("STUDY", StudyInstanceUID="", PatientAge="099Y"), EXPLICIT)
    cancel = {
        commands.COMMAND_FIELD: commands.C_CANCEL_RQ, commands.MESSAGE_ID_RESPONDED_TO: 1,
        commands.DATASET_TYPE: commands.NO_DATASET,
    }  # fmt: skip
    connection.sendall(stream.encoded(1, find_rq(), identifier) + stream.encoded(1, commands.encode(cancel)))
    assert stream.read_command()[1].status == 0xFE00
    connection.close()


def test_findscu_is_answered_by_model(filled: Door) -> None:
    """Patient Root and Study Root are served; the retired Patient/Study Only model and worklists are not."""
    for model, wanted in (("-P", "PATIENT"), ("-S", "STUDY")):
        dcmtk("findscu", model, "-aec", "HOICHAN", HOST, filled.port, "-k", f"QueryRetrieveLevel={wanted}")
    for model, level in (("-O", ("-k", "QueryRetrieveLevel=STUDY")), ("-W", ())):
        done = subprocess.run(
            ["findscu", "-v", model, "-aec", "HOICHAN", HOST, str(filled.port), *level, "-k", "PatientID"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "No Acceptable Presentation Contexts" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (encode(keys("STUDY", StudyDate="gestern"), EXPLICIT), 0xA900),
        (encode(keys("PATIENT", PatientID=""), EXPLICIT), 0xA900),
        (encode(keys("WARD", PatientID=""), EXPLICIT), 0xA900),
        (b"\x08\0\x52\0CS\xff\xff", 0xA900),
        (b"nonsense", 0xA900),
    ],
)
def test_identifiers_that_make_no_sense_get_a_status(filled: Door, data: bytes, status: int) -> None:
    connection, stream = associate(filled, association_request([(STUDY_ROOT_FIND, [EXPLICIT])]))
    stream.send_message(1, find_rq(), data)
    answer = stream.read_command()[1]
    assert answer.status == status
    stream.send_message(1, find_rq(message_id=2), encode(keys("STUDY", StudyInstanceUID="9.9"), EXPLICIT))
    assert stream.read_command()[1].status == 0
    connection.close()


def test_a_cancelled_query_ends_with_fe00(filled: Door) -> None:
    connection, stream = associate(filled, association_request([(STUDY_ROOT_FIND, [EXPLICIT])]))
    cancel = commands.encode(
        {
            commands.COMMAND_FIELD: commands.C_CANCEL_RQ, commands.MESSAGE_ID_RESPONDED_TO: 1,
            commands.DATASET_TYPE: commands.NO_DATASET,
        }
    )  # fmt: skip
    identifier = encode(keys("STUDY", StudyInstanceUID=""), EXPLICIT)
    connection.sendall(stream.encoded(1, find_rq(), identifier) + stream.encoded(1, cancel))
    statuses: list[int] = []
    while not statuses or statuses[-1] >= 0xFF00:
        _, command = stream.read_command()
        statuses.append(command.status)
        if command.has_dataset:
            stream.read_dataset(1, 1 << 20)
    assert statuses[-1] == 0xFE00
    assert len(statuses) < 4
    connection.close()


def test_peers_of_another_hospital_see_nothing(filled: Door) -> None:
    with filled.archive.database.writing() as db:
        other = hospitals.ensure(db, "other", "Bệnh viện khác")
    filled.peer("OTHER", "query", "retrieve", hospital=other)
    assert ask(filled, keys("STUDY", StudyInstanceUID=""), calling="OTHER") == ([], 0)
    assert ask(filled, keys("PATIENT", PatientID=""), PATIENT_ROOT_FIND, calling="OTHER") == ([], 0)


def test_the_writer_writes_what_present_says(filled: Door) -> None:
    for level in Level:
        keywords = [attribute.keyword for attribute in down_to(level)]
        rows = list(filled.archive.find(Query(level, filled.scope, (), tuple(keywords))))
        assert rows
        for syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian):
            writer = AnswerWriter(level, keywords, syntax, "HOICHAN")
            for row in rows:
                assert writer.write(row) == encode(to_dataset(row, keywords, "HOICHAN"), syntax)


def test_the_writer_knows_every_kind_of_value() -> None:
    attributes: dict[str, dict[str, object]] = {
        "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": "c"}]},
        "00101030": {"vr": "DS", "Value": [70.5]},
        "00101020": {"vr": "DS", "Value": [1.6500000000000001]},
        "00201208": {"vr": "IS", "Value": [5]},
        "00080061": {"vr": "CS", "Value": ["CT", None, "SR"]},
        "00280010": {"vr": "US", "Value": [512, 7]},
        "00104000": {"vr": "LT", "Value": ["x" * 70000]},
        "00081032": {
            "vr": "SQ",
            "Value": [{"00080104": {"vr": "LO", "Value": ["ngực"]}, "00080100": {"vr": "SH"}}, {}],
        },
        "00081110": {"vr": "SQ"},
    }
    keywords = [
        "PatientName", "PatientWeight", "PatientSize", "NumberOfStudyRelatedInstances", "ModalitiesInStudy", "Rows",
        "PatientComments", "ProcedureCodeSequence", "ReferencedStudySequence", "StudyDate", "StudyDate",
    ]  # fmt: skip
    found = Found(Level.STUDY, attributes, "main", "")
    for syntax in (IMPLICIT, EXPLICIT, ExplicitVRBigEndian):
        written = AnswerWriter(Level.STUDY, keywords, syntax).write(found)
        assert decode(written, syntax) == decode(encode(to_dataset(found, keywords), syntax), syntax)
