"""What people draw on images and write beside them: what may be kept, whose it is and who sees it.

An annotation belongs to the hospital whose study it is on, and only its author changes it. Readers of that hospital see
all of its annotations; the parties of a consultation from elsewhere see those that are shared with it.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from pacs.errors import AnnotationLimit, InvalidAnnotation
from storage.errors import Conflict, NotFound, NotPermitted
from storage.index import annotations, instances
from storage.index.database import Connection, Database
from storage.model.annotation import Act, ActKind, Annotation, Author
from storage.model.archive import Scope

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


def act_of(given: Mapping[str, Any], consult_id: int | None = None) -> Act:
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
        consult_id, body,
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
    text = json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if len(text.encode()) > MOST_BODY:
        raise InvalidAnnotation(f"more than {MOST_BODY} bytes")
    return text


def write(
    database: Database, scope: Scope, study_instance_uid: str, author: Author, act: Act, consults: frozenset[int]
) -> tuple[Annotation, bool]:
    """Keep an act of somebody who sees the study by `scope` and is a party of these consultations about it.

    The annotation, and whether this is news. Raises NotFound, NotPermitted, Conflict, InvalidAnnotation.
    """
    with database.writing() as db:
        study = instances.study(db, scope, study_instance_uid)
        own = study.hospital_id in scope.hospital_ids
        where = study.hospital_id, study.facts.study_instance_uid
        before = annotations.get(db, *where, act.annotation_id)
        act = _shared(act, before, consults, own=own)
        if act.kind is ActKind.PUT:
            _check_place(db, study.hospital_id, where[1], json.loads(act.body), _seer(consults, own=own))
        if annotations.last(db, *where) >= MOST_ACTS:
            raise AnnotationLimit(f"no more than {MOST_ACTS} acts are kept of one study")
        return annotations.add(db, *where, author, act)


def read(
    database: Database, scope: Scope, study_instance_uid: str, after: int, consults: frozenset[int]
) -> tuple[int, list[Annotation]]:
    """The newest sequence of the study, and the annotations that changed after `after` as the caller may see them."""
    with database.reading() as db:
        study = instances.study(db, scope, study_instance_uid)
        where = study.hospital_id, study.facts.study_instance_uid
        newest = annotations.last(db, *where)  # before the page: what comes between is then told again, not missed
        seen = None if study.hospital_id in scope.hospital_ids else consults
        return newest, annotations.after(db, *where, after, seen)


def _shared(act: Act, before: Annotation | None, consults: frozenset[int], *, own: bool) -> Act:
    """The act with the consultation its annotation is shared with: once shared, it stays so."""
    consult_id = act.consult_id if act.consult_id is not None else before.consult_id if before else None
    if act.consult_id is not None and act.consult_id not in consults:
        raise NotFound("there is no such consultation about this study")
    if before is not None and before.consult_id is not None and consult_id != before.consult_id:
        raise Conflict("this annotation is shared with another consultation")
    if not own and (consult_id is None or consult_id not in consults):
        raise NotPermitted("on this study you draw within a consultation")
    return Act(act.client_id, act.annotation_id, act.version, act.kind, consult_id, act.body)


def _seer(consults: frozenset[int], *, own: bool) -> Callable[[Annotation], bool]:
    return lambda one: own or one.consult_id in consults


def _check_place(
    db: Connection, hospital_id: int, study: str, body: Mapping[str, Any], seen: Callable[[Annotation], bool]
) -> None:
    """Only what is in this very study is drawn on, and only what one sees is answered."""
    if body["tool"] == "answer":
        to = annotations.get(db, hospital_id, study, body["to"])
        if to is None or not seen(to):
            raise NotFound("there is no annotation to answer")
        return
    found = instances.find_by_uid(db, Scope(frozenset({hospital_id})), body["sop_instance_uid"])
    if found.key.study_instance_uid != study or found.key.series_instance_uid != body["series_instance_uid"]:
        raise NotFound("there is no such instance in this study")
    if body["frame"] > max(1, found.facts.frames):
        raise InvalidAnnotation(f"the instance has {max(1, found.facts.frames)} frames")


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
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and math.isfinite(value) and abs(value) <= FARTHEST  # type: ignore[arg-type]


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
