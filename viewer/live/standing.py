"""How the members of a room stand: the same sessions, roles, grants and links as at every route, asked again while they
stay.

A member sees the studies that they could open on the page. Who came by a link comes into rooms that let guests in. Who
sees a study only as an anonymised copy has other UIDs for it; `outward` and `inward` are where these are exchanged.
"""

from dataclasses import dataclass, field

from storage.errors import NotFound
from storage.index import hospitals, links, rooms
from storage.index.database import Connection, Database
from storage.model.archive import Scope
from storage.model.audit import Actor
from storage.model.links import Exchange
from storage.model.live import Holder, Room, RoomCase
from viewer.access.caller import Caller
from viewer.access.guard import Guard
from viewer.access.rights import STUDY_READ


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody as they stand now. `exchange` is empty for who sees no copies."""

    key: str
    name: str
    hospital: str
    scope: Scope
    guest: bool = False
    exchange: Exchange = field(default_factory=Exchange)
    actor: Actor = field(default_factory=lambda: Actor(""))

    def sees(self, hospital_id: int, study_instance_uid: str) -> bool:
        if rooms.sees(self.scope, hospital_id, study_instance_uid):
            return True
        copy = self.exchange.copies.get(study_instance_uid)
        return copy is not None and any(uid == copy for _, uid in self.scope.studies)

    def outward(self, uid: str) -> str:
        return self.exchange.copies.get(uid, "") if self.exchange.copies else uid

    def inward(self, uid: str) -> str:
        return self.exchange.originals.get(uid, "") if self.exchange.copies else uid


class GuardsDoorkeeper:
    """Asks the guard."""

    def __init__(self, database: Database, guard: Guard) -> None:
        self._database = database
        self._guard = guard

    def standing(self, holder: Holder, *, active: bool) -> Member | None:
        caller = self._guard.of_session(holder.session_id, STUDY_READ, use=active)
        if caller is None or key_of(caller) != holder.member:
            return None
        with self._database.reading() as db:
            try:
                room = rooms.by_id(db, holder.room_id)
                return member_of(db, caller, room, rooms.cases(db, room.id))
            except NotFound:
                return None


def member_of(db: Connection, caller: Caller, room: Room, cases: list[RoomCase]) -> Member:
    """The caller as a member of this room. Raises NotFound for who has no business there: programs, and guests of
    whom the room does not know."""
    key = key_of(caller)
    if not key or not caller.session_id or (caller.guest is not None and not room.guests):
        raise NotFound("there is no such room")
    if caller.guest is not None:
        name, hospital = caller.guest.name, caller.guest.institution
    else:
        name = (caller.user.display_name or caller.user.name) if caller.user else ""
        hospital = _hospital(db, caller)
    exchange = _exchange(db, caller, room, cases)
    return Member(key, name, hospital, caller.scope, caller.guest is not None, exchange, _actor(caller))


def key_of(caller: Caller) -> str:
    """What a caller is called in rooms; "" for programs."""
    if caller.guest is not None:
        return f"guest-{caller.guest.link_id}-{caller.session_id[:12]}"
    return f"user-{caller.user.id}" if caller.user is not None else ""


def _actor(caller: Caller) -> Actor:
    where = caller.scope
    roles = {role for hospital, role in caller.roles if hospital in where.hospital_ids or where.studies}
    return Actor(caller.name, ",".join(sorted(roles)) or ("guest" if caller.guest else ""))


def _exchange(db: Connection, caller: Caller, room: Room, cases: list[RoomCase]) -> Exchange:
    """The copies the caller sees in place of the room's studies: those of their link, or of the consultation."""
    if any(rooms.sees(caller.scope, case.hospital_id, case.study_instance_uid) for case in cases):
        return Exchange()
    if caller.link is not None:
        return links.exchange(db, caller.link.id)
    copies = None if room.consult_id is None else links.of_consult(db, room.consult_id)
    return Exchange() if copies is None else links.exchange(db, copies.id)


def _hospital(db: Connection, caller: Caller) -> str:
    known = {hospital.id: hospital.name for hospital in hospitals.all(db)}
    mine = [known[hospital] for hospital, _ in caller.roles if hospital in known]
    return mine[0] if mine else ""
