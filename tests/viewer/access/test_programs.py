"""Programs come with a bearer token or a name and password, under /dicom-web only."""

import base64
import threading
import time
from typing import Any

import pytest

from storage.index import accounts as store
from tests.viewer.conftest import PASSWORD, Web
from viewer.access import accounts, passwords, programs


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def studies(web: Web, headers: dict[str, str]) -> Any:
    return web.anonymous().get("/dicom-web/studies", headers=headers)


def test_a_token_reads_the_studies_of_its_hospital(web: Web) -> None:
    web.store("main")
    theirs = web.store("other")
    secret = accounts.add_token(web.archive.database, "AI box", "dicomweb", web.hospital.id)
    assert secret.startswith("hc_")
    found = studies(web, bearer(secret))
    assert found.status_code == 200
    assert len(found.json) == 1
    assert theirs.key is not None
    path = f"/dicom-web/studies/{theirs.key.study_instance_uid}/metadata"
    assert web.anonymous().get(path, headers=bearer(secret)).status_code == 404


def test_a_token_is_good_for_dicomweb_only(web: Web) -> None:
    secret = accounts.add_token(web.archive.database, "AI box", "dicomweb")
    for path in ("/api/worklist", "/api/session", "/api/admin/users"):
        assert web.anonymous().get(path, headers=bearer(secret)).status_code == 401


def test_a_token_needs_no_csrf_token(web: Web) -> None:
    secret = accounts.add_token(web.archive.database, "AI box", "dicomweb")
    assert web.anonymous().post("/dicom-web/studies", headers=bearer(secret)).status_code not in (401, 403)


def test_a_revoked_token_is_good_for_nothing(web: Web) -> None:
    secret = accounts.add_token(web.archive.database, "AI box", "dicomweb")
    with web.archive.database.writing() as db:
        token = store.tokens(db)[0]
        store.revoke_token(db, token.id)
    assert studies(web, bearer(secret)).status_code == 401


def test_the_use_of_a_token_is_noted(web: Web) -> None:
    secret = accounts.add_token(web.archive.database, "AI box", "dicomweb")
    studies(web, bearer(secret))
    for noting in [thread for thread in threading.enumerate() if thread.name == programs.NOTING]:
        noting.join(60)
    with web.archive.database.reading() as db:
        assert store.tokens(db)[0].used_at is not None


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer hc_wrong",
        "Bearer x",
        "Basic",
        "Basic !!",
        "Basic eA==",
        "Digest x",
        "hc_x",
        "Basic /w==",
    ],
)
def test_what_cannot_be_read_is_not_signed_in(web: Web, value: str) -> None:
    assert studies(web, {"Authorization": value}).status_code == 401


def test_a_wrong_header_is_not_mended_by_a_session(web: Web) -> None:
    person = web.person("radiologist")
    assert person.get("/dicom-web/studies", headers=bearer("hc_wrong")).status_code == 401


def test_a_name_and_password_work_too(web: Web) -> None:
    web.user("clinician")
    assert studies(web, basic("clinician.main", PASSWORD)).status_code in (200, 204)
    assert studies(web, basic("clinician.main", "wrong")).status_code == 401
    assert web.anonymous().get("/api/worklist", headers=basic("clinician.main", PASSWORD)).status_code == 401
    store_it = web.anonymous().post("/dicom-web/studies", headers=basic("clinician.main", PASSWORD))
    assert store_it.status_code == 403


def test_programs_are_told_both_ways_in_and_browsers_are_not(web: Web) -> None:
    told = web.anonymous().get("/dicom-web/studies").headers.getlist("WWW-Authenticate")
    assert [way.split()[0] for way in told] == ["Bearer", "Basic"]
    quiet = web.anonymous().get("/dicom-web/studies", headers={"Sec-Fetch-Site": "same-origin"})
    assert [way.split()[0] for way in quiet.headers.getlist("WWW-Authenticate")] == ["Bearer"]


def test_a_password_is_hashed_once_and_then_remembered_for_a_while(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.user("clinician")
    hashed = []
    real = passwords.verify_password

    def counted(password: str, kept: str | None) -> bool:
        hashed.append(1)
        return real(password, kept)

    monkeypatch.setattr("viewer.access.programs.verify_password", counted)
    for _ in range(20):
        assert studies(web, basic("clinician.main", PASSWORD)).status_code in (200, 204)
    assert len(hashed) == 1
    now = time.monotonic()
    monkeypatch.setattr("viewer.access.programs.time.monotonic", lambda: now + programs.REMEMBERED_SECONDS + 1)
    studies(web, basic("clinician.main", PASSWORD))
    assert len(hashed) == 2


def test_a_wrong_password_is_never_remembered_and_is_throttled(web: Web) -> None:
    web.user("clinician")
    codes = [studies(web, basic("clinician.main", "wrong")).status_code for _ in range(7)]
    assert codes == [401] * 5 + [429] * 2


def test_a_remembered_password_ends_with_the_account_or_a_new_password(web: Web) -> None:
    user = web.user("clinician")
    web.user("admin")
    assert studies(web, basic("clinician.main", PASSWORD)).status_code in (200, 204)
    accounts.disable_user(web.archive.database, "clinician.main")
    assert studies(web, basic("clinician.main", PASSWORD)).status_code == 401
    accounts.change_user(web.archive.database, user.id, disabled=False, password="ein anderes Wort 9")
    assert studies(web, basic("clinician.main", PASSWORD)).status_code == 401
    assert studies(web, basic("clinician.main", "ein anderes Wort 9")).status_code in (200, 204)
