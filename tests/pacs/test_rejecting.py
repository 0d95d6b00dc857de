"""People reject, restore and purge."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from pacs.auditing import Anchoring
from pacs.rebuilding import rebuild_index
from pacs.rejecting import GRACE_MS, purge, reject, restore
from storage.errors import InvalidQuery, NotFound
from storage.index import audit, instances, rejecting
from storage.model.archive import CONFLICT, STORED
from storage.model.audit import Actor, AuditFilter
from storage.model.rejection import PATIENT_SAFETY, QUALITY
from tests.pacs.archive.test_rejections import ONE, THREE, TWO, dump, rebuilt_equals, seen
from tests.pacs.parts import House, Made, house
from tests.storage.index.conftest import ENGINES, fresh_url

MINH = Actor("minh", "technologist", "10.0.0.7")


@pytest.fixture(params=ENGINES)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """An archive on each engine, with a study of two series."""
    with fresh_url(request, tmp_path) as url:
        made = house(tmp_path, index_url=url)
        for one in (ONE, TWO, THREE):
            made.put(one.part10())
        yield made
        made.archive.close()


def acts(here: House) -> list[tuple[str, str]]:
    with here.archive.database.reading() as db:
        return [(one.action, one.actor) for one in reversed(audit.find(db, here.scope, AuditFilter()))]


def later(here: House) -> None:
    """All of the time to take it back has passed."""
    clock = here.archive.clock
    here.archive.clock = lambda: clock() + GRACE_MS + 1


def test_a_note_is_made_that_says_who_and_why(there: House) -> None:
    assert reject(there.archive, there.scope, "1.2.3", QUALITY, "bệnh nhân cử động", MINH, sops=[ONE.sop]) == 1
    assert seen(there) == [TWO.sop, THREE.sop]
    with there.archive.database.reading() as db:
        (note,) = rejecting.objects_of(db, there.scope, "1.2.3", notes=True)
    with there.archive.objects.open(note.object_key) as stream:
        said = dcmread(stream)
    assert (said.Modality, said.PatientName, said.AccessionNumber) == ("KO", "Nguyễn^Thị^Ánh", "ACC1")
    assert said.ConceptNameCodeSequence[0].CodeMeaning == "Rejected for Quality Reasons"
    assert [item.get("TextValue", item.get("PersonName")) for item in said.ContentSequence][:2] == [
        "minh",
        "bệnh nhân cử động",
    ]
    evidence = said.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in evidence[0].ReferencedSOPSequence] == [ONE.sop]
    rebuilt_equals(there)


def test_what_does_not_exist_cannot_be_rejected(there: House) -> None:
    with pytest.raises(InvalidQuery):
        reject(there.archive, there.scope, "1.2.3", "113000", "x", MINH)
    with pytest.raises(NotFound):
        reject(there.archive, there.scope, "1.2.4", QUALITY, "x", MINH)
    with pytest.raises(NotFound):
        reject(there.archive, there.scope, "1.2.3", QUALITY, "x", MINH, sops=["1.2.3.7"])
    assert len(seen(there)) == 3


def test_a_series_is_rejected_and_restored(there: House) -> None:
    there.put(Made(description="khác").part10())
    before = dump(there)
    assert reject(there.archive, there.scope, "1.2.3", PATIENT_SAFETY, "nhầm", MINH, series="1.2.3.1") == 2
    assert seen(there) == [THREE.sop]
    assert restore(there.archive, there.scope, "1.2.3", "không nhầm", MINH, sop=TWO.sop) == 1
    assert seen(there) == [TWO.sop, THREE.sop]
    rebuilt_equals(there)
    assert restore(there.archive, there.scope, "1.2.3", "không nhầm", MINH) == 1
    assert [line for line in dump(there) if not line.startswith('["reject')] == before
    with there.archive.database.reading() as db:
        assert instances.study(db, there.scope, "1.2.3").conflicts == 1
    rebuilt_equals(there)
    assert len(seen(there)) == 3
    with pytest.raises(NotFound):
        restore(there.archive, there.scope, "1.2.3", "", MINH)
    assert acts(there) == [("instance.reject", "minh")] + [("instance.restore", "minh")] * 2
    assert Anchoring(there.folder).check(there.archive.database, there.archive.objects).faults == []


def test_nothing_is_purged_before_its_time(there: House) -> None:
    reject(there.archive, there.scope, "1.2.3", QUALITY, "mờ", MINH)
    assert purge(there.archive, there.scope, "x", MINH).objects == 0
    assert restore(there.archive, there.scope, "1.2.3", "x", MINH) == 3


def test_purged_bytes_are_gone_and_a_rebuild_does_not_bring_them_back(there: House) -> None:
    key = there.instance(ONE).stored.key
    assert there.put(Made(description="khác").part10()).kind == CONFLICT
    reject(there.archive, there.scope, "1.2.3", QUALITY, "mờ", MINH, series="1.2.3.1")
    later(there)
    done = purge(there.archive, there.scope, "hết hạn", MINH)
    assert (done.objects, done.left) == (3, 0)
    assert there.archive.objects.stat(key) is None
    assert seen(there) == [THREE.sop]
    assert acts(there)[1:] == [("instance.purge", "minh")] * 3
    rebuilt_equals(there)
    assert seen(there) == [THREE.sop]
    # what is sent again is kept and hidden, and its time begins anew
    there.archive.clock = lambda: 0
    assert there.put(ONE.part10()).kind == STORED
    assert seen(there) == [THREE.sop]
    assert there.archive.objects.stat(key) is not None
    rebuild_index(there.archive.database, lambda: there.archive.objects, lambda done, total, size: None)
    assert seen(there) == [THREE.sop]
    with there.archive.database.reading() as db:
        assert len(rejecting.objects_of(db, there.scope, "1.2.3", notes=True)) == 1


def test_bytes_that_something_else_points_to_are_left(there: House) -> None:
    stored = there.instance(ONE).stored
    reject(there.archive, there.scope, "1.2.3", QUALITY, "mờ", MINH, sops=[ONE.sop])
    with there.archive.database.writing() as db:
        instances.add_quarantine(db, stored, there.origin, "the same bytes")
    later(there)
    done = purge(there.archive, there.scope, "hết hạn", MINH)
    assert (done.objects, done.left) == (0, 1)
    assert there.archive.objects.stat(stored.key) is not None
