"""A transaction that PostgreSQL ended for another's sake is begun anew; the sender hears of success only."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.errors import StorageContended
from storage.index import changes, instances, turns
from storage.model.archive import STORED
from storage.objects.filesystem import FilesystemStore
from tests.pacs.archive.test_store import index_fails
from tests.pacs.parts import House, Made, house
from tests.support.crossing import crossed, hurry

PATIENCE_S = 60
_HERE = " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"


def test_both_of_two_that_waited_for_each_other_succeed(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else holds the study; who stores has taken its turn and is about to ask for the study; then the other
    one wants to store something of the study as well. It is patient, so it is not the one that is ended."""
    hurry(postgres_url)
    made = house(tmp_path, index_url=postgres_url)
    made.put(Made(sop="1.1").part10())
    held = "SELECT id FROM study WHERE uid = '1.2.3' FOR UPDATE"
    turns_of_others = f"""
        SELECT pg_advisory_xact_lock(classid::bigint::int, objid::bigint::int) FROM pg_locks
        WHERE locktype = 'advisory' AND granted{_HERE};
        UPDATE study SET status = 'reading' WHERE uid = '1.2.3'"""
    with crossed(postgres_url, monkeypatch, (turns, "take"), hold=held, want=turns_of_others):
        assert made.put(Made(sop="1.2").part10()).kind == STORED
    assert any("waited for each other" in record.getMessage() for record in caplog.records)
    with made.archive.database.reading() as db:
        study = instances.study(db, made.scope, "1.2.3")
        assert (study.instances, study.status, changes.last(db) >= 2) == (2, "reading", True)
        told = [line.sop_instance_uid for line in changes.after(db, 0)]
    assert told == ["1.1", "1.2"], "one line for each, however often it was tried"
    assert made.spooled() == []
    made.archive.close()


def test_it_is_begun_anew_a_few_times(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    index_fails(monkeypatch, StorageContended("ended"), 4)
    assert here.put(Made().part10()).kind == STORED
    with here.archive.database.reading() as db:
        assert len(changes.after(db, 0)) == 1


def test_and_then_the_sender_is_told(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    index_fails(monkeypatch, StorageContended("ended"), 5)
    with pytest.raises(StorageContended):
        here.put(Made().part10())
    assert here.put(Made().part10()).kind == STORED


def test_conflicts_beside_new_instances_of_the_same_studies(tmp_path: Path, postgres_url: str) -> None:
    """Conflicts are counted at one study while instances are added to another, in two archives the other way round."""
    store = FilesystemStore(tmp_path / "objects")
    two = [house(tmp_path / name, objects=store, index_url=postgres_url) for name in ("one", "two")]
    studies = ("1.2.3", "1.2.4")
    for study in studies:
        two[0].put(Made(study=study, series=f"{study}.1", sop=f"{study}.1.0").part10())
    begin = threading.Barrier(16)

    def put(number: int) -> str:
        side, study = number % 2, studies[(number // 2) % 2]
        sop = f"{study}.1.{1 + number}" if number < 8 else f"{study}.1.0"
        begin.wait(PATIENCE_S)
        return two[side].put(Made(study=study, series=f"{study}.1", sop=sop, pixels=bytes([number]) * 32).part10()).kind

    with ThreadPoolExecutor(16) as pool:
        kinds = list(pool.map(put, range(16)))
    assert sorted(kinds) == ["conflict"] * 8 + [STORED] * 8
    with two[0].archive.database.reading() as db:
        found = [instances.study(db, two[0].scope, study) for study in studies]
    assert [(one.instances, one.conflicts) for one in found] == [(5, 4)] * 2
    for one in two:
        one.archive.close()
