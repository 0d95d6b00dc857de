"""Objects that are stored and that nothing points to: described and indexed, as if their sender had been answered.

A process ended between the bytes and their rows. The sender was never told of success, so it has sent them again or
will; taking them in is harmless, and losing them might not be.
"""

import logging
from collections.abc import Callable
from contextlib import suppress

from pacs.archive.rejections import heed
from pacs.describe import describe
from storage.errors import InvalidInstance, ObjectCorrupt
from storage.index import instances, noted, rejecting
from storage.index.database import Database
from storage.model.archive import (
    ALREADY_STORED,
    CONFLICT,
    QUARANTINED,
    STORED,
    Description,
    Instance,
    Origin,
    StoredObject,
)
from storage.objects.base import ObjectStore

log = logging.getLogger(__name__)

DOOR = "recovered"
SameContent = Callable[[Description, StoredObject, Instance], bool]


def adopt(
    database: Database, objects: ObjectStore, same_content: SameContent, stored: StoredObject, origin: Origin
) -> str:
    """Index an object that is stored; what became of it, as in Outcome. Raises ObjectCorrupt when it is not what it was
    stored as: then it stays where it is."""
    if objects.verified(stored.key) is None:
        raise ObjectCorrupt(f"{stored.key} went away")
    try:
        with objects.open(stored.key) as stream:
            description = describe(stream)
    except InvalidInstance as error:
        return _quarantined(database, stored, origin, str(error))
    if stored.key.split("/")[1] == "q":
        return _quarantined(database, stored, origin, "quarantined when it was received")
    with database.writing() as db:
        added = instances.add(db, [(description, stored, origin)])[0]
        rejected = rejecting.hit(db, [origin.hospital_id], [description.key.sop_instance_uid])
    if added.existing is None:
        heed(database, objects, [(description, stored, origin)], rejected)
        return STORED
    if added.existing.stored.sha256 == stored.sha256:
        return ALREADY_STORED
    return _beside(database, objects, same_content, (description, stored, origin), added.existing)


def _quarantined(database: Database, stored: StoredObject, origin: Origin, reason: str) -> str:
    with database.writing() as db:
        instances.add_quarantine(db, stored, origin, reason)
    return QUARANTINED


def _beside(
    database: Database,
    objects: ObjectStore,
    same_content: SameContent,
    newcomer: tuple[Description, StoredObject, Origin],
    existing: Instance,
) -> str:
    """Other bytes under a known SOP Instance UID: another encoding of the same, which is not kept twice, or a
    conflict."""
    description, stored, origin = newcomer
    same = False
    with suppress(ObjectCorrupt):
        same = same_content(description, stored, existing)
    with database.writing() as db:
        noted.hold(db, [stored.key])
        if same and not noted.conflict(db, origin.hospital_id, description.key.sop_instance_uid, stored.sha256):
            objects.delete(stored.key)
            return ALREADY_STORED
        instances.add_conflict(db, description, stored, origin, existing)
    return CONFLICT
