"""Signing in and out."""

from dataclasses import replace
from typing import Any

import pytest
from argon2 import Parameters, extract_parameters

from pacs.config import WebConfig
from storage.index import accounts as store
from storage.index.types import now_ms
from tests.viewer.conftest import COSTLY, PASSWORD, Web
from viewer.access import passwords, rights, throttle
from viewer.access.secrets import kept
from viewer.app import create_app


def sign_in(web: Web, name: str, password: str = PASSWORD, address: str = "10.0.0.1", **more: Any) -> Any:
    client = more.pop("client", None) or web.anonymous()
    return client.post(
        "/api/session", json={"name": name, "password": password}, environ_base={"REMOTE_ADDR": address}, **more
    )


def test_a_name_and_a_password_begin_a_session(web: Web) -> None:
    web.user("radiologist")
    client = web.anonymous()
    answer = sign_in(web, "Radiologist.MAIN", client=client)
    assert answer.status_code == 200
    assert answer.json["user"]["display_name"] == "Người radiologist.main"
    assert answer.json["user"]["roles"] == [{"hospital": "main", "role": "radiologist"}]
    assert answer.json["rights"] == sorted(rights.ROLES["radiologist"])
    assert answer.json["hospitals"][0]["code"] == "main"
    assert answer.json["dicom"] == {"ae_title": "HOICHAN", "host": "127.0.0.1", "port": 11112}
    assert client.get("/api/session").json == answer.json
    assert client.get("/api/worklist").status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(web: Web) -> None:
    web.user("radiologist")
    plain = sign_in(web, "radiologist.main").headers.getlist("Set-Cookie")[0]
    assert plain.startswith("hoichan=")
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    secure = sign_in(web, "radiologist.main", base_url="https://localhost").headers.getlist("Set-Cookie")[0]
    assert secure.startswith("__Host-hoichan=")
    assert "Secure" in secure
    assert "Domain" not in secure
    assert "Path=/;" in secure + ";"


def test_a_cookie_set_over_http_is_nothing_over_https(web: Web) -> None:
    person = web.person("radiologist")
    assert person.get("/api/session").status_code == 200
    assert person.get("/api/session", base_url="https://localhost").status_code == 401


def test_only_the_hash_of_the_secret_is_kept(web: Web, tmp_path: object) -> None:
    web.user("radiologist")
    client = web.anonymous()
    sign_in(web, "radiologist.main", client=client)
    cookie = client.get_cookie("hoichan")
    assert cookie is not None
    web.archive.database.close()
    for path in web.config.data.glob("index.sqlite*"):
        assert cookie.value.encode() not in path.read_bytes()


def test_signing_in_again_ends_the_old_session(web: Web) -> None:
    web.user("radiologist")
    client = web.anonymous()
    sign_in(web, "radiologist.main", client=client)
    old = client.get_cookie("hoichan")
    sign_in(web, "radiologist.main", client=client)
    assert old is not None
    thief = web.anonymous()
    thief.set_cookie("hoichan", old.value)
    assert thief.get("/api/session").status_code == 401
    assert client.get("/api/session").status_code == 200


def test_signing_out_ends_the_session(web: Web) -> None:
    person = web.person("radiologist")
    secret = person.client.get_cookie("hoichan")
    assert person.delete("/api/session").status_code == 204
    assert person.get("/api/session").status_code == 401
    assert secret is not None
    person.client.set_cookie("hoichan", secret.value)
    assert person.get("/api/session").status_code == 401


@pytest.mark.parametrize(
    ("name", "password"), [("radiologist.main", "wrong"), ("nobody", PASSWORD), ("", ""), ("x" * 9999, "y" * 9999)]
)
def test_every_failure_says_the_same(web: Web, name: str, password: str) -> None:
    web.user("radiologist")
    answer = sign_in(web, name, password)
    assert answer.status_code == 401
    assert answer.json["detail"] == "the name or the password is wrong"


def test_a_disabled_account_cannot_sign_in_and_its_sessions_end(web: Web) -> None:
    person = web.person("radiologist")
    with web.archive.database.writing() as db:
        store.update_user(db, person.user.id, disabled=True)
    assert person.get("/api/session").status_code == 401
    assert sign_in(web, "radiologist.main").json["detail"] == "the name or the password is wrong"


