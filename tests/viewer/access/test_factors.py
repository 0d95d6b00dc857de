"""The second factor: enrolling, signing in in two steps, replay, recovery, who must have it; and one's own sessions."""

from dataclasses import replace
from typing import Any

import pyotp
import pytest

from storage.index import factors as store
from tests.viewer.access.test_sessions import sign_in
from tests.viewer.conftest import PASSWORD, Web, code_of
from viewer.access import accounts, factors
from viewer.app import create_app

OUTSIDE = "203.0.113.9"
pytestmark = pytest.mark.usefixtures("steps_stand_still")


@pytest.fixture
def strict(web: Web) -> Web:
    """As installed: administrators need a second factor."""
    web.config = replace(web.config, web=replace(web.config.web, second_factor_for_admins=True))
    web.app = create_app(web.archive, web.config)
    return web


def step_in(client: Any, csrf: str, method: str, path: str, **fields: str) -> Any:
    return client.open(f"/api/session/{path}", method=method, json=fields, headers={"X-CSRF-Token": csrf})


def enrol(client: Any, csrf: str, steps: int = -1) -> tuple[str, Any]:
    """The secret, and the answer to its first one-time password (that of the step before, to have others left)."""
    shown = step_in(client, csrf, "POST", "enrolment").json
    return shown["secret"], step_in(client, csrf, "PUT", "enrolment", code=code_of(shown["secret"], steps))


def test_an_administrator_gets_no_further_than_enrolling(strict: Web) -> None:
    strict.user("admin,technologist")
    client = strict.anonymous()
    answer = sign_in(strict, "admin.main", client=client)
    assert answer.json.keys() == {"needs", "csrf"}
    assert answer.json["needs"] == "enrol"
    for path in ("/api/session", "/api/worklist", "/api/admin/users", "/api/sessions"):
        assert client.get(path).status_code == 401
    csrf = answer.json["csrf"]
    assert client.post("/api/session/enrolment", json={}).status_code == 403
    assert step_in(client, csrf, "PUT", "enrolment", code="123456").status_code == 400
    shown = step_in(client, csrf, "POST", "enrolment").json
    assert shown["address"].startswith("otpauth://totp/")
    assert shown["picture"]["size"] > 20
    _, done = enrol(client, csrf)
    assert len(set(done.json["codes"])) == 10
    assert done.json["session"]["user"]["second_factor"] is True
    assert client.get("/api/admin/users").status_code == 200
    with strict.archive.database.reading() as db:
        assert store.codes_left(db, done.json["session"]["user"]["id"]) == 10


def test_signing_in_takes_two_steps_and_no_code_is_good_twice(strict: Web) -> None:
    strict.user("admin")
    first = strict.anonymous()
    secret, done = enrol(first, sign_in(strict, "admin.main", client=first).json["csrf"])
    recovery = done.json["codes"][0]

    def begin() -> tuple[Any, str]:
        client = strict.anonymous()
        answer = sign_in(strict, "admin.main", client=client)
        assert answer.json["needs"] == "code"
        assert client.get("/api/session").status_code == 401
        return client, answer.json["csrf"]

    client, csrf = begin()
    assert step_in(client, csrf, "POST", "enrolment").status_code == 401  # nobody enrols anew with a password alone
    assert step_in(client, csrf, "POST", "code", code=code_of(secret, 9)).status_code == 403
    used = code_of(secret)
    assert step_in(client, csrf, "POST", "code", code=used).status_code == 200
    assert client.get("/api/session").status_code == 200
    client, csrf = begin()
    assert step_in(client, csrf, "POST", "code", code=used).status_code == 403
    assert step_in(client, csrf, "POST", "code", code=recovery.upper()).status_code == 200
    client, csrf = begin()
    assert step_in(client, csrf, "POST", "code", code=recovery).status_code == 403


def test_codes_are_not_guessed(strict: Web) -> None:
    user = strict.user("admin")
    with strict.archive.database.writing() as db:
        store.enable(db, user.id, pyotp.random_base32(), 0, [])
    client = strict.anonymous()
    csrf = sign_in(strict, "admin.main", client=client).json["csrf"]
    answers = [step_in(client, csrf, "POST", "code", code=f"00000{n}").status_code for n in range(8)]
    assert answers[-1] == 429
    assert answers.count(403) <= 5


