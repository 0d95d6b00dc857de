"""Whether what the index promises is in the store: objects are read back and their SHA-256 compared.

Three sets come of it: objects that are indexed and missing, objects that are stored and not indexed, and corrupt ones.
Corrupt bytes are moved aside (they may be of use to a person), so that the same content, sent again, finds its place
free and repairs the loss.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from storage.errors import ObjectCorrupt, StorageUnavailable
from storage.index import commitments, damage, hospitals
from storage.index.database import Database
from storage.model.archive import StoredObject
from storage.model.commitment import FailureReason, Reference
from storage.model.damage import CORRUPT, MISSING, Referenced
from storage.objects.base import ObjectStore, aside_key, aside_prefix

log = logging.getLogger(__name__)

WAITING = "waiting"
AT_ONCE = 500
YOUNG_MS = 3600 * 1000  # an object may be on its way into the index for so long
LARGE_GROUP = 200_000  # instances whose keys are held in memory at once

Between = Callable[[], None]


def examine(objects: ObjectStore, key: str) -> str:
    """Read the object back from its final store: "" when it is what was stored, CORRUPT, MISSING, or WAITING when it
    has not come there yet. Raises StorageUnavailable when the store does not answer."""
    try:
        if objects.verified(key) is not None:
            return ""
    except ObjectCorrupt:
        return CORRUPT
    return MISSING if objects.stat(key) is None else WAITING


def check(database: Database, objects: ObjectStore, found: Referenced, now: int) -> str:
    """Examine an object the index points to, and note what is wrong with it; what it is now. Wrong once may be a fault
    of this machine's memory: it is read twice before it is called corrupt."""
    state = examine(objects, found.object_key)
    aside = ""
    if state == CORRUPT and examine(objects, found.object_key) == CORRUPT:
        aside = aside_key(found.object_key, now)
        try:
            objects.set_aside(found.object_key, aside)
            if examine(objects, found.object_key) == "":
                log.warning("%s was corrupt and is mended from another copy", found.object_key)
                return ""
        except StorageUnavailable as error:
            log.warning("%s is corrupt and could not be moved aside: %s", found.object_key, error)
            aside = ""
    if state in (CORRUPT, MISSING):
        with database.writing() as db:
            if (state == CORRUPT and aside == "") or objects.stat(found.object_key) is None:
                state = damage.note(db, found, state, aside)
            else:  # it was sent again in this moment
                state = ""
        if state:
            log.error("%s is %s", found.object_key, state)
    return state


@dataclass(slots=True)
class Verified:
    """What reading back found, by object key."""

    checked: int = 0
    bytes: int = 0
    waiting: int = 0
    corrupt: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unindexed: list[StoredObject] = field(default_factory=list)


def verify(
    database: Database,
    objects: ObjectStore,
    now: int,
    advance: Callable[[int, int], None],
    share: float = 1.0,
    threads: int = 4,
) -> Verified:
    """Read back everything the index points to, or about this `share` of it chosen at random, several at a time; then
    compare the index with a listing of the store. `advance(objects, bytes)` is called as it goes on."""
    found, lock = Verified(), threading.Lock()

    def one(referenced: Referenced) -> None:
        state = check(database, objects, referenced, now)
        with lock:
            found.checked += 1
            found.bytes += referenced.size
            found.waiting += state == WAITING
            if state in (CORRUPT, MISSING):
                (found.corrupt if state == CORRUPT else found.missing).append(referenced.object_key)
            advance(1, referenced.size)

    chosen = (each for each in referenced(database) if share >= 1 or random.random() < share)
    with ThreadPoolExecutor(threads, thread_name_prefix="verify") as pool:
        while some := list(islice(chosen, AT_ONCE)):
            list(pool.map(one, some))
    known = {*found.corrupt, *found.missing}
    for key, stored in _compared(database, objects, lambda: None):
        if stored is not None and stored.stored_at < now - YOUNG_MS:
            found.unindexed.append(stored)
        elif stored is None and key not in known and objects.stat(key) is None:
            found.missing.append(key)
    return found


def referenced(database: Database) -> Iterator[Referenced]:
    """Every object the index points to: of instances, of conflicts, quarantined and rejected
    ones."""
    place: tuple[int, str] = (0, "")
    while True:
        with database.reading() as db:
            page = damage.referenced_instances(db, place, AT_ONCE)
        yield from (one for _, one in page)
        if len(page) < AT_ONCE:
            break
        place = page[-1][0]
    for name in ("conflict", "quarantine", "rejected"):
        after = 0
        while True:
            with database.reading() as db:
                beside = damage.referenced_beside(db, name, after, AT_ONCE)
            if not beside:
                break
            yield from (one for _, one in beside)
            after = beside[-1][0]


