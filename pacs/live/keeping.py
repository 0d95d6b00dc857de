"""The track of a room that is recorded: what moved, written every few seconds, each stretch readable by itself."""

from functools import partial

import orjson

from pacs.live.room import LiveRoom
from pacs.live.states import State, difference
from pacs.live.writing import Writing
from storage.index import rooms
from storage.index.database import Connection
from storage.index.types import now_ms

STRETCH_MS = 5_000
MOST_MOVES = 1500


def note(room: LiveRoom, member: str) -> None:
    """Remember what this member's screen shows now, when the room is recorded."""
    if not room.row.recording or not room.is_ours():
        return
    now = now_ms()
    if not room.moves:
        room.moves_at = now
        room.recorded = {}
        for key in room.states:
            _add(room, key, now)
    _add(room, member, now)


def keep(room: LiveRoom, writing: Writing, *, now: bool = False) -> None:
    """Write the stretch when it is long enough."""
    if room.moves and (now or now_ms() - room.moves_at >= STRETCH_MS or len(room.moves) > MOST_MOVES):
        moves, room.moves = room.moves, []
        writing.ask(partial(_write, room.row.id, room.moves_at, orjson.dumps(moves).decode()))


def _add(room: LiveRoom, member: str, now: int) -> None:
    state: State = room.states[member]
    changed = difference(room.recorded.get(member, {}), state)
    if not changed:
        return
    if len(room.moves) < MOST_MOVES * 2:
        room.recorded[member] = dict(state)
        room.moves.append([now - room.moves_at, member, changed])


def _write(room_id: int, began_at: int, moves: str, db: Connection) -> None:
    rooms.add_track(db, room_id, began_at, began_at, moves)
