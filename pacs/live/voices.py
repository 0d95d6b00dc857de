"""Recorded voices: pieces of some seconds, as the browser of who speaks sends them; kept, and deleted for good.

What the bytes are is decided by their beginning. A piece is kept only for a take (pacs/live/sound.py) in which its
member had agreed, so a program that is not ours records nobody either.
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass

from pacs.live import sound
from storage.errors import Conflict, NotFound, NotPermitted
from storage.index import audit, hospitals, notices, rooms, sounds
from storage.index.database import Connection, Database
from storage.index.types import now_ms
from storage.model.audit import Actor
from storage.model.live import SOUND_DELETED, STEP, Room, SoundPiece
from storage.objects.base import ObjectStore, sound_key

log = logging.getLogger(__name__)

MOST_BYTES = 512 << 10
SHORTEST_MS, LONGEST_MS = 20, 20_000
LATEST_MS = 48 * 3600 * 1000  # a browser that was cut off brings what it kept within this
SPARE_MS = 20_000  # pieces of one member overlap a little
DAY_MS = 24 * 3600 * 1000
KEEPER = Actor("hoichan", "program")


@dataclass(frozen=True, slots=True)
class Offered:
    """A piece as it was sent."""

    client_id: str
    take: int
    at: int
    duration_ms: int
    data: bytes


def type_of(data: bytes) -> str:
    """The media type of the bytes; raises Conflict for what no browser of ours records."""
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return "audio/webm"
    if data.startswith(b"OggS"):
        return "audio/ogg"
    if data[4:8] == b"ftyp":
        return "audio/mp4"
    raise Conflict("this is no sound that a browser records")


def keep(database: Database, objects: ObjectStore, room: Room, member: str, offered: Offered, actor: Actor) -> bool:
    """Keep a piece; False when it was there. Raises Conflict for what may not be kept, which is then final."""
    kind, digest = type_of(offered.data), hashlib.sha256(offered.data).hexdigest()
    with database.reading() as db:
        if _there(db, room, member, offered, digest):
            return False
        _check(db, room, member, offered)
        owner = hospitals.by_id(db, room.hospital_id).code
    key = sound_key(owner, digest)
    objects.put_bytes(key, offered.data)
    with database.writing() as db:
        if _there(db, room, member, offered, digest):
            return False
        _check(db, room, member, offered)
        first = not sounds.recorded(db, room.id, offered.take, member)
        position = _position(db, room.id, offered.at)
        piece = SoundPiece(
            offered.client_id, member, offered.take, position, offered.at, offered.duration_ms, kind,
            len(offered.data), key,
        )  # fmt: skip
        sounds.add(db, room.id, piece)
        if first:
            audit.note(db, actor, [room.hospital_id], "room.sound-keep", room.code)
    return True


def delete(database: Database, room: Room, member: str, actor: Actor, reason: str) -> int:
    """Delete what was recorded of this room, for good; how many pieces. Raises Conflict while sound is recorded."""
    with database.writing() as db:
        if room.ended_at is None and sound.standing(rooms.events_of(db, room.id, sound.KINDS)).asked:
            raise Conflict("sound is being recorded: stop that first")
        return _delete(db, room, member, actor, reason)


def forget(database: Database, objects: ObjectStore, room_id: int) -> None:
    """Forget the bytes of what was deleted; the task behind it tries again until all are gone."""
    with database.reading() as db:
        keys = sounds.deleted(db, room_id)
    for key in keys:
        objects.delete(key)
    with database.writing() as db:
        sounds.forget(db, room_id)
    log.info("forgot %d objects of recorded sound", len(keys))


def retain(database: Database, days: int, now: int) -> int:
    """Delete what is older than so many days, when that is not 0; of how many rooms."""
    if not days:
        return 0
    with database.reading() as db:
        old = sounds.rooms_before(db, now - days * DAY_MS)
    for room_id in old:
        with database.writing() as db:
            _delete(db, rooms.by_id(db, room_id), "", KEEPER, f"live.sound_days: {days}")
    return len(old)


def _delete(db: Connection, room: Room, member: str, actor: Actor, reason: str) -> int:
    count = sounds.delete(db, room.id)
    rooms.append(db, room.id, member, f"deleted-{secrets.token_hex(8)}", SOUND_DELETED, {"pieces": count})
    audit.note(db, actor, [room.hospital_id], "room.sound-delete", room.code, reason=reason)
    notices.tell(db, notices.ROOMS, str(room.id))
    return count


def _there(db: Connection, room: Room, member: str, offered: Offered, digest: str) -> bool:
    try:
        known = sounds.get(db, room.id, offered.client_id)
    except NotFound:
        return False
    if known.member != member or not known.object_key.endswith(digest):
        raise Conflict("there is another piece of this name")
    return True


def _check(db: Connection, room: Room, member: str, offered: Offered) -> None:
    """Raises NotPermitted for sound that was not to be recorded, Conflict for what cannot be true."""
    now, length = now_ms(), offered.duration_ms
    if not SHORTEST_MS <= length <= LONGEST_MS or len(offered.data) > 8192 + 40 * length:
        raise Conflict("a piece is of 0.02 to 20 seconds, at 320 kbit/s at most")
    found = [one for one in sound.takes(rooms.events_of(db, room.id, sound.KINDS)) if one.number == offered.take]
    if not found or not sound.belongs(found[0], member, offered.at, length, now) or offered.at < now - LATEST_MS:
        raise NotPermitted("this was not to be recorded")
    lasted = (now if found[0].until is None else found[0].until) - found[0].since
    if sounds.recorded(db, room.id, offered.take, member) + length > lasted + SPARE_MS:
        raise Conflict("there is more sound than time")


def _position(db: Connection, room_id: int, at: int) -> int:
    """The case the room was looking at."""
    steps = [event for event in rooms.events_of(db, room_id, [STEP]) if event.at <= at]
    return int(steps[-1].body["case"]) if steps else 0
