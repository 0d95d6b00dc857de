"""The index is disposable: make it anew from the objects alone, and from the receipts that lie beside them.

It may be killed at any point; started again it goes on where it was. Headers are read in several processes, rows are
written in one order: what was canonical first, then by the time of storing, so that the result is what it was.
"""

import logging
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from pacs import receipts
from pacs.archive.rejections import obey_all
from pacs.deciding import obey
from pacs.describe import describe
from storage.errors import InvalidInstance, ObjectCorrupt, ObjectMissing
from storage.index import damage, hospitals, instances, rebuild
from storage.index.database import Connection, Database
from storage.model.archive import Description, Hospital, Origin, StoredObject
from storage.model.receipts import ToRead
from storage.objects.base import ObjectStore
from storage.objects.names import sha256_of_key

log = logging.getLogger(__name__)

BATCH = 128
AHEAD = 4  # batches under way for each process
FEW = 10_000  # objects that are read sooner than other processes have started
UNKNOWN_DOOR = "rebuild"  # of objects without a receipt
Read = tuple[Description | None, str, bool]  # what an object says, or why it cannot be read, and whether it is lost
OpenStore = Callable[[], ObjectStore]


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found; `resumed` when an earlier one had not come to its end."""

    resumed: bool = False
    instances: int = 0
    conflicts: int = 0
    quarantined: int = 0
    without_receipt: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def rebuild_index(
    database: Database, open_store: OpenStore, advance: Callable[[int, int, int], None], processes: int = 0
) -> Rebuilt:
    """Clear what the index says of objects and read all objects again, or go on with that. `advance(done, total,
    bytes)` is called as it goes on. With `processes` that many read headers, else this one does; `open_store` is
    called in each. What people decided stays and is obeyed again. Raises StorageUnavailable; go on later then."""
    objects = open_store()
    with database.reading() as db:
        stage = rebuild.stage(db)
    rebuilt = Rebuilt(resumed=stage != rebuild.OVER)
    if stage == rebuild.OVER:
        receipts.write(database, objects)
        _change(database, rebuild.begin)
        stage = rebuild.LISTING
    if stage == rebuild.LISTING:
        _list(database, objects)
        stage = _go_on(database, rebuild.ORIGINS)
    if stage == rebuild.ORIGINS:
        _know_origins(database, objects)
        _go_on(database, rebuild.READING)
    _read_all(database, objects, open_store, advance, processes, rebuilt)
    obey(database, objects)
    obey_all(database, objects)
    _mark_damaged(database)
    receipts.forget(database)
    _go_on(database, rebuild.OVER)
    return rebuilt


def unfinished(database: Database) -> bool:
    """Whether a rebuild was begun and has not come to its end: the index is not to be used."""
    with database.reading() as db:
        return rebuild.stage(db) != rebuild.OVER


def _change(database: Database, change: Callable[[Connection], None]) -> None:
    with database.writing() as db:
        change(db)


def _go_on(database: Database, stage: str) -> str:
    with database.writing() as db:
        rebuild.go_on(db, stage)
    return stage


def _list(database: Database, objects: ObjectStore) -> None:
    everything = (
        ToRead(stored.key, stored.size, stored.stored_at)
        for stored in objects.keys("")
        if stored.key.split("/")[1:2] in (["o"], ["q"])
    )
    while some := list(islice(everything, 5000)):
        with database.writing() as db:
            rebuild.list_objects(db, some)


def _know_origins(database: Database, objects: ObjectStore) -> None:
    codes = {key.split("/")[0] for key in _first_keys(objects)}
    with database.reading() as db:
        codes |= {hospital.code for hospital in hospitals.every(db)}
    for code in sorted(codes):
        for some in receipts.read(objects, code):
            with database.writing() as db:
                rebuild.list_receipts(db, some)


def _first_keys(objects: ObjectStore) -> Iterator[str]:
    """A key of each hospital, also of those the index does not know any more."""
    last = ""
    for stored in objects.keys(""):
        code = stored.key.split("/")[0]
        if code != last:
            last = code
            yield stored.key


def _read_all(
    database: Database,
    objects: ObjectStore,
    open_store: OpenStore,
    advance: Callable[[int, int, int], None],
    processes: int,
    rebuilt: Rebuilt,
) -> None:
    with database.reading() as db:
        total = rebuild.total(db)
    known: dict[str, Hospital] = {}
    processes = processes if total >= FEW else 0
    with _reading(objects, open_store, processes) as start:
        under_way: deque[tuple[list[ToRead], Callable[[], list[Read]]]] = deque()
        pages = _pages(database)
        while True:
            while len(under_way) < max(1, processes * AHEAD) and (page := next(pages, None)):
                under_way.append((page, start([one.object_key for one in page])))
            if not under_way:
                return
            page, result = under_way.popleft()
            _write(database, known, page, result(), rebuilt)
            advance(len(page), total, sum(one.size for one in page))


Start = Callable[[Sequence[str]], Callable[[], list[Read]]]


@contextmanager
def _reading(objects: ObjectStore, open_store: OpenStore, processes: int) -> Iterator[Start]:
    """Something that begins to read objects, and whose answer is awaited later."""
    if not processes:
        yield lambda keys: partial(_read_from, objects, keys)
        return
    context = multiprocessing.get_context("spawn")  # threads of ours would not survive a fork
    with ProcessPoolExecutor(processes, context, _open, (open_store,)) as pool:
        yield lambda keys: pool.submit(_read, keys).result


def _pages(database: Database) -> Iterator[list[ToRead]]:
    """What is to be read, in the order of the index; what was canonical is never in one page with what was not, because
    of one batch the earliest comes first, and two objects may have come in the same moment."""
    place = rebuild.BEGINNING
    while True:
        with database.reading() as db:
            found = rebuild.page(db, place, BATCH)
        if not found:
            return
        place = found[-1][0]
        for _, some in groupby(found, key=lambda one: one[0][0]):
            yield [one for _, one in some]


_store: list[ObjectStore] = []  # of a reading process


def _open(open_store: OpenStore) -> None:
    _store[:] = [open_store()]


def _read(keys: Sequence[str]) -> list[Read]:
    return _read_from(_store[0], keys)


def _read_from(objects: ObjectStore, keys: Sequence[str]) -> list[Read]:
    return [_describe(objects, key) for key in keys]


def _describe(objects: ObjectStore, key: str) -> Read:
    try:
        with objects.open(key) as stream:
            return describe(stream), "", False
    except InvalidInstance as error:
        return None, str(error), False
    except (ObjectMissing, ObjectCorrupt) as error:
        return None, str(error), True


def _write(
    database: Database, known: dict[str, Hospital], page: Sequence[ToRead], read: Sequence[Read], rebuilt: Rebuilt
) -> None:
    """The rows of a page and that it was read, in one transaction."""
    batch: list[tuple[Description, StoredObject, Origin]] = []
    with database.writing() as db:
        for one, (description, reason, lost) in zip(page, read, strict=True):
            rebuilt.without_receipt += not one.door
            code, kind = one.object_key.split("/")[:2]
            stored = StoredObject(one.object_key, one.size, sha256_of_key(one.object_key), one.stored_at)
            origin = _origin(db, known, code, one)
            if lost:
                rebuilt.unreadable.append((one.object_key, reason))
            elif kind == "q" or description is None:
                instances.add_quarantine(db, stored, origin, reason or "quarantined when it was received")
                rebuilt.quarantined += 1
            else:
                batch.append((description, stored, origin))
        for (description, stored, origin), added in zip(batch, instances.add(db, batch) if batch else [], strict=True):
            if added.kind == instances.DIFFERS and added.existing is not None:
                instances.add_conflict(db, description, stored, origin, added.existing)
                rebuilt.conflicts += 1
            else:
                rebuilt.instances += 1
        rebuild.done(db, [one.object_key for one in page])


def _origin(db: Connection, known: dict[str, Hospital], code: str, one: ToRead) -> Origin:
    if code not in known:
        listed = {hospital.code: hospital for hospital in hospitals.every(db)}
        known[code] = listed.get(code) or hospitals.ensure(db, code, code)
    hospital_id = known[code].id
    if not one.door:
        return Origin(hospital_id, code, UNKNOWN_DOOR, UNKNOWN_DOOR)
    return Origin(hospital_id, code, one.door, one.source, one.address)


def _mark_damaged(database: Database) -> None:
    """What was known to be damaged still is."""
    after = ""
    while True:
        with database.writing() as db:
            some = damage.all(db, after=after)
            for one in some:
                damage.mark_again(db, one)
        if not some:
            return
        after = some[-1].object_key
