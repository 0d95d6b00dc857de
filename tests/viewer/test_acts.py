"""Every act is in the audit log: the walk does each, and a route that changes something without one fails."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from pacs.command.standalone import codecs_if_none
from pacs.rejecting import GRACE_MS
from pacs.sharing import prepare
from storage.errors import StorageUnavailable
from storage.index import accounts as store
from storage.index import audit, invitations, peers
from storage.index.database import Database
from storage.index.types import now_ms
from storage.model.archive import Origin
from storage.model.audit import AuditRecord
from storage.model.live import SOUND
from tests.support.server import free_port
from tests.viewer.access.test_factors import step_in
from tests.viewer.access.test_sessions import sign_in
from tests.viewer.access.test_setup import body, secret_of
from tests.viewer.conftest import PASSWORD, Person, Web, code_of
from tests.viewer.consult.test_minutes import code, with_factor
from tests.viewer.links.guests import Arrived, enter, look, make
from tests.viewer.live import test_sound
from tests.viewer.objects import instance
from tests.viewer.reading.test_annotations import PATH as ANNOTATIONS
from tests.viewer.reading.test_annotations import UIDS as ANNOTATED
from tests.viewer.reading.test_annotations import acted
from tests.viewer.worklist.test_uploads import upload
from viewer.access.guard import SAFE
from viewer.access.secrets import kept
from viewer.access.setup import create_setup_link

pytestmark = pytest.mark.usefixtures("steps_stand_still")
UIDS: dict[str, Any] = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": "1.2.5"}
SINGLE = "/dicom-web/studies/1.2.3/series/1.2.4/instances/1.2.5"
LATER = ((3, "delete"), (4, "restore"))
NEW = "một mật khẩu khác hẳn"
WHOLE = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
# What only looks, and so stands on no route that changes something.
LOOKING = {"study.view", "study.details", "study.search", "study.export", "access.refuse", "audit.search",
           "audit.export", "quarantine.download", "minutes.read",
           "statistics.export", "room.sound-listen"}  # fmt: skip
# What the process of the rooms writes.
SOUNDING = {f"room.sound-{what}" for what in ("ask", "agree", "refuse", "run", "rest", "end")}


def records(web: Web) -> list[AuditRecord]:
    web.archive.acts.flush()
    with web.archive.database.reading() as db:
        return list(audit.records(db))


def declared(web: Web) -> set[str]:
    return {act for view in web.app.view_functions.values() for act in getattr(view, "acts", ())}


def test_a_route_that_changes_something_says_which_acts_it_writes(web: Web) -> None:
    silent = [
        rule.rule
        for rule in web.app.url_map.iter_rules()
        if (rule.methods or set()) - SAFE and not getattr(web.app.view_functions[rule.endpoint], "acts", ())
    ]
    assert silent == [], "declare @acts(…), write them in the transaction with guard.record, and walk them below"


def test_every_act_has_a_sentence_in_both_languages(web: Web) -> None:
    words = (Path(__file__).parents[2] / "static/src/shell/admin/act-strings.ts").read_text("utf-8")
    for act in declared(web) | LOOKING | {"association.refuse", "object.preamble", "quarantine.purge", *SOUNDING}:
        assert words.count(f"'act.{act}':") == 2, f"say what {act} is in act-strings.ts"


def accounts(web: Web) -> Person:
    """Set up, signing in and out, the second factor, and what one does with one's own account."""
    client = web.anonymous()
    link = secret_of(create_setup_link(web.archive.database, "http://x"))
    csrf = client.post("/api/setup", json=body(link)).json["csrf"]
    owner = Person(client, web.user("technologist", name="x.y"), csrf)
    web.user("radiologist", name="bs.binh")
    other, third = web.anonymous(), web.anonymous()
    sign_in(web, "bs.binh", "sai mật khẩu rồi", client=other)
    csrf = sign_in(web, "bs.binh", client=other).json["csrf"]
    sign_in(web, "bs.binh", client=third)
    binh = Person(other, owner.user, csrf)
    assert binh.patch("/api/session", json={"language": "en"}).status_code == 200
    assert binh.delete("/api/sessions").status_code == 204
    shown = binh.post("/api/session/enrolment", json={"current_password": PASSWORD}).json
    done = binh.open("PUT", "/api/session/enrolment", json={"code": code_of(shown["secret"], -1)})
    binh.csrf = done.json["session"]["csrf"]
    answer = binh.patch("/api/session", json={"current_password": PASSWORD, "password": NEW})
    binh.csrf = answer.json["csrf"]
    assert binh.delete("/api/session").status_code == 204
    csrf = sign_in(web, "bs.binh", NEW, client=other).json["csrf"]
    assert step_in(other, csrf, "POST", "code", code="000000").status_code == 403
    assert step_in(other, csrf, "POST", "code", code=code_of(shown["secret"])).status_code == 200
    return owner


