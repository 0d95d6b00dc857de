"""The short way to a frame says, byte for byte, what the application says, and lets nobody in whom it would not."""

import logging
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from storage.index import accounts as store
from storage.model.archive import InstanceKey
from tests.viewer.conftest import Person, Web
from tests.viewer.dicomweb.short_ways import watching
from viewer.access import accounts
from viewer.dicomweb.direct import DirectFrames

MULTIPART = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
ACCEPTED = [
    MULTIPART,
    "application/octet-stream",
    'multipart/related; type="application/octet-stream"',
    'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2',
    "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1",
    "*/*",
    "image/gif, application/octet-stream;q=0.5",
]


def frame_of(web: Web, hospital: str = "main", **attributes: Any) -> str:
    key = web.store(hospital, **attributes).key
    assert key is not None
    return address(key)


def address(key: InstanceKey) -> str:
    study, series, sop = key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid
    return f"/dicom-web/studies/{study}/series/{series}/instances/{sop}/frames/1"


@pytest.fixture
def answered(web: Web, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each request that could go the short way, whether it did."""
    return watching(monkeypatch, DirectFrames)


@pytest.mark.parametrize("accept", ACCEPTED)
def test_says_what_the_application_says(web: Web, answered: list[bool], accept: str) -> None:
    person, path = web.person("clinician"), frame_of(web)
    headers = {"Accept": accept, "X-Request-Id": "0123456789abcdef"}
    short = person.get(path, headers=headers)
    # a query parameter that means nothing is not for the short way
    whole = person.get(f"{path}?x=1", headers=headers)
    assert answered == [True, False]
    assert (short.status, short.data) == (whole.status, whole.data)
    assert sorted(short.headers) == sorted(whole.headers)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("", {"Range": "bytes=2-5"}, 206),
        ("", {"Accept": "image/png"}, 406),
        ("", {"Accept": "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.203"}, 406),
        ("?accept=image/png", {}, 406),
        ("/../1", {}, 404),
        (",1", {}, 200),
        ("00", {}, 404),
        ("/rendered", {"Accept": "image/gif"}, 406),
    ],
)
def test_leaves_to_the_application_what_needs_work(
    web: Web, answered: list[bool], path: str, headers: dict[str, str], status: int
) -> None:
    person, start = web.person("clinician"), frame_of(web)
    accept = {"Accept": "application/octet-stream, multipart/related"} | headers
    assert person.get(start + path, headers=accept).status_code == status
    assert True not in answered


def test_an_unchanged_frame_is_not_sent_again(web: Web) -> None:
    person, path = web.person("clinician"), frame_of(web)
    etag = person.get(path, headers={"Accept": MULTIPART}).headers["ETag"]
    again = person.get(path, headers={"Accept": MULTIPART, "If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_head_has_the_headers_and_no_body(web: Web) -> None:
    person, path = web.person("clinician"), frame_of(web)
    head = person.client.head(path, headers={"Accept": MULTIPART})
    whole = person.get(path, headers={"Accept": MULTIPART})
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control"):
        assert head.headers[name] == whole.headers[name]


def seen_by(person: Person, path: str) -> int:
    return int(person.get(path, headers={"Accept": MULTIPART}).status_code)


def test_what_is_not_permitted_looks_like_what_does_not_exist(web: Web) -> None:
    here, there = web.person("clinician"), web.person("clinician", "other")
    path = frame_of(web, "other")
    assert [seen_by(there, path), seen_by(there, path)] == [200, 200]
    foreign = here.get(path, headers={"Accept": MULTIPART})
    missing = here.get(path.replace("/frames", "9/frames"), headers={"Accept": MULTIPART})
    assert foreign.status_code == missing.status_code == 404
    assert set(foreign.json) == set(missing.json)


def test_nobody_without_a_session_gets_a_frame(web: Web) -> None:
    path = frame_of(web)
    assert web.anonymous().get(path).status_code == 401
    assert web.anonymous().get(path, headers={"Authorization": "Bearer hc_wrong"}).status_code == 401


def test_a_session_that_ended_gets_no_frame_more(web: Web) -> None:
    path, person = frame_of(web), web.person("clinician")
    assert [seen_by(person, path), seen_by(person, path)] == [200, 200]
    assert person.delete("/api/session").status_code == 204
    secret = person.client.get_cookie("hoichan")
    assert secret is None or seen_by(person, path) == 401
    assert seen_by(person, path) == 401


def test_a_disabled_account_or_a_lost_role_gets_no_frame_more(web: Web) -> None:
    path, person = frame_of(web), web.person("clinician")
    assert [seen_by(person, path), seen_by(person, path)] == [200, 200]
    with web.archive.database.writing() as db:
        store.set_roles(db, person.user.id, [])
    assert seen_by(person, path) in (401, 403)
    other = web.person("clinician", name="second")
    assert [seen_by(other, path), seen_by(other, path)] == [200, 200]
    accounts.disable_user(web.archive.database, "second")
    assert seen_by(other, path) == 401


def test_a_revoked_token_gets_no_frame_more(web: Web) -> None:
    path = frame_of(web)
    secret = accounts.add_token(web.archive.database, "t", "dicomweb")
    headers = {"Authorization": f"Bearer {secret}", "Accept": MULTIPART}
    client = web.anonymous()
    assert [client.get(path, headers=headers).status_code for _ in range(2)] == [200, 200]
    with web.archive.database.writing() as db:
        store.revoke_token(db, store.tokens(db)[0].id)
    assert client.get(path, headers=headers).status_code == 401


def test_a_session_is_over_when_it_is_idle_for_too_long(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    path, person = frame_of(web), web.person("clinician")
    assert [seen_by(person, path), seen_by(person, path)] == [200, 200]
    with web.archive.database.writing() as db:
        db.exec_driver_sql("UPDATE session SET seen_at = 1")
    assert seen_by(person, path) == 401


def test_an_instance_that_is_gone_is_not_sent(web: Web) -> None:
    path, person = frame_of(web), web.person("clinician")
    assert [seen_by(person, path), seen_by(person, path)] == [200, 200]
    with web.archive.database.writing() as db:
        db.exec_driver_sql("DELETE FROM instance")
    assert seen_by(person, path) == 404


def test_a_file_that_is_damaged_or_missing_is_a_problem_and_not_a_short_answer(web: Web, tmp_path: Path) -> None:
    path, person = frame_of(web), web.person("clinician")
    (file,) = (tmp_path / "data" / "objects").glob("*/o/*/*")
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-4])
    assert seen_by(person, path) == 500
    file.unlink()
    assert seen_by(person, path) == 500


def test_every_frame_is_in_the_journal_with_its_caller(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    path, person = frame_of(web), web.person("clinician")
    with caplog.at_level(logging.INFO, "viewer.requests"):
        response = Client(web.app).get(path, headers={"Accept": MULTIPART})
        assert response.status_code == 401
        person.get(path, headers={"Accept": MULTIPART}).close()  # written down once it is sent
    lines = [record.getMessage() for record in caplog.records if path in record.getMessage()]
    assert [line.split()[2] for line in lines] == ["401", "200"]
    assert f"user-{person.user.id}" in lines[1]
