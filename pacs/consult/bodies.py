"""What may stand in an event of a consultation: checked, and kept in one form."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from pacs.consult.findings import mistake
from pacs.consult.vocabulary import BY_CODE, LANGUAGES
from pacs.errors import InvalidConsult
from storage.model.consult import Kind

MOST_TEXT = 8000  # characters
MOST_NOTE = 500
MOST_FINDINGS = 30
MOST_IMAGES = 30
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_CLIENT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def body_of(kind: Kind, given: object) -> dict[str, Any]:
    """The body that is kept of what somebody sent for an event of this kind. Raises InvalidConsult."""
    if not isinstance(given, dict):
        raise InvalidConsult("body must be an object")
    make = _BODIES.get(kind)
    if make is None:
        raise InvalidConsult(f"{kind} is not written by hand")
    return make(given)


def client_id(given: object) -> str:
    """The id by which a repetition is known: a UUID in lower case."""
    if not isinstance(given, str) or _CLIENT_ID.fullmatch(given) is None:
        raise InvalidConsult("client_id must be a UUID in lower case")
    return given


def text(given: Mapping[str, Any], name: str, most: int = MOST_TEXT, *, needed: bool = False) -> str:
    """Text as people write it: composed, without control characters except line ends."""
    value = given.get(name, "")
    if not isinstance(value, str):
        raise InvalidConsult(f"{name} must be text")
    value = unicodedata.normalize("NFC", value.replace("\r\n", "\n"))
    value = "".join(c for c in value if c == "\n" or unicodedata.category(c)[0] != "C" or c == "\u200d").strip()
    if len(value) > most:
        raise InvalidConsult(f"{name} has more than {most} characters")
    if needed and not value:
        raise InvalidConsult(f"missing: {name}")
    return value


def code(given: Mapping[str, Any], name: str, table: str, default: str | None = None) -> str:
    """A code of the vocabulary."""
    value = given.get(name, default)
    if not isinstance(value, str) or (value not in BY_CODE[table] and value != default):
        raise InvalidConsult(f"{name} must be one of {', '.join(BY_CODE[table])}")
    return value


def language(given: Mapping[str, Any]) -> str:
    """The language free text is in."""
    value = given.get("language", "vi")
    if value not in LANGUAGES:
        raise InvalidConsult(f"language must be one of {', '.join(LANGUAGES)}")
    return str(value)


def images(given: Mapping[str, Any], name: str = "images") -> list[dict[str, Any]]:
    """References to frames: the UIDs of study, series and instance, the frame's number from 1, a note, and the window
    (width, centre) they are meant to be seen with, inverted or not."""
    listed = given.get(name, [])
    if not isinstance(listed, list) or len(listed) > MOST_IMAGES:
        raise InvalidConsult(f"{name} must be a list of at most {MOST_IMAGES}")
    return [_image(one) for one in listed]


def findings(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Findings as data; see findings.py."""
    listed = given.get("findings", [])
    if not isinstance(listed, list) or len(listed) > MOST_FINDINGS:
        raise InvalidConsult(f"findings must be a list of at most {MOST_FINDINGS}")
    for one in listed:
        wrong = mistake(one)
        if wrong:
            raise InvalidConsult(wrong)
    return [{name: value for name, value in one.items() if value not in ("", [])} for one in listed]


def _image(given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidConsult("an image must be an object")
    kept: dict[str, Any] = {}
    for name in ("study_instance_uid", "series_instance_uid", "sop_instance_uid"):
        value = given.get(name)
        if not isinstance(value, str) or _UID.fullmatch(value) is None:
            raise InvalidConsult(f"{name} of an image must be a UID")
        kept[name] = value
    frame = given.get("frame", 1)
    if not isinstance(frame, int) or isinstance(frame, bool) or not 1 <= frame <= 10**9:
        raise InvalidConsult("frame of an image must be a number from 1 on")
    look: dict[str, Any] = {"invert": True} if given.get("invert") is True else {}
    if given.get("window") is not None:
        look["window"] = _window(given["window"])
    return {**kept, "frame": frame, "note": text(given, "note", MOST_NOTE), **look}


def _window(given: object) -> list[float]:
    if isinstance(given, list) and len(given) == 2 and all(type(one) in (int, float) for one in given):
        width, center = (round(float(one), 3) for one in given)
        if 0 < width <= 1e6 and abs(center) <= 1e6:
            return [width, center]
    raise InvalidConsult("the window of an image is its width and its centre")


def _message(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": text(given, "text", needed=True), "language": language(given)}


def _opinion(given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        "verdict": code(given, "verdict", "verdicts"),
        "findings": findings(given),
        "text": text(given, "text"),
        "language": language(given),
        "images": images(given),
    }
    if not kept["findings"] and not kept["text"]:
        raise InvalidConsult("an opinion needs findings or text")
    return kept


def _translation(given: Mapping[str, Any]) -> dict[str, Any]:
    of = given.get("of")
    if not isinstance(of, int) or isinstance(of, bool) or of < 1:
        raise InvalidConsult("of must be the number of an event")
    return {"of": of, "text": text(given, "text", needed=True), "language": language(given), "by": "person"}


def _key_images(given: Mapping[str, Any]) -> dict[str, Any]:
    kept = images(given)
    if not kept:
        raise InvalidConsult("missing: images")
    return {"images": kept}


def _concluded(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "findings": findings(given),
        "conclusion": text(given, "conclusion", needed=True),
        "recommendation": text(given, "recommendation"),
        "language": language(given),
    }


def _closed(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"outcome": code(given, "outcome", "outcomes"), "text": text(given, "text", MOST_NOTE)}


def _reason(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": text(given, "text", MOST_NOTE)}


_BODIES: Mapping[Kind, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    Kind.ACCEPTED: lambda given: {},
    Kind.MESSAGE: _message,
    Kind.OPINION: _opinion,
    Kind.TRANSLATION: _translation,
    Kind.KEY_IMAGES: _key_images,
    Kind.CONCLUDED: _concluded,
    Kind.CLOSED: _closed,
    Kind.WITHDRAWN: _reason,
    Kind.REVOKED: _reason,
    Kind.REOPENED: _reason,
}
