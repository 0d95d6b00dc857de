"""A room as whoever asks may know it."""

from dataclasses import dataclass
from typing import Any

from flask import request

from pacs.live.room import agenda
from storage.errors import NotFound
from storage.index import rooms
from storage.index.database import Connection
from storage.model.archive import Scope
from storage.model.live import Room, RoomCase
from viewer.access.caller import Caller
from viewer.errors import InvalidRequest
from viewer.live.standing import Member, member_of


@dataclass(frozen=True, slots=True)
class Seen:
    """A room as the caller may know it."""

    room: Room
    cases: list[RoomCase]
    member: Member
    positions: frozenset[int]

    @classmethod
    def of(cls, db: Connection, caller: Caller, code: str) -> "Seen":
        """To who sees none of its studies there is no such room: NotFound."""
        room = rooms.by_code(db, code)
        cases = rooms.cases(db, room.id)
        member = member_of(db, caller, room, cases)
        seen = frozenset(one.position for one in cases if member.sees(one.hospital_id, one.study_instance_uid))
        if not seen:
            raise NotFound("there is no such room")
        return cls(room, cases, member, seen)

    def is_about(self, scope: Scope, study_instance_uid: str) -> bool:
        """Whether the study of this UID that the scope means is a case; a copy of it too."""
        at = scope.at(study_instance_uid)
        mine = [one for one in self.cases if one.study_instance_uid == study_instance_uid]
        return any(
            one.hospital_id in at or self.member.outward(study_instance_uid) != study_instance_uid for one in mine
        )

    def as_json(self) -> dict[str, Any]:
        room = self.room
        return {
            "code": room.code,
            "title": room.title,
            "created_by": room.created_by,
            "created_at": room.created_at,
            "ended_at": room.ended_at,
            "step": room.step,
            "presenter": room.presenter,
            "recording": room.recording,
            "guests": room.guests,
            "cases": agenda(self.cases, self.positions, self.member),
        }


def number(name: str) -> int:
    """A number of the query; -1 when it is not there. Raises InvalidRequest."""
    text = request.args.get(name) or "-1"
    if not text.removeprefix("-").isdigit() or len(text) > 18:
        raise InvalidRequest(f"{name} must be a number")
    return int(text)
