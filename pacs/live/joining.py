"""How somebody enters a room: a ticket that is used up, a standing that is asked for, and everything missed so far."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pacs.live import sound
from pacs.live.room import LiveRoom
from pacs.live.standing import Standing
from pacs.live.states import Malformed
from pacs.live.writing import Writing
from storage.index import notices, rooms
from storage.index.database import Connection
from storage.index.types import now_ms
from storage.model.live import JOINED, STEP, Holder, Room, RoomCase, RoomEvent, RoomMember

TICKET_MS = 120_000  # a ticket that was asked for
RETURN_MS = 30 * 60_000  # a ticket for coming back after a cut
MOST_EVENTS = 5000


class TicketRefused(Exception):
    """The ticket is unknown, used, too old, of another session or of a room that is over; or its holder may not come
    any more. The reason is a word for programs."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What a member needs to take their seat."""

    room: Room
    cases: list[RoomCase]
    members: list[RoomMember]
    holder: Holder
    standing: Standing
    events: list[RoomEvent]
    arrival: RoomEvent | None
    ticket: str
    sound: sound.Sound
    shown: set[int]


def new_ticket(db: Connection, holder: Holder, lasts_ms: int = TICKET_MS) -> str:
    """A secret that opens one socket of its holder; only its hash is kept."""
    secret = secrets.token_urlsafe(24)
    rooms.put_ticket(db, digest(secret), holder, now_ms() + lasts_ms)
    return secret


def digest(secret: str) -> str:
    """What of a secret is kept: SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def ask_to_join(
    writing: Writing,
    standing_of: Callable[[Holder], Awaitable[Standing | None]],
    cookies: Collection[str],
    message: Any,
    open_rooms: Mapping[int, LiveRoom],
) -> Joined:
    """Let the holder of a ticket in. Raises Malformed, TicketRefused, or ArchiveError."""
    if not isinstance(message, dict) or message.get("t") != "join" or not isinstance(message.get("ticket"), str):
        raise Malformed("the first message is a join with a ticket")
    after = message.get("after", 0)
    if type(after) is not int or after < 0:
        raise Malformed("after is the number of an event")
    key = digest(message["ticket"])
    holder = (await writing.ask(partial(_take, key))).get(key)
    if holder is None or (holder.session_id and holder.session_id not in cookies):
        raise TicketRefused("ticket")
    standing = await standing_of(holder)
    if standing is None:
        raise TicketRefused("revoked")
    known = open_rooms.get(holder.room_id)
    present = known is not None and holder.member in known.present()
    joined = await writing.ask(partial(_enter, holder, standing, after, present))
    if isinstance(joined, str):
        raise TicketRefused(joined)
    return joined


def _take(key: str, db: Connection) -> dict[str, Holder]:
    return rooms.take_tickets(db, [key])


def _enter(holder: Holder, standing: Standing, after: int, present: bool, db: Connection) -> Joined | str:
    """The member is in, or a word for why not."""
    room = rooms.by_id(db, holder.room_id)
    cases = rooms.cases(db, room.id)
    if room.ended_at is not None:
        return "ended"
    if not any(standing.sees(case.hospital_id, case.study_instance_uid) for case in cases):
        return "revoked"
    rooms.enter(db, room.id, holder.member, standing.name, standing.hospital)
    arrival = None
    if not present:
        identity = f"joined-{secrets.token_hex(8)}"
        arrival, _ = rooms.append(db, room.id, holder.member, identity, JOINED, {"name": standing.name})
        notices.tell(db, notices.ROOMS, str(room.id))
        room = rooms.by_id(db, room.id)
    return Joined(
        room, cases, rooms.members(db, room.id), holder, standing, rooms.events(db, room.id, after, MOST_EVENTS),
        arrival, new_ticket(db, holder, RETURN_MS), sound.standing(rooms.events_of(db, room.id, sound.KINDS)),
        {0, *(one.body["case"] for one in rooms.events_of(db, room.id, [STEP]))},
    )  # fmt: skip
