"""A consultation through its addresses: asked, seen by those who take part and nobody else, answered, ended."""

import io
from typing import Any

import pytest
from PIL import Image

from pacs.consult import acting
from pacs.jobs.worker import SLOW, Worker
from storage.errors import NotFound, StorageContended
from storage.index import audit, grants, hospitals, instances
from storage.index.database import Connection
from storage.model.archive import Scope
from storage.model.audit import Actor, AuditFilter
from storage.model.consult import Consult
from tests.viewer.conftest import Person, Web
from tests.viewer.consult.conftest import OTHER, PRIOR, STUDY, Two, new_id, soon

UID, PRIOR_UID, OTHER_UID = (one["StudyInstanceUID"] for one in (STUDY, PRIOR, OTHER))
FINDING = {"entity": "infarct", "site": "mca", "side": "right", "certainty": "probable"}
IMAGE = {
    "study_instance_uid": UID, "series_instance_uid": STUDY["SeriesInstanceUID"],
    "sop_instance_uid": STUDY["SOPInstanceUID"], "frame": 1, "note": "vùng giảm tỷ trọng",
    "window": [80, 40.0],
}  # fmt: skip


def photograph() -> bytes:
    made = io.BytesIO()
    Image.new("L", (8, 8), 128).save(made, "JPEG")
    return made.getvalue()


def box(person: Person, name: str) -> list[dict[str, Any]]:
    answer = person.get(f"/api/consults?box={name}")
    assert answer.status_code == 200, answer.text
    assert answer.json["counts"][name] == len(answer.json["consults"])
    return list(answer.json["consults"])


def sees(person: Person, uid: str) -> bool:
    return bool(person.get(f"/api/studies/{uid}").status_code == 200)


def test_who_can_be_asked_is_said_with_names_and_specialties(two: Two) -> None:
    two.web.person("admin", "empty-hospital")
    found = two.asker.get("/api/consult/addressees").json["hospitals"]
    assert [one["code"] for one in found] == ["bach-mai", "viet-duc"]
    assert found[0]["specialties"] == ["neuro", "stroke"]
    assert [one["id"] for one in found[0]["people"]] == [two.answerer.user.id]
    assert two.web.person("expert", "bach-mai").get("/api/consult/addressees").status_code == 403


def test_the_question_comes_to_the_other_hospital_with_exactly_the_studies_named(two: Two) -> None:
    assert not sees(two.answerer, UID)
    code = two.ask()
    (card,) = box(two.answerer, "to_me")
    assert box(two.answerer, "waiting") == [card]
    assert (card["code"], card["sides"], card["mine"], card["state"]) == (code, ["to"], True, "asked")
    assert card["hospital"]["code"] == "lao-cai"
    assert card["patient"] == {"name": "Vàng A Sếnh", "sex": card["patient"]["sex"], "age": card["patient"]["age"]}
    assert card["images"] == {"arrived": 2, "expected": 2}
    assert [(one["StudyInstanceUID"], one["prior"]) for one in card["studies"]] == [(UID, False), (PRIOR_UID, True)]
    assert (
        [one["code"] for one in box(two.asker, "from_me")]
        == [code]
        == [one["code"] for one in box(two.colleague, "from_me")]
    )
    assert box(two.asker, "waiting") == box(two.stranger, "to_me") == []
    assert [sees(two.answerer, uid) for uid in (UID, PRIOR_UID, OTHER_UID)] == [True, True, False]
    assert not sees(two.stranger, UID)
    assert [one["code"] for one in two.answerer.get(f"/api/studies/{UID}/consults").json["consults"]] == [code]
    assert two.stranger.get(f"/api/studies/{UID}/consults").json["consults"] == []
    two.web.store("lao-cai", **{**STUDY, "SOPInstanceUID": "1.2.840.5.1.1.2"})
    assert box(two.answerer, "to_me")[0]["images"] == {"arrived": 3, "expected": 3}
    report = {"SeriesInstanceUID": "1.2.840.5.1.9", "SOPInstanceUID": "1.2.840.5.1.9.1", "Modality": "DOC"}
    two.web.store("lao-cai", **{**STUDY, **report})
    (card,) = box(two.answerer, "to_me")
    assert (card["images"], card["studies"][0]["images"]) == ({"arrived": 3, "expected": 3}, 2)


