"""One room in memory: who is there, what their screens show, and what each of them has been told of it."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from pacs.live.connection import Connection
from pacs.live.sound import Sound
from pacs.live.standing import Standing
from pacs.live.states import UIDS, State, difference, shown, within
from storage.model.live import ANNOTATION, CASE, LOOK, Holder, Room, RoomCase, RoomEvent, RoomMember

PERIOD = 1 / 15  # seconds between two tellings of what moves
UNANSWERED = 16  # tellings a member may be behind before we wait for them; newer ones then replace older ones
UID_FIELDS = frozenset({"SeriesInstanceUID", "SOPInstanceUID", "StudyInstanceUID"})


@dataclass(eq=False, slots=True)
class Seat:
    """A socket in a room, and what it was told."""

    connection: Connection
    holder: Holder
    standing: Standing
    cases: frozenset[int] = frozenset()
    told: dict[int, State] = field(default_factory=dict)  # by the member's number: what they know of the others
    known: State = field(default_factory=dict)  # what their program told last, in their own UIDs
    unanswered: int = 0
    active: bool = True
    spoken_at: float = 0.0

    @property
    def member(self) -> str:
        return self.holder.member

    def say(self, message: dict[str, Any] | list[Any]) -> None:
        self.spoken_at = time.monotonic()
        self.connection.say(orjson.dumps(message))


@dataclass(eq=False, slots=True)
class LiveRoom:
    """A room somebody is in."""

    row: Room
    cases: list[RoomCase]
    members: dict[str, RoomMember] = field(default_factory=dict)
    seats: list[Seat] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)  # what a member is called in messages that move
    states: dict[str, State] = field(default_factory=dict)
    guests: set[str] = field(default_factory=set)
    leaving: dict[str, float] = field(default_factory=dict)  # when they were last here; for a while they may come back
    told: int = 0  # the newest event everybody here was told
    told_at: float = 0.0
    away: dict[str, dict[str, int]] = field(default_factory=dict)  # by other nodes: members there, and whether guests
    going: dict[str, set[str]] = field(default_factory=dict)  # who was cut off at other nodes and may come back
    lost: dict[str, str] = field(default_factory=dict)  # what the leaving of members of a dead node is called
    node: str = ""  # the name of this node
    moves: list[list[Any]] = field(default_factory=list)
    moves_at: int = 0
    recorded: dict[str, State] = field(default_factory=dict)
    period: float = PERIOD
    shown: set[int] = field(default_factory=set)  # cases that were looked at: they stay on the agenda
    sound: Sound = field(default_factory=Sound)
    turning: bool = False  # whether it is being written that sound is recorded, or rests

    def here(self) -> set[str]:
        """The keys of who is here, at whatever server."""
        return {seat.member for seat in self.seats}.union(*self.away.values())

    def present(self) -> set[str]:
        """Who is here, and who was cut off a moment ago and may come back."""
        return self.here().union(self.leaving, *self.going.values())

    def is_ours(self) -> bool:
        """Whether this node writes what one node writes for all: the first of those where somebody is."""
        return not self.away or (bool(self.seats) and self.node < min(self.away))

    def number(self, key: str) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def people(self) -> list[dict[str, Any]]:
        """The people strip: everybody who was ever here, and whether they are now."""
        here = self.here()
        return [
            {
                "n": self.number(one.key), "key": one.key, "name": one.name, "hospital": one.hospital,
                "colour": one.colour, "here": one.key in here, "guest": one.key in self.guests,
            }
            for one in self.members.values()
        ]  # fmt: skip

    def agenda(self, seat: Seat) -> list[dict[str, Any]]:
        return agenda(self.cases, seat.cases, seat.standing)

    def visible(self, standing: Standing) -> frozenset[int]:
        """The positions of the cases somebody may see."""
        return frozenset(
            case.position for case in self.cases if standing.sees(case.hospital_id, case.study_instance_uid)
        )

    def tell(self, event: RoomEvent) -> None:
        """Tell everybody here of an event, as far as they may see what it is about."""
        if event.sequence <= self.told:
            return
        self.told = event.sequence
        for seat in self.seats:
            message = for_seat(event, seat)
            if message is not None:
                seat.say({"t": "event", **message})

    def tell_people(self) -> None:
        people = self.people()
        for seat in self.seats:
            seat.say({"t": "people", "people": people, "presenter": self.row.presenter})

    def move(self, seat: Seat) -> None:
        """Tell one member what has moved since they were told last; or nothing while they are behind."""
        if seat.unanswered >= UNANSWERED or seat.connection.paused:
            return
        news: list[list[Any]] = []
        for key, state in self.states.items():
            if key == seat.member:
                continue
            view = _outward(shown(state, leads=key == self.row.presenter), seat)
            number = self.number(key)
            changed = difference(seat.told.get(number, {}), view)
            if changed:
                seat.told[number] = view
                news.append([number, changed])
        if news:
            seat.unanswered += 1
            seat.say(["m", *news])

    def forget(self, key: str) -> None:
        """Their screen shows nothing any more."""
        self.states.pop(key, None)
        number = self.number(key)
        for seat in self.seats:
            if seat.told.pop(number, None):
                seat.say(["x", number])


def for_seat(event: RoomEvent, seat: Seat) -> dict[str, Any] | None:
    """An event as this member may know it, with its client id when it is theirs; None when it is about a case they may
    not see."""
    message = told(event, seat.standing, seat.cases)
    if message is not None and event.member == seat.member:
        message["id"] = event.client_id
    return message


def told(event: RoomEvent, standing: Standing, cases: frozenset[int]) -> dict[str, Any] | None:
    """The same without a socket."""
    body = dict(event.body)
    if event.kind in (ANNOTATION, LOOK, CASE) and body.get("case") not in cases:
        return None
    for name in UID_FIELDS & body.keys():
        body[name] = standing.outward(str(body[name]))
    return {"n": event.sequence, "at": event.at, "by": event.member, "kind": event.kind, "body": body}


def agenda(cases: list[RoomCase], seen: frozenset[int], standing: Standing) -> list[dict[str, Any]]:
    """The cases as somebody may know them; of one they may not see, only that there is one."""
    return [_told(case, standing) if case.position in seen else _hidden(case) for case in cases]


def _told(case: RoomCase, standing: Standing) -> dict[str, Any]:
    """The case with the UID that its member knows; a copy is of no hospital."""
    uid = standing.outward(case.study_instance_uid)
    hospital = case.hospital_code if uid == case.study_instance_uid else None
    return {"position": case.position, "label": case.label, "StudyInstanceUID": uid, "hospital": hospital}


def _hidden(case: RoomCase) -> dict[str, Any]:
    return {"position": case.position, "label": "", "StudyInstanceUID": None, "hospital": None}


def events_for(events: Iterable[RoomEvent], seat: Seat) -> list[dict[str, Any]]:
    """The same for many."""
    return [message for event in events if (message := for_seat(event, seat)) is not None]


def inward(state: State, standing: Standing) -> State:
    """The state of a member's screen in the room's UIDs, without what names nothing of the room."""
    ours = {name: standing.inward(value) if name in UIDS else value for name, value in state.items()}
    return {name: value for name, value in ours.items() if value != ""}


def _outward(state: State, seat: Seat) -> State:
    """What the member may see of the state, in their own UIDs."""
    seen = within(state, seat.cases)
    return {name: seat.standing.outward(value) if name in UIDS else value for name, value in seen.items()}
