"""What people draw on images and write beside them: what may be kept, whose it is and who sees it.

An annotation belongs to the hospital whose study it is on, and only its author changes it. Readers of that hospital see
all of its annotations; the parties of a consultation from elsewhere see those that are shared with it. Who is shown an
anonymised copy draws on the copy: it is kept with the original, and told to each side in the UIDs it knows.
"""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pacs.errors import AnnotationLimit, InvalidAnnotation
from storage.errors import Conflict, NotFound, NotPermitted
from storage.index import annotations, consults, instances, links
from storage.index.database import Connection, Database
from storage.index.types import now_ms
from storage.model.annotation import Act, ActKind, Annotation, Author
from storage.model.archive import Scope
from storage.model.consult import Party, Side
from storage.model.links import Exchange

MOST_ACTS = 20_000  # of one study
MOST_BODY = 16 * 1024  # bytes of a body as JSON
MOST_TEXT = 2000  # characters
MOST_POINTS = 64
FARTHEST = 1e6  # pixels; nothing is drawn further away

# How many points each tool draws with; those without draw nothing.
TOOLS: Mapping[str, tuple[int, ...]] = {
    "length": (2,), "angle": (3,), "ellipse": (4,), "rectangle": (4,), "probe": (1,), "arrow": (2,),
    "key_image": (0,), "answer": (0,),
}  # fmt: skip
_ON_IMAGE = frozenset(
    {"tool", "series_instance_uid", "sop_instance_uid", "frame", "frame_of_reference_uid", "points", "text", "box"}
)
FIELDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(TOOLS, _ON_IMAGE),
    "key_image": (_ON_IMAGE - {"points", "box"}) | {"window", "invert"},
    "answer": frozenset({"tool", "to", "text"}),
}
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seat:
    """Where somebody sits before a study: the study that holds its annotations, whether it is their own hospital's, the
    consultations about it they take part in (ids by code), and what its UIDs are to them when they see a copy."""

    hospital_id: int
    study_instance_uid: str
    own: bool
    consults: Mapping[str, int] = field(default_factory=dict)
    exchange: Exchange | None = None

    @property
    def sees(self) -> frozenset[int] | None:
        """The consultations whose annotations they see; None when they see all."""
        return None if self.own else frozenset(self.consults.values())

    def told(self, one: Annotation) -> Annotation | None:
        """The annotation in the UIDs this side knows; None when it is on an image this side was not given."""
        if self.exchange is None:
            return one
        body = _exchanged(json.loads(one.body), self.exchange.copies)
        return None if body is None else replace(one, body=_canonical(body))


@dataclass(frozen=True, slots=True)
class Written:
    """What an act has made, and whether it is news: the same act again is not."""

    seat: Seat
    annotation: Annotation
    new: bool


def seat(db: Connection, scope: Scope, study_instance_uid: str, party: Party | None) -> Seat:
    """Where the caller sits before this study; raises NotFound for a study they do not see."""
    study = instances.study(db, scope, study_instance_uid)
    uid, now = study.facts.study_instance_uid, now_ms()
    about = [] if party is None else consults.about(db, party, uid, {study.hospital_id})
    if study.hospital_id in scope.hospital_ids:
        return Seat(study.hospital_id, uid, own=True, consults={one.code: one.id for one in about})
    shown = [one for one in about if party and Side.TO in one.sides(party) and one.shows(now)]
    named = consults.studies(db, [one.id for one in shown])
    for one in shown:
        for row in named[one.id]:
            copy = (row.shown_hospital_id, row.shown_study_instance_uid) == (study.hospital_id, uid)
            if copy and (row.hospital_id, row.study_instance_uid) != (study.hospital_id, uid):
                link = links.of_consult(db, one.id)
                known = Exchange() if link is None else links.exchange(db, link.id)
                return Seat(
                    row.hospital_id, row.study_instance_uid, own=False, consults={one.code: one.id}, exchange=known
                )
    return Seat(study.hospital_id, uid, own=False, consults={one.code: one.id for one in shown})


