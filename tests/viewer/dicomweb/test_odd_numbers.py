"""One instance with numbers that are none does not spoil the answers about all others."""

import pytest
from pydicom.dataset import Dataset

from pacs.dimse.answers import AnswerWriter
from pacs.query import study_query
from storage.model.archive import Origin, Scope
from storage.model.query import Found, Level, Query
from tests.pacs.parts import EXPLICIT, Made, element
from tests.viewer.conftest import Web

NUMBER = element(0x00200013, "IS", "1")
ODD = ["99999999999999999999", "9e99", "not a number at all", "1.5"]


@pytest.mark.parametrize("text", ODD)
def test_odd_numbers_are_found_all_the_same(web: Web, text: str) -> None:
    data = Made(number=1, pixels=None).part10()
    at = data.rindex(NUMBER)  # Series Number stands before it and has the same value
    with web.archive.receive(Origin(web.hospital.id, web.hospital.code, "import", "test")) as incoming:
        incoming.write(data[:at] + element(0x00200013, "IS", text) + data[at + len(NUMBER) :])
        web.archive.store(incoming)
    person = web.person("radiologist")
    for path in ("series", "instances", "studies/1.2.3/instances"):
        answer = person.get(f"/dicom-web/{path}?includefield=all")
        assert answer.status_code == 200
        assert len(answer.json) == 1
    assert person.get("/dicom-web/studies/1.2.3/metadata").status_code == 200
    writer = AnswerWriter(Level.IMAGE, ("InstanceNumber",), EXPLICIT)
    scope = Scope(frozenset({web.hospital.id}))
    for found in web.archive.find(_all_instances(scope)):
        assert b"1.2.3.1.1" in writer.write(found)


def test_a_number_that_is_none_is_written_as_such() -> None:
    found = Found(Level.IMAGE, {"00189087": {"vr": "FD", "Value": [None, 1.0]}}, "main", "")
    assert AnswerWriter(Level.IMAGE, ("DiffusionBValue",), EXPLICIT).write(found)


def _all_instances(scope: Scope) -> Query:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID = "1.2.3"
    identifier.SeriesInstanceUID = "1.2.3.1"
    identifier.InstanceNumber = ""
    return study_query(scope, identifier)
