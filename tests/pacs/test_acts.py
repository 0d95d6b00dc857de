"""Acts are noted in memory, written in batches, bounded, and nothing goes on while they cannot be written."""

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
import sqlalchemy as sa

from pacs import acts as room
from pacs.acts import Act, Acts
from storage.errors import StorageUnavailable
from storage.index import audit, hospitals, schema
from storage.index.database import Database
from storage.index.types import now_ms
from storage.model.archive import Scope
from storage.model.audit import Actor, AuditFilter, AuditRecord, Chain, as_object
from storage.model.query import Level, Match, Matching, Query
from tests.pacs.parts import House, house
from tests.storage.index.conftest import ENGINES, fresh_url

ROOT = Path(__file__).parents[2]
LOOKING = """
import sys
from pacs.acts import Acts
from storage.index.database import Database
from storage.model.audit import Actor
acts, hospital = Acts(Database(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    for how in ("view", "details", "view"):
        acts.viewed("s1", f"1.2.{number}", lambda: Actor("one"), lambda: hospital, how)
    if number % 3 == 0:
        acts.flush()
acts.close()
"""
AN = Actor("bs.an", "radiologist", "10.0.0.1")


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def acts(home: House) -> Iterator[Acts]:
    made = Acts(home.archive.database, b"k" * 32)
    yield made
    made.close()


def records(home: House, action: str = "") -> list[AuditRecord]:
    with home.archive.database.reading() as db:
        return audit.find(db, home.scope, AuditFilter(action=action, limit=1000))[::-1]


def here(home: House) -> int:
    return min(home.scope.hospital_ids)


def test_a_study_is_noted_once_for_each_session(home: House, acts: Acts) -> None:
    for who, study in (("s1", "1.2"), ("s1", "1.2"), ("s2", "1.2"), ("s1", "1.3"), ("s1", "1.2")):
        acts.viewed(who, study, lambda: AN, lambda: here(home))
    acts.viewed("s1", "1.2", lambda: AN, lambda: here(home), "details")
    acts.flush()
    assert [(one.action, one.object) for one in records(home)] == [
        ("study.view", "1.2"), ("study.view", "1.2"), ("study.view", "1.3"), ("study.details", "1.2"),
    ]  # fmt: skip
    assert records(home)[0].actor == "bs.an"


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_url(request, tmp_path) as made:
        yield made


def test_of_several_processes_one_notes_a_study(url: str) -> None:
    """Two look at the same studies in the same session at the same time, each writing for itself."""
    database = Database(url)
    with database.writing() as db:
        hospital = hospitals.ensure(db, "main", "Bệnh viện")
    given = [sys.executable, "-c", LOOKING, url, str(hospital.id)]
    with (
        Popen(given, stdin=PIPE, stdout=PIPE, cwd=ROOT) as one,
        Popen(given, stdin=PIPE, stdout=PIPE, cwd=ROOT) as other,
    ):
        for process in (one, other):
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
        for process in (one, other):
            assert process.stdin
            process.stdin.write(b"go\n")
            process.stdin.flush()
    assert (one.returncode, other.returncode) == (0, 0)
    with database.reading() as db:
        every = list(audit.records(db))
    database.close()
    assert sorted((record.action, record.object) for record in every) == sorted(
        (f"study.{how}", f"1.2.{number}") for number in range(30) for how in ("view", "details")
    )


def test_who_comes_second_notes_it_when_the_time_of_the_first_is_over(
    home: House, acts: Acts, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Acts(home.archive.database)
    first.viewed("s1", "1.2", lambda: AN, lambda: here(home))
    first.close()
    clock = now_ms()
    for minutes, noted in ((10, 1), (14, 1), (15, 2), (29, 2), (31, 3)):
        monkeypatch.setattr(room, "now_ms", lambda at=clock + minutes * 60_000: at)
        monkeypatch.setattr("pacs.acts.time.monotonic", lambda at=minutes * 60.0: at)
        acts.viewed("s1", "1.2", lambda: AN, lambda: here(home))
        acts.flush()
        assert len(records(home)) == noted, minutes
    with home.archive.database.reading() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(schema.audit_mark)).scalar() == 1


def test_studies_of_one_uid_at_two_hospitals_are_two(home: House, acts: Acts) -> None:
    """Each hospital's own log says that its study was opened, by whichever address that was."""
    with home.archive.database.writing() as db:
        theirs = hospitals.ensure(db, "other", "Bệnh viện khác").id
    ours = here(home)
    for at, where in ((None, ours), (theirs, theirs), (ours, ours), (None, ours), (theirs, theirs)):
        acts.viewed("s1", "1.2", lambda: AN, partial(int, where), at=at)
        acts.flush()
    with home.archive.database.reading() as db:
        assert [(one.hospital, one.object) for one in audit.records(db)] == [("main", "1.2"), ("other", "1.2")]


def test_a_clock_that_was_set_back_hides_nothing(home: House, acts: Acts, monkeypatch: pytest.MonkeyPatch) -> None:
    with home.archive.database.writing() as db:
        audit.mark(db, {room._digest(("s1", "view", "1.2", str(here(home)))): now_ms() + 30 * 24 * 3_600_000}, now_ms())
    acts.viewed("s1", "1.2", lambda: AN, lambda: here(home))
    acts.flush()
    assert len(records(home)) == 1


