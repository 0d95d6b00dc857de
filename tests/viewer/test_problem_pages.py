"""Who opens an address in a browser reads a sentence and a way on; programs get the problem document."""

import re
from typing import Any

import pytest

from storage.errors import StorageUnavailable
from tests.viewer.conftest import Web
from viewer.problem_pages import PAGES, POLICY, page, words_of
from viewer.problems import PROBLEMS

OPENED = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Dest": "document", "Accept-Language": "vi"}


@pytest.mark.parametrize("status", sorted({403, 404, 429, 500, 503} | {one.status for one in PROBLEMS.values()}))
def test_every_status_has_words_and_a_way_back(status: int) -> None:
    text = page(status, "r-1", "vi", 7)
    for at, language in enumerate(("vi", "en")):
        (main,) = re.findall(rf'<main lang="{language}">(.*?)</main>', text)
        assert words_of(status)[at].title in main
        assert 'href="/"' in main
        assert "r-1" in main
        assert "{" not in main
    assert ('href=""' in text) == (status in (429, 500, 502, 503))  # trying again helps


def test_both_languages_say_each_status() -> None:
    for vi, en in PAGES.values():
        assert vi.title != en.title
        assert ("{wait}" in vi.text) == ("{wait}" in en.text)


def test_an_address_that_is_opened_answers_with_a_page(web: Web) -> None:
    client = web.anonymous()
    shown = client.get("/nowhere", headers=OPENED)
    assert (shown.status_code, shown.content_type) == (404, "text/html; charset=utf-8")
    assert shown.headers["Content-Security-Policy"] == POLICY
    assert '<html lang="vi">' in shown.text
    assert shown.headers["X-Request-Id"] in shown.text
    english = client.get("/nowhere", headers={**OPENED, "Accept-Language": "en-GB,en;q=0.9,vi;q=0.5"})
    assert '<html lang="en">' in english.text
    assert "Sign in first" in client.get("/api/worklist", headers=OPENED).text


@pytest.mark.parametrize(
    "headers", [{}, {"Accept": "*/*"}, {"Accept": "application/dicom+json"}, {**OPENED, "Sec-Fetch-Dest": "empty"}]
)
def test_programs_get_the_document(web: Web, headers: dict[str, str]) -> None:
    assert web.anonymous().get("/nowhere", headers=headers).content_type == "application/problem+json"


def test_how_long_to_wait_is_said(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    person = web.person("radiologist")

    def away(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("the index does not answer, says <host>")

    monkeypatch.setattr("viewer.worklist.studies.search.worklist", away)
    shown = person.client.get("/api/worklist", headers=OPENED)
    assert (shown.status_code, shown.headers["Retry-After"]) == (503, "5")
    assert "Hãy đợi 5 giây" in shown.text
    assert "host" not in shown.text
