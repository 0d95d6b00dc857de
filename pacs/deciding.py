"""What people decided, obeyed by an index that was made anew."""

import logging
from collections.abc import Callable

from pacs.describe import describe
from storage.errors import ArchiveError
from storage.index import hospitals, reconciling
from storage.index.database import Database
from storage.model.archive import Description, StoredObject
from storage.objects.base import ObjectStore

log = logging.getLogger(__name__)


def reader(objects: ObjectStore) -> Callable[[StoredObject], Description]:
    """Describes stored objects."""

    def read(stored: StoredObject) -> Description:
        with objects.open(stored.key) as stream:
            return describe(stream)

    return read


def obey(database: Database, objects: ObjectStore) -> int:
    """Which object is canonical, and whose study is whose, as people decided; how many decisions were obeyed. What was
    only kept, linked or deleted is obeyed when the conflict or the quarantined object is noted."""
    with database.reading() as db:
        decisions = reconciling.decided(db, ("canonical", "assign"))
        known = {hospital.id: hospital for hospital in hospitals.every(db)}
    obeyed = 0
    for hospital_id, decision in decisions:
        try:
            with database.writing() as db:
                reconciling.obey(db, known[hospital_id], decision, reader(objects))
            obeyed += 1
        except ArchiveError as error:
            log.warning("a decision about %s could not be obeyed: %s", decision.identity, error)
    return obeyed