def test_they_are_written_by_themselves_and_at_the_end(home: House) -> None:
    written = Acts(home.archive.database)
    written.exported(AN, here(home), "1.2", "DICOMweb", 3)
    written.exported(AN, here(home), "1.2", "DICOMweb", 4)
    written.close()
    (one,) = records(home)
    assert json.loads(one.detail) == {"door": "DICOMweb", "instances": 7}
    written.stored(AN, here(home), "1.2", "upload")  # a thread of its own again
    written.close()
    assert [one.action for one in records(home)] == ["study.export", "study.store"]


def test_a_search_says_what_was_asked_and_nothing_of_whom(home: House, acts: Acts) -> None:
    matches = (
        Match("PatientName", Matching.FUZZY, ("Nguyễn Văn An",)),
        Match("PatientID", Matching.SINGLE, ("BN-0042",)),
        Match("PatientBirthDate", Matching.RANGE, ("19800101", "19801231")),
        Match("StudyDate", Matching.RANGE, ("20260101", "20260131")),
        Match("ModalitiesInStudy", Matching.UID_LIST, ("CT", "MR")),
    )
    for _ in range(3):
        acts.queried(AN, "QIDO-RS", Query(Level.STUDY, home.scope, matches), 2)
    acts.flush()
    (one,) = records(home)
    whole = json.dumps(as_object(one), ensure_ascii=False)
    assert not any(canary in whole for canary in ("Nguyễn", "nguyen", "BN-0042", "19800101", "19801231"))
    said = json.loads(one.detail)
    assert said["key.StudyDate"] == "range: 20260101 20260131"
    assert said["key.ModalitiesInStudy"] == "list of UID: CT MR"
    assert said["answers"] == 2
    assert one.patient == acts.veiled("bn-0042") == said["key.PatientID"], "it can be found by who knows the number"
    assert Acts(home.archive.database, b"other" * 8).veiled("bn-0042") != one.patient


def test_a_flood_of_searches_is_bounded_and_counted(home: House, acts: Acts) -> None:
    for number in range(1000):
        acts.searched(AN, home.scope, "C-FIND", "STUDY", (("StudyDate", str(number)),), 1)
    acts.flush()
    found = records(home, "study.search")
    assert len(found) <= room.MOST_OF_ACTOR * 3 + 3  # the thread may have written twice in between
    assert sum(json.loads(one.detail)["times"] for one in found) == 1000


def test_views_are_never_thrown_together(home: House, acts: Acts) -> None:
    for number in range(500):
        acts.viewed("s1", f"1.2.{number}", lambda: AN, lambda: here(home))
    acts.flush()
    assert len({one.object for one in records(home, "study.view")}) == 500


def test_while_the_log_cannot_be_written_nothing_is_shown(
    home: House, acts: Acts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("the index does not answer")

    monkeypatch.setattr(room, "FLUSH_SECONDS", 3600.0)
    with monkeypatch.context() as broken:
        broken.setattr(Database, "writing", away)
        acts.viewed("s1", "1.2", lambda: AN, lambda: here(home))
        with pytest.raises(StorageUnavailable):
            acts.flush()
        with pytest.raises(StorageUnavailable):
            acts.viewed("s1", "1.3", lambda: AN, lambda: here(home))
        with pytest.raises(StorageUnavailable):
            acts.viewed("s1", "1.2", lambda: AN, lambda: here(home))
        with pytest.raises(StorageUnavailable):
            acts.searched(AN, home.scope, "QIDO-RS", "STUDY", (), 0)
        with pytest.raises(StorageUnavailable):
            acts.exported(AN, here(home), "1.2", "C-GET", 1)
        with pytest.raises(StorageUnavailable):
            acts.must_write()
        acts.refused(AN, home.scope.hospital_ids, "GET /x", "not permitted")  # refused anyway
    acts.flush()
    acts.viewed("s1", "1.3", lambda: AN, lambda: here(home))
    acts.flush()
    assert [one.object for one in records(home, "study.view")] == ["1.2", "1.3"]


def test_more_than_can_be_kept_is_refused(home: House, acts: Acts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FLUSH_SECONDS", 3600.0)
    monkeypatch.setattr(room, "MOST_WAITING", 10)
    for number in range(10):
        acts.stored(AN, here(home), str(number), "STOW-RS")
    with pytest.raises(StorageUnavailable):
        acts.stored(AN, here(home), "10", "STOW-RS")
    acts.flush()
    acts.stored(AN, here(home), "10", "STOW-RS")


def test_each_hospital_has_its_own_record_of_what_concerns_several(home: House, acts: Acts) -> None:
    with home.archive.database.writing() as db:
        other = hospitals.ensure(db, "other", "Bệnh viện khác")
    acts.note(Act(AN, frozenset({here(home), other.id}), "session.begin"))
    acts.note(Act(AN, frozenset(), "session.fail"))
    acts.flush()
    with home.archive.database.reading() as db:
        every = list(audit.records(db))
        assert [(one.hospital, one.action) for one in every] == [
            ("main", "session.begin"), ("other", "session.begin"), ("main", "session.fail"),
        ]  # fmt: skip
        assert not list(Chain().take({**as_object(one), "hash": one.hash} for one in every))
        assert len(audit.find(db, Scope(frozenset({other.id})), AuditFilter())) == 1