def test_the_same_question_sent_twice_is_one(two: Two) -> None:
    given = two.question()
    first, second = (two.asker.post("/api/consults", json=given) for _ in range(2))
    assert first.json == second.json
    assert len(box(two.answerer, "to_me")) == 1


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"study": "1.2.3.999"}, 404), ({"priors": ["1.2.3.999"]}, 404), ({"to": {"hospital": "nowhere"}}, 404),
        ({"to": {"person": 987654}}, 404), ({"to": {}}, 400), ({"chips": [], "question": ""}, 400),
        ({"chips": ["nonsense"]}, 400), ({"urgency": "now"}, 400), ({"due_at": soon(-1)}, 400),
        ({"informed_how": ""}, 400), ({"specialty": "alchemy"}, 400), ({"client_id": "x"}, 400), ({"priors": [7]}, 400),
        ({"images": [{**IMAGE, "study_instance_uid": OTHER_UID}]}, 404),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused_and_shows_nothing(
    two: Two, more: dict[str, Any], status: int
) -> None:
    assert two.asker.post("/api/consults", json=two.question(**more)).status_code == status
    assert box(two.asker, "from_me") == []
    with two.web.archive.database.reading() as db:
        assert grants.of_user(db, two.answerer.user.id, [1, 2, 3, 4], 0) == frozenset()


def test_nobody_asks_about_another_hospitals_study_even_one_they_are_shown(two: Two) -> None:
    two.ask()
    given = two.question(to={"hospital": "viet-duc"}, priors=[])
    assert sees(two.answerer, UID)
    assert two.answerer.post("/api/consults", json=given).status_code == 404


def test_an_answer_in_both_languages_reaches_who_asked(two: Two) -> None:
    code = two.ask(images=[IMAGE])
    assert two.act(two.answerer, code, "accepted").status_code == 201
    sent = two.act(
        two.answerer, code, "opinion", verdict="differ", findings=[FINDING], text="Chưa đến 4,5 giờ.", language="vi",
        images=[IMAGE],
    )  # fmt: skip
    assert (sent.status_code, sent.json["state"]) == (201, "answered")
    page = two.asker.get(f"/api/consults/{code}").json
    assert [one["kind"] for one in page["events"]] == ["asked", "accepted", "opinion"]
    opinion = page["events"][2]
    assert opinion["actor"]["name"] == two.answerer.user.display_name
    assert opinion["hospital"]["code"] == "bach-mai"
    assert opinion["sentences"] == {
        "vi": ["Nhiều khả năng nhồi máu, động mạch não giữa phải"],
        "en": ["Probable infarct, right middle cerebral artery"],
    }
    assert page["mine"]
    assert set(page["may"]) & {"closed", "opinion"} == {"closed"}
    assert [one["code"] for one in box(two.asker, "waiting")] == [code]
    assert box(two.answerer, "waiting") == []
    translated = two.act(two.colleague, code, "translation", of=3, text="Less than 4.5 h.", language="en")
    assert translated.json["event"]["body"]["by"] == "person"
    assert two.act(two.colleague, code, "translation", of=9, text="x", language="en").status_code == 404
    after = two.asker.get(f"/api/consults/{code}/events?after=3").json
    assert ([one["sequence"] for one in after["events"]], after["sequence"]) == ([4], 4)


def test_an_event_sent_again_after_a_cut_is_the_same_event(two: Two) -> None:
    code, id = two.ask(), new_id()
    first = two.act(two.answerer, code, "message", id, text="Xin thêm ảnh mạch máu")
    again = two.act(two.answerer, code, "message", id, text="Xin thêm ảnh mạch máu")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["event"] == again.json["event"]
    assert two.act(two.asker, code, "message", id, text="khác").status_code == 409
    assert len(two.asker.get(f"/api/consults/{code}").json["events"]) == 2


def test_who_needs_more_waits_for_the_other_side(two: Two) -> None:
    code = two.ask()
    two.act(two.answerer, code, "opinion", verdict="more", text="Cần CTA")
    assert [one["code"] for one in box(two.asker, "waiting")] == [code]
    two.act(two.asker, code, "message", text="Đã chụp CTA")
    assert [one["code"] for one in box(two.answerer, "waiting")] == [code]


def test_each_side_does_only_what_is_its_own(two: Two) -> None:
    code = two.ask()
    assert two.act(two.asker, code, "opinion", verdict="agree", text="x").status_code == 403
    assert two.act(two.answerer, code, "closed", outcome="yes").status_code == 403
    assert two.act(two.answerer, code, "withdrawn").status_code == 403
    assert two.act(two.asker, code, "closed", outcome="yes").status_code == 409
    assert two.act(two.asker, code, "signed").status_code == 400
    for kind, body in (("message", {"text": "x"}), ("nonsense", {}), ("message", {})):
        assert two.act(two.stranger, code, kind, **body).status_code == 404
    for path in ("", "/events", f"/attachments/{new_id()}"):
        assert two.stranger.get(f"/api/consults/{code}{path}").status_code == 404
    assert two.stranger.post(f"/api/consults/{code}/seen", json={"sequence": 1}).status_code == 404


