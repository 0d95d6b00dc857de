"""Whether what the index promises is in the store: objects are read back and their SHA-256 compared."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from storage.errors import ObjectCorrupt, StorageUnavailable
from storage.index import commitments
from storage.index.database import Database
from storage.model.commitment import FailureReason, Reference
from storage.objects.base import ObjectStore

CORRUPT, MISSING, WAITING = "corrupt", "missing", "waiting"
AT_ONCE = 500


def examine(objects: ObjectStore, key: str) -> str:
    """Read the object back from its final store: "" when it is what was stored, CORRUPT, MISSING, or WAITING when it
    has not come there yet. Raises StorageUnavailable when the store does not answer."""
    try:
        if objects.verified(key) is not None:
            return ""
    except ObjectCorrupt:
        return CORRUPT
    return MISSING if objects.stat(key) is None else WAITING


def commit(
    database: Database,
    objects: ObjectStore,
    hospital_id: int,
    references: Sequence[Reference],
    between: Callable[[], None] = lambda: None,
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
    if MISSING in states:
        return FailureReason.NO_SUCH_OBJECT_INSTANCE
    return 0 if states == {""} else FailureReason.PROCESSING_FAILURE