def test_from_outside_everybody_needs_it(web: Web) -> None:
    web.user("radiologist")
    assert "user" in sign_in(web, "radiologist.main", address="10.1.2.3").json
    assert sign_in(web, "radiologist.main", address=OUTSIDE).json["needs"] == "enrol"
    assert sign_in(web, "radiologist.main", address="::ffff:203.0.113.9").json["needs"] == "enrol"
    login = {"auth": ("radiologist.main", PASSWORD)}
    assert web.anonymous().get("/dicom-web/studies", **login).status_code == 200
    outside = {"REMOTE_ADDR": OUTSIDE}
    assert web.anonymous().get("/dicom-web/studies", environ_base=outside, **login).status_code == 401


def test_a_password_alone_opens_no_other_door(web: Web) -> None:
    """HTTP Basic has no second step: who has a second factor uses a token there."""
    user = web.user("radiologist")
    with web.archive.database.writing() as db:
        store.enable(db, user.id, pyotp.random_base32(), 0, [])
    login = {"auth": ("radiologist.main", PASSWORD)}
    assert web.anonymous().get("/dicom-web/studies", **login).status_code == 401
    secret = accounts.add_token(web.archive.database, "AI", "dicomweb")
    headers = {"Authorization": f"Bearer {secret}"}
    assert web.anonymous().get("/dicom-web/studies", headers=headers).status_code == 200


def test_who_is_signed_in_shows_the_password_again(web: Web) -> None:
    person = web.person("radiologist")
    assert person.post("/api/session/enrolment", json={"current_password": "wrong"}).status_code == 403
    shown = person.post("/api/session/enrolment", json={"current_password": PASSWORD}).json
    other = web.signed_in(person.user)
    done = person.open("PUT", "/api/session/enrolment", json={"code": code_of(shown["secret"])})
    assert done.status_code == 200
    assert other.get("/api/session").status_code == 401
    assert person.get("/api/session").json["user"]["second_factor"] is True


def test_an_administrator_resets_it(web: Web) -> None:
    user, admin = web.user("radiologist"), web.person("admin")
    with web.archive.database.writing() as db:
        store.enable(db, user.id, pyotp.random_base32(), 0, ["x"])
    assert sign_in(web, "radiologist.main").json["needs"] == "code"
    assert admin.delete(f"/api/admin/users/{user.id}/factor").status_code == 204
    assert "user" in sign_in(web, "radiologist.main").json
    both = web.user("platform,radiologist", name="both")
    assert admin.delete(f"/api/admin/users/{both.id}/factor").status_code == 403


@pytest.mark.parametrize("given", ["", "12345", "1234567", "abcdef", "１２３４５６", "000000"])
def test_what_is_no_code_is_none(given: str) -> None:
    assert factors.step_of("", given) is None
    assert factors.step_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", given) is None or given == "000000"


def test_clocks_may_be_one_step_off() -> None:
    secret = pyotp.random_base32()
    assert factors.step_of(secret, code_of(secret, -1)) is not None
    assert factors.step_of(secret, code_of(secret, 4)) is None


def test_ones_own_sessions_are_listed_and_ended(web: Web) -> None:
    person = web.person("radiologist")
    second, third = web.signed_in(person.user), web.signed_in(person.user)
    listed = person.get("/api/sessions").json["sessions"]
    assert len(listed) == 3
    assert sum(one["here"] for one in listed) == 1
    theirs = next(one["id"] for one in second.get("/api/sessions").json["sessions"] if one["here"])
    stranger = web.person("clinician")
    assert stranger.delete(f"/api/sessions/{theirs}").status_code == 404
    assert person.delete(f"/api/sessions/{theirs}").status_code == 204
    assert second.get("/api/session").status_code == 401
    assert person.delete("/api/sessions").status_code == 204
    assert third.get("/api/session").status_code == 401
    assert person.get("/api/session").status_code == 200


def test_an_administrator_signs_somebody_out(web: Web) -> None:
    person, admin = web.person("radiologist"), web.person("admin")
    assert admin.delete(f"/api/admin/users/{person.user.id}/sessions").status_code == 204
    assert person.get("/api/session").status_code == 401
