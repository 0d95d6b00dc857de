"""Says, in the process of the rooms, when sound begins to be recorded and when it rests."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from pacs.live.room import LiveRoom
from pacs.live.rules import Refused
from pacs.live.sound import Sound
from storage.errors import ArchiveError
from storage.index import audit
from storage.index.database import Connection
from storage.model.audit import Actor
from storage.model.live import CONSENT, SOUND, SOUNDING, RoomEvent

Write = Callable[[LiveRoom, str, dict[str, Any]], Awaitable[RoomEvent]]
SERVER = Actor("hoichan", "program")
AT_ONCE = 3  # turns in one look; the next is a second later


class Sounding:
    """Looks whenever somebody comes, goes or answers. `write` makes an event of our own durable and tells it."""

    def __init__(self, write: Write) -> None:
        self._write = write

    async def look(self, room: LiveRoom) -> None:
        """Bring what is said about recording in line with who is here and what they said."""
        if room.turning or not room.is_ours():
            return  # whoever is at it looks again, and of several nodes one writes
        room.turning = True
        try:
            for _ in range(AT_ONCE):
                wanted = room.sound.agreed(room.present())
                if wanted == bool(room.sound.take):
                    return
                await self._write(room, SOUNDING, {"on": wanted})
        except ArchiveError:
            return  # the index does not answer; browsers rest by themselves while somebody has not agreed
        finally:
            room.turning = False


def check(kind: str, sound: Sound, member: str) -> None:
    """Raises Refused for an answer nobody asked for, and for guests who ask others: only people with an account do."""
    if kind == CONSENT and not sound.asked:
        raise Refused("not asked")
    if kind == SOUND and member.startswith("guest-"):
        raise Refused("not presenter")


def name() -> str:
    """A name for an event of our own."""
    return f"sounding-{secrets.token_hex(8)}"


def note(db: Connection, hospital_id: int, code: str, actor: Actor, event: RoomEvent) -> None:
    """What concerns the recording of voices goes into the audit log, in the transaction of the event."""
    action = _ACTIONS.get((event.kind, event.body.get("on", event.body.get("audio")) is True))
    if action:
        audit.note(db, actor, [hospital_id], action, code)


_ACTIONS = {
    (SOUND, True): "room.sound-ask",
    (SOUND, False): "room.sound-end",
    (CONSENT, True): "room.sound-agree",
    (CONSENT, False): "room.sound-refuse",
    (SOUNDING, True): "room.sound-run",
    (SOUNDING, False): "room.sound-rest",
}
