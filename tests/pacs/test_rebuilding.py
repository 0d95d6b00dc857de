"""The index is made anew from objects and receipts alone, is what it was, and survives being killed on the way."""

import hashlib
import os
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pacs import rebuilding as room
from pacs import receipts
from pacs.command import main
from pacs.jobs.worker import Worker
from pacs.rebuilding import Rebuilt, rebuild_index, unfinished
from pacs.verifying import verify
from storage.errors import StorageUnavailable
from storage.index import changes, damage, instances
from storage.index.database import Database
from storage.index.dump import canonical
from storage.model.archive import CONFLICT, QUARANTINED, Origin, Scope
from storage.objects import filesystem
from storage.objects.base import object_key
from storage.objects.filesystem import FilesystemStore
from tests.pacs.parts import House, Made, house
from tests.support.index import lay_index
from tests.support.server import free_port


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BATCH", 4)
    monkeypatch.setattr(room, "FEW", 0)


def filled(folder: Path, count: int = 12) -> House:
    """An archive with objects from several doors, a conflict and one in quarantine, and its receipts written."""
    here = house(folder)
    origins = [
        replace(here.origin, door="dimse", source="CT1", address="10.0.0.1"),
        replace(here.origin, door="stow", source="an"),
    ]
    numbers = list(range(count))
    random.Random(1).shuffle(numbers)
    for n in numbers:
        send(here, origins[n % 2], Made(series=f"1.2.3.{n % 3}", sop=f"1.2.3.{n % 3}.{n}", number=n).part10())
    other = Made(series="1.2.3.0", sop="1.2.3.0.0", number=0, description="khác").part10()
    assert send(here, origins[0], other) == CONFLICT
    assert send(here, origins[1], b"odd" * 100) == QUARANTINED
    receipts.write(here.archive.database, here.archive.objects)
    return here


def send(here: House, origin: Origin, data: bytes) -> str:
    with here.archive.receive(origin) as incoming:
        incoming.write(data)
        return here.archive.store(incoming).kind


def dump(database: Database) -> list[str]:
    with database.reading() as db:
        return list(canonical(db, origins=True))


def again(
    here: House, database: Database, processes: int = 0, advance: Callable[[int, int, int], None] | None = None
) -> Rebuilt:
    open_store = partial(FilesystemStore, here.folder / "objects")
    return rebuild_index(database, open_store, advance or (lambda done, total, size: None), processes)


def new_index(here: House, name: str = "new") -> Database:
    return Database(lay_index(here.folder / f"{name}.sqlite"))


@pytest.mark.parametrize("processes", [0, 2])
def test_objects_and_receipts_alone_make_the_same_index(tmp_path: Path, processes: int) -> None:
    here = filled(tmp_path)
    for path in sorted((tmp_path / "objects").rglob("*")):
        if path.is_file():
            os.utime(path, (1, random.Random(path.name).randrange(10**9)))  # as after a restore that kept no times
    database = new_index(here)
    rebuilt = again(here, database, processes)
    assert dump(database) == dump(here.archive.database)
    assert (rebuilt.instances, rebuilt.conflicts, rebuilt.quarantined, rebuilt.without_receipt) == (12, 1, 1, 0)
    assert not rebuilt.resumed
    assert not unfinished(database)
    with database.reading() as db:
        assert {entry.source for entry in instances.conflicts(db, Scope(frozenset({1})))} == {"CT1"}
    assert receipts.write(database, here.archive.objects) == 0  # nothing is written twice
    database.close()
    here.archive.close()


def test_of_two_that_came_in_the_same_moment_the_same_one_stays_canonical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = filesystem._stored
    monkeypatch.setattr(filesystem, "_stored", lambda *told: replace(real(*told), stored_at=1_795_760_252_621))
    here = house(tmp_path)
    made = [Made(description=text).part10() for text in ("ngực", "sọ não")]
    made.sort(key=lambda data: hashlib.sha256(data).hexdigest(), reverse=True)
    assert send(here, here.origin, made[0]) != CONFLICT
    assert send(here, here.origin, made[1]) == CONFLICT
    before = dump(here.archive.database)
    again(here, here.archive.database)
    assert dump(here.archive.database) == before
    here.archive.close()