def test_an_unknown_name_takes_as_long_as_a_wrong_password(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Because a hash that costs the same is computed as often; nothing else takes long."""
    monkeypatch.setattr(passwords, "HASHER", COSTLY)
    web.user("radiologist")
    done: list[Parameters] = []
    real = passwords.HASHER

    class Watched:
        def verify(self, kept: str, password: str) -> bool:
            done.append(extract_parameters(kept))
            return real.verify(kept, password)

    monkeypatch.setattr(passwords, "HASHER", Watched())
    for name in ("radiologist.main", "nobody"):
        assert sign_in(web, name, "wrong").status_code == 401
    known, unknown = done
    assert known == unknown == extract_parameters(real.hash("x"))


def test_a_session_ends_when_idle_and_when_old(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    short = replace(web.config, web=WebConfig(session_idle_minutes=10, session_absolute_hours=1))
    app = create_app(web.archive, short)
    person = web.person("radiologist")
    client = app.test_client()
    secret = person.client.get_cookie("hoichan")
    assert secret is not None
    client.set_cookie("hoichan", secret.value)
    real = now_ms
    minutes = 0

    def later() -> int:
        return real() + minutes * 60_000

    monkeypatch.setattr("storage.index.accounts.now_ms", later)
    monkeypatch.setattr("viewer.access.sessions.now_ms", later)
    for minutes in (9, 18, 27, 36, 45, 54):
        assert client.get("/api/session").status_code == 200, minutes
    minutes = 61
    assert client.get("/api/session").status_code == 401
    idle = web.person("clinician")
    secret = idle.client.get_cookie("hoichan")
    assert secret is not None
    client.set_cookie("hoichan", secret.value)
    minutes += 11
    assert client.get("/api/session").status_code == 401


def test_guessing_is_slowed_for_the_account_from_anywhere(web: Web) -> None:
    web.user("radiologist")
    reached = 0
    for number in range(100):
        answer = sign_in(web, "radiologist.main", f"guess {number}", address=f"10.{number % 100}.0.1")
        reached += answer.status_code == 401
        if answer.status_code == 429:
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.json["type"] == "/problems/TooManyTries"
    assert reached <= 10


def test_guessing_is_slowed_for_names_that_do_not_exist_too(web: Web) -> None:
    codes = [sign_in(web, "nobody", "x", address=f"10.1.0.{n}").status_code for n in range(8)]
    assert codes == [401] * 5 + [429] * 3


def test_guessing_is_slowed_for_an_address(web: Web) -> None:
    most = max(limit.of_address for limit in throttle.LIMITS)
    with web.archive.database.writing() as db:
        for number in range(most):
            store.add_sign_in_failure(db, f"name{number}", "10.9.9.9")
    web.user("radiologist")
    assert sign_in(web, "radiologist.main", address="10.9.9.9").status_code == 429
    assert sign_in(web, "radiologist.main", address="10.9.9.8").status_code == 200


def test_a_stranger_cannot_lock_out_somebody_who_signed_in_here_before(web: Web) -> None:
    web.user("radiologist")
    own = web.anonymous()
    assert sign_in(web, "radiologist.main", client=own).status_code == 200
    for number in range(12):
        sign_in(web, "radiologist.main", "guess", address=f"10.2.0.{number}")
    assert sign_in(web, "radiologist.main", address="10.3.0.1").status_code == 429
    assert sign_in(web, "radiologist.main", client=own, address="10.3.0.1").status_code == 200
    forged = web.anonymous()
    forged.set_cookie("hoichan_device", "0" * 64, path="/api/session")
    assert sign_in(web, "radiologist.main", client=forged, address="10.3.0.1").status_code == 429


def test_a_known_browser_cannot_guess_for_ever_either(web: Web) -> None:
    web.user("radiologist")
    own = web.anonymous()
    sign_in(web, "radiologist.main", client=own)
    codes = [sign_in(web, "radiologist.main", "guess", client=own).status_code for _ in range(7)]
    assert codes == [401] * 5 + [429] * 2


def test_the_address_behind_a_proxy_is_believed_only_when_there_is_one(web: Web) -> None:
    proxied = create_app(web.archive, replace(web.config, web=WebConfig(public_url="https://pacs.example")))
    for app, expected in ((web.app, "127.0.0.1"), (proxied, "203.0.113.9")):
        with app.test_request_context(
            "/", headers={"X-Forwarded-For": "1.1.1.1, 203.0.113.9"}, environ_base={"REMOTE_ADDR": "127.0.0.1"}
        ):
            guard = next(cell.cell_contents for cell in app.view_functions["session.sign_in"].__closure__ or ())
            assert guard.address() == expected


def test_the_language_is_remembered(web: Web) -> None:
    person = web.person("radiologist")
    assert person.patch("/api/session", json={"language": "en"}).json["user"]["language"] == "en"
    assert person.get("/api/session").json["user"]["language"] == "en"
    assert person.patch("/api/session", json={"language": "fr"}).status_code == 400


def test_people_change_their_own_password(web: Web) -> None:
    person, elsewhere = web.person("radiologist"), web.anonymous()
    sign_in(web, "radiologist.main", client=elsewhere)
    new = {"current_password": PASSWORD, "password": "một câu hoàn toàn khác"}
    assert person.patch("/api/session", json={**new, "current_password": "guess"}).status_code == 403
    assert person.patch("/api/session", json={**new, "password": "short"}).status_code == 400
    answer = person.patch("/api/session", json=new)
    assert answer.status_code == 200
    assert answer.json["csrf"] != person.csrf
    assert person.get("/api/session").status_code == 200
    assert elsewhere.get("/api/session").status_code == 401
    assert sign_in(web, "radiologist.main").status_code == 401
    assert sign_in(web, "radiologist.main", new["password"]).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"name": 1, "password": "x"}',
        b'{"name": "x"}',
        b'{"name":"x","password":"y","admin":true}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_makes_no_sense_is_refused(web: Web, body: bytes) -> None:
    answer = web.anonymous().post("/api/session", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["type"] == "/problems/InvalidRequest"


def test_a_body_is_not_taken_beyond_a_megabyte_or_compressed_or_as_a_form(web: Web) -> None:
    client = web.anonymous()
    big = b'{"name":"' + b"x" * (1 << 20) + b'"}'
    assert client.post("/api/session", data=big, content_type="application/json").status_code == 413
    packed = {"Content-Encoding": "gzip"}
    assert client.post("/api/session", data=b"{}", content_type="application/json", headers=packed).status_code == 415
    assert client.post("/api/session", data={"name": "x", "password": "y"}).status_code == 415


def test_kept_is_a_sha256() -> None:
    assert len(kept("x")) == 64
