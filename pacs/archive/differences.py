"""Two objects of one SOP Instance UID: what they say differently, as text to look at."""

import hashlib
import json
from dataclasses import dataclass

from pydicom.datadict import keyword_for_tag

from pacs.archive.frames import opened_header
from pacs.dataset.values import Json
from pacs.present import instance_json
from storage.model.archive import Instance
from storage.objects.base import ObjectStore

MOST_DIFFERENCES = 200
LONGEST_VALUE = 200
_HASHED_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Difference:
    """An attribute that two objects say differently; a value is None where it is missing."""

    tag: str
    keyword: str
    shown: str | None
    other: str | None


def differences(objects: ObjectStore, shown: Instance, other: Instance) -> list[Difference]:
    """What the two say differently, in the order of tags, at most MOST_DIFFERENCES; of sequences only that."""
    found: list[Difference] = []
    ours, theirs = _attributes(objects, shown), _attributes(objects, other)
    for tag in sorted(ours.keys() | theirs.keys()):
        if ours.get(tag) != theirs.get(tag) and len(found) < MOST_DIFFERENCES:
            keyword = keyword_for_tag(int(tag, 16)) or ""
            found.append(Difference(tag, keyword, _said(ours.get(tag)), _said(theirs.get(tag))))
    return found


def _attributes(objects: ObjectStore, instance: Instance) -> dict[str, Json]:
    with opened_header(objects, instance) as header:
        found = instance_json(instance, header, "")
    for name in ("7FE00008", "7FE00009", "7FE00010"):
        if name in found:
            found[name] = {"vr": "OW", "Value": [_pixels(objects, instance)]}
    return found


def _pixels(objects: ObjectStore, instance: Instance) -> str:
    facts = instance.facts
    if facts.pixel_offset is None or facts.pixel_length is None:
        return ""
    text = f"{facts.pixel_length} bytes"
    if facts.pixel_length <= _HASHED_BYTES and facts.pixel_offset + facts.pixel_length <= instance.stored.size:
        data = objects.get(instance.stored.key, facts.pixel_offset, facts.pixel_length)
        text += f", SHA-256 {hashlib.sha256(data).hexdigest()[:16]}…"
    return text


def _said(element: Json | None) -> str | None:
    """A value as text to look at."""
    if element is None:
        return None
    values = element.get("Value")
    if values is None:
        return str(element.get("InlineBinary", ""))[:LONGEST_VALUE] or ("…" if "BulkDataURI" in element else "")
    text = "\\".join(_part(value) for value in values) if isinstance(values, list) else str(values)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _part(value: object) -> str:
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    if value.keys() <= {"Alphabetic", "Ideographic", "Phonetic"}:
        return "=".join(str(value.get(name, "")) for name in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")
    return json.dumps(value, ensure_ascii=False)
