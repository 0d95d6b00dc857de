"""Nobody gets anywhere without a session, a right and, to change something, the CSRF token."""

import itertools
import re
from typing import Any

import pytest
from flask import Flask

from storage.index import accounts as store
from tests.viewer.conftest import Web
from viewer.access import rights
from viewer.access.guard import OPEN, Guard

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
ALLOWED = {
    ("GET", "/"), ("GET", "/read/<study>"), ("GET", "/s/<code>"),
    ("GET", "/static/<path:name>"),
    ("GET", "/healthz"),
    ("GET", "/problems/<name>"),
    ("POST", "/api/session"), ("POST", "/api/session/code"),
    ("POST", "/api/session/enrolment"), ("PUT", "/api/session/enrolment"),
    ("GET", "/api/setup"), ("POST", "/api/setup"), ("POST", "/api/invitation"), ("POST", "/api/invitation/look"),
    ("POST", "/api/guest"), ("POST", "/api/guest/look"),
}  # fmt: skip


def routes(web: Web) -> list[Any]:
    return sorted(web.app.url_map.iter_rules(), key=lambda rule: rule.rule)


def address(rule: str) -> str:
    """An address of the route that names nothing there is."""
    return re.sub(r"<(?:int:)[^>]+>", "999", re.sub(r"<(?!int:)[^>]+>", "1.2.3", rule))


def test_every_route_and_method_is_closed_without_a_session(web: Web) -> None:
    client = web.anonymous()
    seen = 0
    for rule, method in itertools.product(routes(web), METHODS):
        if ("GET" if method == "HEAD" else method, rule.rule) in ALLOWED:
            continue
        response = client.open(address(rule.rule), method=method)
        assert response.status_code in (401, 403, 404), f"{method} {rule.rule}: {response.status}"
        if method in rule.methods:
            assert response.status_code in (401, 403), f"{method} {rule.rule}: {response.status}"
        seen += 1
    assert seen > 200


