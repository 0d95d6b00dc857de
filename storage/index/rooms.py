"""Rooms: who may come, what was said and done in which order, and the tickets that open a socket."""

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import NotFound
from storage.index import schema
from storage.index.types import clean, insert_new, now_ms, upsert
from storage.model.archive import Scope
from storage.model.live import Holder, Room, RoomCase, RoomEvent, RoomMember, Track

COLOURS = 10
_ROOM, _CASE, _MEMBER = schema.room, schema.room_case, schema.room_member
_EVENT, _TRACK, _TICKET = schema.room_event, schema.room_track, schema.room_ticket


def open_room(
    db: Connection,
    hospital_id: int,
    title: str,
    created_by: str,
    cases: Sequence[tuple[int, str, str]],
    consult_id: int | None = None,
) -> Room:
    """A new room on these cases: (hospital id, Study Instance UID, label). Who opens it leads."""
    row = db.execute(
        _ROOM.insert()
        .values(
            code=secrets.token_urlsafe(12), hospital_id=hospital_id, title=clean(title), consult_id=consult_id,
            created_by=created_by, created_at=now_ms(), presenter=created_by,
        )
        .returning(*_ROOM.c)
    ).one()  # fmt: skip
    for position, (owner, study, label) in enumerate(cases):
        _put_case(db, row.id, position, owner, study, label)
    return _room(row)


def add_case(db: Connection, room_id: int, hospital_id: int, study_instance_uid: str, label: str) -> int:
    """One more case at the end of the agenda; its position."""
    newest = db.execute(sa.select(sa.func.max(_CASE.c.position)).where(_CASE.c.room_id == room_id)).scalar()
    position = 0 if newest is None else int(newest) + 1
    _put_case(db, room_id, position, hospital_id, study_instance_uid, label)
    arrange(db, room_id, [one.position for one in cases(db, room_id) if one.position != position], [])
    return position


def arrange(db: Connection, room_id: int, order: Sequence[int], removed: Collection[int]) -> None:
    """Put these cases of the agenda first, in this order, the others after them, and take some off it."""
    rest = [one.position for one in cases(db, room_id) if one.position not in {*order, *removed}]
    for place, position in enumerate([*order, *rest]):
        of_it = (_CASE.c.room_id == room_id) & (_CASE.c.position == position)
        db.execute(_CASE.update().where(of_it).values(place=place))
    if removed:
        those = (_CASE.c.room_id == room_id) & _CASE.c.position.in_(sorted(removed))
        db.execute(_CASE.update().where(those).values(removed=True))


def by_code(db: Connection, code: str) -> Room:
    """The room of this code. Raises NotFound."""
    row = db.execute(sa.select(_ROOM).where(_ROOM.c.code == code)).first()
    if row is None:
        raise NotFound("there is no such room")
    return _room(row)


def by_id(db: Connection, room_id: int) -> Room:
    """The room of this id. Raises NotFound."""
    row = db.execute(sa.select(_ROOM).where(_ROOM.c.id == room_id)).first()
    if row is None:
        raise NotFound("there is no such room")
    return _room(row)


def on_study(db: Connection, study_instance_uid: str, *, ended: bool = False) -> list[Room]:
    """The rooms with a study of this UID on their agenda, the newest first; who may know of them is for the caller."""
    statement = (
        sa.select(_ROOM)
        .distinct()
        .join(_CASE, _CASE.c.room_id == _ROOM.c.id)
        .where(_CASE.c.study_instance_uid == study_instance_uid, _CASE.c.removed.is_(False))
        .order_by(_ROOM.c.id.desc())
        .limit(50)
    )
    if not ended:
        statement = statement.where(_ROOM.c.ended_at.is_(None))
    return [_room(row) for row in db.execute(statement)]


def led_by(db: Connection, key: str) -> list[Room]:
    """The rooms that go on and are led by this member, the newest first."""
    leads = sa.or_(_ROOM.c.presenter == key, _ROOM.c.created_by == key)
    statement = sa.select(_ROOM).where(leads, _ROOM.c.ended_at.is_(None)).order_by(_ROOM.c.id.desc()).limit(20)
    return [_room(row) for row in db.execute(statement)]


def sees(scope: Scope, hospital_id: int, study_instance_uid: str) -> bool:
    """Whether the scope sees this study of this hospital."""
    return hospital_id in scope.at(study_instance_uid)


def cases(db: Connection, room_id: int) -> list[RoomCase]:
    """The agenda, in its order."""
    hospital = schema.hospital
    statement = (
        sa.select(_CASE, hospital.c.code)
        .join(hospital, hospital.c.id == _CASE.c.hospital_id)
        .where(_CASE.c.room_id == room_id, _CASE.c.removed.is_(False))
    )
    rows = db.execute(statement.order_by(_CASE.c.place, _CASE.c.position))
    return [RoomCase(row.position, row.hospital_id, row.study_instance_uid, row.label, row.code) for row in rows]


def enter(db: Connection, room_id: int, key: str, name: str, hospital: str) -> RoomMember:
    """Note that this member comes, with a colour nobody else has as long as there are enough."""
    now = now_ms()
    row = db.execute(sa.select(_MEMBER).where(_MEMBER.c.room_id == room_id, _MEMBER.c.key == key)).first()
    if row is not None:
        mine = (_MEMBER.c.room_id == room_id) & (_MEMBER.c.key == key)
        db.execute(_MEMBER.update().where(mine).values(name=clean(name), hospital=clean(hospital), seen_at=now))
        return RoomMember(key, clean(name), clean(hospital), row.colour, row.first_at, now)
    taken = set(db.execute(sa.select(_MEMBER.c.colour).where(_MEMBER.c.room_id == room_id)).scalars())
    colour = next((n for n in range(COLOURS) if n not in taken), len(taken) % COLOURS)
    db.execute(
        insert_new(db, _MEMBER).values(
            room_id=room_id, key=key, name=clean(name), hospital=clean(hospital), colour=colour,
            first_at=now, seen_at=now,
        )
    )  # fmt: skip
    return RoomMember(key, clean(name), clean(hospital), colour, now, now)


