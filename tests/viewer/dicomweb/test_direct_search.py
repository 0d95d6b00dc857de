"""The short way of a search says, byte for byte, what the application says, and lets nobody in whom it would not."""

import logging
from base64 import b64encode
from itertools import product
from typing import Any

import pytest
from werkzeug.test import Client

from storage.index import accounts as store
from storage.model.archive import InstanceKey
from tests.viewer.conftest import Person, Web
from tests.viewer.dicomweb.short_ways import watching
from viewer.access import accounts, throttle
from viewer.dicomweb import search
from viewer.dicomweb.direct_search import DirectSearches

JSON = {"Accept": "application/dicom+json"}


@pytest.fixture
def answered(web: Web, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each request that could go the short way, whether it did."""
    return watching(monkeypatch, DirectSearches)


@pytest.fixture
def key(web: Web) -> InstanceKey:
    """Of one of three instances in studies of their own, all of the patient P1."""
    stored = [web.store(PatientID="P1", PatientName="Nguyễn^Văn An", StudyDate="20260102") for _ in range(3)]
    found = stored[0].key
    assert found is not None
    return found


def same(short: Any, whole: Any) -> None:
    assert (short.status, short.data) == (whole.status, whole.data)
    kept = [sorted(pair for pair in one.headers if pair[0] != "X-Request-Id") for one in (short, whole)]
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    "query",
    [
        "?PatientID=P1",
        "?PatientName=nguy%E1%BB%85n*&limit=2&includefield=all",
        "?limit=1&StudyDate=20260101-20260103&includefield=00081030&includefield=PatientAge",
        "?PatientID=nobody",
        "?limit=0",
        "?PatientName=van+an&fuzzymatching=true&PatientComments=x",
    ],
)
def test_says_what_the_application_says(web: Web, key: InstanceKey, answered: list[bool], query: str) -> None:
    person = web.person("clinician")
    study = f"/studies/{key.study_instance_uid}"
    paths = ("/studies", "/series", "/instances", f"{study}/series", f"{study}/instances")
    for path, encoding in product(paths, ("identity", "gzip, br;q=0.5", "gzip;q=0")):
        headers = {"Accept": "image/png, application/json;q=0.5", "Accept-Encoding": encoding}
        address = f"/dicom-web{path}{query}"
        short = person.get(address, headers=headers)
        # a condition that nothing meets is not for the short way
        whole = person.get(address, headers={**headers, "If-None-Match": '"x"'})
        assert answered[-2:] == [True, False]
        same(short, whole)


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/studies?PatientID=P1&PatientID=P2", "application/dicom+json", 400),
        ("/studies?limit=x", "application/dicom+json", 400),
        ("/studies?accept=image/png", "application/dicom+json", 406),
        ("/studies", "image/png", 406),
        ("/studies?PatientName=%FF", "application/dicom+json", 200),
        ("/series/1.2/instances", "application/dicom+json", 404),
        ("/studies/1.2/series/1.3/series", "application/dicom+json", 404),
        ("/studies/1.2/studies", "application/dicom+json", 404),
    ],
)
def test_leaves_to_the_application_what_is_unusual(
    web: Web, key: InstanceKey, answered: list[bool], path: str, accept: str, status: int
) -> None:
    answer = web.person("clinician").get(f"/dicom-web{path}", headers={"Accept": accept})
    assert answer.status_code == status
    assert True not in answered
    if status == 400:
        assert answer.content_type == "application/problem+json"


def test_the_next_page_is_linked_and_reached(web: Web, key: InstanceKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_ANSWERS", 2)
    person = web.person("clinician")
    first = person.get("/dicom-web/studies?PatientID=P1&PatientName=nguy%E1%BB%85n*", headers=JSON)
    assert "additional results" in first.headers["Warning"]
    link = first.headers["Link"].partition(">")[0][1:]
    rest = person.get(link[link.index("/dicom-web") :], headers=JSON)
    assert (len(first.get_json(force=True)), len(rest.get_json(force=True))) == (2, 1)


def found_by(person: Person) -> int:
    answer = person.get("/dicom-web/studies", headers=JSON)
    return len(answer.get_json(force=True)) if answer.status_code == 200 else int(answer.status_code)


def test_finds_nothing_of_another_hospital(web: Web, key: InstanceKey) -> None:
    assert found_by(web.person("clinician")) == 3
    assert found_by(web.person("clinician", "other")) == 0


def test_finds_nothing_for_who_is_not_or_no_more_admitted(web: Web, key: InstanceKey) -> None:
    assert web.anonymous().get("/dicom-web/studies", headers=JSON).status_code == 401
    person = web.person("clinician")
    assert [found_by(person), found_by(person)] == [3, 3]
    with web.archive.database.writing() as db:
        store.set_roles(db, person.user.id, [])
    assert found_by(person) in (401, 403)
    secret = accounts.add_token(web.archive.database, "t", "dicomweb")
    headers = {"Authorization": f"Bearer {secret}", **JSON}
    client = web.anonymous()
    assert [client.get("/dicom-web/studies", headers=headers).status_code for _ in range(2)] == [200, 200]
    with web.archive.database.writing() as db:
        store.revoke_token(db, store.tokens(db)[0].id)
    assert client.get("/dicom-web/studies", headers=headers).status_code == 401


def test_a_wrong_password_is_one_attempt(web: Web, key: InstanceKey, monkeypatch: pytest.MonkeyPatch) -> None:
    person, attempts = web.person("clinician"), []
    begin = throttle.begin

    def counted(*given: Any) -> None:
        attempts.append(given)
        begin(*given)

    monkeypatch.setattr(throttle, "begin", counted)
    secret = b64encode(f"{person.user.name}:wrong".encode()).decode()
    answer = web.anonymous().get("/dicom-web/studies", headers={"Authorization": f"Basic {secret}", **JSON})
    assert (answer.status_code, len(attempts)) == (401, 1)


def test_every_search_is_in_the_journal_without_its_keys(
    web: Web, key: InstanceKey, caplog: pytest.LogCaptureFixture
) -> None:
    person = web.person("clinician")
    with caplog.at_level(logging.INFO):
        assert Client(web.app).get("/dicom-web/studies?PatientID=P1", headers=JSON).status_code == 401
        person.get("/dicom-web/studies?PatientID=P1", headers=JSON)
    lines = [one.getMessage() for one in caplog.records if one.getMessage().startswith("GET /dicom-web/studies ")]
    assert [line.split()[2] for line in lines] == ["401", "200"]
    assert f"user-{person.user.id}" in lines[1]
    assert "P1" not in caplog.text