def act_of(given: Mapping[str, Any]) -> Act:
    """The act that this JSON object says: client_id, annotation_id, version, kind, body. Raises InvalidAnnotation."""
    kinds = {kind.value for kind in ActKind}
    if given.get("kind") not in kinds:
        raise InvalidAnnotation(f"kind must be one of {', '.join(sorted(kinds))}")
    kind = ActKind(given["kind"])
    version = given.get("version")
    if not _whole(version, 1, MOST_ACTS):
        raise InvalidAnnotation("version must be a whole number from 1 on")
    body = body_of(given.get("body")) if kind is ActKind.PUT else "{}"
    return Act(
        _matching(given, "client_id", _ID), _matching(given, "annotation_id", _ID), int(given["version"]), kind,
        None, body,
    )  # fmt: skip


def body_of(given: object) -> str:
    """What is kept of a drawing or an answer, as JSON in one form; refuses what no tool of ours makes."""
    if not isinstance(given, dict):
        raise InvalidAnnotation("body must be an object")
    tool = given.get("tool")
    if not isinstance(tool, str) or tool not in TOOLS:
        raise InvalidAnnotation(f"tool must be one of {', '.join(TOOLS)}")
    unknown = sorted(str(name)[:40] for name in given if name not in FIELDS[tool])
    if unknown:
        raise InvalidAnnotation(f"unknown: {', '.join(unknown[:5])}")
    kept: dict[str, Any] = {"tool": tool, "text": _text(given.get("text", ""))}
    if tool == "answer":
        kept["to"] = _matching(given, "to", _ID)
        if not kept["text"].strip():
            raise InvalidAnnotation("an answer says something")
    else:
        kept |= _place(given)
    if TOOLS[tool] != (0,):
        kept["points"] = [_point(one) for one in _listed(given.get("points"))]
        if len(kept["points"]) not in TOOLS[tool]:
            raise InvalidAnnotation(f"{tool} is drawn with {TOOLS[tool][0]} points")
        if given.get("box") is not None:
            kept["box"] = _point(given["box"])
    if tool == "key_image":
        kept |= _look(given)
    text = _canonical(kept)
    if len(text.encode()) > MOST_BODY:
        raise InvalidAnnotation(f"more than {MOST_BODY} bytes")
    return text


def write(
    database: Database, scope: Scope, study_instance_uid: str, party: Party | None, author: Author, act: Act,
    consult: str = "",
) -> Written:  # fmt: skip
    """Keep an act of somebody who sees the study by `scope`, shared with the consultation of this code, if any.

    Raises NotFound, NotPermitted, Conflict, InvalidAnnotation.
    """
    with database.writing() as db:
        sits = seat(db, scope, study_instance_uid, party)
        where = sits.hospital_id, sits.study_instance_uid
        before = annotations.get(db, *where, act.annotation_id)
        act = replace(act, consult_id=_shared(sits, before, consult), body=_original(sits, act))
        if act.kind is ActKind.PUT:
            _check_place(db, sits, json.loads(act.body))
        if annotations.last(db, *where) >= MOST_ACTS:
            raise AnnotationLimit(f"no more than {MOST_ACTS} acts are kept of one study")
        done, new = annotations.add(db, *where, author, act)
        if new and done.consult_id is not None:
            _tell_copies(db, sits, done.consult_id)
        return Written(sits, sits.told(done) or done, new)


def read(
    database: Database, scope: Scope, study_instance_uid: str, party: Party | None, after: int
) -> tuple[Seat, int, list[Annotation]]:
    """Where the caller sits, the newest sequence of the study, and the annotations that changed after `after` as the
    caller may see them."""
    with database.reading() as db:
        sits = seat(db, scope, study_instance_uid, party)
        where = sits.hospital_id, sits.study_instance_uid
        newest = annotations.last(db, *where)  # before the page: what comes between is then told again, not missed
        found = annotations.after(db, *where, after, sits.sees)
        return sits, newest, [one for one in map(sits.told, found) if one is not None]


def _shared(sits: Seat, before: Annotation | None, code: str) -> int | None:
    """The consultation the annotation is shared with: once shared, it stays so."""
    asked = sits.consults.get(code) if code else None
    if code and asked is None:
        raise NotFound("there is no such consultation about this study")
    known = before.consult_id if before else None
    if known is not None and asked not in (None, known):
        raise Conflict("this annotation is shared with another consultation")
    shared = known if known is not None else asked
    if sits.own:
        return shared
    if shared is None and len(sits.consults) == 1:  # there is only one it can be meant for
        return next(iter(sits.consults.values()))
    if shared is None or shared not in sits.consults.values():
        raise NotPermitted("on this study you draw within a consultation")
    return shared


