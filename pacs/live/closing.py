"""What a room leaves in its consultation when it ends: how long it lasted, who was there, how much was said, drawn."""

import json
from collections import Counter
from typing import Any

from storage.errors import NotFound
from storage.index import consults, rooms
from storage.index.database import Connection
from storage.model.consult import Kind, NewEvent
from storage.model.live import ANNOTATION, CHAT, LOOK, Room, RoomEvent

COUNTED = {CHAT: "messages", LOOK: "looks"}
EVERYTHING = 1_000_000


def close(db: Connection, room_id: int, ended: RoomEvent) -> None:
    """End the room, and tell the parties of its consultation in the same transaction."""
    rooms.end_room(db, room_id, ended.at)
    room = rooms.by_id(db, room_id)
    if room.consult_id is None:
        return
    try:
        consult = consults.by_id(db, room.consult_id)
    except NotFound:
        return  # gone with its hospital: the room is over all the same
    people = {one.key: one for one in rooms.members(db, room_id)}
    user, guest = ended.member.removeprefix("user-"), ended.member.startswith("guest-")
    named = people[ended.member].name if ended.member in people else ""
    event = NewEvent(
        f"room-{room.code}-closed", Kind.ROOM_CLOSED, json.dumps(_summed_up(db, room, ended), ensure_ascii=False),
        int(user) if user.isdigit() else None, None, named if guest else "",
    )  # fmt: skip
    consults.append(db, consult, event, {})


def _summed_up(db: Connection, room: Room, ended: RoomEvent) -> dict[str, Any]:
    """`began_at` is when the first came, `ended_at` when it was ended; a drawing that was taken away counts no more."""
    there = rooms.members(db, room.id)
    counted: Counter[str] = Counter(dict.fromkeys([*COUNTED.values(), "drawings"], 0))
    drawn: dict[str, bool] = {}
    for one in rooms.events(db, room.id, 0, EVERYTHING):
        if one.kind in COUNTED:
            counted[COUNTED[one.kind]] += 1
        elif one.kind == ANNOTATION and "annotation" in one.body:
            drawn[str(one.body["annotation"])] = one.body.get("act") != "delete"
    counted["drawings"] = sum(drawn.values())
    return {
        "room": room.code,
        "began_at": min((one.first_at for one in there), default=room.created_at),
        "ended_at": ended.at,
        "participants": [{"name": one.name, "hospital": one.hospital} for one in there],
        **counted,
    }
