"""The index is disposable: make it anew from the objects alone."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from pacs.deciding import obey
from pacs.describe import describe
from storage.errors import ArchiveError, InvalidInstance
from storage.index import hospitals, instances, maintenance
from storage.index.database import Database
from storage.model.archive import Description, Hospital, Origin, StoredObject
from storage.objects.base import ObjectStore

log = logging.getLogger(__name__)

BATCH = 256


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found."""

    instances: int = 0
    conflicts: int = 0
    quarantined: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def rebuild(database: Database, objects: ObjectStore, advance: Callable[[int, int, int], None]) -> Rebuilt:
    """Clear what the index says of objects and read all objects again, oldest first, so that the first stored of two
    contradicting ones is canonical again. `advance(done, total, bytes)` is called as it goes on."""
    everything = (stored for stored in objects.keys("") if stored.key.split("/")[1:2] in (["o"], ["q"]))
    found = sorted(everything, key=lambda stored: (stored.stored_at, stored.key))
    with database.writing() as db:
        maintenance.clear(db)
    known: dict[str, Hospital] = {}
    rebuilt = Rebuilt()
    batch: list[tuple[Description, StoredObject, Origin]] = []
    for stored in found:
        code, kind = stored.key.split("/")[:2]
        origin = Origin(_hospital(database, known, code).id, code, "rebuild", "rebuild")
        if kind == "q":
            _quarantine(database, stored, origin, _why(objects, stored))
            rebuilt.quarantined += 1
        else:
            _describe(objects, stored, origin, batch, rebuilt, database)
        if len(batch) >= BATCH:
            _write(database, batch, rebuilt)
        advance(1, len(found), stored.size)
    _write(database, batch, rebuilt)
    obey(database, objects)
    return rebuilt


def _describe(
    objects: ObjectStore,
    stored: StoredObject,
    origin: Origin,
    batch: list[tuple[Description, StoredObject, Origin]],
    rebuilt: Rebuilt,
    database: Database,
) -> None:
    try:
        with objects.open(stored.key) as stream:
            batch.append((describe(stream), stored, origin))
    except InvalidInstance as error:
        _quarantine(database, stored, origin, str(error))
        rebuilt.quarantined += 1
    except ArchiveError as error:
        rebuilt.unreadable.append((stored.key, str(error)))


def _why(objects: ObjectStore, stored: StoredObject) -> str:
    """The reason of a quarantined object is what describing it says again."""
    try:
        with objects.open(stored.key) as stream:
            describe(stream)
    except ArchiveError as error:
        return str(error)
    return "quarantined when it was received"


def _write(database: Database, batch: list[tuple[Description, StoredObject, Origin]], rebuilt: Rebuilt) -> None:
    if not batch:
        return
    with database.writing() as db:
        for (description, stored, origin), added in zip(batch, instances.add(db, batch), strict=True):
            if added.kind == "differs" and added.existing is not None:
                instances.add_conflict(db, description, stored, origin, added.existing)
                rebuilt.conflicts += 1
            else:
                rebuilt.instances += 1
    batch.clear()


def _quarantine(database: Database, stored: StoredObject, origin: Origin, reason: str) -> None:
    with database.writing() as db:
        instances.add_quarantine(db, stored, origin, reason)


def _hospital(database: Database, known: dict[str, Hospital], code: str) -> Hospital:
    if code not in known:
        with database.writing() as db:
            listed = {hospital.code: hospital for hospital in hospitals.all(db)}
            known[code] = listed.get(code) or hospitals.ensure(db, code, code)
    return known[code]