def administration(web: Web, owner: Person) -> None:
    """Users, tokens, peers."""
    made = {"code": "lao-cai", "name": "Bệnh viện tỉnh Lào Cai"}
    assert owner.post("/api/admin/hospitals", json=made).status_code == 201
    assert owner.patch("/api/admin/hospitals/lao-cai", json={"name": "BV Lào Cai"}).status_code == 200
    made = owner.post(
        "/api/admin/users", json={"name": "bs.chi", "password": PASSWORD, "roles": ["clinician"], "hospital": "main"}
    )
    path = f"/api/admin/users/{made.json['id']}"
    for change in (
        {"roles": ["radiologist"]},
        {"password": NEW},
        {"disabled": True},
        {"disabled": False},
        {"email": "chi@bv.vn"},
    ):
        assert owner.patch(path, json=change).status_code == 200
    assert owner.delete(f"{path}/factor").status_code == owner.delete(f"{path}/sessions").status_code == 204
    assert owner.post("/api/admin/tokens", json={"name": "AI", "scope": "dicomweb"}).status_code == 201
    token = owner.get("/api/admin/tokens").json["tokens"][0]["id"]
    assert owner.delete(f"/api/admin/tokens/{token}").status_code == 204
    peer = {"ae_title": "CT1", "host": "127.0.0.1", "port": free_port(), "allow": ["store"]}
    assert owner.post("/api/admin/peers", json=peer).status_code == 201
    assert owner.patch("/api/admin/peers/CT1", json={"description": "phòng 3"}).status_code == 200
    assert owner.post("/api/admin/peers/CT1/echo").json["ok"] is False
    assert owner.delete("/api/admin/peers/CT1").status_code == 204
    with web.archive.database.writing() as db:
        peers.refused(db, "CT9", "HOICHAN", "10.0.0.9", "unknown")
    assert owner.delete("/api/admin/refusals?ae_title=CT9").status_code == 204


def studies(web: Web) -> None:
    """Bringing in, looking, searching, taking out, changing."""
    person = web.person("admin,radiologist,technologist", name="bs.dung")
    assert upload(person, instance(**UIDS)).status_code == 200
    assert person.post("/api/samples").status_code == 202
    stow = b"--X\r\nContent-Type: application/dicom\r\n\r\n" + instance(StudyInstanceUID="1.3") + b"\r\n--X--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=X'
    assert person.post("/dicom-web/studies", data=stow, content_type=kind).status_code == 200
    assert person.get("/api/worklist?q=nguyen").json["total"] >= 1
    assert len(person.get("/dicom-web/studies?PatientID=BN-0001").json) == 2
    assert person.get("/api/studies/1.2.3").status_code == 200
    for _ in range(20):
        assert person.get(f"{SINGLE}/frames/1").status_code == 200
    for path in ("/dicom-web/studies/1.2.3", "/dicom-web/studies/1.2.3/series/1.2.4", SINGLE):
        assert person.get(path, headers=WHOLE).status_code == 200
    assert person.patch("/api/studies/1.2.3", json={"status": "reading"}).status_code == 200
    reason = {"reason": "mờ"}
    assert person.post("/api/studies/1.2.3/rejection", json={"title": "113001", **reason}).status_code == 200
    assert person.post("/api/admin/rejected/1.2.3/restoration", json=reason).status_code == 200
    assert person.post("/api/studies/1.2.3/rejection", json={"title": "113001", **reason}).status_code == 200
    clock = web.archive.clock
    web.archive.clock = lambda: clock() + GRACE_MS + 1
    assert person.post("/api/admin/rejected/1.2.3/purge", json=reason).json["objects"] == 1
    web.archive.clock = clock
    assert web.person("clinician").get("/api/admin/users").status_code == 403
    odd(web, person)
    drawn(web, person)
    lent(web, person)


def drawn(web: Web, person: Person) -> None:
    """Annotations: what is drawn in one moment is counted together."""
    web.store(**ANNOTATED)
    one = acted()
    for act in (one, acted(one["annotation_id"], 2), *(acted(one["annotation_id"], n, w) for n, w in LATER)):
        assert person.post(ANNOTATIONS, json=act).status_code == 201
    study = ANNOTATED["StudyInstanceUID"]
    room = person.post("/api/rooms", json={"studies": [study], "title": "Hội chẩn"}).json["code"]
    assert person.post(f"/api/rooms/{room}/ticket").status_code == 200
    take = test_sound.recorded(web, room, test_sound.key(person))
    assert test_sound.bring(person, room, take).status_code == 201
    assert person.get(f"/api/rooms/{room}/sound/piece-0001").status_code == 200
    test_sound.said(web, room, test_sound.key(person), SOUND, on=False)
    assert person.delete(f"/api/rooms/{room}/sound", json={"reason": "nói nhầm"}).status_code == 200
    web.store(StudyInstanceUID="1.5")
    assert person.post(f"/api/rooms/{room}/cases", json={"StudyInstanceUID": "1.5"}).status_code == 201


