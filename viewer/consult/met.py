"""What happened in the rooms of a consultation, as its minutes begin with it: when, who was there, what was shown,
drawn and said."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from pacs.minutes.glyphs import missing
from storage.errors import NotFound
from storage.index import instances, rooms
from storage.index.database import Connection
from storage.model.archive import Scope
from storage.model.consult import Consult, ConsultStudy
from storage.model.live import ANNOTATION, CHAT, LOOK, STEP, Room, RoomCase, RoomEvent, RoomMember

EVERYTHING = 1_000_000
MOST_DRAWINGS, MOST_PLACES, MOST_SAID = 20, 12, 30
LONGEST_SAID = 300  # characters of one message
_VIET_NAM = timezone(timedelta(hours=7))
_WORDS = {
    "vi": ("Phiên trực tuyến", "Hình vẽ", "Ảnh đã chỉ", "Trao đổi", "chuỗi", "ảnh", "khung hình"),
    "en": ("Live session", "Drawn", "Images pointed at", "Said", "series", "image", "frame"),
}


@dataclass(frozen=True, slots=True)
class Meeting:
    """One room: from when to when (UTC milliseconds), its people, and what it leaves as lines in each language."""

    began_at: int
    ended_at: int
    people: list[RoomMember]
    lines: dict[str, str] = field(default_factory=dict)


def meetings(db: Connection, consult: Consult, studies: list[ConsultStudy]) -> list[Meeting]:
    """The rooms about this consultation in which somebody was, in the order of their beginning."""
    uids = {uid for one in studies for uid in (one.study_instance_uid, one.shown_study_instance_uid) if uid}
    found = {
        room.id: room for uid in uids for room in rooms.on_study(db, uid, ended=True)
        if room.consult_id == consult.id or (room.consult_id is None and _is_about(db, consult, room))
    }  # fmt: skip
    met = [_meeting(db, room, {one.study_instance_uid for one in studies}) for room in found.values()]
    return sorted((one for one in met if one.people), key=lambda one: one.began_at)


def _is_about(db: Connection, consult: Consult, room: Room) -> bool:
    """Whether a room that names no consultation was opened meanwhile about a study of the hospital that asks."""
    own = any(case.hospital_id == consult.hospital_id for case in rooms.cases(db, room.id))
    return own and room.created_at >= consult.created_at


def _meeting(db: Connection, room: Room, studies: set[str]) -> Meeting:
    people = rooms.members(db, room.id)
    events = rooms.events(db, room.id, 0, EVERYTHING)
    began = min((one.first_at for one in people), default=room.created_at)
    newest = max((one.seen_at for one in people), default=room.created_at)
    ended = room.ended_at or max([newest, *(one.at for one in events)])
    about = {one.position: one for one in rooms.cases(db, room.id) if one.study_instance_uid in studies}
    names = {one.key: one.name for one in people}
    lines = {language: _lines(db, events, about, names, (began, ended), language) for language in _WORDS}
    return Meeting(began, ended, people, lines)


def _lines(
    db: Connection, events: list[RoomEvent], about: dict[int, RoomCase], names: dict[str, str], held: tuple[int, int],
    language: str,
) -> str:  # fmt: skip
    """What stands of the room on these cases: drawings, images that were pointed at, and what was said meanwhile; of
    the other cases of its agenda nothing."""
    session, drawn, places, said, *_ = _WORDS[language]
    drawings: dict[str, str] = {}
    pointed: dict[str, None] = {}
    talk: list[str] = []
    at = 0
    for one in events:
        who, text = names.get(one.member, ""), _printable(str(one.body.get("text", "")))
        if one.kind == STEP:
            at = int(one.body.get("case", 0))
        elif one.kind == CHAT and at in about:
            talk.append(f"{_printable(who)}: {text}")
        elif one.kind in (ANNOTATION, LOOK) and one.body.get("case") in about:
            image = _image(db, about[one.body["case"]], one, language)
            if one.kind == LOOK:
                pointed.setdefault(image)
            elif one.body.get("act") == "delete":
                drawings.pop(str(one.body.get("annotation")), None)
            else:
                drawings[str(one.body.get("annotation"))] = f"{image} – {text}" if text else image
    parts = [
        (drawn, "; ".join(list(dict.fromkeys(drawings.values()))[:MOST_DRAWINGS])),
        (places, "; ".join(list(pointed)[:MOST_PLACES])),
        (said, "\n".join(["", *talk[-MOST_SAID:]]) if talk else ""),
    ]
    written = [f"{name}: {text}" for name, text in parts if text]
    return "\n".join([f"{session} {_time(held[0])}–{_time(held[1])}:", *written]) if written else ""


def _image(db: Connection, case: RoomCase, event: RoomEvent, language: str) -> str:
    """How people name an image: the numbers of the series, the image and, of several, the frame."""
    *_, series, image, frame = _WORDS[language]
    try:
        scope = Scope(frozenset({case.hospital_id}))
        found = instances.find_by_uid(db, scope, str(event.body["SOPInstanceUID"]))
        holds = instances.series(db, scope, found.key.study_instance_uid, found.key.series_instance_uid)
    except NotFound:
        return image
    named = f"{series} {holds.facts.number or '–'}, {image} {found.facts.number or '–'}"
    return f"{named}, {frame} {event.body.get('frame', 1)}" if (found.facts.frames or 1) > 1 else named


def _printable(text: str) -> str:
    """What people typed, on one line, without letters that minutes cannot print."""
    gone = set(missing(text))
    line = " ".join("".join(" " if letter in gone else letter for letter in text).split())
    return line if len(line) <= LONGEST_SAID else f"{line[:LONGEST_SAID]}…"


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, _VIET_NAM):%H:%M}"
