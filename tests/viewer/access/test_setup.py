"""The first account is made with the one-time link and in no other way."""

import pytest

from storage.index.types import now_ms
from tests.viewer.conftest import PASSWORD, Web
from viewer.access.setup import HOURS, create_setup_link


def secret_of(link: str | None) -> str:
    assert link is not None
    return link.rpartition("/")[2]


def body(secret: str, **other: str) -> dict[str, str]:
    return {"secret": secret, "name": "bs.an", "display_name": "Bác sĩ An", "password": PASSWORD, **other}


def test_there_is_no_user_at_first(web: Web) -> None:
    assert web.anonymous().get("/api/setup").json == {"needed": True}
    for name, password in (("admin", "admin"), ("orthanc", "orthanc"), ("root", ""), ("hoichan", "hoichan")):
        assert web.anonymous().post("/api/session", json={"name": name, "password": password}).status_code == 401


def test_the_link_makes_the_administrator_and_signs_in(web: Web) -> None:
    link = create_setup_link(web.archive.database, "https://pacs.example/")
    assert link is not None
    assert link.startswith("https://pacs.example/#/setup/")
    client = web.anonymous()
    answer = client.post("/api/setup", json=body(secret_of(link)))
    assert answer.status_code == 200
    assert answer.json["user"]["roles"] == [
        {"hospital": "main", "role": role} for role in ("admin", "platform", "technologist")
    ]
    assert client.get("/api/admin/users").status_code == 200
    assert client.get("/api/setup").json == {"needed": False}


def test_the_link_is_good_once(web: Web) -> None:
    secret = secret_of(create_setup_link(web.archive.database, "http://x"))
    assert web.anonymous().post("/api/setup", json=body(secret)).status_code == 200
    again = web.anonymous().post("/api/setup", json=body(secret, name="thief"))
    assert again.status_code == 410
    assert again.json["type"] == "/problems/LinkSpent"
    assert web.anonymous().post("/api/setup", json=body("guess", name="thief")).status_code == 410


def test_a_guess_makes_nothing(web: Web) -> None:
    create_setup_link(web.archive.database, "http://x")
    assert web.anonymous().post("/api/setup", json=body("guess")).status_code == 410
    assert web.anonymous().get("/api/setup").json == {"needed": True}


def test_a_weak_password_does_not_use_up_the_link(web: Web) -> None:
    secret = secret_of(create_setup_link(web.archive.database, "http://x"))
    assert web.anonymous().post("/api/setup", json=body(secret, password="short")).status_code == 400
    assert web.anonymous().post("/api/setup", json=body(secret)).status_code == 200


def test_a_new_link_voids_the_old_one(web: Web) -> None:
    old = secret_of(create_setup_link(web.archive.database, "http://x"))
    new = secret_of(create_setup_link(web.archive.database, "http://x"))
    assert web.anonymous().post("/api/setup", json=body(old)).status_code == 410
    assert web.anonymous().post("/api/setup", json=body(new)).status_code == 200


def test_the_link_is_good_for_a_day(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = secret_of(create_setup_link(web.archive.database, "http://x"))
    monkeypatch.setattr("storage.index.accounts.now_ms", lambda: now_ms() + HOURS * 3_600_000 + 1000)
    assert web.anonymous().post("/api/setup", json=body(secret)).status_code == 410


def test_there_is_no_link_when_there_is_an_account(web: Web) -> None:
    secret = secret_of(create_setup_link(web.archive.database, "http://x"))
    web.user("clinician")
    assert create_setup_link(web.archive.database, "http://x") is None
    assert web.anonymous().post("/api/setup", json=body(secret)).status_code == 410


def test_the_secret_is_not_in_the_database(web: Web) -> None:
    secret = secret_of(create_setup_link(web.archive.database, "http://x"))
    web.archive.database.close()
    for path in web.config.data.glob("index.sqlite*"):
        assert secret.encode() not in path.read_bytes()


def test_guessing_the_secret_is_slowed(web: Web) -> None:
    create_setup_link(web.archive.database, "http://x")
    codes = [web.anonymous().post("/api/setup", json=body(f"guess {n}")).status_code for n in range(7)]
    assert codes == [410] * 5 + [429] * 2
