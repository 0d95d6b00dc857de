"""QIDO-RS: who is found, what is said of them, and how much of it."""

from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import generate_uid

from storage.index.effort import Effort
from tests.support.corpus import images
from tests.viewer.dicomweb.conftest import PUBLIC, Shelf
from viewer.dicomweb import search

NAMES = ["Nguyễn^Văn An", "Nguyễn^Thị Bình", "Trần^Đức", "Đỗ^Hà", "Smith^John"]


@pytest.fixture
def found(shelf: Shelf, tmp_path: Path) -> Shelf:
    """Five patients with one study, two series and three instances each."""
    dataset = pydicom.dcmread(images("transfer-syntaxes/small-mr/MR_small.dcm", "MR_small.dcm")[0])
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for number, name in enumerate(NAMES):
        dataset.PatientName, dataset.PatientID = name, f"P{number}"
        dataset.StudyInstanceUID, dataset.StudyDate = f"1.2.{number + 1}", f"2026010{number + 1}"
        dataset.AccessionNumber, dataset.StudyDescription = f"A{number}", "Sọ não"
        for series in range(2):
            dataset.SeriesInstanceUID, dataset.SeriesNumber = f"1.2.{number + 1}.{series + 1}", series + 1
            dataset.Modality = "MR" if series == 0 else "OT"
            for instance in range(2 - series):
                dataset.SOPInstanceUID = f"1.2.{number + 1}.{series + 1}.{instance + 1}"
                dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
                dataset.InstanceNumber = instance + 1
                path = tmp_path / generate_uid()
                dataset.save_as(path)
                shelf.put(path)
    return shelf


def ask(shelf: Shelf, path: str, **query: Any) -> list[dict[str, Any]]:
    response = shelf.client.get(f"/dicom-web{path}", query_string=query, headers={"Accept": "application/dicom+json"})
    assert response.status_code == 200, response.get_data()
    assert response.headers["Content-Type"] == "application/dicom+json"
    answer = response.get_json(force=True)
    assert isinstance(answer, list)
    return answer


def values(answers: list[dict[str, Any]], tag: str) -> list[Any]:
    return [value for answer in answers for value in answer[tag]["Value"]]


def test_finds_studies_with_their_attributes(found: Shelf) -> None:
    [study] = ask(found, "/studies", PatientID="P0")
    assert study["00100010"]["Value"] == [{"Alphabetic": "Nguyễn^Văn An"}]
    assert study["00201206"]["Value"] == [2]
    assert study["00201208"]["Value"] == [3]
    assert sorted(study["00080061"]["Value"]) == ["MR", "OT"]
    assert study["00081190"]["Value"] == [f"{PUBLIC}/dicom-web/studies/1.2.1"]
    assert study["00080056"]["Value"] == ["ONLINE"]


def test_an_answer_that_was_given_before_says_what_is_true_now(found: Shelf, tmp_path: Path) -> None:
    """Answers are remembered by all that they were made of, and by what was asked."""
    dataset = pydicom.dcmread(images("transfer-syntaxes/small-mr/MR_small.dcm", "MR_small.dcm")[0])
    dataset.PatientName, dataset.PatientID, dataset.StudyInstanceUID = "Smith^John", "P4", "1.2.5"
    for series in (7, 8):
        [before] = ask(found, "/studies", PatientName="smith*")
        assert [before] == ask(found, "/studies", PatientName="smith*")
        [more] = ask(found, "/studies", PatientName="smith*", includefield="StudyDescription")
        assert more.keys() == before.keys() | {"00081030"}
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = f"1.2.5.{series}", f"1.2.5.{series}.1"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(tmp_path / "one.dcm")
        found.put(tmp_path / "one.dcm")
        [after] = ask(found, "/studies", PatientName="smith*")
        assert after["00201206"]["Value"] == [before["00201206"]["Value"][0] + 1]
        assert after["00201208"]["Value"] == [before["00201208"]["Value"][0] + 1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"PatientName": "Nguyễn*"}, ["P0", "P1"]),
        ({"PatientName": "nguyen", "fuzzymatching": "true"}, ["P0", "P1"]),
        ({"PatientName": "do ha", "fuzzymatching": "true"}, ["P3"]),
        ({"00100010": "Smith^John"}, ["P4"]),
        ({"StudyDate": "20260102-20260104"}, ["P1", "P2", "P3"]),
        ({"StudyInstanceUID": "1.2.1,1.2.5"}, ["P0", "P4"]),
        ({"StudyInstanceUID": "1.2.1\\1.2.5"}, ["P0", "P4"]),
        ({"ModalitiesInStudy": "OT", "AccessionNumber": "A2"}, ["P2"]),
        ({"PatientID": "nobody"}, []),
        ({"PatientID": ""}, ["P0", "P1", "P2", "P3", "P4"]),
        ({}, ["P0", "P1", "P2", "P3", "P4"]),
    ],
)
def test_matches_as_the_standard_says(found: Shelf, query: dict[str, str], expected: list[str]) -> None:
    answers = ask(found, "/studies", **query)
    assert sorted(values(answers, "00100020")) == expected


