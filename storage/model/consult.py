"""Consultations: a question from one hospital to those who answer for another, or to one person.

    asked → accepted → answered → concluded → closed          asked, accepted, answered → withdrawn

Each side sees it through its `Party`. Instants are UTC milliseconds.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How far a consultation is."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    ANSWERED = "answered"
    CONCLUDED = "concluded"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


AFTER_CLOSING_MS = 7 * 24 * 3600 * 1000  # how long the other side still sees the studies once it is closed
OPEN = frozenset({State.ASKED, State.ACCEPTED, State.ANSWERED})
ENDED = frozenset({State.CLOSED, State.WITHDRAWN})


class Kind(StrEnum):
    """What can happen in one."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    OPINION = "opinion"
    MESSAGE = "message"
    TRANSLATION = "translation"
    KEY_IMAGES = "key_images"
    ATTACHMENT = "attachment"
    ROOM_OPENED = "room_opened"
    ROOM_CLOSED = "room_closed"
    CONCLUDED = "concluded"
    SIGNED = "signed"
    ADDENDUM = "addendum"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    REOPENED = "reopened"


class Side(StrEnum):
    """The side that asks, and the side that is asked."""

    FROM = "from"
    TO = "to"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who may take part: their account, the hospitals they may ask for, and those they may answer for."""

    user_id: int
    asks_at: frozenset[int]
    answers_at: frozenset[int]


@dataclass(frozen=True, slots=True)
class Named:
    """A study that a consultation names, as the side that asks has it."""

    hospital_id: int
    study_instance_uid: str
    prior: bool = False
    expected: int = 0  # images when it was named


@dataclass(frozen=True, slots=True)
class Question:
    """A consultation to be: who asks whom what about which studies; one of `to_hospital_id` and `to_user_id` is set."""

    hospital_id: int
    requester_id: int
    to_hospital_id: int | None
    to_user_id: int | None
    specialty: str
    urgency: str
    due_at: int
    chips: tuple[str, ...]
    text: str
    language: str
    anonymise: bool
    informed_how: str
    informed_at: int | None
    studies: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Consult:
    """A consultation as it stands. `waits_for` is the side whose turn it is, "" when nobody's."""

    id: int
    code: str
    hospital_id: int
    requester_id: int
    to_hospital_id: int | None
    to_user_id: int | None
    specialty: str
    state: State
    waits_for: str
    urgency: str
    due_at: int
    chips: tuple[str, ...]
    question: str
    language: str
    anonymise: bool
    informed_how: str
    informed_at: int | None
    verdict: str
    outcome: str
    created_at: int
    changed_at: int
    answered_at: int | None
    concluded_at: int | None
    closed_at: int | None
    revoked_at: int | None
    sequence: int

    def shows(self, now: int) -> bool:
        """Whether the side that is asked still sees what the consultation is about."""
        return self.revoked_at is None and (self.closed_at is None or now < self.closed_at + AFTER_CLOSING_MS)

    def sides(self, party: Party) -> frozenset[Side]:
        """The sides this party is on; none when it is no party."""
        sides = set()
        if self.hospital_id in party.asks_at:
            sides.add(Side.FROM)
        if self.to_user_id is None:
            if self.to_hospital_id in party.answers_at:
                sides.add(Side.TO)
        elif self.to_user_id == party.user_id:
            sides.add(Side.TO)
        return frozenset(sides)


@dataclass(frozen=True, slots=True)
class ConsultStudy:
    """A study of a consultation with what a card says of it. `shown_*` is None until there is something to show to the
    side that is asked; `images` counts those there are, `arrived` those it can see by now, both without documents."""

    consult_id: int
    hospital_id: int
    study_instance_uid: str
    prior: bool
    expected: int
    shown_hospital_id: int | None
    shown_study_instance_uid: str | None
    images: int
    arrived: int
    modalities: tuple[str, ...]
    study_date: int | None
    description: str
    patient_name: str
    patient_sex: str
    birth_date: int | None
    received_at: int | None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that is to be written down. `client_id` makes a repetition harmless."""

    client_id: str
    kind: Kind
    body: str  # JSON
    actor_id: int | None
    hospital_id: int | None
    guest: str = ""


@dataclass(frozen=True, slots=True)
class ConsultEvent:
    """Something that happened; `actor` is the name people know."""

    consult_id: int
    sequence: int
    client_id: str
    at: int
    kind: Kind
    body: dict[str, Any]
    actor_id: int | None
    actor: str
    guest: str
    hospital_id: int | None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A photo or PDF of a consultation."""

    consult_id: int
    client_id: str
    user_id: int | None
    at: int
    name: str
    type: str
    size: int
    object_key: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody from elsewhere who is asked and has no password yet."""

    user_id: int
    hospital_id: int
    invited_by: int
    created_at: int
    expires_at: int
    used_at: int | None