def test_closing_says_whether_a_transfer_was_avoided_and_shows_the_studies_a_week_longer(two: Two) -> None:
    code = two.ask()
    two.act(two.answerer, code, "opinion", verdict="agree", text="x")
    two.act(two.answerer, code, "concluded", conclusion="Nhồi máu", recommendation="Tiêu sợi huyết")
    assert [one["state"] for one in box(two.answerer, "concluded")] == ["concluded"]
    assert two.act(two.asker, code, "closed", outcome="yes").json["state"] == "closed"
    assert box(two.asker, "concluded")[0]["outcome"] == "yes"
    assert sees(two.answerer, UID)
    assert two.act(two.answerer, code, "message", text="x").status_code == 409
    page = two.answerer.get(f"/api/consults/{code}").json
    with two.web.archive.database.reading() as db:
        held = grants.held(db, two.answerer.user.id, [two.answerer.user.roles[0][0]], page["closed_at"])
    assert held.until == page["closed_at"] + 7 * 24 * 3600 * 1000
    assert two.act(two.asker, code, "reopened").json["state"] == "answered"
    assert sees(two.answerer, UID)


@pytest.mark.parametrize("kind", ["withdrawn", "revoked"])
def test_what_is_taken_back_is_gone_at_once(two: Two, kind: str) -> None:
    code = two.ask()
    two.act(two.answerer, code, "accepted")
    photo = new_id()
    put = two.asker.open("PUT", f"/api/consults/{code}/attachments/{photo}", data=photograph())
    assert put.status_code == 201
    assert two.answerer.get(f"/api/consults/{code}/attachments/{photo}").status_code == 200
    assert two.act(two.asker, code, kind, text="nhầm người bệnh").status_code == 201
    assert not sees(two.answerer, UID)
    page = two.answerer.get(f"/api/consults/{code}").json
    assert (page["shows"], page["patient"], page["studies"], page["attachments"]) == (False, None, [], [])
    assert two.answerer.get(f"/api/consults/{code}/attachments/{photo}").status_code == 404
    assert two.asker.get(f"/api/consults/{code}/attachments/{photo}").status_code == 200
    if kind == "withdrawn":
        two.act(two.asker, code, "reopened")
        assert sees(two.answerer, UID)


def test_a_person_is_asked_alone(two: Two) -> None:
    other = two.web.person("radiologist", "bach-mai", "khac.bm")
    code = two.ask(to={"person": two.answerer.user.id})
    assert (sees(two.answerer, UID), sees(other, UID)) == (True, False)
    assert other.get(f"/api/consults/{code}").status_code == 404
    assert two.act(two.answerer, code, "accepted").status_code == 201


def test_an_anonymised_question_shows_neither_name_nor_study_before_there_are_copies(two: Two) -> None:
    code = two.ask(anonymise=True)
    page = two.answerer.get(f"/api/consults/{code}").json
    assert page["patient"] is None
    assert [(one["ready"], one["StudyDescription"]) for one in page["studies"]] == [(False, "")] * 2
    assert not {one["StudyInstanceUID"] for one in page["studies"]} & {UID, PRIOR_UID}
    assert page["images"] == {"arrived": 0, "expected": 2}
    assert not sees(two.answerer, UID)
    assert "Vàng" not in two.answerer.get("/api/consults?box=to_me").text
    assert two.asker.get(f"/api/consults/{code}").json["patient"]["name"] == "Vàng A Sếnh"


def test_an_anonymised_question_shows_copies_under_other_uids_until_it_is_taken_back(two: Two) -> None:
    code = two.ask(anonymise=True, images=[IMAGE])
    worker = Worker(two.web.archive, kinds=SLOW)
    while worker.step():
        pass
    page = two.answerer.get(f"/api/consults/{code}").json
    copy = page["studies"][0]["StudyInstanceUID"]
    assert (page["images"], page["studies"][0]["ready"]) == ({"arrived": 2, "expected": 2}, True)
    shown = two.answerer.get(f"/dicom-web/studies/{copy}/metadata").text
    assert "Vàng" not in shown
    assert "LC-77" not in shown
    assert UID not in shown + two.answerer.get(f"/api/consults/{code}").text
    (image,) = page["events"][0]["body"]["images"]
    assert image["study_instance_uid"] == copy
    two.act(two.answerer, code, "key_images", images=[image])
    seen = two.asker.get(f"/api/consults/{code}").json["events"][1]["body"]["images"]
    assert seen == [{**IMAGE, "note": "vùng giảm tỷ trọng"}]
    two.act(two.asker, code, "withdrawn")
    assert not sees(two.answerer, copy)
    while worker.step():
        pass
    with two.web.archive.database.reading() as db, pytest.raises(NotFound):
        instances.study(db, Scope(frozenset({hospitals.shared(db).id})), copy)


