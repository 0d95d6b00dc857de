"""Anonymised consultations: the copies that the side which is asked sees, made by the worker."""

from pacs import sharing
from pacs.archive import Archive
from pacs.consult import acting
from storage.index import consults, hospitals, links
from storage.index.database import Database
from storage.model.archive import Scope
from storage.model.consult import ENDED, Named
from storage.model.links import LinkTerms

LONGEST_MS = 366 * 24 * 3600 * 1000  # copies go with the consultation, and after a year in any case


def copy(archive: Archive, consult_id: int, stop: sharing.Stop = lambda: False) -> bool:
    """Make the copies of a consultation, or those that are missing; False when `stop` said so before all were made.
    What is made already is seen while the rest is being made."""
    with archive.database.writing() as db:
        consult = consults.by_id(db, consult_id)
        if not consult.anonymise or consult.state in ENDED:
            return True
        named = consults.studies(db, [consult.id])[consult.id]
        link, now = links.of_consult(db, consult.id), archive.clock()
        if link is None or not link.stands(now):
            terms = LinkTerms(
                consult.hospital_id, consult.requester_id, consult.question[:200] or consult.code, "", now + LONGEST_MS,
                anonymise=True, consult_id=consult.id,
            )  # fmt: skip
            scope = Scope(frozenset({consult.hospital_id}))
            link = sharing.make(db, terms, scope, [one.study_instance_uid for one in named], now)
            home = hospitals.shared(db).id
            copies = {one.study_instance_uid: one.copy_uid for one in links.studies(db, link.id)}
            for one in named:
                original = Named(one.hospital_id, one.study_instance_uid)
                acting.show_copy(db, consult, original, home, copies[one.study_instance_uid])
    return sharing.prepare(archive, link.id, stop)


def sweep(database: Database, now: int) -> int:
    """End the copies of consultations that show nothing any more; how many."""
    with database.writing() as db:
        over = links.idle_copies(db, now)
        for link_id in over:
            sharing.end(db, link_id, now)
    return len(over)
