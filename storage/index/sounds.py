"""Recorded voices of live rooms: which pieces there are, of whom and when."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import NotFound
from storage.index import rooms, schema, tasks
from storage.index.rows import mine
from storage.model.archive import Scope
from storage.model.live import RoomSound, SoundPiece

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


def of_hospitals(db: Connection, scope: Scope, limit: int, before: int | None = None) -> list[RoomSound]:
    """The rooms of these hospitals of which there is sound, the newest first; of a further page those older than the
    room of this id."""
    room, hospital, total = schema.room, schema.hospital, sa.func.sum
    takes = (
        sa.select(
            _TABLE.c.room_id, sa.func.min(_TABLE.c.at).label("first_at"), sa.func.count().label("pieces"),
            sa.func.max(_TABLE.c.at + _TABLE.c.duration_ms).label("last_at"), total(_TABLE.c.size).label("bytes"),
        )
        .where(~_TABLE.c.deleted)
        .group_by(_TABLE.c.room_id, _TABLE.c.take)
        .subquery()
    )  # fmt: skip
    wanted = mine(room.c.hospital_id, scope.hospital_ids)
    if before is not None:
        wanted &= room.c.id < before
    statement = (
        sa.select(
            room.c.id, hospital.c.code, sa.func.min(takes.c.first_at).label("first_at"),
            total(takes.c.pieces).label("pieces"), total(takes.c.last_at - takes.c.first_at).label("ms"),
            total(takes.c.bytes).label("bytes"),
        )
        .join_from(takes, room, takes.c.room_id == room.c.id)
        .join(hospital, hospital.c.id == room.c.hospital_id)
        .where(wanted)
        .group_by(room.c.id, hospital.c.code)
        .order_by(room.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [
        RoomSound(
            rooms.by_id(db, row.id), str(row.code), _speakers(db, row.id), int(row.first_at), int(row.pieces),
            int(row.ms), int(row.bytes),
        )
        for row in db.execute(statement).all()
    ]  # fmt: skip


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


def _speakers(db: Connection, room_id: int) -> tuple[str, ...]:
    """The names of those whose voices there are, in the order in which they came."""
    heard = set(db.execute(sa.select(_TABLE.c.member).where(_of(room_id)).distinct()).scalars())
    return tuple(one.name for one in rooms.members(db, room_id) if one.key in heard)


def _of(room_id: int) -> Any:
    return (_TABLE.c.room_id == room_id) & ~_TABLE.c.deleted


def _piece(row: Any) -> SoundPiece:
    return SoundPiece(**{name: getattr(row, name) for name in SoundPiece.__dataclass_fields__})