def test_percent_encoded_commas_and_accents_are_decoded(found: Shelf) -> None:
    url = (
        "/dicom-web/studies?limit=101&offset=0&fuzzymatching=false&PatientName=Nguy%E1%BB%85n%2A"
        "&includefield=00081030%2C00080060%2C00080090%2C00100030"
    )
    answers = found.client.get(url).get_json(force=True)
    assert len(answers) == 2
    assert values(answers, "00081030") == ["Sọ não"] * 2


def test_pages_and_warns_when_there_is_more(found: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = []
    for offset in (0, 2, 4):
        response = found.client.get(f"/dicom-web/studies?limit=2&offset={offset}")
        pages += values(response.get_json(force=True), "00100020")
        assert ("Warning" in response.headers) == (offset < 4)
    assert sorted(pages) == ["P0", "P1", "P2", "P3", "P4"]
    monkeypatch.setattr(search, "MOST_ANSWERS", 3)
    for query in ("", "?limit=100"):
        response = found.client.get(f"/dicom-web/studies{query}")
        assert len(response.get_json(force=True)) == 3
        assert response.headers["Warning"].startswith("299 ")
    assert ask(found, "/studies", limit="0") == []


def test_the_next_page_is_linked(found: Shelf) -> None:
    pages, url = [], "/dicom-web/studies?limit=2&offset=0&PatientSex="
    while url:
        response = found.client.get(url)
        assert response.status_code == 200
        pages += values(response.get_json(force=True), "00100020")
        link = response.headers.get("Link", "")
        assert link.startswith(f"<{PUBLIC}/dicom-web/studies?limit=2&") or not link
        url = link.removeprefix(f"<{PUBLIC}").partition(">")[0]
    assert sorted(pages) == ["P0", "P1", "P2", "P3", "P4"]
    assert found.client.get("/dicom-web/studies?after=nonsense").status_code == 400


def test_the_same_answer_again_is_304(found: Shelf) -> None:
    for encoding in ("gzip", "identity"):
        headers = {"Accept-Encoding": encoding}
        first = found.client.get("/dicom-web/studies", headers=headers)
        assert (first.headers.get("Content-Encoding") == "gzip") == (encoding == "gzip")
        again = {**headers, "If-None-Match": first.headers["ETag"]}
        response = found.client.get("/dicom-web/studies", headers=again)
        assert (response.status_code, response.get_data()) == (304, b"")
        assert found.client.get("/dicom-web/studies?PatientID=P0", headers=again).status_code == 200


def test_says_when_the_search_was_not_exhaustive(found: Shelf) -> None:
    found.archive.effort = lambda: Effort(rows=2)
    response = found.client.get("/dicom-web/studies?PatientAge=000Y")
    assert response.get_json(force=True) == []
    assert "not complete: only the newest 2" in response.headers["Warning"]


def test_series_and_instances_within_and_across(found: Shelf) -> None:
    series = ask(found, "/studies/1.2.1/series")
    assert values(series, "0020000E") == ["1.2.1.1", "1.2.1.2"]
    assert values(series, "00201209") == [2, 1]
    assert values(series, "00081190")[0] == f"{PUBLIC}/dicom-web/studies/1.2.1/series/1.2.1.1"
    assert values(ask(found, "/studies/1.2.1/series", Modality="OT"), "0020000E") == ["1.2.1.2"]
    assert values(ask(found, "/studies/1.2.1/instances"), "00080018") == ["1.2.1.1.1", "1.2.1.1.2", "1.2.1.2.1"]
    inside = ask(found, "/studies/1.2.1/series/1.2.1.1/instances")
    assert values(inside, "00080018") == ["1.2.1.1.1", "1.2.1.1.2"]
    assert values(inside, "00081190")[1] == (f"{PUBLIC}/dicom-web/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.2")
    assert values(inside, "00280010") == [64, 64]
    across = ask(found, "/series", Modality="OT", PatientName="Nguyễn*")
    assert sorted(values(across, "0020000E")) == ["1.2.1.2", "1.2.2.2"]
    assert sorted(values(across, "00100020")) == ["P0", "P1"]
    assert values(ask(found, "/instances", SOPInstanceUID="1.2.3.2.1"), "0020000D") == ["1.2.3"]


def test_include_fields_are_given_and_unknown_ones_tolerated(found: Shelf) -> None:
    [study] = ask(found, "/studies", PatientID="P0", includefield="StudyDescription,00099999,Nonsense,PatientAge")
    assert study["00081030"]["Value"] == ["Sọ não"]
    [everything] = ask(found, "/studies", PatientID="P0", includefield="all")
    assert set(study) - {"00101010"} <= set(everything)


def test_nothing_is_an_empty_list(shelf: Shelf) -> None:
    for path in (
        "/studies",
        "/series",
        "/instances",
        "/studies/1.2/series",
        "/studies/1.2/instances",
        "/studies/1/series/2/instances",
    ):
        assert ask(shelf, path) == []


def test_another_hospital_finds_nothing(found: Shelf) -> None:
    other = {"X-Hospital": str(found.hospital("other").hospital_id)}
    for path in ("/studies", "/series", "/instances", "/studies/1.2.1/series"):
        assert found.client.get(f"/dicom-web{path}", headers=other).get_json(force=True) == []


@pytest.mark.parametrize(
    "query", ["StudyDate=yesterday", "limit=-1", "limit=x", "offset=x", "Nonsense=1", "fuzzymatching=maybe"]
)
def test_what_makes_no_sense_is_a_problem(shelf: Shelf, query: str) -> None:
    response = shelf.client.get(f"/dicom-web/studies?{query}")
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_key_that_is_not_matched_is_warned_about(found: Shelf) -> None:
    response = found.client.get("/dicom-web/studies?ManufacturerModelName=x&PatientID=P0")
    assert response.status_code == 200
    assert "ManufacturerModelName" in response.headers["Warning"]


def test_only_json_is_spoken(shelf: Shelf) -> None:
    get = shelf.client.get
    assert get("/dicom-web/studies", headers={"Accept": "application/dicom+xml"}).status_code == 406
    assert (
        get("/dicom-web/studies", headers={"Accept": "application/json"}).headers["Content-Type"] == "application/json"
    )


def test_without_a_public_url_it_is_the_one_that_was_asked(served: tuple[Shelf, str], tmp_path: Path) -> None:
    shelf, root = served
    key = shelf.put(images("transfer-syntaxes/small-mr/MR_small.dcm", "MR_small.dcm")[0])
    assert root.startswith("http://127.0.0.1:18")
    [study] = ask(shelf, "/studies")
    assert study["00081190"]["Value"] == [f"{PUBLIC}/dicom-web/studies/{key.study_instance_uid}"]
