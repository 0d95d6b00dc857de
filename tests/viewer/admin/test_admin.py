"""What an administrator looks after."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from pacs.dimse import reasons
from pacs.jobs import audit_check
from storage.errors import StorageUnavailable
from storage.index import accounts as store
from storage.index import audit, notes, peers
from storage.objects.base import Condition
from storage.objects.room import Room
from tests.viewer.conftest import PASSWORD, Web

CT = {"ae_title": "CT1", "host": "10.0.0.5", "port": 104, "allow": ["store"], "description": "Phòng CT"}


def test_a_peer_is_added_changed_and_removed(web: Web) -> None:
    admin = web.person("admin")
    made = admin.post("/api/admin/peers", json=CT)
    assert made.status_code == 201
    assert {key: made.json[key] for key in CT} == CT
    assert made.json["hospital"] == "main"
    assert admin.post("/api/admin/peers", json=CT).status_code == 409
    assert made.json["charset"] == ""
    plain = admin.patch("/api/admin/peers/CT1", json={"charset": "ISO_IR 6"})
    assert plain.json["charset"] == "ISO_IR 6"
    changed = admin.patch("/api/admin/peers/CT1", json={"allow": ["store", "query"], "port": None})
    assert changed.json["allow"] == ["query", "store"]
    assert changed.json["port"] is None
    assert changed.json["host"] == "10.0.0.5"
    assert [peer["ae_title"] for peer in admin.get("/api/admin/peers").json["peers"]] == ["CT1"]
    assert admin.delete("/api/admin/peers/CT1").status_code == 204
    assert admin.delete("/api/admin/peers/CT1").status_code == 404
    assert admin.get("/api/admin/peers").json["peers"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"ae_title": ""}, {"ae_title": "x" * 17}, {"ae_title": "Á"}, {"host": ""}, {"host": "no host"}, {"port": 0},
        {"port": 70000}, {"port": "104"}, {"port": True}, {"allow": ["everything"]}, {"allow": "store"}, {"extra": 1},
        {"charset": "KOI8-R"},
    ],
)  # fmt: skip
def test_a_peer_that_makes_no_sense_is_refused(web: Web, wrong: dict[str, Any]) -> None:
    assert web.person("admin").post("/api/admin/peers", json={**CT, **wrong}).status_code == 400


def test_the_peers_of_another_hospital_are_not_ours(web: Web) -> None:
    web.person("admin", "other").post("/api/admin/peers", json=CT)
    admin = web.person("admin")
    assert admin.get("/api/admin/peers").json["peers"] == []
    assert admin.patch("/api/admin/peers/CT1", json={"allow": []}).status_code == 404
    assert admin.delete("/api/admin/peers/CT1").status_code == 404
    assert admin.post("/api/admin/peers/CT1/echo").status_code == 404
    assert admin.post("/api/admin/peers", json={**CT, "ae_title": "CT2", "hospital": "other"}).status_code == 404


def test_an_echo_says_what_happened(web: Web) -> None:
    admin = web.person("admin")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    admin.post("/api/admin/peers", json={**CT, "host": "127.0.0.1", "port": port})
    answer = admin.post("/api/admin/peers/CT1/echo")
    assert answer.status_code == 200
    assert answer.json["ok"] is False
    assert answer.json["detail"]
    admin.post("/api/admin/peers", json={**CT, "ae_title": "NET", "host": "10.0.0.0/24"})
    assert admin.post("/api/admin/peers/NET/echo").json["ok"] is False
    assert admin.post("/api/admin/peers/NONE/echo").status_code == 404


def test_refusals_are_seen_and_forgotten(web: Web) -> None:
    with web.archive.database.writing() as db:
        for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
            peers.refused(db, "STRANGER", "HOICHAN", address, "unknown AE title")
    admin = web.person("admin")
    found = admin.get("/api/admin/refusals").json["refusals"]
    assert {(entry["address"], entry["count"]) for entry in found} == {("10.0.0.1", 2), ("10.0.0.2", 1)}
    admin.delete("/api/admin/refusals?ae_title=STRANGER&address=10.0.0.1")
    assert [entry["address"] for entry in admin.get("/api/admin/refusals").json["refusals"]] == ["10.0.0.2"]


def test_refusals_of_another_hospitals_peers_are_not_ours(web: Web) -> None:
    other, admin = web.person("admin", "other"), web.person("admin")
    other.post("/api/admin/peers", json=CT)
    with web.archive.database.writing() as db:
        peers.refused(db, "CT1", "HOICHAN", "10.0.0.9", "the peer does not call from this address")
    assert admin.get("/api/admin/refusals").json["refusals"] == []
    assert admin.delete("/api/admin/refusals?ae_title=CT1").status_code == 404
    assert [entry["ae_title"] for entry in other.get("/api/admin/refusals").json["refusals"]] == ["CT1"]


def test_an_account_is_made_and_changed(web: Web) -> None:
    admin = web.person("admin")
    given = {"name": "ktv.binh", "display_name": "KTV Bình", "password": PASSWORD, "roles": ["technologist"]}
    made = admin.post("/api/admin/users", json=given)
    assert made.status_code == 201
    assert made.json["roles"] == [{"hospital": "main", "role": "technologist"}]
    assert "password" not in made.text
    assert "argon2" not in admin.get("/api/admin/users").text
    one = f"/api/admin/users/{made.json['id']}"
    assert admin.patch(one, json={"roles": ["clinician"]}).json["roles"][0]["role"] == "clinician"
    assert admin.patch(one, json={"roles": ["god"]}).status_code == 400
    assert admin.patch(one, json={"password": "short"}).status_code == 400
    assert admin.patch(one, json={"password": "một mật khẩu khác"}).status_code == 200
    login = {"name": "ktv.binh", "password": "một mật khẩu khác"}
    assert web.anonymous().post("/api/session", json=login).status_code == 200
    assert admin.patch(one, json={"disabled": True}).json["disabled"] is True
    assert web.anonymous().post("/api/session", json=login).status_code == 401
    assert admin.post("/api/admin/users", json=given).status_code == 409
    assert admin.post("/api/admin/users", json={}).status_code == 400


def test_where_letters_go_and_what_somebody_answers_for_is_kept_by_the_administrator(web: Web) -> None:
    admin = web.person("admin")
    given = {
        "name": "bs.hoa", "display_name": "BS. Hoa", "password": PASSWORD, "roles": ["radiologist"],
        "email": " Hoa@BenhVien.vn ", "language": "en", "specialties": ["chest", "neuro", "chest"],
    }  # fmt: skip
    made = admin.post("/api/admin/users", json=given).json
    assert (made["email"], made["language"], made["specialties"]) == ("hoa@benhvien.vn", "en", ["chest", "neuro"])
    one = f"/api/admin/users/{made['id']}"
    changed = admin.patch(one, json={"display_name": "TS. Hoa", "email": "", "language": "vi", "specialties": []}).json
    assert (changed["display_name"], changed["email"], changed["specialties"]) == ("TS. Hoa", "", [])
    assert changed["roles"] == made["roles"]
    for wrong in ({"email": "nobody"}, {"language": "fr"}, {"specialties": ["astrology"]}, {"display_name": " "}):
        assert admin.patch(one, json=wrong).status_code == 400, wrong
    with web.archive.database.reading() as db:
        (act,) = [one for one in audit.records(db) if one.action == "user.details"]
    assert "Hoa" not in act.detail
    theirs = web.user("clinician", "main", "both")
    other = web.hospital_of("other")
    with web.archive.database.writing() as db:
        store.set_roles(db, theirs.id, [*theirs.roles, (other.id, "admin")])
    assert admin.patch(f"/api/admin/users/{theirs.id}", json={"email": "me@evil.vn"}).status_code == 403


def test_the_accounts_of_another_hospital_are_not_ours(web: Web) -> None:
    theirs = web.user("clinician", "other")
    admin = web.person("admin")
    assert [user["name"] for user in admin.get("/api/admin/users").json["users"]] == ["admin.main"]
    assert admin.patch(f"/api/admin/users/{theirs.id}", json={"disabled": True}).status_code == 404
    assert admin.patch(f"/api/admin/users/{theirs.id}", json={"password": "mine now 12345"}).status_code == 404


def test_an_administrator_cannot_take_over_somebody_who_also_works_elsewhere(web: Web) -> None:
    user = web.user("clinician", "main", "both")
    other = web.hospital_of("other")
    with web.archive.database.writing() as db:
        store.set_roles(db, user.id, [*user.roles, (other.id, "admin")])
    admin = web.person("admin")
    assert admin.patch(f"/api/admin/users/{user.id}", json={"password": "mine now 12345"}).status_code == 403
    assert admin.patch(f"/api/admin/users/{user.id}", json={"disabled": True}).status_code == 403
    changed = admin.patch(f"/api/admin/users/{user.id}", json={"roles": ["radiologist"]})
    assert changed.status_code == 200
    with web.archive.database.reading() as db:
        assert dict(store.user(db, user.id).roles) == {web.hospital.id: "radiologist", other.id: "admin"}


def test_a_token_is_shown_once_and_revoked(web: Web) -> None:
    admin = web.person("admin")
    made = admin.post("/api/admin/tokens", json={"name": "AI box", "scope": "dicomweb"})
    secret = made.json["secret"]
    listed = admin.get("/api/admin/tokens")
    assert secret not in listed.text
    token = listed.json["tokens"][0]
    assert (token["name"], token["scope"], token["hospital"], token["revoked"]) == ("AI box", "dicomweb", "main", False)
    bearer = {"Authorization": f"Bearer {secret}"}
    assert web.anonymous().get("/dicom-web/studies", headers=bearer).status_code in (200, 204)
    assert web.person("admin", "other").delete(f"/api/admin/tokens/{token['id']}").status_code == 404
    assert admin.delete(f"/api/admin/tokens/{token['id']}").status_code == 204
    assert web.anonymous().get("/dicom-web/studies", headers=bearer).status_code == 401


def test_health_says_what_was_looked_at(web: Web) -> None:
    web.store()
    health = web.person("admin").get("/api/admin/health").json
    checks = {check["name"]: check for check in health["checks"]}
    assert set(checks) == {"index", "object store", "codecs", "disk", "stored objects", "audit log"}
    assert checks["stored objects"]["ok"]
    assert checks["index"]["ok"]
    assert checks["object store"]["ok"]
    assert not checks["codecs"]["ok"], "no codec server runs in this test"
    assert checks["disk"]["free"] > 0
    assert health["counts"]["studies"] == 1
    assert health["versions"]["pydicom"]
    assert health["doors"] == {}


def test_health_says_what_is_degraded(web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    person, client = web.person("admin"), web.anonymous()
    monkeypatch.setattr("viewer.admin.health.FRESH_SECONDS", -1.0)

    def check(name: str) -> dict[str, Any]:
        checks: list[dict[str, Any]] = person.get("/api/admin/health").json["checks"]
        return next(one for one in checks if one["name"] == name)

    web.archive.room = Room([tmp_path], keep_free=1 << 60)
    disk = check("disk")
    assert (disk["ok"], disk["attention"], disk["trouble"], disk["mark"]) == (False, False, "no-room", 1 << 60)
    assert client.get("/healthz").json == {"status": "degraded"}
    web.archive.room = Room([tmp_path], keep_free=1)
    assert client.get("/healthz").json == {"status": "ok"}

    away = Condition("unreachable", "s3://x/y does not answer", waiting=7, waiting_bytes=7000, oldest_at=1)
    monkeypatch.setattr(type(web.archive.objects), "condition", lambda self: away)
    assert check("durability")["attention"]
    assert client.get("/healthz").json == {"status": "degraded"}
    lost = Condition("sync-failed", "the disk could not make something durable")
    monkeypatch.setattr(type(web.archive.objects), "condition", lambda self: lost)
    stopped = check("durability")
    assert (stopped["ok"], stopped["attention"], stopped["trouble"]) == (False, False, "sync-failed")


def test_we_are_well_only_when_everything_answers(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    client = web.anonymous()
    monkeypatch.setattr("viewer.admin.health.FRESH_SECONDS", -1.0)
    assert client.get("/healthz").json == {"status": "ok"}
    web.app.config["DOORS"] = lambda: {"dicom": True, "worker": False}
    assert client.get("/healthz").status_code == 503
    web.app.config["DOORS"] = lambda: {"dicom": True, "worker": True}
    assert client.get("/healthz").status_code == 200

    def away(*_: object) -> str:
        raise StorageUnavailable("the bucket of Nguyễn Văn An does not answer")

    monkeypatch.setattr(type(web.archive.objects), "check", away)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json == {"status": "not well"}, "one word for strangers"


def test_asking_often_costs_little(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def look(_: object) -> str:
        looked.append(1)
        return "well"

    monkeypatch.setattr(type(web.archive.objects), "check", look)
    monkeypatch.setattr("viewer.admin.health.FRESH_SECONDS", 600.0)
    for _ in range(50):
        web.anonymous().get("/healthz")
    assert len(looked) <= 2


def test_a_store_that_hangs_does_not_take_every_thread(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.admin.health.FRESH_SECONDS", -1.0)
    asked, release = threading.Event(), threading.Event()

    def hang(_: object) -> str:
        asked.set()
        return str(release.wait(120))

    monkeypatch.setattr(type(web.archive.objects), "check", hang)
    first = threading.Thread(target=lambda: web.anonymous().get("/healthz"))
    first.start()
    assert asked.wait(60)
    assert web.anonymous().get("/healthz").status_code == 503
    assert first.is_alive(), "the second one did not wait for it"
    release.set()
    first.join()


FAULT = {"kind": "altered", "record": 12, "anchor": 0, "last": 0, "count": 0}
FOUND = {
    "at": 0,
    "records": 15,
    "anchors": 3,
    "signed_to": 15,
    "fits": [3, 15],
    "faults": [],
    "more": 0,
    "young": False,
}


@pytest.mark.parametrize(
    ("changed", "hours", "state", "ok", "attention"),
    [
        ({}, 30, "whole", True, False),
        ({}, 49, "late", False, True),
        ({"faults": [FAULT], "fits": [2, 10]}, 49, "broken", False, False),
        ({"anchors": 0, "young": True}, 1, "new", True, False),
        ({"anchors": 0}, 1, "unvouched", False, True),
        ({"anchors": 0, "records": 0}, 1, "new", True, False),
    ],
)
def test_health_says_how_the_audit_log_was_last_found(
    web: Web, changed: dict[str, Any], hours: int, state: str, ok: bool, attention: bool
) -> None:
    person = web.person("admin")

    def check() -> dict[str, Any]:
        checks: list[dict[str, Any]] = person.get("/api/admin/health").json["checks"]
        return next(one for one in checks if one["name"] == "audit log")

    assert (check()["ok"], check()["audit"]) == (True, {"state": "new"}), "nothing is checked because somebody looks"
    found = FOUND | changed | {"at": web.archive.clock() - hours * 3600 * 1000}
    with web.archive.database.writing() as db:
        notes.put(db, audit_check.NOTE, found)
    told = check()
    assert (told["ok"], told["attention"], told["audit"]["state"]) == (ok, attention, state)
    assert told["audit"] == found | {"state": state}


def test_the_doors_are_what_the_supervisor_says(web: Web) -> None:
    folder: Path = web.config.data / "run" / "ready"
    folder.mkdir(parents=True)
    for name in ("codecs", "worker"):
        (folder / name).touch()
    listeners = [f"dicom-{number + 1}" for number in range(web.config.dicom.listeners)]
    health = web.person("admin").get("/api/admin/health").json
    assert health["doors"] == {"codecs": True, "worker": True, "live": False} | dict.fromkeys(listeners, False)
    for name in listeners:
        assert web.anonymous().get("/healthz").status_code == 503
        (folder / name).touch()
    assert web.anonymous().get("/healthz").status_code == 200


def test_a_peer_has_a_certificate_and_limits_of_its_own(web: Web) -> None:
    admin = web.person("admin")
    admin.post("/api/admin/peers", json=CT)
    colons = ":".join(["AB"] * 32)
    more = {"certificate": colons, "tls": True, "plain": True, "min_rate": 50, "max_object_mb": 20_000}
    changed = admin.patch("/api/admin/peers/CT1", json=more)
    assert changed.status_code == 200
    assert changed.json["certificate"] == "ab" * 32
    listed = admin.get("/api/admin/peers").json["peers"][0]
    assert (listed["tls"], listed["plain"], listed["min_rate"], listed["max_object_mb"]) == (True, True, 50, 20_000)
    assert listed["max_associations"] is None
    assert admin.patch("/api/admin/peers/CT1", json={"min_rate": None}).json["min_rate"] is None
    for wrong in ({"certificate": "abc"}, {"min_rate": 0}, {"max_associations": 99_999}, {"tls": 1}):
        assert admin.patch("/api/admin/peers/CT1", json=wrong).status_code == 400, wrong


def test_refusals_of_those_without_a_name_are_listed_and_forgotten_one_by_one(web: Web) -> None:
    with web.archive.database.writing() as db:
        peers.refused(db, "", "", "10.0.0.5", reasons.SPEAKS_HTTP, count=7)
        peers.refused(db, "", "", "10.0.0.5", reasons.NO_REQUEST)
        peers.refused(db, "CT9", "HOICHAN", "10.0.0.5", reasons.UNKNOWN_CALLING, certificate="ab" * 32)
    admin = web.person("admin")
    found = {row["reason"]: row for row in admin.get("/api/admin/refusals").json["refusals"]}
    assert found[reasons.SPEAKS_HTTP]["count"] == 7
    assert [row["can_be_added"] for row in found.values()].count(True) == 1
    assert found[reasons.UNKNOWN_CALLING]["certificate"] == "ab" * 32
    forget = {"ae_title": "", "address": "10.0.0.5", "reason": reasons.SPEAKS_HTTP}
    assert admin.delete("/api/admin/refusals", query_string=forget).status_code == 204
    assert len(admin.get("/api/admin/refusals").json["refusals"]) == 2


def test_every_reason_has_its_words_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "static/src/shell/admin/refused-why.ts").read_text(encoding="utf-8")
    assert [reason for reason in reasons.ALL if f"'{reason}':" not in page] == []