def _original(sits: Seat, act: Act) -> str:
    """The body in the UIDs of the study itself."""
    if sits.exchange is None or act.kind is not ActKind.PUT:
        return act.body
    body = _exchanged(json.loads(act.body), sits.exchange.originals)
    if body is None:
        raise NotFound("there is no such instance in this study")
    return _canonical(body)


def _exchanged(body: dict[str, Any], uids: Mapping[str, str]) -> dict[str, Any] | None:
    """The body with its UIDs exchanged; a frame of reference is nobody's business on the other side."""
    if body["tool"] == "answer":
        return body
    series, sop = uids.get(body["series_instance_uid"]), uids.get(body["sop_instance_uid"])
    if series is None or sop is None:
        return None
    return {**body, "series_instance_uid": series, "sop_instance_uid": sop, "frame_of_reference_uid": ""}


def _tell_copies(db: Connection, sits: Seat, consult_id: int) -> None:
    """Who has a copy of the study open hears of it too."""
    for row in consults.studies(db, [consult_id])[consult_id]:
        shown = row.shown_hospital_id, row.shown_study_instance_uid
        own = row.hospital_id, row.study_instance_uid
        if own != (sits.hospital_id, sits.study_instance_uid) or shown == own:
            continue
        if row.shown_hospital_id is not None and row.shown_study_instance_uid is not None:
            annotations.tell(db, row.shown_hospital_id, row.shown_study_instance_uid)


def _check_place(db: Connection, sits: Seat, body: Mapping[str, Any]) -> None:
    """Only what is in this very study is drawn on, and only what one sees is answered."""
    if body["tool"] == "answer":
        to = annotations.get(db, sits.hospital_id, sits.study_instance_uid, body["to"])
        if to is None or (sits.sees is not None and to.consult_id not in sits.sees):
            raise NotFound("there is no annotation to answer")
        return
    found = instances.find_by_uid(db, Scope(frozenset({sits.hospital_id})), body["sop_instance_uid"])
    there = found.key.study_instance_uid, found.key.series_instance_uid
    if there != (sits.study_instance_uid, body["series_instance_uid"]):
        raise NotFound("there is no such instance in this study")
    if body["frame"] > max(1, found.facts.frames):
        raise InvalidAnnotation(f"the instance has {max(1, found.facts.frames)} frames")


def _canonical(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _place(given: Mapping[str, Any]) -> dict[str, Any]:
    if not _whole(given.get("frame"), 1, 1_000_000):
        raise InvalidAnnotation("frame must be a whole number from 1 on")
    return {
        "series_instance_uid": _matching(given, "series_instance_uid", _UID),
        "sop_instance_uid": _matching(given, "sop_instance_uid", _UID),
        "frame_of_reference_uid": _matching({"frame_of_reference_uid": "", **given}, "frame_of_reference_uid", _UID_0),
        "frame": given["frame"],
    }


_UID_0 = re.compile(r"[0-9.]{0,64}", re.ASCII)


def _look(given: Mapping[str, Any]) -> dict[str, Any]:
    """How a key image is shown: its window [width, centre] in the unit of its values, and whether inverted."""
    window, invert = given.get("window"), given.get("invert", False)
    if not isinstance(invert, bool):
        raise InvalidAnnotation("invert must be true or false")
    if window is None:
        return {"invert": invert}
    width, center = _point(window)
    if width <= 0:
        raise InvalidAnnotation("a window is wider than 0")
    return {"invert": invert, "window": [width, center]}


def _matching(given: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = given.get(name)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise InvalidAnnotation(f"{name} is missing or not of its form")
    return value


def _text(value: object) -> str:
    """Composed, without control characters but line ends."""
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise InvalidAnnotation(f"text must be text of at most {MOST_TEXT} characters")
    composed = unicodedata.normalize("NFC", value)
    return "".join(c for c in composed if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs"))


def _listed(value: object) -> list[object]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_POINTS:
        raise InvalidAnnotation(f"points must be a list of 1 to {MOST_POINTS}")
    return value


def _point(value: object) -> tuple[float, float]:
    """Column and row of the frame, 0 in the centre of the first pixel."""
    if isinstance(value, list) and len(value) == 2 and all(_finite(one) for one in value):
        return round(float(value[0]), 3), round(float(value[1]), 3)
    raise InvalidAnnotation("a point is two numbers")


def _finite(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and abs(value) <= FARTHEST


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
