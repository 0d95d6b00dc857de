"""Storing: what success promises, and what becomes of copies, contradictions and damage."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from pacs.archive import Expected
from pacs.errors import SopClassMismatch
from storage.errors import NotFound, ObjectCorrupt, StorageFull, StorageUnavailable
from storage.index import changes, instances
from storage.index.database import Database
from storage.model.archive import ALREADY_STORED, CONFLICT, QUARANTINED, STORED, StoredObject
from storage.model.work import ChangeKind
from storage.objects.filesystem import FilesystemStore
from tests.pacs.parts import House, Made, element, house

ROOT = Path(__file__).parents[3]


class Failing(FilesystemStore):
    """A store whose `put_many` raises what the test says, as often as it says."""

    def __init__(self, root: Path, *errors: Exception) -> None:
        super().__init__(root)
        self.errors = list(errors)
        self.groups: list[int] = []
        self.bad = b""

    def put_many(
        self, items: list[tuple[str, Path, str]], *, consume: bool = False, synced: bool = False
    ) -> list[StoredObject]:
        self.groups.append(len(items))
        if self.errors:
            raise self.errors.pop(0)
        if self.bad and any(self.bad in path.read_bytes() for _, path, _ in items):
            raise ObjectCorrupt("bad bytes")
        return super().put_many(items, consume=consume, synced=synced)


def test_stores_the_bytes_as_they_came(here: House) -> None:
    data = Made().part10()
    outcome = here.put(data)
    assert outcome.kind == STORED
    assert outcome.key is not None
    assert outcome.key.sop_instance_uid == "1.2.3.1.1"
    found = here.instance(Made())
    assert here.archive.bytes_of(found) == data
    assert found.stored.size == len(data)
    assert here.spooled() == []


def test_the_change_log_hears_of_it(here: House) -> None:
    here.put(Made().part10())
    with here.archive.database.reading() as db:
        assert [change.kind for change in changes.after(db, 0)] == [ChangeKind.INSTANCE_STORED]


def test_the_same_bytes_again_are_kept_once(here: House) -> None:
    first, again = here.put(Made().part10()), here.put(Made().part10())
    assert (first.kind, again.kind) == (STORED, ALREADY_STORED)
    assert first.stored.key == again.stored.key
    assert len(list(here.archive.objects.keys())) == 1


def test_bytes_that_went_missing_come_back_with_a_resend(here: House) -> None:
    stored = here.put(Made().part10()).stored
    here.archive.objects.delete(stored.key)
    assert here.put(Made().part10()).kind == ALREADY_STORED
    assert here.archive.bytes_of(here.instance(Made())) == Made().part10()


def test_other_pixels_under_a_known_uid_are_a_conflict(here: House) -> None:
    first = here.put(Made().part10())
    other = here.put(Made(pixels=bytes(32)).part10())
    assert other.kind == CONFLICT
    assert here.archive.objects.get(other.stored.key) == Made(pixels=bytes(32)).part10()
    assert here.instance(Made()).stored.sha256 == first.stored.sha256, "the first stays canonical"
    with here.archive.database.reading() as db:
        assert instances.study(db, here.scope, "1.2.3").conflicts == 1


def test_a_conflict_that_comes_again_is_noted_once(here: House) -> None:
    here.put(Made().part10())
    assert [here.put(Made(name="Other").part10()).kind for _ in range(3)] == [CONFLICT] * 3
    with here.archive.database.reading() as db:
        assert len(instances.conflicts(db, here.scope)) == 1


def test_contradicting_objects_in_one_group(here: House) -> None:
    with ThreadPoolExecutor(8) as pool:
        kinds = Counter(o.kind for o in pool.map(lambda n: here.put(Made(pixels=bytes([n]) * 32).part10()), range(8)))
    assert kinds == {STORED: 1, CONFLICT: 7}


def test_what_cannot_be_read_is_kept_in_quarantine(here: House) -> None:
    data = Made(series="").part10()
    outcome = here.put(data)
    assert (outcome.kind, outcome.key) == (QUARANTINED, None)
    assert outcome.reason == "there is no Series Instance UID"
    assert here.archive.objects.get(outcome.stored.key) == data
    with here.archive.database.reading() as db:
        assert [entry.reason for entry in instances.quarantined(db, here.scope)] == [outcome.reason]
    with pytest.raises(NotFound):
        here.archive.instances(here.scope, "1.2.3")


def test_a_mistake_of_ours_loses_nothing(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise IndexError

    monkeypatch.setattr("pacs.archive.archive.describe_head", broken)
    assert here.put(Made().part10()).kind == QUARANTINED


@pytest.mark.parametrize(
    "expect", [Expected(sop_class_uid="1.2"), Expected(sop_instance_uid="1.2"), Expected(study_instance_uid="1.2")]
)
def test_another_instance_than_announced_is_refused(here: House, expect: Expected) -> None:
    with here.archive.receive(here.origin) as incoming:
        incoming.write(Made().part10())
        with pytest.raises(SopClassMismatch):
            here.archive.store(incoming, expect)
    assert here.spooled() == []
    assert list(here.archive.objects.keys()) == []


def test_an_abandoned_object_leaves_nothing(here: House) -> None:
    with here.archive.receive(here.origin) as incoming:
        incoming.write(b"half")
    assert here.spooled() == []


@pytest.mark.parametrize("error", [StorageFull("no room"), StorageUnavailable("away")])
def test_nothing_is_acknowledged_when_the_store_fails(tmp_path: Path, error: Exception) -> None:
    made = house(tmp_path, objects=Failing(tmp_path / "objects", error))
    with pytest.raises(type(error)):
        made.put(Made().part10())
    assert made.spooled() == []
    with made.archive.database.reading() as db:
        assert changes.last(db) == 0
    assert made.put(Made().part10()).kind == STORED, "the sender tries again"
    made.archive.close()


def index_fails(monkeypatch: pytest.MonkeyPatch, error: Exception, times: int) -> None:
    real = Database.writing
    left = [times]

    @contextmanager
    def writing(self: Database) -> Iterator[object]:
        with real(self) as db:
            yield db
            if left[0]:
                left[0] -= 1
                raise error

    monkeypatch.setattr(Database, "writing", writing)


def test_nothing_is_acknowledged_when_theindex_fails(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    index_fails(monkeypatch, StorageUnavailable("away"), 3)
    with pytest.raises(StorageUnavailable):
        here.put(Made().part10())
    assert here.put(Made().part10()).kind == STORED


def test_a_busy_index_is_tried_again(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    index_fails(monkeypatch, StorageUnavailable("busy"), 2)
    assert here.put(Made().part10()).kind == STORED


def test_one_bad_object_does_not_spoil_its_group(tmp_path: Path) -> None:
    store = Failing(tmp_path / "objects")
    store.bad = b"POISON"
    made = house(tmp_path, objects=store)
    poison = element(0x00181020, "LO", "POISON")
    objects = [Made(sop=f"1.2.{n}", number=n, before=poison if n == 7 else b"").part10() for n in range(1, 30)]

    def put(data: bytes) -> str:
        try:
            return made.put(data).kind
        except ObjectCorrupt:
            return "refused"

    with ThreadPoolExecutor(29) as pool:
        assert Counter(pool.map(put, objects)) == {STORED: 28, "refused": 1}
    assert made.spooled() == []
    made.archive.close()


def test_objects_that_are_ready_together_share_a_round(tmp_path: Path) -> None:
    store = Failing(tmp_path / "objects")
    made = house(tmp_path, objects=store)
    with ThreadPoolExecutor(32) as pool:
        outcomes = list(pool.map(lambda n: made.put(Made(sop=f"1.2.{n}").part10()), range(200)))
    assert {outcome.kind for outcome in outcomes} == {STORED}
    assert sum(store.groups) == 200
    assert len(store.groups) < 100
    assert max(store.groups) <= 64
    made.archive.close()


def test_many_threads_bring_the_same_instance(here: House) -> None:
    with ThreadPoolExecutor(16) as pool:
        kinds = Counter(outcome.kind for outcome in pool.map(lambda _: here.put(Made().part10()), range(64)))
    assert kinds == {STORED: 1, ALREADY_STORED: 63}
    with here.archive.database.reading() as db:
        assert len(changes.after(db, 0)) == 1


def test_closing_finishes_what_was_handed_over(tmp_path: Path) -> None:
    made = house(tmp_path)
    futures = []
    for number in range(50):
        with made.archive.receive(made.origin) as incoming:
            incoming.write(Made(sop=f"1.2.{number // 2}", pixels=bytes([number]) * 32).part10())
            futures.append(made.archive.store_async(incoming))
    made.archive.close()
    assert all(future.done() for future in futures)
    assert Counter(future.result().kind for future in futures) == {STORED: 25, CONFLICT: 25}


def test_a_forked_process_stores_for_itself(here: House) -> None:
    here.put(Made().part10())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            here.archive.database.after_fork()
            code = 0 if here.put(Made(sop="1.2.9").part10()).kind == STORED else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert here.put(Made(sop="1.2.10").part10()).kind == STORED
    assert len(here.archive.instances(here.scope, "1.2.3")) == 3


_SENDER = """
import sys
from pathlib import Path
from tests.pacs.parts import Made, house
made = house(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    outcome = made.put(Made(sop=f"1.2.{number}", number=number).part10())
    print(number, outcome.stored.key, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", _SENDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        timer = threading.Timer(0.8, process.send_signal, [signal.SIGKILL])
        timer.start()
        lines = [first, *process.stdout]
        acknowledged += [line.split()[1] for line in lines if line.endswith("\n")]
        process.wait()
        timer.join()
    assert len(set(acknowledged)) > 10
    again = house(tmp_path)
    indexed = {instance.stored.key for instance in again.archive.instances(again.scope, "1.2.3")}
    assert set(acknowledged) <= indexed
    for key in indexed:
        assert again.archive.objects.get(key)
    again.archive.close()