def consulting(web: Web) -> None:
    """A consultation with everything that can happen in one by hand."""
    asker, answerer = web.person("clinician", name="bs.hoi"), web.person("radiologist", "other", "bs.dap")
    given = {
        "client_id": str(uuid.uuid4()), "study": "1.5", "to": {"hospital": "other"}, "urgency": "routine",
        "due_at": now_ms() + 60_000, "question": "Nguyễn?", "informed_how": "oral",
    }  # fmt: skip
    path = f"/api/consults/{asker.post('/api/consults', json=given).json['code']}"
    assert asker.patch("/api/session", json={"email": "hoi@example.org", "mail": False}).status_code == 200
    invite = {"email": "smith@example.org", "name": "Dr Smith", "language": "en"}
    more = {**given, "client_id": str(uuid.uuid4()), "to": {"invite": invite}}
    assert asker.post("/api/consults", json=more).status_code == 201
    with web.archive.database.writing() as db:
        smith = next(one for one in store.users(db) if one.invited)
        invitations.set_secret(db, smith.id, kept("secret"))
    accepted = {"secret": "secret", "display_name": "Dr Smith", "language": "en", "password": NEW}
    assert web.anonymous().post("/api/invitation", json=accepted).json["needs"] == "enrol"
    assert answerer.post(f"{path}/seen", json={"sequence": 1}).status_code == 204
    assert asker.open("PUT", f"{path}/attachments/{uuid.uuid4()}", data=b"%PDF-1.7 Nguyen").status_code == 201
    image = {"study_instance_uid": "1.5", "series_instance_uid": "1.2", "sop_instance_uid": "1.3", "frame": 1}
    acts: list[tuple[Person, str, dict[str, Any]]] = [
        (answerer, "accepted", {}), (asker, "message", {"text": "Nguyễn"}), (asker, "key_images", {"images": [image]}),
        (answerer, "opinion", {"verdict": "agree", "text": "BN-0001"}),
        (asker, "translation", {"of": 1, "text": "Nguyễn", "language": "en"}),
        (answerer, "concluded", {"conclusion": "Nguyễn"}), (asker, "closed", {"outcome": "yes"}),
        (asker, "revoked", {}), (asker, "reopened", {}), (asker, "withdrawn", {"text": "Nguyễn"}),
    ]  # fmt: skip
    for person, kind, more in acts:
        event = {"client_id": str(uuid.uuid4()), "kind": kind, "body": more}
        assert person.post(f"{path}/events", json=event).status_code == 201, kind
        if kind == "concluded":
            minuted(web, asker, answerer, path)


def minuted(web: Web, asker: Person, answerer: Person, path: str) -> None:
    """Minutes: written, signed, added to, read."""
    for person in (asker, answerer):
        with_factor(web, person)
    body = {**asker.get(f"{path}/minutes").json["body"], "conclusion": "Nguyễn"}
    put = asker.open("PUT", f"{path}/minutes", json={"version": 0, "body": body})
    signed = {"part": 0, "sha256": put.json["sha256"]}
    for person in (asker, answerer):
        assert person.post(f"{path}/minutes/signature", json={**signed, "code": code()}).status_code == 200
    more = {"text": "Nguyễn", "language": "vi", "code": code(1)}
    assert asker.post(f"{path}/minutes/addenda", json=more).status_code == 201
    assert asker.get(f"{path}/minutes.pdf").status_code == 200


def counted(web: Web) -> None:
    assert web.person("admin", name="bs.dem").get("/api/consult/statistics.csv").status_code == 200


