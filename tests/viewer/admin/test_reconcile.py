"""Conflicts, quarantine and the audit log over HTTP."""

import csv
import io
from typing import Any

import pytest

from pacs.command.standalone import codecs_if_none
from storage.index import audit
from storage.model.archive import Origin, Scope
from storage.model.audit import AuditFilter
from tests.viewer.conftest import Person, Web

UIDS: dict[str, Any] = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": "1.2.5"}
OTHER: dict[str, Any] = {**UIDS, "PatientName": "Lê^Bình", "PixelData": b"\x09" * 8}


def _conflict(web: Web, person: Person, **more: str) -> int:
    web.store(**UIDS, **more)
    web.store(**OTHER, **more)
    (entry,) = person.get("/api/admin/conflicts").json["conflicts"]
    return int(entry["id"])


def _decide(person: Person, conflict: int, action: str, reason: str = "") -> Any:
    return person.post(f"/api/admin/conflicts/{conflict}/decision", json={"action": action, "reason": reason})


def _quarantined(web: Web, data: bytes = b"\0" * 128 + b"DICM" + b"broken" * 9) -> None:
    with web.archive.receive(_origin(web)) as incoming:
        incoming.write(data)
        assert web.archive.store(incoming).kind == "quarantined"


def _origin(web: Web) -> Origin:
    return Origin(web.hospital.id, web.hospital.code, "dimse", "CT1", "10.0.0.5")


def test_both_sides_of_a_conflict_are_shown(web: Web) -> None:
    person = web.person("technologist")
    conflict = _conflict(web, person)
    told = person.get(f"/api/admin/conflicts/{conflict}").json
    assert (told["shown"]["PatientName"], told["other"]["PatientName"]) == ("Nguyễn Văn An", "Lê Bình")
    assert {one["keyword"] for one in told["differences"]} == {"PatientName", "PixelData"}
    assert "object_key" not in told["conflict"]
    assert person.get("/api/admin/conflicts").json["open"] == 1
    with codecs_if_none(web.config):
        for which in ("shown", "other"):
            answer = person.get(f"/api/admin/conflicts/{conflict}/picture/{which}")
            assert (answer.status_code, answer.data[:2]) == (200, b"\xff\xd8")
    assert person.get(f"/api/admin/conflicts/{conflict}/picture/third").status_code == 404


def test_a_conflict_is_decided_and_reopened(web: Web) -> None:
    person = web.person("technologist")
    conflict = _conflict(web, person)
    answer = _decide(person, conflict, "replace", "tên đúng")
    assert (answer.status_code, answer.json["action"], answer.json["resolved"]) == (200, "replace", True)
    assert person.get("/api/worklist").json["studies"][0]["PatientName"] == "Lê Bình"
    assert person.get("/api/worklist").json["studies"][0]["conflicts"] == 0
    assert person.get("/api/admin/conflicts?state=open").json["conflicts"] == []
    assert len(person.get("/api/admin/conflicts?state=decided").json["conflicts"]) == 1
    again = _decide(person, conflict, "keep")
    assert (again.status_code, again.content_type) == (409, "application/problem+json")
    assert _decide(person, conflict, "reopen").json["resolved"] is False
    assert _decide(person, conflict, "assign").status_code == 409
    assert _decide(person, conflict, "burn").status_code == 400
    assert _decide(person, 99, "keep").status_code == 404
    records = web.person("admin,technologist").get("/api/admin/audit?action=conflict").json["records"]
    assert [(one["action"], one["actor"], one["role"]) for one in records] == [
        ("conflict.reopen", "technologist.main", "technologist"),
        ("conflict.replace", "technologist.main", "technologist"),
    ]
    assert records[1]["reason"] == "tên đúng"
    assert "Nguyễn" not in str(records)


def test_nobody_goes_on_seeing_what_was_replaced(web: Web) -> None:
    person = web.person("technologist")
    conflict = _conflict(web, person)
    headers = {"Accept": "application/octet-stream"}
    path = "/dicom-web/studies/1.2.3/series/1.2.4/instances/1.2.5/frames/1"
    before = person.get(path, headers=headers)
    headers["If-None-Match"] = before.headers["ETag"]
    assert "no-cache" in before.headers["Cache-Control"]
    assert person.get(path, headers=headers).status_code == 304
    _decide(person, conflict, "replace")
    after = person.get(path, headers=headers)
    assert (after.status_code, after.data) == (200, OTHER["PixelData"])
    metadata = person.get("/dicom-web/studies/1.2.3/metadata", headers={"Accept": "application/dicom+json"}).json
    assert metadata[0]["00100010"]["Value"] == [{"Alphabetic": "Lê^Bình"}]


def test_the_conflicts_of_one_study_are_found(web: Web) -> None:
    person = web.person("technologist")
    _conflict(web, person)
    elsewhere: dict[str, Any] = {"StudyInstanceUID": "1.9", "SeriesInstanceUID": "1.9.1", "SOPInstanceUID": "1.9.2"}
    web.store(**elsewhere)
    web.store(**{**OTHER, **elsewhere})
    for study, found in {"": ["1.9", "1.2.3"], "1.2.3": ["1.2.3"], "1.9": ["1.9"], "1": []}.items():
        told = person.get(f"/api/admin/conflicts?state=open&study={study}").json
        assert [one["study_instance_uid"] for one in told["conflicts"]] == found