def recheck(database: Database, objects: ObjectStore, between: Between = lambda: None) -> int:
    """Look again at everything that is noted as damaged; how many are there again as they should be."""
    mended, after = 0, ""
    while True:
        with database.reading() as db:
            some = damage.all(db, limit=AT_ONCE, after=after)
        for one in some:
            between()
            if examine(objects, one.object_key) == "":
                with database.writing() as db:
                    mended += damage.repaired(db, one.object_key)
        if len(some) < AT_ONCE:
            return mended
        after = some[-1].object_key


def unindexed(
    database: Database, objects: ObjectStore, now: int, between: Between = lambda: None
) -> Iterator[StoredObject]:
    """Objects of instances and quarantined ones that nothing in the index points to: a process ended between the two.
    Those that are younger than an hour are left out, they may be on their way."""
    for key, stored in _compared(database, objects, between):
        if stored is not None and stored.stored_at < now - YOUNG_MS:
            log.info("%s is not indexed", key)
            yield stored


def stale(database: Database, objects: ObjectStore, now: int) -> Iterator[StoredObject]:
    """Manifests and thumbnails that no series points to any more, a day old at least."""
    with database.reading() as db:
        known = damage.derived_keys(db)
        codes = [hospital.code for hospital in hospitals.every(db)]
    for code in codes:
        for stored in objects.keys(f"{code}/d/"):
            if damage.packed(stored.key) not in known and stored.stored_at < now - 24 * YOUNG_MS:
                yield stored


def _compared(database: Database, objects: ObjectStore, between: Between) -> Iterator[tuple[str, StoredObject | None]]:
    """Every key that is only stored, and every key that is only indexed (then without an object)."""
    with database.reading() as db:
        codes = [hospital.code for hospital in hospitals.every(db)]
        count = damage.instances_in_all(db)
    digits = 0 if count <= LARGE_GROUP else 1 if count <= 16 * LARGE_GROUP else 2
    for number in range(16**digits):
        low = f"{number:0{digits}x}" if digits else ""
        high = f"{number + 1:0{digits}x}" if digits and number + 1 < 16**digits else ""
        with database.reading() as db:
            indexed = damage.keys_between(db, low, high)
        for stored in _listed(objects, codes, low):
            between()
            packed = damage.packed(stored.key)
            if packed in indexed:
                indexed.discard(packed)
            else:
                yield stored.key, stored
        for packed in indexed:
            yield _unpacked(packed), None


def _listed(objects: ObjectStore, codes: Iterable[str], low: str) -> Iterator[StoredObject]:
    for code in codes:
        for kind in ("o", "q"):
            yield from objects.keys(f"{code}/{kind}/{low}")


def _unpacked(packed: bytes) -> str:
    return f"{packed[:-32].decode()}/{packed[-32:].hex()}"


def commit(
    database: Database,
    objects: ObjectStore,
    hospital_id: int,
    references: Sequence[Reference],
    between: Between = lambda: None,
) -> list[Reference]:
    """What we answer for of these instances (PS3.4 J.3): each is looked up, and everything kept under its UID is read
    back from its final store. Raises StorageUnavailable when the store or the index does not answer, or when an object
    has not come to its final store yet: nothing is known then, and nothing may be said. `between` is called before
    each; it may raise to end this."""
    result = []
    for one, kept in _looked_up(database, hospital_id, references):
        between()
        result.append(Reference(one.sop_class_uid, one.sop_instance_uid, _reason(objects, one, kept)))
    return result


def _looked_up(
    database: Database, hospital_id: int, references: Sequence[Reference]
) -> Iterator[tuple[Reference, commitments.Kept | None]]:
    waiting = iter(references)
    while some := list(islice(waiting, AT_ONCE)):
        with database.reading() as db:
            found = commitments.kept(db, hospital_id, {one.sop_instance_uid for one in some})
        yield from ((one, found.get(one.sop_instance_uid)) for one in some)


def _reason(objects: ObjectStore, reference: Reference, kept: commitments.Kept | None) -> int:
    if kept is None:
        return FailureReason.NO_SUCH_OBJECT_INSTANCE
    if kept.sop_class_uid != reference.sop_class_uid:
        return FailureReason.CLASS_INSTANCE_CONFLICT
    states = {examine(objects, key) for key in kept.object_keys}
    if WAITING in states:
        raise StorageUnavailable("an object has not come to its final store yet")
    if MISSING in states and not any(_was_set_aside(objects, key) for key in kept.object_keys):
        return FailureReason.NO_SUCH_OBJECT_INSTANCE
    return 0 if states == {""} else FailureReason.PROCESSING_FAILURE


def _was_set_aside(objects: ObjectStore, key: str) -> bool:
    """Whether the object was there and is no longer what it was: the scrub may have come first."""
    return next(iter(objects.keys(aside_prefix(key))), None) is not None