def lent(web: Web, person: Person) -> None:
    """A link: made, looked at, tried, opened, left, ended; and one that wrong PINs lock."""
    web.store(StudyInstanceUID="1.6", SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1", SeriesInstanceUID="1.6.1")
    made = make(person, "1.6")
    link = made["link"]["id"]
    prepare(web.archive, link)
    assert person.post(f"/api/links/{link}/series", json={"SeriesInstanceUID": "1.6.1"}).status_code == 204
    assert look(web, made).status_code == 200
    assert enter(web, made, pin="wrong").status_code == 403
    assert Arrived(web, made).leave() == 204
    assert person.delete(f"/api/links/{link}").status_code == 204
    locked = make(person, "1.6", anonymise=False)
    for _ in range(5):
        enter(web, locked, pin="wrong", address="10.0.0.9")


def odd(web: Web, person: Person) -> None:
    """Conflicts and quarantine, and the log itself."""
    uids = {"StudyInstanceUID": "1.4", "SeriesInstanceUID": "1.4.1", "SOPInstanceUID": "1.4.2"}
    web.store(**uids)
    web.store(**uids, PatientName="Lê^Bình", PixelData=b"\x09" * 8)
    web.store(**{**uids, "SOPInstanceUID": "1.4.3"}, PatientID="BN-0002", PatientName="Trần^Chi")
    for entry in person.get("/api/admin/conflicts").json["conflicts"]:
        for action in ("keep", "reopen", "assign" if entry["kind"] == "patient" else "replace"):
            path = f"/api/admin/conflicts/{entry['id']}/decision"
            assert person.post(path, json={"action": action}).status_code == 200
    with web.archive.receive(Origin(web.hospital.id, web.hospital.code, "dimse", "CT1")) as incoming:
        incoming.write(b"\0" * 128 + b"DICM" + b"broken" * 9)
        web.archive.store(incoming)
    entry = person.get("/api/admin/quarantine").json["quarantine"][0]["id"]
    path = f"/api/admin/quarantine/{entry}"
    assert person.post(f"{path}/retry").status_code == 200
    assert person.post(f"{path}/decision", json={"action": "link", "study": "1.4"}).status_code == 200
    assert person.get(f"{path}/object").status_code == 200
    assert person.post(f"{path}/deletion", json={"reason": "rác"}).status_code == 200
    assert person.post(f"{path}/decision", json={"action": "restore"}).status_code == 200
    assert person.get("/api/admin/audit").status_code == person.get("/api/admin/audit.csv").status_code == 200


def test_the_walk_finds_every_act_in_the_log(web: Web) -> None:
    with codecs_if_none(web.config):
        administration(web, accounts(web))
        studies(web)
        consulting(web)
        counted(web)
    found = records(web)
    assert declared(web) | LOOKING <= {one.action for one in found}
    whole = json.dumps([(one.actor, one.object, one.patient, one.detail) for one in found], ensure_ascii=False)
    for canary in ("Nguyễn", "nguyen", "BN-0001", "19810203", "PHIẾU", PASSWORD, NEW, "sai mật khẩu"):
        assert canary not in whole, (canary, whole[max(0, whole.find(canary) - 200) : whole.find(canary) + 60])
    assert not re.search(r"hc_[\w-]{30}", whole), "the secret of a token"
    views = [one for one in found if one.action == "study.view" and one.object == "1.2.3"]
    assert [(one.actor, one.role) for one in views] == [("bs.dung", "admin,radiologist,technologist")]
    exported = [json.loads(one.detail)["instances"] for one in found if one.action == "study.export"]
    assert sum(exported) == 3
    failed = [(one.actor, json.loads(one.detail)["why"]) for one in found if one.action == "session.fail"]
    assert failed == [("bs.binh", "password"), ("bs.binh", "code")]


def test_a_name_that_nobody_has_is_not_written(web: Web) -> None:
    sign_in(web, "mật-khẩu-gõ-nhầm-ô")
    (one,) = records(web)
    assert (one.action, one.actor, one.object, one.address) == ("session.fail", "", "", "10.0.0.1")


def test_who_looked_at_a_patient_is_found_by_the_patient_id(web: Web) -> None:
    web.store(**UIDS)
    web.store(StudyInstanceUID="1.9", PatientID="BN-0009", SeriesInstanceUID="1.9.1", SOPInstanceUID="1.9.2")
    reader, admin = web.person("radiologist"), web.person("admin")
    for study in ("1.2.3", "1.9"):
        reader.get(f"/api/studies/{study}")
    reader.get("/dicom-web/studies?PatientID=BN-0009")
    found = admin.get("/api/admin/audit?object=BN-0009").json["records"]
    assert {(one["action"], one["object"]) for one in found} == {("study.search", ""), ("study.details", "1.9")}
    csv = admin.get("/api/admin/audit.csv?object=BN-0009").text
    assert "BN-0009" not in csv


def test_what_must_be_noted_is_refused_while_the_log_cannot_be_written(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.store(**UIDS)
    reader = web.person("radiologist")

    def away(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("the index does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(Database, "writing", away)
        assert reader.get("/api/worklist").status_code == 200  # noted, and then found impossible to write
        with pytest.raises(StorageUnavailable):
            web.archive.acts.flush()
        for path in ("/api/worklist", "/dicom-web/studies", "/api/studies/1.2.3", f"{SINGLE}/frames/1", SINGLE):
            assert reader.get(path).status_code == 503, path
    web.archive.acts.flush()
    assert reader.get(f"{SINGLE}/frames/1").status_code == 200
