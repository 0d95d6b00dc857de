"""An anonymised consultation shows the side that is asked copies and nothing of the patient."""

import json
import uuid

from pacs import sharing
from pacs.consult import copying
from storage.index import links, tasks
from storage.index.types import now_ms
from tests.viewer.conftest import Person, Web

STUDY, SERIES, SOP = "1.2.7", "1.2.7.1", "1.2.7.1.1"


def asked(web: Web, asker: Person) -> str:
    given = {
        "client_id": str(uuid.uuid4()), "study": STUDY, "to": {"hospital": "other"}, "urgency": "routine",
        "due_at": now_ms() + 60_000, "question": "Có nốt phổi?", "informed_how": "oral", "anonymise": True,
    }  # fmt: skip
    answer = asker.post("/api/consults", json=given)
    assert answer.status_code == 201, answer.text
    code: str = answer.json["code"]
    return code


def consult_id(web: Web) -> int:
    with web.archive.database.reading() as db:
        (task,) = [one for one in tasks.all(db) if one.kind == "anonymise consultation"]
    found = tasks.claim(web.archive.database, ["anonymise consultation"], 60)
    assert [one.id for one in found] == [task.id]
    return int(json.loads(found[0].arguments)["consult"])


def test_copies_come_and_go_with_the_consultation(web: Web) -> None:
    web.store(StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=SOP)
    asker, expert = web.person("clinician"), web.person("radiologist", "other")
    code = asked(web, asker)
    assert expert.get("/api/worklist").json["total"] == 0
    number = consult_id(web)
    assert copying.copy(web.archive, number)
    (row,) = expert.get("/api/worklist").json["studies"]
    copy = row["StudyInstanceUID"]
    assert copy.startswith("2.25.")
    assert row["PatientName"].startswith("AN-")
    text = expert.get(f"/api/studies/{copy}").text + expert.get(f"/dicom-web/studies/{copy}/metadata").text
    for name in ("Nguyễn", "BN-0001", "19810203", STUDY):
        assert name not in text
    assert expert.get(f"/api/studies/{STUDY}").status_code == 404
    assert copying.copy(web.archive, number)  # again makes nothing twice
    assert expert.get("/api/worklist").json["total"] == 1
    (listed,) = asker.get("/api/links").json["links"]
    assert (listed["consult"], listed["purpose"]) == (code, "")
    assert copying.sweep(web.archive.database, web.archive.clock()) == 0

    gone = {"client_id": str(uuid.uuid4()), "kind": "withdrawn", "body": {"text": "thôi"}}
    assert asker.post(f"/api/consults/{code}/events", json=gone).status_code == 201
    assert expert.get(f"/api/studies/{copy}").status_code == 404
    assert copying.sweep(web.archive.database, web.archive.clock()) == 0  # they were ended with it
    sharing.finish(web.archive, listed["id"])
    assert [one.key for one in web.archive.objects.keys("shared/") if "/r/" not in one.key] == []
    with web.archive.database.reading() as db:
        assert links.exchange(db, listed["id"]).originals == {}


def test_what_may_show_text_waits_for_one_of_those_who_ask(web: Web) -> None:
    """Also where nobody who asks may make links, and whoever of them has looked."""
    ultrasound = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1", "Modality": "US"}
    web.store(StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=SOP, **ultrasound)
    asker, colleague = web.person("technologist"), web.person("clinician")
    expert = web.person("radiologist", "other")
    code = asked(web, asker)
    path = f"/api/consults/{code}/copies"
    assert asker.get(path).status_code == 404
    number = consult_id(web)
    assert copying.copy(web.archive, number)
    assert asker.get(f"/api/consults/{code}").json["copies"] == {"waiting": 1, "never": 0}
    (told,) = colleague.get(path).json["series"]
    assert (told["Modality"], told["reason"], told["left"], told["confirmed"]) == ("US", "ultrasound", 1, False)
    assert expert.get(path).status_code == 404
    assert expert.post(path, json={"SeriesInstanceUID": SERIES}).status_code == 404
    assert expert.get(f"/api/consults/{code}").json["copies"] is None
    assert expert.get("/api/worklist").json["total"] == 0
    assert colleague.post(path, json={"SeriesInstanceUID": SERIES}).status_code == 204
    assert colleague.post(path, json={"SeriesInstanceUID": SERIES}).status_code == 404
    assert copying.copy(web.archive, number)
    assert expert.get("/api/worklist").json["total"] == 1
    assert asker.get(f"/api/consults/{code}").json["copies"] == {"waiting": 0, "never": 0}


def test_a_consultation_that_is_over_gets_no_copies(web: Web) -> None:
    web.store(StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=SOP)
    web.person("radiologist", "other")
    asker = web.person("clinician")
    code = asked(web, asker)
    gone = {"client_id": str(uuid.uuid4()), "kind": "withdrawn", "body": {"text": "thôi"}}
    assert asker.post(f"/api/consults/{code}/events", json=gone).status_code == 201
    assert copying.copy(web.archive, consult_id(web))
    assert asker.get("/api/links").json["links"] == []
