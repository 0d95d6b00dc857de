"""What the main loop of a server may ask: a frame, when nothing has to be waited for; nothing else, and nobody else."""

import os
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from storage.errors import StorageUnavailable
from storage.index import accounts as store
from tests.viewer.conftest import Web
from tests.viewer.dicomweb.test_direct import MULTIPART, frame_of
from viewer.access import accounts
from viewer.sending import FileBody


class Program:
    """A program with a token, and what it is told at once."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.headers = {
            "Authorization": f"Bearer {accounts.add_token(web.archive.database, 't', 'dicomweb')}",
            "Accept": MULTIPART,
            "X-Request-Id": "0123456789abcdef",
        }
        web.archive.acts.flush()

    def usual(self, path: str) -> Any:
        answer = self.web.anonymous().get(path, headers=self.headers)
        self.web.archive.acts.flush()
        return answer

    def at_once(self, path: str, method: str = "GET", **headers: str) -> FileBody | None:
        path, _, query = path.partition("?")
        builder = EnvironBuilder(path, method=method, headers=Headers(self.headers | headers), query_string=query)
        body: FileBody | None = self.web.app.extensions["hoichan.at_once"](builder.get_environ(), None)
        return body


@pytest.fixture
def program(web: Web, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr(FileBody, "is_in_memory", lambda _: True)
    return Program(web)


@pytest.fixture
def known(program: Program) -> str:
    """A frame that was asked for, by somebody who is remembered."""
    path = frame_of(program.web)
    assert program.usual(path).status_code == 200  # notes that the study was seen, which is a commit
    assert program.usual(path).status_code == 200
    return path


def test_it_says_what_the_usual_way_says(program: Program, known: str) -> None:
    usual, body = program.usual(known), program.at_once(known)
    assert body is not None
    assert b"".join(body) == usual.data
    assert sorted(body.headers) == sorted(usual.headers)
    body.close()


def test_it_says_it_of_a_hospital_that_the_address_names(program: Program, known: str) -> None:
    usual, body = program.usual(f"/at/main{known}"), program.at_once(f"/at/main{known}")
    assert body is not None
    assert b"".join(body) == usual.data
    body.close()
    assert program.at_once(f"/at/nowhere{known}") is None


def test_who_was_not_seen_yet_is_left_to_who_can_wait(program: Program) -> None:
    assert program.at_once(frame_of(program.web)) is None


def test_after_any_commit_everything_is_asked_anew(program: Program, known: str) -> None:
    program.web.store(PatientID="BN-2")
    assert program.at_once(known) is None


def test_a_revoked_token_gets_nothing(program: Program, known: str) -> None:
    with program.web.archive.database.writing() as db:
        store.revoke_token(db, store.tokens(db)[0].id)
    assert program.at_once(known) is None
    assert program.usual(known).status_code == 401
    assert program.at_once(known) is None


def test_a_frame_on_the_disk_is_left_to_who_can_wait(
    program: Program, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[FileBody] = []

    def is_in_memory(body: FileBody) -> bool:
        opened.append(body)
        return False

    monkeypatch.setattr(FileBody, "is_in_memory", is_in_memory)
    assert program.at_once(known) is None
    assert [body.descriptor for body in opened] == [-1]


def test_after_a_frame_from_the_disk_the_next_of_the_series_is_begun(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = {"StudyInstanceUID": "1.2.8", "SeriesInstanceUID": "1.2.8.1"}
    paths = [
        frame_of(program.web, SOPInstanceUID=f"1.2.8.1.{n}", InstanceNumber=n, PixelData=bytes([n] * 8), **series)
        for n in (1, 3, 2)
    ]
    several = frame_of(program.web, NumberOfFrames=3, PixelData=bytes(3 * 8))
    for path in 3 * [*paths, several]:  # seeing them is a commit the first time
        assert program.usual(path).status_code == 200
    begun: list[tuple[FileBody, bytes]] = []

    def is_in_memory(body: FileBody) -> bool:
        begun.append((body, os.pread(body.descriptor, body.length, body.offset)))
        return False

    answers = [program.at_once(path) for path in paths]
    of_several = program.at_once(several)
    with monkeypatch.context() as patch:
        patch.setattr(FileBody, "is_in_memory", is_in_memory)
        assert [body is not None and body.following() for body in answers] == [True, False, True]
        assert of_several is not None
        assert not of_several.following()  # the kernel does that
    assert [(body.descriptor, data) for body, data in begun] == [(-1, bytes([number] * 8)) for number in (2, 3, 3)]
    assert answers[0] is not None
    assert not answers[0].following()  # all of it is in memory
    with monkeypatch.context() as patch:
        patch.setattr(FileBody, "is_in_memory", is_in_memory)
        patch.setattr(program.web.archive.objects, "descriptor", lambda *_: None)
        assert not answers[0].following()  # objects of this store are no files
    for body in (*answers, of_several):
        assert body is not None
        body.close()


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("?x=1", "GET", {}),
        ("", "HEAD", {}),
        ("", "POST", {}),
        ("", "GET", {"Range": "bytes=0-3"}),
        ("", "GET", {"If-None-Match": '"x"'}),
        ("", "GET", {"Accept": "image/png"}),
        ("/../../rendered", "GET", {}),
        ("9", "GET", {}),
    ],
)
def test_whatever_else_it_is_goes_the_usual_way(
    program: Program, known: str, path: str, method: str, headers: dict[str, str]
) -> None:
    assert program.at_once(known + path, method, **headers) is None


def test_while_the_audit_log_cannot_be_written_nothing_is_shown(
    program: Program, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program.web.archive.acts, "_failing", True)
    assert program.at_once(known) is None


def test_an_index_that_does_not_answer_is_for_who_can_wait(
    program: Program, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StorageUnavailable("the index does not answer")

    monkeypatch.setattr(program.web.archive.database, "stamp", away)
    assert program.at_once(known) is None
