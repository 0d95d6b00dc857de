"""What people decide about contradictions and unreadable objects, and that a rebuild obeys it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs import reconciling
from pacs.archive.differences import differences
from pacs.auditing import Anchoring
from pacs.jobs.plan import plan
from pacs.rebuilding import rebuild_index
from pacs.reconciling import decide, decide_quarantined, purge, retry, sides
from storage.errors import Conflict, InvalidInstance, NotFound
from storage.index import audit, changes, instances
from storage.index.dump import canonical
from storage.model.archive import CONFLICT, QUARANTINED, STORED, InstanceKey, Outcome, Scope
from storage.model.audit import Actor, AuditFilter
from storage.objects.base import quarantine_key
from tests.pacs.parts import House, Made, house
from tests.storage.index.conftest import ENGINES, fresh_url

MINH = Actor("minh", "technologist", "10.0.0.7")
FIRST = Made()
SECOND = Made(name="Trần^Văn^Bình", patient_id="BN002", pixels=bytes(range(32, 64)), description="CT ngực")


@pytest.fixture(params=ENGINES)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """An archive on each engine."""
    with fresh_url(request, tmp_path) as url:
        made = house(tmp_path, index_url=url)
        made.apart = 0.011  # whose study it is, and who tells its facts, goes by the time
        yield made
        made.archive.close()


def _conflict(here: House) -> int:
    with here.archive.database.reading() as db:
        return instances.conflicts(db, here.scope)[0].id


def _acts(here: House) -> list[str]:
    with here.archive.database.reading() as db:
        return [record.action for record in reversed(audit.find(db, here.scope, AuditFilter()))]


def _dump(here: House) -> list[str]:
    with here.archive.database.reading() as db:
        return list(canonical(db))


def _rebuilt_equals(here: House) -> None:
    before = _dump(here)
    rebuild_index(here.archive.database, lambda: here.archive.objects, lambda done, total, size: None)
    assert _dump(here) == before


def _bytes(here: House, made: Made) -> bytes:
    return here.archive.bytes_of(here.instance(made))


def test_the_first_is_kept(there: House) -> None:
    there.put(FIRST.part10())
    assert there.put(SECOND.part10()).kind == CONFLICT
    entry = decide(there.archive, there.scope, _conflict(there), "keep", "gửi nhầm", MINH)
    assert (entry.resolved, entry.action) == (True, "keep")
    assert _bytes(there, FIRST) == FIRST.part10()
    with there.archive.database.reading() as db:
        assert instances.study(db, there.scope, "1.2.3").conflicts == 0
        assert instances.waiting(db, there.scope) == (0, 0)
        (record,) = audit.find(db, there.scope, AuditFilter())
    assert (record.action, record.actor, record.role, record.reason) == (
        "conflict.keep",
        "minh",
        "technologist",
        "gửi nhầm",
    )
    assert (record.object, record.patient, record.address) == ("1.2.3.1.1", "1.2.3", "10.0.0.7")
    with pytest.raises(Conflict):
        decide(there.archive, there.scope, entry.id, "replace", "", MINH)
    _rebuilt_equals(there)
    with there.archive.database.reading() as db:
        assert instances.waiting(db, there.scope) == (0, 0)
    decide(there.archive, there.scope, _conflict(there), "reopen", "", MINH)
    with there.archive.database.reading() as db:
        assert instances.study(db, there.scope, "1.2.3").conflicts == 1
    _rebuilt_equals(there)
    assert _acts(there) == ["conflict.keep", "conflict.reopen"]
    assert Anchoring(there.folder).check(there.archive.database, there.archive.objects).faults == []


def test_the_other_becomes_canonical_and_back(there: House) -> None:
    there.put(FIRST.part10())
    there.put(SECOND.part10())
    with there.archive.database.reading() as db:
        before = changes.last(db)
        revision = instances.series(db, there.scope, "1.2.3", "1.2.3.1").revision
    entry = decide(there.archive, there.scope, _conflict(there), "replace", "tên đúng", MINH)
    assert entry.action == "replace"
    assert entry.sha256 == hashlib.sha256(FIRST.part10()).hexdigest()
    assert entry.kept_sha256 == hashlib.sha256(SECOND.part10()).hexdigest()
    assert _bytes(there, FIRST) == SECOND.part10()
    with there.archive.database.reading() as db:
        study = instances.study(db, there.scope, "1.2.3")
        assert (study.patient.patient_id, study.facts.description) == ("BN002", "CT ngực")
        assert (study.instances, study.series, study.conflicts) == (1, 1, 0)
        assert instances.series(db, there.scope, "1.2.3", "1.2.3.1").revision > revision
        assert [one.key for one in plan(changes.after(db, before))] == [
            f"summarise {there.origin.hospital_id} 1.2.3 1.2.3.1"
        ]
    # the same objects again: one is what is shown, the other is known
    assert there.put(SECOND.part10()).kind == "already stored"
    assert there.put(FIRST.part10()).kind == CONFLICT
    with there.archive.database.reading() as db:
        assert len(instances.conflicts(db, there.scope)) == 1
    _rebuilt_equals(there)
    assert _bytes(there, FIRST) == SECOND.part10()
    decide(there.archive, there.scope, _conflict(there), "reopen", "nhầm", MINH)
    assert _bytes(there, FIRST) == FIRST.part10()
    with there.archive.database.reading() as db:
        study = instances.study(db, there.scope, "1.2.3")
        (entry,) = instances.conflicts(db, there.scope)
    assert (study.patient.patient_id, study.conflicts) == ("BN001", 1)
    assert (entry.resolved, entry.action) == (False, "")
    _rebuilt_equals(there)
    assert _bytes(there, FIRST) == FIRST.part10()


def test_an_instance_moves_with_its_content_to_another_study(there: House) -> None:
    there.put(FIRST.part10())
    there.put(Made(sop="1.2.3.1.2", number=2).part10())
    moved = Made(study="1.2.9", series="1.2.9.1", modality="MR", patient_id="BN009")
    there.put(moved.part10())
    decide(there.archive, there.scope, _conflict(there), "replace", "", MINH)
    assert there.archive.instance(there.scope, InstanceKey("1.2.9", "1.2.9.1", "1.2.3.1.1")).modality == "MR"
    with there.archive.database.reading() as db:
        left, new = (instances.study(db, there.scope, uid) for uid in ("1.2.3", "1.2.9"))
    assert (left.instances, left.modalities, new.instances, new.modalities) == (1, ("CT",), 1, ("MR",))
    _rebuilt_equals(there)
    decide(there.archive, there.scope, _conflict(there), "reopen", "", MINH)
    with there.archive.database.reading() as db:
        assert instances.study(db, there.scope, "1.2.3").instances == 2
        with pytest.raises(NotFound):
            instances.study(db, there.scope, "1.2.9")
    _rebuilt_equals(there)


def test_a_study_is_assigned_to_the_other_patient_and_back(there: House) -> None:
    there.put(FIRST.part10())
    there.put(Made(sop="1.2.3.1.2", name="Trần^Văn^Bình", patient_id="BN002").part10())
    decide(there.archive, there.scope, _conflict(there), "assign", "đổi người", MINH)
    with there.archive.database.reading() as db:
        study = instances.study(db, there.scope, "1.2.3")
        assert (study.patient.patient_id, study.conflicts) == ("BN002", 0)
    _rebuilt_equals(there)
    with there.archive.database.reading() as db:
        assert instances.study(db, there.scope, "1.2.3").patient.patient_id == "BN002"
    decide(there.archive, there.scope, _conflict(there), "reopen", "", MINH)
    with there.archive.database.reading() as db:
        study = instances.study(db, there.scope, "1.2.3")
        assert (study.patient.patient_id, study.conflicts) == ("BN001", 1)
    _rebuilt_equals(there)


def test_three_contents_of_one_uid(there: House) -> None:
    third = Made(pixels=bytes(32))
    for made in (FIRST, SECOND, third):
        there.put(made.part10())
    with there.archive.database.reading() as db:
        of = {entry.sha256: entry.id for entry in instances.conflicts(db, there.scope)}
    for made in (third, SECOND):
        decide(there.archive, there.scope, of[hashlib.sha256(made.part10()).hexdigest()], "replace", "", MINH)
        assert _bytes(there, FIRST) == made.part10()
    with there.archive.database.reading() as db:
        entries = instances.conflicts(db, there.scope)
    shas = {hashlib.sha256(made.part10()).hexdigest() for made in (FIRST, third)}
    assert {entry.sha256 for entry in entries} == shas
    assert {entry.kept_sha256 for entry in entries} == {hashlib.sha256(SECOND.part10()).hexdigest()}
    rebuild_index(there.archive.database, lambda: there.archive.objects, lambda done, total, size: None)
    assert _bytes(there, FIRST) == SECOND.part10()


def test_the_two_are_told_apart(here: House) -> None:
    here.put(FIRST.part10())
    here.put(SECOND.part10())
    entry, shown, other = sides(here.archive, here.scope, _conflict(here))
    assert (shown.description.patient.patient_id, other.description.patient.patient_id) == ("BN001", "BN002")
    assert (shown.source, other.source, other.door) == ("test", "test", "import")
    told = {
        one.keyword: (one.shown, one.other) for one in differences(here.archive.objects, shown.instance, other.instance)
    }
    assert told["PatientName"] == ("Nguyễn^Thị^Ánh", "Trần^Văn^Bình")
    assert told["PatientID"] == ("BN001", "BN002")
    assert told["PixelData"][0] != told["PixelData"][1]
    assert told.keys() == {"PatientName", "PatientID", "StudyDescription", "PixelData"}
    with pytest.raises(NotFound):
        sides(here.archive, Scope(frozenset({99})), entry.id)


def _quarantine(here: House, data: bytes = b"no dicom at all" * 20) -> int:
    assert here.put(data).kind == QUARANTINED
    with here.archive.database.reading() as db:
        return instances.quarantined(db, here.scope)[0].id


def test_a_quarantined_object_is_read_again(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    data = FIRST.part10()

    def refuse(*_: object) -> None:
        raise InvalidInstance("an older version cannot read this")

    with monkeypatch.context() as patch:
        patch.setattr("pacs.archive.archive.describe_head", refuse)
        entry_id = _quarantine(here, data)
    with monkeypatch.context() as patch:
        patch.setattr("pacs.reconciling.describe", refuse)
        assert retry(here.archive, here.scope, entry_id, MINH) == "an older version cannot read this"
    outcome = retry(here.archive, here.scope, entry_id, MINH)
    assert isinstance(outcome, Outcome)
    assert outcome.kind == STORED
    assert _bytes(here, FIRST) == data
    with here.archive.database.reading() as db:
        assert instances.quarantined(db, here.scope) == []
        results = [(one.action, one.result) for one in audit.find(db, here.scope, AuditFilter())]
    assert results == [("quarantine.retry", "done"), ("quarantine.retry", "failed")]
    assert here.archive.objects.stat(quarantine_key("main", outcome.stored.sha256)) is None
    assert here.spooled() == []
    _rebuilt_equals(here)


def test_deleting_waits_and_can_be_taken_back(there: House) -> None:
    entry_id = _quarantine(there)
    archive = there.archive
    entry = decide_quarantined(archive, there.scope, entry_id, "delete", "tệp hỏng", MINH)
    assert entry.action == "delete"
    with pytest.raises(Conflict):
        decide_quarantined(archive, there.scope, entry_id, "delete", "", MINH)
    assert purge(archive) == 0
    _rebuilt_equals(there)
    with archive.database.reading() as db:
        (entry,) = instances.quarantined(db, there.scope)
    assert entry.action == "delete"
    decide_quarantined(archive, there.scope, entry.id, "restore", "", MINH)
    later = archive.clock() + reconciling.GRACE_MS + 1000
    archive.clock = lambda: later
    assert purge(archive) == 0
    decide_quarantined(archive, there.scope, entry.id, "delete", "lần nữa", MINH)
    archive.clock = lambda: later + reconciling.GRACE_MS
    assert purge(archive) == 1
    assert archive.objects.stat(entry.object_key) is None
    with archive.database.reading() as db:
        assert instances.quarantined(db, there.scope) == []
    assert _acts(there) == [
        "quarantine.delete", "quarantine.restore", "quarantine.delete", "quarantine.purge"
    ]  # fmt: skip


def test_a_quarantined_object_is_linked_to_a_study_as_evidence(here: House) -> None:
    here.put(FIRST.part10())
    entry_id = _quarantine(here)
    with pytest.raises(NotFound):
        decide_quarantined(here.archive, here.scope, entry_id, "link", "", MINH, "9.9")
    entry = decide_quarantined(here.archive, here.scope, entry_id, "link", "lát cắt hỏng", MINH, "1.2.3")
    assert (entry.action, entry.target) == ("link", "1.2.3")
    _, pieces = reconciling.evidence(here.archive, here.scope, entry_id, MINH)
    assert b"".join(pieces) == b"no dicom at all" * 20
    _rebuilt_equals(here)
    assert _acts(here) == ["quarantine.link", "quarantine.download"]
