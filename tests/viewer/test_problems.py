"""Every error has its problem document, and no problem document or log line tells more than it should."""

import inspect
import logging

import pytest

import pacs.errors
import storage.errors
import viewer.errors
from storage.errors import ArchiveError, StorageUnavailable
from tests.viewer.conftest import Web
from viewer.problems import PROBLEMS, problem_of, trace

CLASSES = [
    value
    for module in (storage.errors, pacs.errors, viewer.errors)
    for value in vars(module).values()
    if inspect.isclass(value) and issubclass(value, ArchiveError) and value.__module__ == module.__name__
]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_has_a_problem(error: type[ArchiveError]) -> None:
    assert error in PROBLEMS or problem_of(error.__new__(error))[1] is not PROBLEMS[ArchiveError]


@pytest.mark.parametrize("error", [one for one in CLASSES if one is not viewer.errors.Throttled])
def test_every_error_is_listed_and_explained(web: Web, error: type[ArchiveError]) -> None:
    assert error in PROBLEMS
    response = web.anonymous().get(f"/problems/{error.__name__}")
    assert response.json["detail"] == " ".join((error.__doc__ or "").split())
    assert len(response.json["detail"]) > 20


def test_a_problem_says_what_where_and_which_request(web: Web) -> None:
    response = web.anonymous().get("/api/worklist")
    assert response.content_type == "application/problem+json"
    assert response.json == {
        "type": "/problems/NotSignedIn",
        "title": "Not signed in",
        "status": 401,
        "detail": "sign in first",
        "request": response.headers["X-Request-Id"],
    }
    assert "Bearer" in response.headers["WWW-Authenticate"]


def test_an_address_that_does_not_exist_is_a_problem_too(web: Web) -> None:
    response = web.anonymous().get("/nowhere")
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
    assert web.anonymous().get("/problems/NoSuchThing").status_code == 404


def test_a_method_the_address_does_not_take_is_named(web: Web) -> None:
    response = web.person("admin,technologist").client.put("/api/worklist")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_storage_that_does_not_answer_is_worth_another_try(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = web.person("admin,technologist")

    def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("the index does not answer")

    monkeypatch.setattr("viewer.worklist.studies.search.worklist", away)
    response = admin.get("/api/worklist")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"


def test_a_mistake_of_ours_is_seen_without_what_it_choked_on(
    web: Web, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    admin = web.person("admin,technologist")

    def choke(*_: object, **__: object) -> None:
        raise ValueError("cannot read 'NGUYEN^VAN^CANARY'")

    monkeypatch.setattr("viewer.worklist.studies.search.worklist", choke)
    with caplog.at_level(logging.DEBUG):
        response = admin.get("/api/worklist?q=CANARY")
    assert response.status_code == 500
    assert response.json["request"] == response.headers["X-Request-Id"]
    assert "CANARY" not in response.text
    assert "CANARY" not in caplog.text
    assert "ValueError" in caplog.text
    assert "viewer/worklist/studies.py" in caplog.text


def test_a_trace_names_places_and_not_messages() -> None:
    try:
        try:
            raise KeyError("secret one")
        except KeyError as error:
            raise ValueError("secret two") from error
    except ValueError as error:
        text = trace(error)
    assert "secret" not in text
    assert text.startswith("ValueError <- tests/viewer/test_problems.py:")
    assert "because KeyError" in text
