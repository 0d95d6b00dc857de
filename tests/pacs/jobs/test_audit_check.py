"""The worker checks the whole audit log once a day and notes what it found."""

import re
from pathlib import Path
from typing import Any

import pytest

from pacs import auditing
from pacs.auditing import NOTED, Anchoring
from pacs.jobs import audit_check
from pacs.jobs.endings import Stopping
from pacs.jobs.worker import Worker
from storage.index import notes, tasks
from storage.model import anchors
from storage.model.faults import SENTENCES
from tests.pacs.parts import House
from tests.support.audited import act, alter

PAGE = Path(__file__).parents[3] / "static" / "src" / "shell" / "admin" / "audit-health.ts"
ONLY_OF_EXPORTS = {"line", "unfinished", "elsewhere"}
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def anchoring(here: House) -> Anchoring:
    return Anchoring(here.folder)


def _noted(here: House) -> dict[str, Any]:
    with here.archive.database.reading() as db:
        return notes.get(db, audit_check.NOTE)


def _ready(here: House) -> bool:
    with here.archive.database.reading() as db:
        found = [one for one in tasks.all(db) if one.kind == audit_check.TASK]
    return any(one.state == "ready" for one in found)


def _checked(here: House, anchoring: Anchoring, at: int) -> dict[str, Any]:
    here.archive.clock = lambda: at
    audit_check.run(here.archive, anchoring, lambda: False)
    return _noted(here)


def test_a_worker_anchors_and_checks_by_itself(here: House, anchoring: Anchoring) -> None:
    act(here)
    worker = Worker(here.archive, anchoring=anchoring)
    while worker.step():
        pass
    found = _noted(here)
    assert (found["records"], found["anchors"], found["signed_to"], found["fits"]) == (5, 1, 5, [1, 5])
    assert (found["faults"], found["more"], found["since"]) == ([], 0, 0)
    assert found["whole"] == found["at"] > 0
    assert not _ready(here), "the next time is tomorrow"


def test_it_is_due_once_a_day_or_when_nothing_vouched_for_it(here: House, anchoring: Anchoring) -> None:
    def asked(now: int) -> bool:
        with here.archive.database.writing() as db:
            audit_check.ask_when_due(db, now)
        return _ready(here)

    now = here.archive.clock()
    assert asked(now), "it was never checked"
    act(here)
    worker = Worker(here.archive, kinds=frozenset({audit_check.TASK}), anchoring=anchoring)
    assert worker.step()
    found = _noted(here)
    assert (found["anchors"], found["whole"], found["young"]) == (0, 0, True)
    assert asked(now), "nothing vouched for it"
    anchoring.anchor(here.archive.database, here.archive.objects)
    assert worker.step()
    at = _noted(here)["at"]
    assert not asked(at + DAY_MS - 1)
    assert asked(at + DAY_MS)


def test_what_was_altered_is_noted_with_the_anchor_that_still_fits(here: House, anchoring: Anchoring) -> None:
    for _ in range(3):
        act(here)
        anchoring.anchor(here.archive.database, here.archive.objects)
    now = here.archive.clock()
    assert _checked(here, anchoring, now)["fits"] == [3, 15]
    alter(here, "UPDATE audit SET actor = 'nobody' WHERE sequence = 12")
    found = _checked(here, anchoring, now + DAY_MS)
    assert found["faults"] == [{"kind": "altered", "record": 12, "anchor": 0, "last": 0, "count": 0}]
    assert (found["whole"], found["since"], found["fits"]) == (now, now + DAY_MS, [2, 10])
    found = _checked(here, anchoring, now + 2 * DAY_MS)
    assert (found["at"], found["since"], found["whole"]) == (now + 2 * DAY_MS, now + DAY_MS, now)
    alter(here, "UPDATE audit SET actor = 'an' WHERE sequence = 12")
    found = _checked(here, anchoring, now + 3 * DAY_MS)
    assert (found["faults"], found["since"], found["whole"]) == ([], 0, now + 3 * DAY_MS)


def test_a_broken_anchor_has_the_log_checked_at_once(here: House, anchoring: Anchoring) -> None:
    act(here)
    assert anchoring.anchor_quietly(here.archive.database, here.archive.objects), "the first anchor"
    act(here)
    assert not anchoring.anchor_quietly(here.archive.database, here.archive.objects)
    act(here)
    alter(here, "DELETE FROM audit WHERE sequence = 12")
    worker = Worker(here.archive, anchoring=anchoring)
    while worker.step():
        pass
    found = _noted(here)
    assert {"kind": "broken", "record": 15, "anchor": 3, "last": 0, "count": 0} in found["faults"]
    assert found["fits"] == [2, 10]
    assert not anchoring.anchor_quietly(here.archive.database, here.archive.objects), "that is known"


def test_only_some_of_many_faults_are_noted(here: House, anchoring: Anchoring) -> None:
    act(here, 20)
    anchoring.anchor(here.archive.database, here.archive.objects)
    alter(here, "UPDATE audit SET actor = 'nobody' WHERE sequence > 12")
    found = _checked(here, anchoring, here.archive.clock())
    assert [one["record"] for one in found["faults"]] == [13, 14, 15, 16, 17]
    assert (found["more"], found["fits"], found["whole"]) == (3, [], 0)


def test_what_is_anchored_while_it_is_checked_is_not_missed(
    here: House, anchoring: Anchoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(here)
    anchoring.anchor(here.archive.database, here.archive.objects)
    other, real = Anchoring(here.folder), auditing.written

    def written(*given: Any) -> list[anchors.Anchor]:
        found = list(real(*given))
        monkeypatch.setattr(auditing, "written", real)
        act(here)
        other.anchor(here.archive.database, here.archive.objects)
        return found

    monkeypatch.setattr(auditing, "written", written)
    assert anchoring.check(here.archive.database, here.archive.objects).faults == []
    assert anchoring.check(here.archive.database, here.archive.objects).anchors == 2
    assert (here.folder / NOTED).read_text().startswith("000000000010-")


def test_a_worker_that_ends_notes_nothing(here: House, anchoring: Anchoring) -> None:
    act(here)
    with pytest.raises(Stopping):
        audit_check.run(here.archive, anchoring, lambda: True)
    assert _noted(here) == {}


def test_the_page_has_a_sentence_for_every_fault_in_both_languages() -> None:
    told = re.findall(r"'fault\.(\w+)':", PAGE.read_text(encoding="utf-8"))
    assert sorted(told) == sorted([*(SENTENCES.keys() - ONLY_OF_EXPORTS)] * 2)
