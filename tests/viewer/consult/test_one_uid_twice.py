"""A study of one UID at two hospitals: each address shows the one it names, and nothing of one is mixed into the other.

Lào Cai took the study and asks about it; Bạch Mai, whose expert answers, has a study of the same UIDs, with another
description and one series more.
"""

from typing import Any

import pytest

from storage.index import accounts as store
from storage.index import audit, grants
from storage.model.grants import Grantee
from tests.viewer.conftest import Person, password_hash
from tests.viewer.consult.conftest import OTHER, PRIOR, STUDY, Two
from tests.viewer.objects import instance
from tests.viewer.reading.test_annotations import acted

UID, SERIES, SOP = STUDY["StudyInstanceUID"], STUDY["SeriesInstanceUID"], STUDY["SOPInstanceUID"]
MORE = {**STUDY, "SeriesInstanceUID": "1.2.840.5.9", "SOPInstanceUID": "1.2.840.5.9.1"}
THERE, HERE = "/at/lao-cai", "/at/bach-mai"
SERIES_PATH = f"/dicom-web/studies/{UID}/series/{SERIES}"
FRAME = f"{SERIES_PATH}/instances/{SOP}/frames/1"
ABOUT = {THERE: "CT sọ não", HERE: "CT ngực"}


@pytest.fixture
def twice(two: Two) -> Two:
    """Bạch Mai was first in the index, and has the study too."""
    for uids in (STUDY, MORE):
        two.web.store("bach-mai", **uids, PatientName="Vàng^Sếnh^A", PatientID="BM-1", StudyDescription="CT ngực")
    return two


def described(person: Person, before: str) -> Any:
    answer = person.get(f"{before}/api/studies/{UID}")
    assert answer.status_code == 200, answer.text
    return answer.json


def values(person: Person, path: str, tag: str) -> list[Any]:
    answer = person.get(path, headers={"Accept": "application/dicom+json"})
    assert answer.status_code == 200, answer.text
    return [one.get(tag, {}).get("Value", [None])[0] for one in answer.json]


def test_an_address_shows_the_hospital_it_names(twice: Two) -> None:
    expert = twice.answerer
    assert expert.get(f"{THERE}/api/studies/{UID}").status_code == 404
    twice.ask()
    for before, about in ABOUT.items():
        assert (described(expert, before)["hospital"], described(expert, before)["StudyDescription"]) == (
            before.removeprefix("/at/"), about,
        )  # fmt: skip
        assert set(values(expert, f"{before}{SERIES_PATH}/metadata", "00081030")) == {about}
        assert set(values(expert, f"{before}/dicom-web/studies/{UID}/metadata", "00081030")) == {about}
        assert values(expert, f"{before}/dicom-web/studies?StudyInstanceUID={UID}&includefield=all", "00081030") == [
            about
        ]
        opened = expert.get(f"{before}/dicom-web/studies/{UID}/opening?preview=no")
        assert opened.status_code == 200, opened.text
        assert expert.get(before + FRAME).status_code == 200
    assert len(described(expert, THERE)["series"]) == 1
    assert len(described(expert, HERE)["series"]) == 2
    assert expert.get(f"{THERE}/dicom-web/studies/{UID}/series/{MORE['SeriesInstanceUID']}/metadata").status_code == 404
    assert expert.get(f"{HERE}/dicom-web/studies/{UID}/series/{MORE['SeriesInstanceUID']}/metadata").status_code == 200


def test_each_hospital_reads_in_its_log_that_its_study_was_opened(twice: Two) -> None:
    twice.ask()
    for before in (THERE, HERE, "", THERE):
        assert twice.answerer.get(f"{before}{FRAME}").status_code == 200
    assert set(values(twice.answerer, f"{HERE}{SERIES_PATH}/metadata", "00081030")) == {ABOUT[HERE]}
    archive = twice.web.archive
    archive.acts.flush()
    with archive.database.reading() as db:
        seen = [one.hospital for one in audit.records(db) if (one.action, one.object) == ("study.view", UID)]
    assert sorted(seen) == ["bach-mai", "lao-cai"]


