"""Annotations over HTTP: whose they are, who sees them, and what is refused."""

import uuid
from typing import Any

from storage.model.archive import Scope
from tests.viewer.conftest import Person, Web
from viewer.worklist.events import Listener, changes_after

UIDS = {"StudyInstanceUID": "1.2.840.7.1", "SeriesInstanceUID": "1.2.840.7.2", "SOPInstanceUID": "1.2.840.7.3"}
PATH = f"/api/studies/{UIDS['StudyInstanceUID']}/annotations"
PLACE = {
    "series_instance_uid": UIDS["SeriesInstanceUID"], "sop_instance_uid": UIDS["SOPInstanceUID"], "frame": 1,
}  # fmt: skip


def acted(annotation: str = "", version: int = 1, kind: str = "put", **body: Any) -> dict[str, Any]:
    document = {"tool": "length", "points": [[1, 2], [3, 4]], **PLACE, **body}
    return {
        "client_id": str(uuid.uuid4()), "annotation_id": annotation or str(uuid.uuid4()), "version": version,
        "kind": kind, **({"body": document} if kind == "put" else {}),
    }  # fmt: skip


def listed(person: Person, after: int = 0) -> list[dict[str, Any]]:
    answer = person.get(f"{PATH}?after={after}")
    assert answer.status_code == 200
    return list(answer.json["annotations"])


def test_what_is_drawn_is_kept_with_author_and_time(web: Web) -> None:
    web.store(**UIDS)
    lan, hoa = web.person("radiologist", name="lan"), web.person("clinician", name="hoa")
    first = acted(text="nốt mờ")
    assert lan.post(PATH, json=first).status_code == 201
    assert lan.post(PATH, json=first).status_code == 200, "sent again after a cut"
    (seen,) = listed(hoa)
    assert (seen["author"]["name"], seen["mine"], seen["version"], seen["shared"]) == ("Người lan", False, 1, False)
    assert seen["body"]["text"] == "nốt mờ"
    assert seen["created_at"] == seen["at"] > 0
    assert listed(lan)[0]["mine"]
    annotation = first["annotation_id"]
    assert hoa.post(PATH, json=acted(annotation, 2)).status_code == 403, "others look and answer"
    answer = acted(points=None)
    answer["body"] = {"tool": "answer", "to": annotation, "text": "Đồng ý"}
    assert hoa.post(PATH, json=answer).status_code == 201
    assert lan.post(PATH, json=acted(annotation, 2, "delete")).status_code == 201
    assert lan.post(PATH, json=acted(annotation, 2, "delete")).status_code == 409
    assert [(one["annotation_id"] == annotation, one["deleted"]) for one in listed(hoa, 1)] == [
        (False, False),
        (True, True),
    ]


def test_listeners_are_told(web: Web) -> None:
    web.store(**UIDS)
    lan = web.person("radiologist")
    scope = Listener(Scope(frozenset({web.hospital.id})), False)
    before = changes_after(web.archive.database, 0, scope).sequence
    lan.post(PATH, json=acted())
    told = changes_after(web.archive.database, before, scope)
    assert list(told.annotated) == [UIDS["StudyInstanceUID"]]
    assert not told.studies, "a worklist has nothing to read again"
    assert b'"annotated": ["1.2.840.7.1"]' in told.as_events()


def test_only_what_is_in_the_study_is_drawn_on(web: Web) -> None:
    web.store(**UIDS)
    web.store(StudyInstanceUID="1.2.840.8.1", SeriesInstanceUID="1.2.840.8.2", SOPInstanceUID="1.2.840.8.3")
    lan = web.person("radiologist")
    elsewhere: tuple[dict[str, Any], ...] = (
        {"sop_instance_uid": "1.2.840.8.3"}, {"series_instance_uid": "1.2.840.8.2"}, {"sop_instance_uid": "9.9"},
    )  # fmt: skip
    for wrong in elsewhere:
        assert lan.post(PATH, json=acted(**wrong)).status_code == 404
    assert lan.post(PATH, json=acted(frame=2)).status_code == 400
    nothing = acted()
    nothing["body"] = {"tool": "answer", "to": str(uuid.uuid4()), "text": "?"}
    assert lan.post(PATH, json=nothing).status_code == 404
    assert lan.post("/api/studies/1.2.840.404/annotations", json=acted()).status_code == 404
    assert listed(lan) == []


def test_another_hospital_neither_sees_nor_draws(web: Web) -> None:
    web.store(**UIDS)
    first = acted()
    assert web.person("radiologist").post(PATH, json=first).status_code == 201
    other = web.person("radiologist", "other")
    assert other.get(PATH).status_code == 404
    assert other.post(PATH, json=acted()).status_code == 404
    assert other.post(PATH, json=acted(first["annotation_id"], 2)).status_code == 404


def test_bad_bodies_are_told_what_is_wrong(web: Web) -> None:
    web.store(**UIDS)
    lan = web.person("radiologist")
    wrong = lan.post(PATH, json=acted(tool="<img src=x>"))
    assert (wrong.status_code, wrong.json["type"]) == (400, "/problems/InvalidAnnotation")
    assert lan.post(PATH, json={**acted(), "more": 1}).status_code == 400
    assert lan.post(PATH, json={**acted(), "body": "x"}).status_code == 400
    assert lan.get(f"{PATH}?after=x").status_code == 400
    assert lan.post(PATH, data=b"x" * 2_000_000, content_type="application/json").status_code == 413
