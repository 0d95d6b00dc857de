"""The worklist and one study of it."""

from typing import Any

import pytest
from pydicom.uid import generate_uid

from storage.index import changes
from tests.viewer.conftest import Web


def found(web: Web, query: str = "") -> list[str]:
    rows = web.person("clinician", name=f"reader{len(query)}{abs(hash(query))}").get(f"/api/worklist?{query}")
    assert rows.status_code == 200, rows.text
    return [row["PatientID"] for row in rows.json["studies"]]


def test_a_row_says_what_people_look_for(web: Web) -> None:
    outcome = web.store()
    assert outcome.key is not None
    page = web.person("clinician").get("/api/worklist").json
    row = page["studies"][0]
    assert row.pop("received_at") > 1_700_000_000_000
    assert row.pop("changed_at") > 1_700_000_000_000
    assert row.pop("bytes") > 0
    assert row == {
        "hospital": "main",
        "hospital_name": row["hospital_name"],
        "StudyInstanceUID": outcome.key.study_instance_uid,
        "PatientName": "Nguyễn Văn An",
        "PatientID": "BN-0001",
        "PatientBirthDate": "19810203",
        "PatientSex": "M",
        "PatientAge": "045Y",
        "StudyDate": "20261101",
        "StudyTime": "101500",
        "StudyDescription": "CT ngực",
        "AccessionNumber": "PHIẾU-77",
        "ReferringPhysicianName": "Trần Bình",
        "InstitutionName": "",
        "modalities": ["CT"],
        "series": 1,
        "instances": 1,
        "images": 1,
        "documents": 0,
        "status": "unread",
        "conflicts": 0,
    }
    assert page["total"] == 1
    assert page["next"] is None
    assert page["facets"] == {"modality": {"CT": 1}, "status": {"unread": 1}, "hospital": {"main": 1}}
    with web.archive.database.reading() as db:
        assert page["sequence"] == changes.last(db)


def test_a_filed_report_is_a_document_not_an_image(web: Web) -> None:
    web.store(StudyInstanceUID="1.2.3")
    web.store(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.9", SOPInstanceUID="1.2.3.9.1", Modality="DOC")
    person = web.person("clinician")
    (row,) = person.get("/api/worklist").json["studies"]
    assert (row["images"], row["documents"], row["instances"]) == (1, 1, 2)
    assert person.get(f"/api/studies/{row['StudyInstanceUID']}").json["images"] == 1


def test_the_stated_age_stands_in_for_a_missing_birth_date(web: Web) -> None:
    web.store(PatientBirthDate="", PatientAge="062Y")
    web.store(PatientBirthDate="", PatientAge="old", PatientID="BN-2", PatientName="X")
    rows = web.person("clinician").get("/api/worklist").json["studies"]
    assert {row["PatientID"]: row["PatientAge"] for row in rows} == {"BN-0001": "062Y", "BN-2": ""}


@pytest.mark.parametrize("text", ["nguyen an", "An Nguyễn", "VAN", "bn-0001", "a-77", "ngực", "nguc", "nguyen+van+an"])
def test_a_study_is_found_by_what_people_type(web: Web, text: str) -> None:
    web.store()
    web.store(PatientName="Trần^Bình", PatientID="BN-2", AccessionNumber="B-1", StudyDescription="MR sọ")
    assert found(web, f"q={text}") == ["BN-0001"]


def test_filters_narrow(web: Web) -> None:
    web.store()
    web.store(PatientID="BN-2", Modality="MR", StudyDate="20261015", PatientName="B")
    assert found(web, "modality=MR") == ["BN-2"]
    assert sorted(found(web, "modality=MR,CT")) == ["BN-0001", "BN-2"]
    assert found(web, "from=20261101") == ["BN-0001"]
    assert found(web, "to=20261031") == ["BN-2"]
    assert found(web, "status=read") == []
    assert found(web, "hospital=other") == []
    assert found(web, "sort=study_date") == ["BN-2", "BN-0001"]
    assert found(web, "sort=-study_date") == ["BN-0001", "BN-2"]


def test_pages_follow_one_another(web: Web) -> None:
    for number in range(5):
        web.store(PatientID=f"P{number}", PatientName=f"Name{number}")
    person = web.person("clinician")
    seen: list[str] = []
    after: Any = ""
    while after is not None:
        page = person.get(f"/api/worklist?limit=2&sort=patient_name&after={after}").json
        seen += [row["PatientID"] for row in page["studies"]]
        after = page["next"]
    assert seen == ["P0", "P1", "P2", "P3", "P4"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=0000019999999999999999",
        "limit=x",
        "from=yesterday",
        "to=2026-01-01",
        "sort=patient",
        "after=rubbish",
        "from=²0261101",
    ],
)
def test_what_makes_no_sense_is_a_problem(web: Web, query: str) -> None:
    answer = web.person("clinician").get(f"/api/worklist?{query}")
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"


def test_search_text_is_never_sql(web: Web) -> None:
    web.store()
    for text in ("' OR 1=1 --", "%", "_", "\\", '"', "*", "a' UNION SELECT 1--", "\x00", "😀"):
        answer = web.person("clinician", name=f"r{abs(hash(text))}").get("/api/worklist", query_string={"q": text})
        assert answer.status_code == 200
    for name in ("modality", "status", "hospital"):
        assert found(web, f"{name}=' OR 1=1 --") == []


def test_one_study_lists_its_series(web: Web) -> None:
    study = generate_uid()
    web.store(StudyInstanceUID=study, SeriesDescription="Ngực 1mm", BodyPartExamined="CHEST", SeriesNumber=2)
    web.store(StudyInstanceUID=study, Modality="SR", SeriesNumber=1)
    answer = web.person("clinician").get(f"/api/studies/{study}").json
    assert answer["StudyInstanceUID"] == study
    assert answer["instances"] == 2
    first, second = answer["series"]
    assert (first["SeriesNumber"], first["Modality"]) == (1, "SR")
    assert second["SeriesDescription"] == "Ngực 1mm"
    assert second["BodyPartExamined"] == "CHEST"
    assert second["instances"] == 1


def test_the_status_is_set_and_told(web: Web) -> None:
    outcome = web.store()
    assert outcome.key is not None
    uid = outcome.key.study_instance_uid
    person = web.person("radiologist")
    before = person.get("/api/worklist").json["sequence"]
    assert person.patch(f"/api/studies/{uid}", json={"status": "reading"}).json["status"] == "reading"
    assert person.get("/api/worklist?status=reading").json["total"] == 1
    told = person.get(f"/api/changes?after={before}").json
    assert told["studies"] == [uid]
    assert told["sequence"] > before
    assert person.patch(f"/api/studies/{uid}", json={"status": "done"}).status_code == 400
    assert person.patch("/api/studies/1.2.3", json={"status": "read"}).status_code == 404


def test_names_are_data_and_stay_data(web: Web) -> None:
    """What a name holds reaches the browser as JSON text of a type no browser runs."""
    web.store(PatientName="<script>alert(1)</script>^<img src=x onerror=alert(1)>")
    answer = web.person("clinician").get("/api/worklist")
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<script>alert(1)</script>" in answer.json["studies"][0]["PatientName"]
