"""Rejecting, restoring and purging over HTTP, and that what is rejected is nowhere to be seen."""

from typing import Any

from pacs.command.standalone import codecs_if_none
from pacs.rejecting import GRACE_MS
from storage.model.rejection import PATIENT_SAFETY, QUALITY, RETENTION
from tests.viewer.conftest import Person, Web

FIRST: dict[str, Any] = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": "1.2.5"}
SECOND: dict[str, Any] = {**FIRST, "SOPInstanceUID": "1.2.6"}
ALONE: dict[str, Any] = {"StudyInstanceUID": "1.3", "SeriesInstanceUID": "1.3.1", "SOPInstanceUID": "1.3.1.1"}


def _reject(person: Person, study: str = "1.2.3", title: str = QUALITY, **more: object) -> Any:
    body = {"title": title, "reason": "bệnh nhân cử động", **more}
    return person.post(f"/api/studies/{study}/rejection", json=body)


def _places(study: str, series: str, sop: str) -> list[str]:
    """Every address that could show the instance."""
    instance = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}"
    return [
        *(instance + rest for rest in ("", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulkdata/7FE00010")),
        f"/dicom-web/studies/{study}/series/{series}/instances/{sop}/frames/1/rendered",
        f"/dicom-web/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={sop}",
    ]


def _found(person: Person) -> str:
    """What every list says."""
    lists = (
        "/api/worklist", "/dicom-web/studies", "/dicom-web/series", "/dicom-web/instances",
        "/dicom-web/studies?includefield=all",
    )  # fmt: skip
    answers = [person.get(path, headers={"Accept": "*/*"}) for path in lists]
    assert {answer.status_code for answer in answers} <= {200, 204}
    return "".join(answer.get_data(as_text=True) for answer in answers)


def test_an_instance_is_nowhere_and_comes_back(web: Web) -> None:
    person = web.person("technologist")
    web.store(**FIRST)
    web.store(**SECOND)
    places = _places("1.2.3", "1.2.4", "1.2.5")
    series = "/dicom-web/studies/1.2.3/series/1.2.4"
    with codecs_if_none(web.config):
        web.archive.summarise(web.hospital.id, "1.2.3", "1.2.4")
        before = {path: person.get(path).status_code for path in places}
        assert set(before.values()) == {200}, before
        assert _reject(person, instances=["1.2.5"]).json == {"instances": 1}
        assert {path: person.get(path).status_code for path in places} == dict.fromkeys(places, 404)
        for path in (f"{series}/metadata", "/dicom-web/studies/1.2.3/metadata", series):
            assert b"1.2.5" not in person.get(path).data, path
        assert '"1.2.5"' not in _found(person)
        assert person.get("/api/worklist").json["studies"][0]["instances"] == 1
        (listed,) = person.get("/api/admin/rejected").json["rejected"]
        assert listed["study_instance_uid"] == "1.2.3"
        assert (listed["title"], listed["instances"], listed["purgeable"]) == (QUALITY, 1, 0)
        (one,) = person.get("/api/admin/rejected/1.2.3").json["objects"]
        picture = person.get(f"/api/admin/rejected/1.2.3/picture/{one['id']}")
        assert (picture.status_code, picture.data[:2]) == (200, b"\xff\xd8")
        answer = person.post("/api/admin/rejected/1.2.3/restoration", json={"reason": "dùng được"})
        assert answer.json == {"instances": 1}
        assert {path: person.get(path).status_code for path in places} == before


def test_a_study_of_which_nothing_is_left_is_in_no_list(web: Web) -> None:
    person = web.person("radiologist")
    web.store(**ALONE)
    assert _reject(person, "1.3", PATIENT_SAFETY).status_code == 200
    assert "1.3.1" not in _found(person)
    assert person.get("/api/studies/1.3").status_code == 404
    assert _reject(person, "1.3").status_code == 404


def test_a_reason_and_a_title_are_needed(web: Web) -> None:
    person = web.person("technologist")
    web.store(**FIRST)
    assert _reject(person, reason="  ").status_code == 400
    assert _reject(person, title="113000").status_code == 400
    assert _reject(person, instances=[1]).status_code == 400
    assert _reject(person, instances=["1.9"]).status_code == 404
    assert _reject(person, title=RETENTION).status_code == 403
    assert _reject(web.person("admin,technologist"), title=RETENTION).status_code == 200
    answer = person.post("/api/admin/rejected/1.2.3/restoration", json={})
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")


def test_only_what_was_rejected_for_its_quality_has_a_picture(web: Web) -> None:
    person = web.person("technologist")
    web.store(**FIRST)
    _reject(person, title=PATIENT_SAFETY)
    (one,) = person.get("/api/admin/rejected/1.2.3").json["objects"]
    assert person.get(f"/api/admin/rejected/1.2.3/picture/{one['id']}").status_code == 404


def test_purging_needs_the_right_and_the_time(web: Web) -> None:
    technologist, admin = web.person("technologist"), web.person("admin,technologist")
    web.store(**FIRST)
    _reject(technologist)
    body = {"reason": "hết hạn"}
    assert technologist.post("/api/admin/rejected/1.2.3/purge", json=body).status_code == 403
    assert admin.post("/api/admin/rejected/1.2.3/purge", json=body).json["objects"] == 0
    clock = web.archive.clock
    web.archive.clock = lambda: clock() + GRACE_MS + 1
    assert admin.get("/api/admin/rejected").json["rejected"][0]["purgeable"] == 1
    assert admin.post("/api/admin/rejected/1.2.3/purge", json=body).json["objects"] == 1
    assert admin.get("/api/admin/rejected").json["rejected"] == []
    records = admin.get("/api/admin/audit?action=instance").json["records"]
    assert [(one["action"], one["actor"]) for one in records] == [
        ("instance.purge", "admin.main"),
        ("instance.reject", "technologist.main"),
    ]


def test_another_hospital_sees_and_does_nothing_of_it(web: Web) -> None:
    person, other = web.person("technologist"), web.person("technologist", "other")
    web.store(**FIRST)
    assert _reject(other).status_code == 404
    _reject(person)
    assert other.get("/api/admin/rejected").json["rejected"] == []
    assert other.get("/api/admin/rejected/1.2.3").status_code == 404
    assert other.post("/api/admin/rejected/1.2.3/restoration", json={"reason": "x"}).status_code == 404
