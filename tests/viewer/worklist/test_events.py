"""Changes as they happen, as a stream and when asked for."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pacs.config import WebConfig
from storage.index import accounts, changes, grants
from storage.model.archive import Scope
from storage.model.grants import Grantee
from storage.model.work import ChangeKind
from tests.support.waiting import PATIENCE, until
from tests.viewer.conftest import Person, Web
from viewer.app import create_app
from viewer.errors import TooBusy
from viewer.worklist import changing, events
from viewer.worklist.events import Listener, Tail


def listener(web: Web, refusals: bool = False) -> Listener:
    return Listener(Scope(frozenset({web.hospital.id})), refusals)


@pytest.fixture
def tail(web: Web) -> Iterator[Tail]:
    made = Tail(web.archive.database, 4)
    yield made
    made.stop()


def parsed(part: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in part.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def following() -> set[threading.Thread]:
    """The threads that read the change log."""
    return {thread for thread in threading.enumerate() if thread.name == "change-log-tail"}


def next_change(parts: Iterator[bytes], seconds: float = PATIENCE) -> Any:
    deadline = time.monotonic() + seconds
    for part in parts:
        for name, data in parsed(part):
            if name == "change" and data["studies"]:
                return data
        assert time.monotonic() < deadline
    raise AssertionError("the stream ended")


def test_a_stream_tells_of_a_study_before_its_heart_beats(web: Web, tail: Tail) -> None:
    assert events.PERIOD + events.LOOK < 2 < events.HEARTBEAT
    stream = tail.stream(listener(web), None, lambda: True)
    parts = iter(stream)
    assert next(parts).startswith(b"retry:")
    assert parsed(next(parts))[0][1]["studies"] == []
    outcome = web.store()
    assert outcome.key is not None
    ((name, told),) = parsed(next(parts))
    assert (name, told["studies"]) == ("change", [outcome.key.study_instance_uid])
    stream.close()


def test_a_stream_continues_where_the_client_was(web: Web, tail: Tail) -> None:
    first = web.store()
    with web.archive.database.reading() as db:
        after = changes.last(db)
    second = web.store()
    assert first.key is not None
    assert second.key is not None
    stream = tail.stream(listener(web), after, lambda: True)
    parts = iter(stream)
    assert next_change(parts)["studies"] == [second.key.study_instance_uid]
    stream.close()


def test_nothing_is_missed_while_much_happens(web: Web, tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEPT", 8)
    small = Tail(web.archive.database, 4)
    stream = small.stream(listener(web), 0, lambda: True)
    parts = iter(stream)
    expected = set()

    def fill() -> None:
        for _ in range(40):
            outcome = web.store()
            assert outcome.key is not None
            expected.add(outcome.key.study_instance_uid)

    writer = threading.Thread(target=fill)
    writer.start()
    seen: set[str] = set()
    while writer.is_alive() or seen != expected:
        seen |= set(next_change(parts)["studies"])
    stream.close()
    small.stop()


def test_changes_come_together_at_most_four_times_a_second(web: Web, tail: Tail) -> None:
    stream = tail.stream(listener(web), None, lambda: True)
    parts = iter(stream)
    next(parts), next(parts)
    stop = threading.Event()

    def fill() -> None:
        while not stop.is_set():
            with web.archive.database.writing() as db:
                changes.append(db, web.hospital.id, ChangeKind.STUDY_CHANGED, study_instance_uid="1.2.3")

    writer = threading.Thread(target=fill)
    writer.start()
    began, count = time.monotonic(), 0
    while time.monotonic() - began < 2:
        next_change(parts)
        count += 1
    stop.set()
    writer.join()
    assert count <= 10
    stream.close()


def test_another_hospitals_changes_are_not_told(web: Web, tail: Tail) -> None:
    stream = tail.stream(listener(web), None, lambda: True)
    parts = iter(stream)
    next(parts), next(parts)
    web.store("other")
    mine = web.store("main")
    assert mine.key is not None
    assert next_change(parts)["studies"] == [mine.key.study_instance_uid]
    stream.close()


def test_streams_are_few_and_a_closed_one_makes_room(web: Web) -> None:
    tail = Tail(web.archive.database, 2)
    streams = [tail.stream(listener(web), None, lambda: True) for _ in range(2)]
    with pytest.raises(TooBusy):
        tail.stream(listener(web), None, lambda: True)
    streams[0].close()
    streams[0].close()
    tail.stream(listener(web), None, lambda: True).close()
    streams[1].close()
    tail.stop()


def test_streams_end_at_once_when_we_stop(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK", 3600.0)  # who waits is woken
    tail = Tail(web.archive.database, 2)
    parts = iter(tail.stream(listener(web), None, lambda: True))
    next(parts), next(parts)
    threading.Timer(0.1, tail.stop).start()
    assert list(parts) == []
    with pytest.raises(TooBusy):
        tail.stream(listener(web), None, lambda: True)


def test_a_stream_ends_when_nobody_listens_any_more(web: Web, tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK", 0.05)
    answers = iter([True, True, False])
    parts = iter(tail.stream(listener(web), None, lambda: next(answers)))
    assert len(list(parts)) == 2


def test_a_silent_stream_beats(web: Web, tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK", 0.02)
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    stream = tail.stream(listener(web), None, lambda: True)
    parts = iter(stream)
    next(parts), next(parts)
    assert next(parts) == b": still here\n\n"
    stream.close()


def test_one_thread_follows_the_log_however_many_listen(web: Web) -> None:
    before = following()
    tail = Tail(web.archive.database, 8)
    streams = [tail.stream(listener(web), None, lambda: True) for _ in range(8)]
    assert len(following() - before) == 1
    for stream in streams:
        stream.close()
    until(lambda: following() <= before)


def test_tasks_and_refusals_are_told(web: Web) -> None:
    detail = {"id": 7, "kind": "samples", "done": 1, "total": 4, "state": "running"}
    with web.archive.database.writing() as db:
        changes.append(db, web.hospital.id, ChangeKind.TASK_PROGRESS, detail=json.dumps({**detail, "done": 0}))
        changes.append(db, web.hospital.id, ChangeKind.TASK_PROGRESS, detail=json.dumps(detail))
        changes.append(db, web.hospital.id, ChangeKind.ASSOCIATION_REFUSED)
    admin = web.person("admin,technologist").get("/api/changes?after=0").json
    assert admin["tasks"] == [detail]
    assert len(admin["refused"]) == 1
    assert web.person("clinician").get("/api/changes?after=0").json["refused"] == []


def test_refusals_at_another_hospital_are_not_told(web: Web) -> None:
    other = web.hospital_of("other")
    with web.archive.database.writing() as db:
        changes.append(db, other.id, ChangeKind.ASSOCIATION_REFUSED)
    assert web.person("admin,technologist").get("/api/changes?after=0").json["refused"] == []


def test_who_is_too_far_behind_reads_everything_anew(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BACKLOG", 3)
    for _ in range(5):
        web.store()
    person = web.person("clinician")
    told = person.get("/api/changes?after=0").json
    assert told["reset"] is True
    assert told["studies"] == []
    with web.archive.database.reading() as db:
        assert told["sequence"] == changes.last(db)
    assert person.get(f"/api/changes?after={told['sequence'] + 1000}").json["reset"] is True
    assert "reset" not in person.get(f"/api/changes?after={told['sequence']}").json


@pytest.mark.parametrize("query", ["", "after=x", "after=-1", "after=9999999999999999999"])
def test_a_sequence_is_a_number(web: Web, query: str) -> None:
    assert web.person("clinician").get(f"/api/changes?{query}").status_code == 400


def test_the_stream_is_an_event_stream_and_capped_with_a_problem(web: Web) -> None:
    app = create_app(web.archive, replace(web.config, web=WebConfig(threads=4)))
    person = web.person("clinician")
    secret = person.client.get_cookie("hoichan")
    assert secret is not None
    client = app.test_client()
    client.set_cookie("hoichan", secret.value)
    streams = [client.get("/api/events") for _ in range(2)]
    assert all(stream.content_type == "text/event-stream; charset=utf-8" for stream in streams)
    full = client.get("/api/events")
    assert full.status_code == 503
    assert (full.json or {})["type"] == "/problems/TooBusy"
    streams[0].close()
    again = client.get("/api/events")
    assert again.status_code == 200
    again.close()
    streams[1].close()
    app.extensions["hoichan.stop"]()


def test_samples_are_a_task(web: Web) -> None:
    person = web.person("technologist")
    answer = person.post("/api/samples")
    assert answer.status_code == 202
    again = person.post("/api/samples")
    assert again.json["task"] == answer.json["task"], "asked twice is one task"
    state = person.get(f"/api/tasks/{answer.json['task']}").json
    assert state == {"id": answer.json["task"], "kind": "samples", "done": 0, "total": 0, "state": "ready"}
    assert Person.get(person, "/api/tasks/999").status_code == 404
    stranger = web.person("technologist", "other")
    assert stranger.get(f"/api/tasks/{answer.json['task']}").status_code == 404, "another hospital's work"


def test_a_grant_comes_and_goes_in_an_open_stream(web: Web, tail: Tail) -> None:
    person, other = web.person("expert"), web.hospital_of("other")
    outcome = web.store("other")
    assert outcome.key is not None
    study = outcome.key.study_instance_uid
    stream: Any = person.client.get("/api/events", buffered=False)
    parts: Iterator[bytes] = iter(stream.response)
    assert next(parts).startswith(b"retry:")
    assert parsed(next(parts))[0][1]["studies"] == []
    with web.archive.database.writing() as db:
        grants.give(db, other.id, study, Grantee(user_id=person.user.id), consult_id=1)
    assert next_change(parts)["studies"] == [study]
    web.store("other", StudyInstanceUID=study)
    assert next_change(parts)["studies"] == [study]
    with web.archive.database.writing() as db:
        grants.revoke(db, consult_id=1)
    web.store("other", StudyInstanceUID=study)
    told = [event for event in parsed(next(parts)) if event[1].get("studies") != []]
    assert told == [("revoked", {"study": study})]
    stream.close()


def test_who_loses_a_role_or_the_session_is_told_nothing_more(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(events, "LOOK", 0.05)
    loser, leaver, stays = web.person("radiologist"), web.person("clinician"), web.person("technologist")
    streams: list[Any] = [one.client.get("/api/events", buffered=False) for one in (loser, leaver, stays)]
    parts: list[Iterator[bytes]] = [iter(stream.response) for stream in streams]
    for one in parts:
        assert next(one).startswith(b"retry:")
        assert parsed(next(one))
    with web.archive.database.writing() as db:
        accounts.set_roles(db, loser.user.id, [])
        accounts.end_sessions(db, leaver.user.id)
    assert list(parts[0]) == list(parts[1]) == []
    outcome = web.store()
    assert outcome.key is not None
    assert next_change(parts[2])["studies"] == [outcome.key.study_instance_uid]
    for stream in streams:
        stream.close()
