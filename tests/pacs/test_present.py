"""Answers: what C-FIND and QIDO-RS get of what was found."""

import pytest

from pacs import query
from pacs.present import to_dataset, to_json
from storage.model.query import Found, Level
from tests.pacs.parts import House, Made


@pytest.fixture
def found(here: House) -> Found:
    here.put(Made(name="Nguyễn^Thị^Ánh=阮氏映").part10())
    (answer,) = here.archive.find(query.qido_query(here.scope, Level.STUDY, []))
    return answer


def test_an_answer_has_what_was_asked_for(found: Found) -> None:
    answer = to_dataset(
        found,
        ("PatientName", "StudyDate", "ModalitiesInStudy", "NumberOfStudyRelatedInstances", "SliceThickness"),
        "HOICHAN",
    )
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert answer.QueryRetrieveLevel == "STUDY"
    assert answer.RetrieveAETitle == "HOICHAN"
    assert str(answer.PatientName) == "Nguyễn^Thị^Ánh=阮氏映"
    assert answer.StudyDate == "20240305"
    assert answer.ModalitiesInStudy == "CT"
    assert answer.NumberOfStudyRelatedInstances == 1
    assert answer["SliceThickness"].is_empty, "asked for and not known: empty"
    assert answer.StudyInstanceUID == "1.2.3", "the unique key is always there"
    assert "PatientID" not in answer


def test_json_has_the_defaults_of_its_level(found: Found) -> None:
    answer = to_json(found, retrieve_url="http://x/studies/1.2.3")
    assert answer["00080005"]["Value"] == ["ISO_IR 192"]
    assert answer["00100010"]["Value"] == [{"Alphabetic": "Nguyễn^Thị^Ánh", "Ideographic": "阮氏映"}]
    assert answer["00201208"]["Value"] == [1]
    assert answer["00081190"] == {"vr": "UR", "Value": ["http://x/studies/1.2.3"]}
    assert list(answer) == sorted(answer)


def test_json_has_more_when_asked(here: House) -> None:
    here.put(Made().part10())
    (plain,) = here.archive.find(
        query.qido_query(here.scope, Level.IMAGE, [], {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.1"})
    )
    assert "00100010" not in to_json(plain)
    assert "00100010" in to_json(plain, ["PatientName"])
    assert {"00100010", "00080060", "00280010"} <= set(to_json(plain, ["all"]))


def test_wrong_values_are_answered_and_not_logged(here: House, caplog: pytest.LogCaptureFixture) -> None:
    here.put(Made(date="2024-99-99x", patient_id="B" * 80).part10())
    (answer,) = here.archive.find(query.qido_query(here.scope, Level.STUDY, []))
    assert to_dataset(answer, ("StudyDate", "PatientID")).PatientID == "B" * 80
    assert caplog.text == ""
