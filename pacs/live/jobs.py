"""What the process of the rooms asks of the index: jobs for the thread that writes (pacs/live/writing.py)."""

from collections.abc import Callable
from typing import Any

from pacs.live import closing, sounding
from storage.index import notices, rooms
from storage.index.database import Connection as Transaction
from storage.model.audit import Actor
from storage.model.live import AGENDA, ENDED, Room, RoomEvent


def write(
    room_id: int, member: str, client_id: str, kind: str, body: dict[str, Any], changes: dict[str, Any], db: Transaction
) -> tuple[RoomEvent, bool]:
    """Make an event durable, with what follows from it; the event, and whether it is new."""
    event, fresh = rooms.append(db, room_id, member, client_id, kind, body, changes)
    if fresh and kind == AGENDA:
        rooms.arrange(db, room_id, body["order"], body["removed"])
    if fresh and kind == ENDED:
        closing.close(db, room_id, event)
    if fresh:
        notices.tell(db, notices.ROOMS, str(room_id))
    return event, fresh


def noted(
    write: Callable[[Transaction], tuple[RoomEvent, bool]], room: Room, actor: Actor, db: Transaction
) -> tuple[RoomEvent, bool]:
    """The same of one that goes into the audit log."""
    event, fresh = write(db)
    if fresh:
        sounding.note(db, room.hospital_id, room.code, actor, event)
    return event, fresh


def news(room_id: int, after: int, db: Transaction) -> Any:
    """A room as it is now: its row, cases, members and the events after this one."""
    return (
        rooms.by_id(db, room_id), rooms.cases(db, room_id), rooms.members(db, room_id),
        rooms.events(db, room_id, after, 5000),
    )  # fmt: skip