def test_without_a_name_it_is_the_own_one_and_nothing_is_mixed(twice: Two) -> None:
    twice.ask()
    expert = twice.answerer
    assert described(expert, "")["StudyDescription"] == ABOUT[HERE]
    assert len(described(expert, "")["series"]) == 2
    told = values(expert, f"/dicom-web/studies/{UID}/metadata", "00081030")
    assert told == [ABOUT[HERE]] * 2, "as many instances as the own study has"
    assert values(expert, f"{SERIES_PATH}/metadata", "00081030") == [ABOUT[HERE]]
    rows = expert.get("/api/worklist").json["studies"]
    assert sorted(row["hospital"] for row in rows if row["StudyInstanceUID"] == UID) == ["bach-mai", "lao-cai"]


def test_what_is_handed_out_names_the_hospital_too(twice: Two) -> None:
    twice.ask()
    expert = twice.answerer
    address = values(expert, f"{THERE}/dicom-web/studies?StudyInstanceUID={UID}", "00081190")[0]
    assert address.endswith(f"{THERE}/dicom-web/studies/{UID}")
    page = expert.get(f"{THERE}/read/{UID}")
    assert page.headers["Link"].startswith(f"<{THERE}/dicom-web/studies/{UID}/opening>")
    parts = expert.get(THERE + FRAME, headers={"Accept": 'multipart/related; type="application/octet-stream"'})
    assert f"{THERE}{FRAME}".encode() in parts.data


def test_no_name_opens_what_was_closed(twice: Two) -> None:
    twice.ask()
    expert, stranger = twice.answerer, twice.stranger
    for path in (f"/api/studies/{UID}", f"{SERIES_PATH}/metadata", FRAME, "/dicom-web/studies", "/api/worklist"):
        real, unreal = (stranger.get(before + path) for before in (THERE, "/at/nowhere"))
        assert (real.status_code, unreal.status_code) == (404, 404)
        assert real.json["detail"] == unreal.json["detail"]
    for uids in (OTHER, PRIOR):  # the prior was named, the other one was not
        answer = expert.get(f"{THERE}/api/studies/{uids['StudyInstanceUID']}")
        assert answer.status_code == (200 if uids is PRIOR else 404)
    assert expert.patch(f"{THERE}/api/studies/{UID}", json={"status": "read"}).status_code in (403, 404)
    assert described(twice.asker, THERE)["status"] == "unread"
    for odd in ("/at//api/worklist", "/at/LAO-CAI/api/worklist", f"/at/{'a' * 33}/api/worklist", "/at/lao-cai"):
        assert expert.get(odd).status_code == 404
    nobody = twice.web.anonymous()
    assert nobody.get(f"{THERE}/api/studies/{UID}").status_code == 401
    assert nobody.get(f"{THERE}/at/bach-mai/api/worklist").status_code == 404, "one hospital, not two"


def test_the_end_of_a_grant_ends_its_copy_only(twice: Two) -> None:
    code = twice.ask()
    expert = twice.answerer
    assert described(expert, THERE)
    twice.act(twice.asker, code, "withdrawn", text="hỏi nhầm")
    assert expert.get(f"{THERE}/api/studies/{UID}").status_code == 404
    assert expert.get(THERE + FRAME).status_code == 404
    assert described(expert, HERE)["StudyDescription"] == ABOUT[HERE]


def test_a_consultation_its_images_and_its_drawings_are_about_one_of_them(twice: Two) -> None:
    code = twice.ask()
    expert = twice.answerer
    card = expert.get(f"/api/consults/{code}").json
    assert {(one["StudyInstanceUID"], one["hospital"]) for one in card["studies"]} == {
        (UID, "lao-cai"), (PRIOR["StudyInstanceUID"], "lao-cai"),
    }  # fmt: skip
    assert [one["code"] for one in expert.get(f"{THERE}/api/studies/{UID}/consults").json["consults"]] == [code]
    assert expert.get(f"{HERE}/api/studies/{UID}/consults").json["consults"] == []
    drawn = acted(series_instance_uid=SERIES, sop_instance_uid=SOP)
    assert expert.post(f"{THERE}/api/studies/{UID}/annotations", json={**drawn, "consult": code}).status_code == 201
    assert len(expert.get(f"{THERE}/api/studies/{UID}/annotations").json["annotations"]) == 1
    assert expert.get(f"{HERE}/api/studies/{UID}/annotations").json["annotations"] == []
    assert len(twice.asker.get(f"/api/studies/{UID}/annotations").json["annotations"]) == 1


