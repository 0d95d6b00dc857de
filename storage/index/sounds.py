"""Recorded voices of live rooms: which pieces there are, of whom and when."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import NotFound
from storage.index import schema, tasks
from storage.model.live import SoundPiece

FORGET = "forget sound"  # kind of task; argument `room`
_TABLE = schema.room_sound


def add(db: Connection, room_id: int, piece: SoundPiece) -> None:
    """Note a piece whose bytes are kept."""
    values = {name: getattr(piece, name) for name in SoundPiece.__dataclass_fields__}
    db.execute(_TABLE.insert().values(room_id=room_id, **values))


def get(db: Connection, room_id: int, client_id: str) -> SoundPiece:
    """One piece. Raises NotFound."""
    row = db.execute(sa.select(_TABLE).where(_of(room_id), _TABLE.c.client_id == client_id)).first()
    if row is None:
        raise NotFound("there is no such piece of sound")
    return _piece(row)


def of_room(db: Connection, room_id: int) -> list[SoundPiece]:
    """All pieces of a room in the order of the clock."""
    rows = db.execute(sa.select(_TABLE).where(_of(room_id)).order_by(_TABLE.c.at, _TABLE.c.client_id))
    return [_piece(row) for row in rows]


def recorded(db: Connection, room_id: int, take: int, member: str) -> int:
    """Milliseconds there are of this member since this take began."""
    total = sa.func.coalesce(sa.func.sum(_TABLE.c.duration_ms), 0)
    return int(
        db.execute(sa.select(total).where(_of(room_id), _TABLE.c.take == take, _TABLE.c.member == member)).scalar_one()
    )


def delete(db: Connection, room_id: int) -> int:
    """Nobody hears the pieces of this room any more, and a task is asked for that forgets their bytes; how many."""
    gone = db.execute(_TABLE.update().where(_of(room_id)).values(deleted=True)).rowcount
    tasks.enqueue(db, FORGET, {"room": room_id}, f"{FORGET} {room_id}")
    return int(gone)


def deleted(db: Connection, room_id: int) -> list[str]:
    """Keys of objects of deleted pieces of this room that no piece needs any more."""
    mine = sa.select(_TABLE.c.object_key).where(_TABLE.c.room_id == room_id, _TABLE.c.deleted)
    needed = sa.select(_TABLE.c.object_key).where(~_TABLE.c.deleted)
    return [str(key) for key in db.execute(mine.where(_TABLE.c.object_key.not_in(needed)).distinct()).scalars()]


def forget(db: Connection, room_id: int) -> None:
    """The bytes of the deleted pieces of this room are gone."""
    db.execute(_TABLE.delete().where(_TABLE.c.room_id == room_id, _TABLE.c.deleted))


def rooms_before(db: Connection, at: int) -> list[int]:
    """Ids of the rooms whose newest piece is older than this instant."""
    there = sa.select(_TABLE.c.room_id).where(~_TABLE.c.deleted)
    return [
        int(one) for one in db.execute(there.group_by(_TABLE.c.room_id).having(sa.func.max(_TABLE.c.at) < at)).scalars()
    ]


def _of(room_id: int) -> Any:
    return (_TABLE.c.room_id == room_id) & ~_TABLE.c.deleted


def _piece(row: Any) -> SoundPiece:
    return SoundPiece(**{name: getattr(row, name) for name in SoundPiece.__dataclass_fields__})
