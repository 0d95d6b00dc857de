"""Who may do what in a room, and what the body of each kind of event must be."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from pacs.live.states import Malformed
from storage.model.live import (
    AGENDA,
    ANNOTATION,
    CHAT,
    CONSENT,
    ENDED,
    GUESTS,
    HAND,
    LOOK,
    PRESENTER,
    RECORDING,
    SOUND,
    STEP,
    Room,
)

# What a member's program may send; JOINED, LEFT, CASE, SOUNDING and SOUND_DELETED are written by us.
SAID = frozenset({CHAT, ANNOTATION, STEP, PRESENTER, HAND, LOOK, CONSENT, RECORDING, SOUND, GUESTS, AGENDA, ENDED})
LONGEST_CHAT = 4000
MOST_CASES = 50
LONGEST_BODY = 12_000
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


class Refused(Exception):
    """The rules of the room do not allow it; the reason is a word for programs."""


def client_id(value: object) -> str:
    """The name the author's program gave an event. Raises Malformed."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Malformed("an event needs a client id of 8 to 64 letters, digits, - or _")
    return value


def checked(
    kind: str, body: object, member: str, room: Room, here: Collection[str], cases: Collection[int]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body as it will be kept, and what it changes in the room. `here` are the members who are there, `cases` the
    positions this member may see. Raises Malformed or Refused."""
    if kind not in SAID or not isinstance(body, dict) or len(json.dumps(body)) > LONGEST_BODY:
        raise Malformed("not an event")
    if room.ended_at is not None:
        raise Refused("ended")
    if kind in (ANNOTATION, LOOK):
        return _on_image(kind, body, cases), {}
    return _SIMPLE[kind](body, member, room, here, cases)


Checked = tuple[dict[str, Any], dict[str, Any]]


def _chat(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    text = body.get("text")
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_CHAT:
        raise Malformed("a message has 1 to 4000 characters")
    return {"text": text.strip()}, {}


def _step(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    _leads(member, room, here)
    position = body.get("case")
    if type(position) is not int or position not in cases:
        raise Refused("no such case")
    return {"case": position}, {"step": position}


def _presenter(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    _leads(member, room, here)
    to = body.get("to")
    if not isinstance(to, str) or to not in here:
        raise Refused("not here")
    return {"to": to}, {"presenter": to}


def _hand(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    return {"up": body.get("up") is True}, {}


def _consent(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    return {"audio": body.get("audio") is True}, {}


def _recording(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    _leads(member, room, here)
    return {"on": body.get("on") is True}, {"recording": body.get("on") is True}


def _sound(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    _leads(member, room, here)
    return {"on": body.get("on") is True}, {}


def _guests(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    _leads(member, room, here)
    return {"on": body.get("on") is True}, {"guests": body.get("on") is True}


def _ended(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    _leads(member, room, here)
    return {}, {}


def _agenda(body: dict[str, Any], member: str, room: Room, here: Collection[str], cases: Collection[int]) -> Checked:
    _leads(member, room, here)
    order, removed = (_positions(body.get(name, [])) for name in ("order", "removed"))
    if set(order) & set(removed):
        raise Malformed("a case is on the agenda or off it")
    return {"order": order, "removed": removed}, {}


def _positions(given: object) -> list[int]:
    if not isinstance(given, list) or len(given) > MOST_CASES or any(type(one) is not int for one in given):
        raise Malformed("not positions of cases")
    if len(set(given)) != len(given):
        raise Malformed("a position stands twice")
    return given


def check_agenda(body: Mapping[str, Any], known: Collection[int], shown: Collection[int]) -> None:
    """Raises Refused for cases that are not on the agenda, and when a case would be taken off that was shown."""
    if not {*body["order"], *body["removed"]} <= set(known):
        raise Refused("no such case")
    if set(body["removed"]) & set(shown):
        raise Refused("was shown")


_SIMPLE = {
    CHAT: _chat, STEP: _step, PRESENTER: _presenter, HAND: _hand, CONSENT: _consent, RECORDING: _recording,
    SOUND: _sound,
    GUESTS: _guests, AGENDA: _agenda, ENDED: _ended,
}  # fmt: skip


def _leads(member: str, room: Room, here: Collection[str]) -> None:
    """Who leads, who opened the room, and, while neither of the two is there, anybody with an account."""
    if member in (room.presenter, room.created_by):
        return
    if member.startswith("guest-") or room.presenter in here or room.created_by in here:
        raise Refused("not presenter")


def _on_image(kind: str, body: Mapping[str, Any], cases: Collection[int]) -> dict[str, Any]:
    """An event on an image names the case, the series, the instance and the frame."""
    if body.get("case") not in cases:
        raise Refused("no such case")
    for name in ("SeriesInstanceUID", "SOPInstanceUID"):
        value = body.get(name)
        if not isinstance(value, str) or not _UID.fullmatch(value):
            raise Malformed(f"{name} is missing")
    frame = body.get("frame", 1)
    if type(frame) is not int or frame < 1:
        raise Malformed("frame is a number from 1")
    return {**body, "frame": frame}