def members(db: Connection, room_id: int) -> list[RoomMember]:
    """Everybody who was ever in the room, in the order of their coming."""
    rows = db.execute(
        sa.select(_MEMBER).where(_MEMBER.c.room_id == room_id).order_by(_MEMBER.c.first_at, _MEMBER.c.key)
    )
    return [RoomMember(r.key, r.name, r.hospital, r.colour, r.first_at, r.seen_at) for r in rows]


def append(
    db: Connection,
    room_id: int,
    member: str,
    client_id: str,
    kind: str,
    body: Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
) -> tuple[RoomEvent, bool]:
    """Write an event, and what it changes in the room's own row; whether it was new. An event of the same client id
    is not written again: the one that is there is given. Rows of one room are numbered without holes, in the order
    in which they become visible: the room's row is locked until the commit."""
    locked = sa.select(_ROOM.c.id).where(_ROOM.c.id == room_id).with_for_update()
    if db.execute(locked).first() is None:
        raise NotFound("there is no such room")
    sent = db.execute(sa.select(_EVENT).where(_EVENT.c.room_id == room_id, _EVENT.c.client_id == client_id)).first()
    if sent is not None:
        return _event(sent), False
    counted = _ROOM.update().where(_ROOM.c.id == room_id).values(sequence=_ROOM.c.sequence + 1, **(changes or {}))
    sequence = int(db.execute(counted.returning(_ROOM.c.sequence)).scalar_one())
    event = RoomEvent(sequence, now_ms(), member, client_id, kind, body)
    db.execute(
        _EVENT.insert().values(
            room_id=room_id, sequence=sequence, at=event.at, member=member, client_id=client_id, kind=kind,
            body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        )
    )  # fmt: skip
    return event, True


def events(db: Connection, room_id: int, after: int, limit: int = 200) -> list[RoomEvent]:
    """The events after `after`, oldest first."""
    statement = sa.select(_EVENT).where(_EVENT.c.room_id == room_id, _EVENT.c.sequence > after)
    return [_event(row) for row in db.execute(statement.order_by(_EVENT.c.sequence).limit(limit))]


def events_of(db: Connection, room_id: int, kinds: Iterable[str]) -> list[RoomEvent]:
    """All events of these kinds, oldest first."""
    wanted = (_EVENT.c.room_id == room_id) & _EVENT.c.kind.in_(sorted(kinds))
    return [_event(row) for row in db.execute(sa.select(_EVENT).where(wanted).order_by(_EVENT.c.sequence))]


def add_track(db: Connection, room_id: int, number: int, began_at: int, moves: str) -> None:
    """Keep a stretch of pointers and viewports; numbers follow the clock, so a second server does not repeat them."""
    db.execute(
        upsert(db, _TRACK)
        .values(room_id=room_id, number=number, began_at=began_at, moves=moves)
        .on_conflict_do_nothing()
    )


def tracks(db: Connection, room_id: int, after: int = -1, limit: int = 100) -> list[Track]:
    """Stretches after the number `after`, in their order."""
    statement = sa.select(_TRACK).where(_TRACK.c.room_id == room_id, _TRACK.c.number > after)
    rows = db.execute(statement.order_by(_TRACK.c.number).limit(limit))
    return [Track(int(row.number), int(row.began_at), row.moves) for row in rows]


def end_room(db: Connection, room_id: int, at: int) -> None:
    """Nobody can enter any more from `at` on (UTC milliseconds); its tickets are void."""
    db.execute(_ROOM.update().where(_ROOM.c.id == room_id, _ROOM.c.ended_at.is_(None)).values(ended_at=at))
    db.execute(_TICKET.delete().where(_TICKET.c.room_id == room_id))


def put_ticket(db: Connection, ticket_sha256: str, holder: Holder, expires_at: int) -> None:
    """A ticket for one socket; those whose time is over go."""
    db.execute(_TICKET.delete().where(_TICKET.c.expires_at < now_ms()))
    db.execute(
        _TICKET.insert().values(
            ticket_sha256=ticket_sha256, room_id=holder.room_id, member=holder.member, session_id=holder.session_id,
            expires_at=expires_at,
        )
    )  # fmt: skip


def take_tickets(db: Connection, ticket_sha256: Iterable[str]) -> dict[str, Holder]:
    """Use these tickets up; the holders of those that were good."""
    wanted = _TICKET.c.ticket_sha256.in_(sorted(ticket_sha256))
    rows = db.execute(_TICKET.delete().where(wanted).returning(*_TICKET.c)).all()
    now = now_ms()
    return {r.ticket_sha256: Holder(r.room_id, r.member, r.session_id) for r in rows if r.expires_at > now}


def _put_case(db: Connection, room_id: int, position: int, hospital_id: int, study: str, label: str) -> None:
    db.execute(
        _CASE.insert().values(
            room_id=room_id,
            position=position,
            place=position,
            hospital_id=hospital_id,
            study_instance_uid=study,
            label=clean(label),
        )
    )


def _room(row: Any) -> Room:
    return Room(
        row.id, row.code, row.hospital_id, row.title, row.consult_id, row.created_by, row.created_at, row.ended_at,
        int(row.sequence), row.presenter, row.step, row.recording, row.guests,
    )  # fmt: skip


def _event(row: Any) -> RoomEvent:
    return RoomEvent(int(row.sequence), int(row.at), row.member, row.client_id, row.kind, json.loads(row.body))