def test_attachments_are_files_to_save_and_nothing_else(two: Two) -> None:
    code, id = two.ask(), new_id()
    where = f"/api/consults/{code}/attachments/{id}"
    name = {"X-File-Name": "ECG%20%22%2F..%5Cl%E1%BA%A7n%201.html"}
    put = two.answerer.open("PUT", where, data=b"%PDF-1.7 x", headers=name)
    assert put.json == {"id": id, "name": "ECG ..lần 1.html", "type": "application/pdf", "size": 10, "sequence": 2}
    assert two.answerer.open("PUT", where, data=b"%PDF-1.7 x", headers=name).status_code == 200
    got = two.asker.get(where)
    assert (got.data, got.headers["Content-Type"]) == (b"%PDF-1.7 x", "application/pdf")
    assert got.headers["Content-Disposition"].startswith('attachment; filename="attachment.pdf"')
    assert "sandbox" in got.headers["Content-Security-Policy"]
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    for body in (b"<svg onload=alert(1)>", b"<!doctype html>", b""):
        assert two.asker.open("PUT", where[:-36] + new_id(), data=body).status_code == 400
    assert two.asker.open("PUT", where[:-36] + new_id(), data=b"%PDF-" + bytes(20 << 20)).status_code == 413
    assert two.stranger.open("PUT", where[:-36] + new_id(), data=b"%PDF-1.7").status_code == 404


def test_what_was_read_is_remembered(two: Two) -> None:
    code = two.ask()
    assert (box(two.answerer, "to_me")[0]["seen"], box(two.asker, "from_me")[0]["seen"]) == (0, 1)
    assert two.answerer.post(f"/api/consults/{code}/seen", json={"sequence": 99}).status_code == 204
    assert box(two.answerer, "to_me")[0]["seen"] == 1


def test_the_acts_stand_in_the_audit_log_of_both_hospitals(two: Two) -> None:
    code = two.ask()
    two.act(two.answerer, code, "opinion", verdict="agree", text="x")
    for hospital in ("lao-cai", "bach-mai"):
        found = two.web.person("admin", hospital).get("/api/admin/audit").json["records"]
        told = [(one["action"], one["actor"]) for one in found if one["object"] == code]
        assert told == [("consult.opinion", two.answerer.user.name), ("consult.asked", two.asker.user.name)]


def test_those_who_take_part_hear_of_it_and_nobody_else(two: Two) -> None:
    begun = {
        id(one): one.get("/api/changes?after=0").json["sequence"] for one in (two.answerer, two.asker, two.stranger)
    }
    code = two.ask()
    two.act(two.answerer, code, "accepted")
    told = {
        name: one.get(f"/api/changes?after={begun[id(one)]}").json["consults"]
        for name, one in (("to", two.answerer), ("from", two.asker), ("stranger", two.stranger))
    }
    assert told == {"to": {code: 2}, "from": {code: 2}, "stranger": {}}


def test_the_vocabulary_comes_in_both_languages(web: Web) -> None:
    words = web.person("expert").get("/api/consult/vocabulary").json
    assert {"code": "agree", "vi": "Đồng ý", "en": "Agree", "group": ""} in words["verdicts"]
    assert words["urgency_minutes"]["emergency"] == 60


def test_what_postgresql_ended_for_anothers_sake_is_done_once(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    real, ended = acting.note, list[str]()

    def note(db: Connection, consult: Consult, action: str, actor: Actor, **detail: Any) -> None:
        real(db, consult, action, actor, **detail)
        if action not in ended:
            ended.append(action)
            raise StorageContended("ended for another's sake")

    monkeypatch.setattr(acting, "note", note)
    code = two.ask()
    assert two.act(two.answerer, code, "accepted").status_code == 201
    assert ended == ["asked", "accepted"]
    page = two.asker.get(f"/api/consults/{code}").json
    assert [one["kind"] for one in page["events"]] == ["asked", "accepted"]
    with two.web.archive.database.reading() as db:
        found = audit.find(db, Scope(frozenset({two.web.hospital_of("lao-cai").id})), AuditFilter(action="consult"))
    assert [one.action for one in found] == ["consult.accepted", "consult.asked"]
