"""Rooms: people who look at the same studies at the same time, and what they say and do there.

Instants are UTC milliseconds. A member is named by a key: ``user-<id>`` for an account, ``guest-<id>`` for somebody
who came by a link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What happens in a room and is kept. Every one is a row, written before anybody is told.
CHAT, ANNOTATION, STEP, PRESENTER, HAND, LOOK = "chat", "annotation", "step", "presenter", "hand", "look"
JOINED, LEFT, CASE, CONSENT, RECORDING, ENDED = "joined", "left", "case", "consent", "recording", "ended"
GUESTS, AGENDA = "guests", "agenda"
# Sound: a lead asks to record it, everybody answers (CONSENT), it runs or rests (written by the server), it is deleted.
SOUND, SOUNDING, SOUND_DELETED = "sound", "sounding", "sound_deleted"


@dataclass(frozen=True, slots=True)
class Room:
    """A room. `sequence` is the number of its newest event; `presenter` is the key of who leads, "" when nobody does;
    `step` is the position of the case that is being looked at."""

    id: int
    code: str
    hospital_id: int
    title: str
    consult_id: int | None
    created_by: str
    created_at: int
    ended_at: int | None
    sequence: int
    presenter: str
    step: int
    recording: bool
    guests: bool = False  # whether who came by a link to one of the cases may come in


@dataclass(frozen=True, slots=True)
class RoomCase:
    """A study on a room's agenda. `label` is what people call it; it never names the patient."""

    position: int
    hospital_id: int
    study_instance_uid: str
    label: str
    hospital_code: str


@dataclass(frozen=True, slots=True)
class RoomMember:
    """Somebody who was in the room, or may come."""

    key: str
    name: str
    hospital: str
    colour: int
    first_at: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """One thing that was said or done. `client_id` is the name its author's program gave it, so that sending it again
    after a cut is harmless."""

    sequence: int
    at: int
    member: str
    client_id: str
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a ticket was given to: the room's member, and the session (SHA-256 of its cookie) it stands on."""

    room_id: int
    member: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Track:
    """A stretch of what went over the room's screens without being kept as events: pointers and viewports, as a JSON
    list of [milliseconds after `began_at`, member, changed fields]."""

    number: int
    began_at: int
    moves: str


@dataclass(frozen=True, slots=True)
class RoomSound:
    """What there is of a room's sound: of whom (the names they had there), since when, in how many pieces, how long it
    was recorded, and how many bytes."""

    room: Room
    hospital_code: str
    speakers: tuple[str, ...]
    first_at: int
    pieces: int
    duration_ms: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SoundPiece:
    """Some seconds of one member's voice, as their own browser recorded it. `take` is the number of the event since
    which sound was recorded, `position` the case the room was looking at, `at` the room's clock."""

    client_id: str
    member: str
    take: int
    position: int
    at: int
    duration_ms: int
    type: str
    size: int
    object_key: str