def test_bach_mai_asks_about_its_own(twice: Two) -> None:
    twice.ask()
    given = twice.question(to={"hospital": "viet-duc"}, priors=[])
    answer = twice.answerer.post(f"{HERE}/api/consults", json=given)
    assert answer.status_code == 201, answer.text
    told = twice.stranger.get(f"/api/consults/{answer.json['code']}").json
    assert [one["hospital"] for one in told["studies"]] == ["bach-mai"]
    assert described(twice.stranger, "")["StudyDescription"] == ABOUT[HERE]
    assert twice.answerer.post(f"{THERE}/api/consults", json=twice.question(priors=[])).status_code == 404


def test_a_room_is_about_one_of_them_and_may_have_both(twice: Two) -> None:
    twice.ask()
    expert = twice.answerer
    room = expert.post(f"{THERE}/api/rooms", json={"studies": [UID], "title": "Giao ban"}).json
    assert [(one["StudyInstanceUID"], one["hospital"]) for one in room["cases"]] == [(UID, "lao-cai")]
    assert [one["code"] for one in expert.get(f"{THERE}/api/rooms?study={UID}").json["rooms"]] == [room["code"]]
    assert expert.get(f"{HERE}/api/rooms?study={UID}").json["rooms"] == []
    cases = f"/api/rooms/{room['code']}/cases"
    for code, status in (("lao-cai", 200), ("nowhere", 404), ("viet-duc", 404), ("bach-mai", 201), ("bach-mai", 200)):
        answer = expert.post(cases, json={"StudyInstanceUID": UID, "hospital": code})
        assert answer.status_code == status, code
    told = expert.get(f"/api/rooms/{room['code']}").json
    assert [one["hospital"] for one in told["cases"]] == ["lao-cai", "bach-mai"]
    asker = twice.asker.get(f"/api/rooms/{room['code']}").json
    assert [one["hospital"] for one in asker["cases"]] == ["lao-cai", None], "of the other only that there is one"
    assert [one["StudyInstanceUID"] for one in asker["cases"]] == [UID, None]


def test_who_is_granted_both_sees_both(twice: Two) -> None:
    """An expert without a hospital that has it: Lào Cai and Bạch Mai each ask about theirs."""
    expert = twice.web.person("expert", "viet-duc", "chuyên gia")
    hospitals = [twice.web.hospital_of(code) for code in ("lao-cai", "bach-mai")]
    with twice.web.archive.database.writing() as db:
        for consult, hospital in enumerate(hospitals, 900):
            grants.give(db, hospital.id, UID, Grantee(user_id=expert.user.id), consult_id=consult)
    for before, about in ABOUT.items():
        assert described(expert, before)["StudyDescription"] == about
    assert {row["hospital"] for row in expert.get("/api/worklist").json["studies"]} == {"lao-cai", "bach-mai"}
    first = described(expert, "")
    assert len(values(expert, f"/dicom-web/studies/{UID}/metadata", "00081030")) == first["instances"], "never mixed"


def test_bytes_brought_to_an_address_go_to_its_hospital(twice: Two) -> None:
    web = twice.web
    roles = [(web.hospital_of(code).id, "technologist") for code in ("bach-mai", "lao-cai")]
    with web.archive.database.writing() as db:
        user = store.add_user(db, "hai.noi", "Hai nơi", password_hash(), roles=roles)
    person = web.signed_in(user)
    new = {name: f"1.2.840.5.8.{number}" for number, name in enumerate(STUDY)}
    sent = person.post(f"{THERE}/dicom-web/studies", data=instance(**new), content_type="application/dicom")
    assert sent.status_code == 200, sent.text
    assert person.get(f"/api/studies/{new['StudyInstanceUID']}").json["hospital"] == "lao-cai"
    assert person.get(f"{HERE}/api/studies/{new['StudyInstanceUID']}").status_code == 404
