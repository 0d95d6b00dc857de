"""Signed minutes become an instance of the study at the hospital that asked. The worker does it: what was killed in the
middle is done again, and what is there is left alone."""

import hashlib
import logging
from typing import Any

from pacs.archive import Archive
from pacs.archive.document import encapsulated
from pacs.minutes.document import Paper
from pacs.minutes.pdf import pdf_of
from storage.errors import NotFound
from storage.index import accounts as people
from storage.index import consults, hospitals, minutes, tasks
from storage.index.database import Connection
from storage.model.archive import Origin, Scope
from storage.model.consult import Consult
from storage.model.minutes import Signature

log = logging.getLogger(__name__)

FILE = "file minutes"  # the task; its arguments are the id of the consultation and the number of parts that are signed
DOOR = "minutes"
BOTH = frozenset({"from", "to"})


def ask(db: Connection, consult_id: int, part: int) -> None:
    """Have the minutes with this many addenda filed."""
    tasks.enqueue(db, FILE, {"consult": consult_id, "part": part}, key=f"{FILE} {consult_id} {part}")


def file(archive: Archive, given: dict[str, Any]) -> None:
    """Draw and store. Raises NotFound when the study is gone."""
    consult_id, part = int(given["consult"]), int(given["part"])
    with archive.database.reading() as db:
        consult = consults.by_id(db, consult_id)
        named = consults.studies(db, [consult_id])[consult_id]
        paper = paper_of(db, consult, part)
        hospital = hospitals.by_id(db, consult.hospital_id)
    scope, study = Scope(frozenset({consult.hospital_id})), named[0].study_instance_uid
    first = archive.instances(scope, study)[0]
    uids = uid_of(f"{paper.minutes.sha256} series"), uid_of(f"{paper.minutes.sha256} {part}")
    try:
        archive.instance_by_uid(scope, uids[1])
        return
    except NotFound:
        pass
    title = f"Biên bản hội chẩn số {paper.minutes.number}"
    made = encapsulated(archive.objects, first, pdf_of(paper), title, uids, part + 1, archive.clock())
    with archive.receive(Origin(hospital.id, hospital.code, DOOR, "hoichan")) as incoming:
        incoming.write(made)
        archive.store(incoming)
    log.info("minutes are filed as %s", uids[1])


def paper_of(db: Connection, consult: Consult, part: int | None = None, *, named: bool = True) -> Paper:
    """The page as it stands, or as it was with so many addenda. Raises NotFound when nothing is written."""
    found = minutes.get(db, consult.id)
    if found is None:
        raise NotFound("there are no minutes yet")
    signatures, addenda = minutes.signatures(db, consult.id), minutes.addenda(db, consult.id)
    if part is not None:
        addenda = [one for one in addenda if one.number <= part]
    asks = hospitals.by_id(db, consult.hospital_id).name
    return Paper(found, signatures, addenda, asks, answering(db, consult), named)


def answering(db: Connection, consult: Consult) -> str:
    """Who is asked, as the page names them: the hospital, or the person and where they are."""
    if consult.to_hospital_id is not None:
        return hospitals.by_id(db, consult.to_hospital_id).name
    user = people.user(db, consult.to_user_id or 0)
    return user.display_name or user.name


def complete(signatures: list[Signature], part: int) -> bool:
    """Whether both sides have signed the minutes (part 0) or addendum n."""
    return {one.side for one in signatures if one.part == part} == BOTH


def uid_of(text: str) -> str:
    """A UID that is the same for the same text (PS3.5 B.2)."""
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digest, 'big')}"
