"""What people do is done once and logged once, also when PostgreSQL ends the first attempt for another's sake."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pacs import reconciling, rejecting
from pacs.auditing import Anchoring
from storage.errors import InvalidInstance
from storage.index import audit, instances
from storage.model.archive import CONFLICT, QUARANTINED, Outcome
from storage.model.audit import Actor, AuditFilter
from storage.model.rejection import QUALITY
from tests.pacs.parts import House, Made, house
from tests.support.crossing import crossed, hurry

MINH = Actor("minh", "technologist", "10.0.0.7")
FIRST = Made()
SECOND = Made(name="Trần^Văn^Bình", patient_id="BN002", pixels=bytes(range(32, 64)))


@pytest.fixture
def there(tmp_path: Path, postgres_url: str) -> Iterator[House]:
    hurry(postgres_url)
    made = house(tmp_path, index_url=postgres_url)
    made.apart = 0.011
    yield made
    made.archive.close()


Act = Callable[[House], object]
Began = Callable[[House, pytest.MonkeyPatch], None]


def _two(here: House, _: object = None) -> None:
    here.put(FIRST.part10())
    assert here.put(SECOND.part10()).kind == CONFLICT


def _two_patients(here: House, _: object = None) -> None:
    here.put(FIRST.part10())
    here.put(Made(sop="1.2.3.1.2", name="Trần^Văn^Bình", patient_id="BN002").part10())


def _quarantined(here: House, _: object = None) -> None:
    assert here.put(b"no dicom at all" * 20).kind == QUARANTINED


def _quarantined_study(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise InvalidInstance("an older version cannot read this")

    with monkeypatch.context() as patch:
        patch.setattr("pacs.archive.archive.describe_head", refuse)
        assert here.put(FIRST.part10()).kind == QUARANTINED


def _deleted(here: House, _: object = None) -> None:
    _quarantined(here)
    quarantine(here, "delete")
    later = here.archive.clock() + reconciling.GRACE_MS + 1000
    here.archive.clock = lambda: later


def _stored(here: House, _: object = None) -> None:
    here.put(FIRST.part10())


def _rejected(here: House, _: object = None) -> None:
    _stored(here)
    reject(here)


def _ripe(here: House, _: object = None) -> None:
    _rejected(here)
    later = here.archive.clock() + rejecting.GRACE_MS + 1000
    here.archive.clock = lambda: later


def conflict(here: House, action: str) -> object:
    with here.archive.database.reading() as db:
        (entry,) = instances.conflicts(db, here.scope)
    return reconciling.decide(here.archive, here.scope, entry.id, action, "lý do", MINH)


def quarantine(here: House, action: str) -> object:
    with here.archive.database.reading() as db:
        (entry,) = instances.quarantined(db, here.scope)
    return reconciling.decide_quarantined(here.archive, here.scope, entry.id, action, "lý do", MINH)


def retry(here: House) -> object:
    with here.archive.database.reading() as db:
        (entry,) = instances.quarantined(db, here.scope)
    return reconciling.retry(here.archive, here.scope, entry.id, MINH)


def reject(here: House) -> object:
    return rejecting.reject(here.archive, here.scope, "1.2.3", QUALITY, "mờ", MINH)


def restore(here: House) -> object:
    return rejecting.restore(here.archive, here.scope, "1.2.3", "không mờ", MINH)


def purge(here: House) -> object:
    return rejecting.purge(here.archive, here.scope, "hết hạn", MINH).objects


def state(here: House) -> tuple[int, int, int, list[int], list[str]]:
    """Instances, open conflicts, quarantined objects, what the study counts, and the kinds of all stored objects."""
    with here.archive.database.reading() as db:
        waiting = instances.waiting(db, here.scope)
        found = instances.of_study(db, here.scope, "1.2.3")
        counted = [instances.study(db, here.scope, "1.2.3").instances] if found else []
    kinds = sorted(stored.key.split("/")[1] for stored in here.archive.objects.keys("main/"))
    return len(found), waiting[0], waiting[1], counted, kinds


CASES: dict[str, tuple[Began, str, Act, str, tuple[int, int, int, list[int], list[str]]]] = {
    "keep": (_two, "conflict", lambda here: conflict(here, "keep"), "conflict.keep", (1, 0, 0, [1], ["o", "o"])),
    "replace": (
        _two, "conflict", lambda here: conflict(here, "replace"), "conflict.replace", (1, 0, 0, [1], ["o", "o"]),
    ),
    "assign": (
        _two_patients, "conflict", lambda here: conflict(here, "assign"), "conflict.assign",
        (2, 0, 0, [2], ["o", "o"]),
    ),
    "delete": (
        _quarantined, "quarantine", lambda here: quarantine(here, "delete"), "quarantine.delete", (0, 0, 0, [], ["q"]),
    ),
    "forget": (
        _deleted, "quarantine", lambda here: reconciling.purge(here.archive), "quarantine.purge", (0, 0, 0, [], []),
    ),
    "retry": (_quarantined_study, "quarantine", retry, "quarantine.retry", (1, 0, 0, [1], ["o"])),
    "reject": (_stored, "study", reject, "instance.reject", (0, 0, 0, [], ["o", "o"])),
    "restore": (_rejected, "rejected", restore, "instance.restore", (1, 0, 0, [1], ["o", "o"])),
    "purge": (_ripe, "rejected WHERE NOT note", purge, "instance.purge", (0, 0, 0, [], ["o"])),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_is_done_once_and_logged_once(
    case: str, there: House, postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before, row, act, action, after = CASES[case]
    before(there, monkeypatch)
    caplog.clear()
    end = f"SELECT pg_advisory_xact_lock({audit._LOCK})"  # of the log: every act asks for it last, with all done
    held = f"SELECT id FROM {row} FOR UPDATE"
    noted = audit._pending
    with crossed(postgres_url, monkeypatch, (audit, "flush"), hold=end, want=held, before=lambda db: bool(noted(db))):
        answer = act(there)
    told = [one.getMessage() for one in caplog.records if "trying again" in one.getMessage()]
    assert len(told) == 1, "the first attempt was ended, the second was kept"
    assert "40P01" in told[0]
    assert state(there) == after
    if isinstance(answer, int):
        assert answer == 1
    elif isinstance(answer, Outcome):
        assert answer.kind == "stored"
    with there.archive.database.reading() as db:
        acts = [(one.action, one.actor) for one in audit.find(db, there.scope, AuditFilter())]
    assert acts.count((action, "sweeper" if case == "forget" else "minh")) == 1
    assert len(acts) == len(set(acts))
    assert Anchoring(there.folder).check(there.archive.database, there.archive.objects).faults == []
    assert there.spooled() == []
