"""Photos and PDFs beside a consultation: what they are is decided by their bytes, never by their name or sender."""

import hashlib
import json
import unicodedata

from pacs.consult import documents, photographs, rules
from pacs.consult.acting import note, spoken_for
from pacs.errors import InvalidConsult
from storage.errors import Conflict, NotFound
from storage.index import consults, hospitals
from storage.index.database import Database
from storage.index.types import now_ms
from storage.model.audit import Actor
from storage.model.consult import Attachment, ConsultEvent, Kind, NewEvent, Party, Side
from storage.objects.base import ObjectStore, attachment_key

PDF = "application/pdf"
MOST_BYTES = 20 << 20
MOST_ATTACHMENTS = 50  # of one consultation
_NAME_MOST = 120


def type_of(data: bytes) -> str:
    """The media type of the bytes; raises InvalidConsult for what we do not take."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith(b"%PDF-"):
        return PDF
    raise InvalidConsult("only photos (JPEG, PNG, WebP) and PDF can be attached")


def attach(
    database: Database,
    objects: ObjectStore,
    party: Party,
    code: str,
    client_id: str,
    name: str,
    data: bytes,
    actor: Actor,
) -> tuple[ConsultEvent, bool]:
    """Keep an attachment and tell of it; the event, and whether it is news. A photo loses what does not draw it. Raises
    NotFound, NotPermitted, Conflict, InvalidConsult, and ActiveDocument for a PDF that does more than show pages."""
    kind = type_of(data)
    if kind == PDF:
        documents.check(data)
    else:
        data = photographs.cleaned(kind, data)
    digest = hashlib.sha256(data).hexdigest()
    with database.reading() as db:
        consult = consults.get(db, code, party)
        rules.check(consult, party, Kind.ATTACHMENT)
        owner = next(one.code for one in hospitals.all(db) if one.id == consult.hospital_id)
    key = attachment_key(owner, digest)
    objects.put_bytes(key, data)
    kept = Attachment(consult.id, client_id, party.user_id, now_ms(), _clean(name), kind, len(data), key)
    with database.writing() as db:
        consult = consults.get(db, code, party, locked=True)
        side = rules.check(consult, party, Kind.ATTACHMENT)
        there = consults.attachments(db, consult.id)
        if not any(one.client_id == client_id for one in there):
            if len(there) >= MOST_ATTACHMENTS:
                raise Conflict(f"a consultation has at most {MOST_ATTACHMENTS} attachments")
            consults.attach(db, kept)
            note(db, consult, Kind.ATTACHMENT, actor, type=kind, size=len(data))
        body = {"id": client_id, "name": kept.name, "type": kind, "size": len(data)}
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        event = NewEvent(client_id, Kind.ATTACHMENT, text, party.user_id, spoken_for(consult, side))
        change = rules.changed(consult, Kind.ATTACHMENT, side, body, kept.at)
        return consults.append(db, consult, event, change)


def get(database: Database, party: Party, code: str, client_id: str) -> Attachment:
    """An attachment, for whom the consultation still shows what it is about. Raises NotFound."""
    with database.reading() as db:
        consult = consults.get(db, code, party)
        shows = Side.FROM in consult.sides(party) or consult.shows(now_ms())
        for one in consults.attachments(db, consult.id) if shows else ():
            if one.client_id == client_id:
                return one
    raise NotFound("there is no such attachment")


def _clean(name: str) -> str:
    """What the sender calls it, as one short line."""
    text = unicodedata.normalize("NFC", name)
    return " ".join("".join(c for c in text if c.isprintable() and c not in '/\\"<>').split())[-_NAME_MOST:]