def test_without_receipts_only_the_origin_is_unknown(tmp_path: Path) -> None:
    here = filled(tmp_path)
    for stored in list(here.archive.objects.keys("main/r/")):
        here.archive.objects.delete(stored.key)
    database = new_index(here)
    rebuilt = again(here, database)
    assert rebuilt.without_receipt == 14
    with database.reading() as new, here.archive.database.reading() as old:
        assert list(canonical(new)) == list(canonical(old))
    database.close()
    here.archive.close()


def test_receipts_that_were_not_written_yet_are_not_lost_by_a_rebuild_in_place(tmp_path: Path) -> None:
    here = filled(tmp_path)
    send(here, replace(here.origin, door="dimse", source="LATE"), Made(series="1.2.9", sop="1.2.9.1").part10())
    before = dump(here.archive.database)
    assert again(here, here.archive.database).without_receipt == 0
    assert dump(here.archive.database) == before
    here.archive.close()


def test_the_worker_writes_receipts(here: House) -> None:
    here.put(Made().part10())
    Worker(here.archive).step()
    (found,) = [one for some in receipts.read(here.archive.objects, "main") for one in some]
    assert (found.door, found.source, found.rank) == ("import", "test", 0)
    with here.archive.database.reading() as db:
        assert changes.cursor(db, receipts.CURSOR) == 1


def killed_at(here: House, last: int) -> None:
    """Rebuild, and end this process as kill -9 does after so many pages."""
    pages = 0

    def advance(done: int, total: int, size: int) -> None:
        nonlocal pages
        pages += 1
        if pages == last:
            os._exit(9)

    again(here, new_index(here), 0, advance)
    os._exit(0)


def test_killed_in_the_middle_it_goes_on(tmp_path: Path) -> None:
    here = filled(tmp_path)
    expected = dump(here.archive.database)
    here.archive.close()
    for last in (1, 2, 1):
        child = os.fork()
        if child == 0:
            killed_at(here, last)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    database = new_index(here)
    assert unfinished(database)
    rebuilt = again(here, database)
    assert rebuilt.resumed
    assert rebuilt.instances + rebuilt.conflicts + rebuilt.quarantined < 14
    assert dump(database) == expected
    assert not unfinished(database)
    database.close()


def test_a_store_that_goes_away_ends_it_and_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = filled(tmp_path)
    database = new_index(here)
    with monkeypatch.context() as broken:

        def away(store: FilesystemStore, key: str, *_: object) -> None:
            raise StorageUnavailable("the store does not answer")

        broken.setattr(FilesystemStore, "open", away)
        with pytest.raises(StorageUnavailable):
            again(here, database)
    assert unfinished(database)
    again(here, database)
    assert dump(database) == dump(here.archive.database)
    database.close()
    here.archive.close()


def test_what_was_damaged_still_is(tmp_path: Path) -> None:
    here = filled(tmp_path)
    uid = "1.2.3.1.1"
    stored = here.archive.instance_by_uid(here.scope, uid).stored
    path = here.archive.objects.local_path(stored.key)
    assert path is not None
    path.chmod(0o600)
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bytes([data[-2] ^ 1, data[-1]]))
    again(here, here.archive.database)
    found = verify(here.archive.database, here.archive.objects, here.archive.clock(), lambda count, size: None)
    assert found.corrupt == [stored.key]
    here.archive.objects.put_bytes(object_key("main", hashlib.sha256(data).hexdigest()), data)  # unknown to the index
    again(here, here.archive.database)
    assert here.archive.instance_by_uid(here.scope, uid).damage == "corrupt"
    with here.archive.database.reading() as db:
        assert len(damage.all(db, here.scope)) == 1
    here.archive.close()


def test_the_server_does_not_start_on_half_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = filled(tmp_path)

    def stop(done: int, total: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(here, here.archive.database, 0, stop)
    here.archive.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOICHAN_DATA", str(tmp_path))
    monkeypatch.setenv("HOICHAN_WEB__PORT", str(free_port()))
    monkeypatch.setenv("HOICHAN_DICOM__PORT", str(free_port()))
    assert main(["serve"]) == 1
    assert "index rebuild" in capsys.readouterr().err
    assert main(["index", "rebuild"]) == 0
    assert "going on" in capsys.readouterr().err