def test_another_hospitals_conflicts_and_records_are_not_ours(web: Web) -> None:
    theirs = web.person("admin,technologist", "other")
    conflict = _conflict(web, theirs, hospital="other")
    ours = web.person("admin,technologist")
    assert ours.get("/api/admin/conflicts").json == {"conflicts": [], "next": None, "open": 0}
    for path in ("", "/picture/shown"):
        assert ours.get(f"/api/admin/conflicts/{conflict}{path}").status_code == 404
    assert _decide(ours, conflict, "keep").status_code == 404
    assert _decide(theirs, conflict, "keep").status_code == 200
    assert ours.get("/api/admin/audit?action=conflict").json["records"] == []
    assert len(theirs.get("/api/admin/audit?action=conflict").json["records"]) == 1


def test_conflicts_come_in_pages(web: Web) -> None:
    person = web.person("technologist")
    web.store(**UIDS)
    for n in range(5):
        web.store(**{**OTHER, "PatientName": f"Lê^{n}"})
    first = person.get("/api/admin/conflicts?limit=2").json
    second = person.get(f"/api/admin/conflicts?limit=3&before={first['next']}").json
    assert (len(first["conflicts"]), len(second["conflicts"]), second["next"]) == (2, 3, None)
    for wrong in ("limit=0", "limit=x", "before=-1", "state=odd", "limit=999"):
        assert person.get(f"/api/admin/conflicts?{wrong}").status_code == 400


def test_quarantine_is_linked_downloaded_deleted_and_restored(web: Web) -> None:
    _quarantined(web)
    web.store(**UIDS)
    technologist, admin = web.person("technologist"), web.person("admin,technologist")
    (entry,) = technologist.get("/api/admin/quarantine").json["quarantine"]
    assert (entry["source"], entry["address"], entry["action"], entry["gone_at"]) == ("CT1", "10.0.0.5", "", None)
    path = f"/api/admin/quarantine/{entry['id']}"
    assert technologist.post(f"{path}/retry").json["outcome"] == "quarantined"
    linked = technologist.post(f"{path}/decision", json={"action": "link", "study": "1.2.3", "reason": "lát hỏng"})
    assert (linked.status_code, linked.json["target"]) == (200, "1.2.3")
    data = technologist.get(f"{path}/object")
    assert data.headers["Content-Disposition"].startswith("attachment")
    assert data.content_type == "application/octet-stream"
    assert data.data.endswith(b"broken")
    assert technologist.post(f"{path}/deletion", json={"reason": "hỏng"}).status_code == 403
    assert technologist.post(f"{path}/decision", json={"action": "delete", "reason": "hỏng"}).status_code == 400
    assert admin.post(f"{path}/deletion", json={"reason": "  "}).status_code == 400
    deleted = admin.post(f"{path}/deletion", json={"reason": "hỏng"})
    assert (deleted.json["action"], deleted.json["gone_at"] > deleted.json["decided_at"]) == ("delete", True)
    assert admin.get("/api/admin/quarantine?state=open").json["quarantine"] == []
    assert technologist.post(f"{path}/decision", json={"action": "restore"}).json["action"] == ""
    actions = [one["action"] for one in admin.get("/api/admin/audit?action=quarantine").json["records"]]
    assert actions == [f"quarantine.{word}" for word in ("restore", "delete", "download", "link", "retry")]
    assert web.person("admin,technologist", "other").get(f"{path}/object").status_code == 404


def test_the_audit_log_is_searched_and_taken_as_csv(web: Web) -> None:
    admin = web.person("admin,technologist")
    conflict = _conflict(web, admin)
    for action in ("keep", "reopen", "keep"):
        _decide(admin, conflict, action, "=1+1")
    first = admin.get("/api/admin/audit?action=conflict&limit=2").json
    rest = admin.get(f"/api/admin/audit?action=conflict&limit=2&before={first['next']}").json
    assert [len(first["records"]), len(rest["records"]), rest["next"]] == [2, 1, None]
    assert len(admin.get("/api/admin/audit?object=1.2.5&actor=admin.main").json["records"]) == 3
    assert admin.get("/api/admin/audit?since=9999999999999").json["records"] == []
    assert admin.get("/api/admin/audit?since=yesterday").status_code == 400
    answer = admin.get("/api/admin/audit.csv?action=conflict.keep")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row["action"] for row in rows] == ["conflict.keep"] * 2
    assert rows[0]["reason"] == "'=1+1"
    with web.archive.database.reading() as db:
        newest = audit.find(db, admin_scope(web), AuditFilter(limit=1))[0]
    assert (newest.action, newest.object) == ("audit.export", "action=conflict.keep")


def admin_scope(web: Web) -> Scope:
    return Scope(frozenset({web.hospital.id}))


@pytest.mark.parametrize("role", ["radiologist", "clinician", "technologist"])
def test_only_administrators_read_the_audit_log(web: Web, role: str) -> None:
    person = web.person(role)
    assert person.get("/api/admin/audit").status_code == 403
    assert person.get("/api/admin/audit.csv").status_code == 403


def test_deciding_needs_our_own_page(web: Web) -> None:
    person = web.person("technologist")
    conflict = _conflict(web, person)
    person.csrf = "wrong"
    assert _decide(person, conflict, "keep").status_code == 403
