"""Rejection notes reject what they refer to, in whatever order both arrive, and a rebuild comes to the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.archive.rejections import catch_up
from pacs.jobs.plan import plan
from pacs.rebuilding import rebuild_index
from pacs.verifying import commit, verify
from storage.errors import NotFound
from storage.index import audit, changes, instances, rejecting
from storage.index.dump import canonical
from storage.model.archive import CONFLICT, STORED, InstanceKey
from storage.model.audit import AuditFilter
from storage.model.commitment import FailureReason, Reference
from storage.model.rejection import KEY_OBJECT_SELECTION, PATIENT_SAFETY, QUALITY, RETENTION, RejectionNote
from tests.pacs.parts import CT, House, Made, house
from tests.storage.index.conftest import ENGINES, fresh_url
from tests.support.rejection import rejection_note

# The first tells the study's facts; two series, three instances.
ONE = Made(description="sai", number=1)
TWO = Made(sop="1.2.3.1.2", number=2, description="đúng")
THREE = Made(series="1.2.3.2", sop="1.2.3.2.1", description="đúng", modality="MR")


@pytest.fixture(params=ENGINES)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """An archive on each engine."""
    with fresh_url(request, tmp_path) as url:
        made = house(tmp_path, index_url=url)
        yield made
        made.archive.close()


def key(made: Made) -> InstanceKey:
    return InstanceKey(made.study, made.series, made.sop)


def reject(here: House, *made: Made, title: str = QUALITY, sop: str = "1.2.3.99.1") -> None:
    assert here.put(rejection_note([key(one) for one in made], title, sop)).kind == STORED


def seen(here: House) -> list[str]:
    with here.archive.database.reading() as db:
        return [one.key.sop_instance_uid for one in instances.of_study(db, here.scope, "1.2.3")]


def dump(here: House) -> list[str]:
    with here.archive.database.reading() as db:
        return list(canonical(db))


def rebuilt_equals(here: House) -> None:
    before = dump(here)
    rebuild_index(here.archive.database, lambda: here.archive.objects, lambda done, total, size: None)
    assert dump(here) == before


def test_what_is_rejected_is_as_if_it_had_never_come(there: House) -> None:
    for made in (TWO, THREE):
        there.put(made.part10())
    without = dump(there)
    there.put(ONE.part10())
    assert len(seen(there)) == 3
    with there.archive.database.reading() as db:
        before = changes.last(db)
    reject(there, ONE)
    assert seen(there) == [TWO.sop, THREE.sop]
    assert [line for line in dump(there) if not line.startswith('["reject')] == without
    with there.archive.database.reading() as db:
        assert [one.key for one in plan(changes.after(db, before)) if one.key.endswith(" 1.2.3.1")]
        (record,) = audit.find(db, there.scope, AuditFilter(action="instance.reject"))
    assert (record.object, record.patient, record.reason) == ("1.2.3.99.1", "1.2.3", "Rejected for Quality Reasons")
    with pytest.raises(NotFound):
        there.instance(ONE)
    rebuilt_equals(there)
    assert seen(there) == [TWO.sop, THREE.sop]


def test_a_whole_study_goes_and_its_note_with_it(there: House) -> None:
    for made in (ONE, TWO, THREE):
        there.put(made.part10())
    reject(there, ONE, TWO, THREE, title=PATIENT_SAFETY)
    assert seen(there) == []
    with there.archive.database.reading() as db:
        with pytest.raises(NotFound):
            instances.study(db, there.scope, "1.2.3")
        (study,) = rejecting.studies(db, there.scope, 1 << 60)
        assert (study.title, study.instances, study.purgeable, study.texts) == (PATIENT_SAFETY, 3, 3, ("mờ",))
        assert (study.patient_id, study.modalities, study.study_date) == ("BN001", ("CT", "MR"), 20240305)
    rebuilt_equals(there)
    verified = verify(there.archive.database, there.archive.objects, 1 << 60, lambda one, size: None)
    assert (verified.checked, verified.unindexed, verified.missing) == (4, [], [])


def test_a_note_may_come_first_and_rejected_ones_again(there: House) -> None:
    reject(there, ONE, TWO)
    for _ in range(2):
        assert there.put(ONE.part10()).kind == STORED
        assert seen(there) == []
    there.put(TWO.part10())
    there.put(THREE.part10())
    assert seen(there) == [THREE.sop]
    reject(there, ONE, TWO)  # the very same note
    with there.archive.database.reading() as db:
        assert len(rejecting.objects_of(db, there.scope, "1.2.3")) == 2
        assert len(rejecting.objects_of(db, there.scope, "1.2.3", notes=True)) == 1
    rebuilt_equals(there)


def test_what_was_rejected_for_its_age_is_new_when_it_comes_again(there: House) -> None:
    there.put(ONE.part10())
    reject(there, ONE, title=RETENTION)
    assert seen(there) == []
    there.put(ONE.part10())
    assert seen(there) == [ONE.sop]
    rebuilt_equals(there)
    reject(there, ONE, title=RETENTION)  # a note that was revoked says nothing new
    assert seen(there) == [ONE.sop]
    reject(there, ONE, title=RETENTION, sop="1.2.3.99.2")
    reject(there, ONE, title=PATIENT_SAFETY, sop="1.2.3.99.3")
    there.put(ONE.part10())
    assert seen(there) == []
    rebuilt_equals(there)


def test_what_contradicts_a_rejected_instance_goes_with_it(there: House) -> None:
    there.put(ONE.part10())
    assert there.put(Made(description="khác").part10()).kind == CONFLICT
    there.put(THREE.part10())
    reject(there, ONE)
    with there.archive.database.reading() as db:
        assert instances.waiting(db, there.scope) == (0, 0)
        assert instances.study(db, there.scope, "1.2.3").conflicts == 0
        assert len(rejecting.objects_of(db, there.scope, "1.2.3")) == 2
    rebuilt_equals(there)


def test_other_key_objects_and_other_hospitals_are_left_alone(there: House) -> None:
    there.put(ONE.part10())
    there.put(rejection_note([key(ONE)], "113000", "1.2.3.99.5"))
    assert seen(there) == [ONE.sop, "1.2.3.99.5"]
    rebuilt_equals(there)
    assert catch_up(there.archive.database, there.archive.objects) == 0


def test_a_process_that_ended_in_between_is_made_up_for(there: House) -> None:
    there.put(ONE.part10())
    there.put(TWO.part10())
    with there.archive.database.writing() as db:
        note = RejectionNote("1.2.3.99.1", QUALITY, (key(ONE),))
        rejecting.write_note(db, there.origin.hospital_id, note, "CT1", 1)
    assert catch_up(there.archive.database, there.archive.objects) == 1
    assert seen(there) == [TWO.sop]


def test_storage_commitment_answers_for_notes_and_not_for_what_they_reject(there: House) -> None:
    there.put(ONE.part10())
    reject(there, ONE)
    asked = [Reference(CT, ONE.sop, 0), Reference(KEY_OBJECT_SELECTION, "1.2.3.99.1", 0)]
    answered = commit(there.archive.database, there.archive.objects, there.origin.hospital_id, asked)
    assert [one.reason for one in answered] == [FailureReason.NO_SUCH_OBJECT_INSTANCE, 0]