def test_what_is_open_is_a_short_list(web: Web) -> None:
    assert len(OPEN) == 13
    found = {
        (method, rule.rule)
        for rule in routes(web)
        if rule.endpoint in OPEN
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert found == ALLOWED


def test_a_route_without_a_decision_stops_the_application(web: Web) -> None:
    app = Flask("x", static_folder=None)
    app.add_url_rule("/leak", "leak", lambda: "patients")
    with pytest.raises(RuntimeError, match="leak"):
        Guard(web.archive.database, web.config).seal(app)


def test_a_route_cannot_be_opened_outside_the_list(web: Web) -> None:
    app = Flask("x", static_folder=None)
    guard = Guard(web.archive.database, web.config)
    app.add_url_rule("/leak", "leak", guard.open(lambda: "patients"))
    with pytest.raises(RuntimeError, match="OPEN"):
        guard.seal(app)


def test_every_state_change_needs_the_csrf_token(web: Web) -> None:
    admin = web.person("admin")
    for rule, method in itertools.product(routes(web), ("POST", "PUT", "PATCH", "DELETE")):
        if method not in rule.methods or (method, rule.rule) in ALLOWED:
            continue
        for token in (None, "", "wrong", admin.csrf[:-1]):
            headers = {} if token is None else {"X-CSRF-Token": token}
            response = admin.client.open(address(rule.rule), method=method, headers=headers)
            assert response.status_code == 403, f"{method} {rule.rule} with {token!r}: {response.status}"
    assert admin.get("/api/session").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_state_change_comes_from_another_site(web: Web, headers: dict[str, str]) -> None:
    admin = web.person("admin")
    assert admin.patch("/api/session", json={"language": "en"}, headers=headers).status_code == 403
    body = {"name": "admin.main", "password": "x"}
    assert web.anonymous().post("/api/session", json=body, headers=headers).status_code == 403


def test_our_own_page_may(web: Web) -> None:
    admin = web.person("admin")
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert admin.patch("/api/session", json={"language": "en"}, headers=headers).status_code == 200


NEEDED = [
    ("GET", "/api/worklist", "study.read"),
    ("GET", "/api/studies/1.2", "study.read"),
    ("PATCH", "/api/studies/1.2", "study.status"),
    ("POST", "/api/uploads", "study.store"),
    ("POST", "/api/samples", "study.store"),
    ("GET", "/api/admin/peers", "admin.peers"),
    ("POST", "/api/admin/peers", "admin.peers"),
    ("GET", "/api/admin/refusals", "admin.peers"),
    ("GET", "/api/admin/users", "admin.users"),
    ("GET", "/api/admin/roles", "admin.users"),
    ("POST", "/api/admin/tokens", "admin.tokens"),
    ("GET", "/api/admin/health", "admin.health"),
    ("GET", "/api/admin/integrity", "admin.health"),
    ("GET", "/api/admin/conflicts", "admin.conflicts"),
    ("GET", "/api/admin/quarantine", "admin.conflicts"),
    ("POST", "/api/admin/conflicts/9/decision", "admin.conflicts"),
    ("POST", "/api/admin/quarantine/9/retry", "admin.conflicts"),
    ("POST", "/api/admin/quarantine/9/decision", "admin.conflicts"),
    ("POST", "/api/admin/quarantine/9/deletion", "admin.delete"),
    ("GET", "/api/admin/quarantine/9/object", "admin.conflicts"),
    ("POST", "/api/studies/1.2/rejection", "study.reject"),
    ("GET", "/api/admin/rejected", "admin.conflicts"),
    ("GET", "/api/admin/rejected/1.2", "admin.conflicts"),
    ("POST", "/api/admin/rejected/1.2/restoration", "admin.conflicts"),
    ("POST", "/api/admin/rejected/1.2/purge", "admin.delete"),
    ("GET", "/api/admin/audit", "admin.audit"),
    ("GET", "/api/admin/audit.csv", "admin.audit"),
    ("GET", "/dicom-web/studies", "study.read"),
    ("POST", "/dicom-web/studies", "study.store"),
]


@pytest.mark.parametrize("role", list(rights.ROLES))
def test_a_role_may_what_the_table_says_and_nothing_else(web: Web, role: str) -> None:
    person = web.person(role)
    for method, path, right in NEEDED:
        response = person.open(method, path, json={} if method == "PATCH" else None)
        allowed = right in rights.ROLES[role]
        assert (response.status_code != 403) == allowed, f"{role} {method} {path}: {response.status}"


def test_every_route_of_the_application_names_a_right_of_the_table(web: Web) -> None:
    for endpoint, view in web.app.view_functions.items():
        assert getattr(view, "right", None) in rights.RIGHTS | {"open", "signed in"}, endpoint


def test_a_right_that_does_not_exist_cannot_be_needed(web: Web) -> None:
    with pytest.raises(ValueError, match="study.raed"):
        Guard(web.archive.database, web.config).needs("study.raed")


def test_rights_at_one_hospital_are_not_rights_at_another(web: Web) -> None:
    """Somebody who reads at one hospital and administers another sees the studies of both and the peers of one."""
    user = web.user("clinician", "main", "hai.noi")
    other = web.hospital_of("other")
    with web.archive.database.writing() as db:
        store.set_roles(db, user.id, [*user.roles, (other.id, "radiologist")])
        user = store.user(db, user.id)
    mine, theirs = web.store("main"), web.store("other")
    person = web.signed_in(user)
    assert mine.key is not None
    assert theirs.key is not None
    assert len(person.get("/api/worklist").json["studies"]) == 2
    changes = {
        outcome.key.study_instance_uid: person.patch(
            f"/api/studies/{outcome.key.study_instance_uid}", json={"status": "read"}
        ).status_code
        for outcome in (mine, theirs)
        if outcome.key
    }
    assert changes == {mine.key.study_instance_uid: 404, theirs.key.study_instance_uid: 200}


def test_another_hospitals_study_looks_like_one_that_does_not_exist(web: Web) -> None:
    theirs = web.store("other")
    assert theirs.key is not None
    uid = theirs.key.study_instance_uid
    for role in (role for role in rights.ROLES if rights.STUDY_READ in rights.ROLES[role]):
        person = web.person(role, "main")
        real, unreal = (person.get(f"/api/studies/{one}") for one in (uid, "1.2.3"))
        assert real.status_code == unreal.status_code == 404
        assert real.json["detail"].replace(uid, "") == unreal.json["detail"].replace("1.2.3", "")
        assert person.get("/api/worklist").json["studies"] == []
        assert person.get("/api/changes?after=0").json["studies"] == []
        for path in (f"/dicom-web/studies/{uid}", f"/dicom-web/studies/{uid}/metadata"):
            assert person.get(path).status_code == 404
        found = person.get(f"/dicom-web/studies?StudyInstanceUID={uid}")
        assert found.status_code == 204 or found.json == []


def test_where_one_works_is_offered_before_the_other_hospitals(web: Web) -> None:
    """Forms of administration begin with the first: on a platform of many hospitals, one's own."""
    web.hospital_of("an-giang")
    web.hospital_of("zz")
    person = web.person("platform,admin", "main")
    offered = [one["code"] for one in person.get("/api/session").json["administers"]]
    assert offered[0] == "main"
    assert sorted(offered) == ["an-giang", "main", "zz"]
