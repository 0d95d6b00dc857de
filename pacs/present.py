"""Values → what doors say: a C-FIND answer as a Dataset, a QIDO-RS answer and instance metadata as DICOM JSON."""

import base64
import json
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import Any

import orjson
from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pacs.dataset.answers import DEFAULTS
from pacs.dataset.syntaxes import Header
from pacs.dataset.values import Json, Reader
from pacs.recent import Recent
from storage.model.archive import Instance
from storage.model.attributes import down_to
from storage.model.query import Found, Level

UTF_8 = "ISO_IR 192"
ALL = "all"
_REMEMBERED = 1024  # answers, of all kinds of queries
INLINE_BYTES = 1024  # binary values up to this size are given inline
CHARACTER_SET, _RETRIEVE_AE_TITLE, _LEVEL = "00080005", "00080054", "00080052"
_RETRIEVE_URL = "00081190"
_UTF_8: Json = {"vr": "CS", "Value": [UTF_8]}
AVAILABLE_TRANSFER_SYNTAX = "00083002"
ENCAPSULATION = frozenset({"7FE00001", "7FE00002", "7FE00003"})

_written_before: Recent[tuple[object, ...], bytes] = Recent(_REMEMBERED)

_UNIQUE: dict[Level, tuple[str, ...]] = {
    Level.PATIENT: ("PatientID",),
    Level.STUDY: ("StudyInstanceUID",),
    Level.SERIES: ("StudyInstanceUID", "SeriesInstanceUID"),
    Level.IMAGE: ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
}


def to_dataset(found: Found, keywords: Iterable[str], retrieve_ae_title: str = "") -> Dataset:
    """A C-FIND answer: what was asked for (empty where we know nothing), the unique keys, where to retrieve it from."""
    answer = Dataset()
    answer.SpecificCharacterSet = UTF_8
    answer.QueryRetrieveLevel = found.level.value
    if retrieve_ae_title:
        answer.RetrieveAETitle = retrieve_ae_title
    for keyword in dict.fromkeys((*_UNIQUE[found.level], *keywords)):
        tag = tag_for_keyword(keyword)
        if tag is None or keyword in ("SpecificCharacterSet", "QueryRetrieveLevel", "RetrieveAETitle"):
            continue
        _put(answer, tag, found.attributes.get(f"{tag:08X}"))
    return answer


@lru_cache(maxsize=16)
def json_writer(level: Level, wanted: tuple[str, ...]) -> "JsonWriter":
    """The writer of this kind of query, which many clients ask alike."""
    return JsonWriter(level, wanted)


class JsonWriter:
    """Says what a QIDO-RS answer has: the attributes of the level, and those wanted besides (keywords, "all", or paths
    into a sequence with dots between). Threads may share it."""

    def __init__(self, level: Level, wanted: Collection[str]) -> None:
        tags, self._inside = _chosen(level, tuple(wanted))
        self._tags = sorted({*tags, *self._inside, _RETRIEVE_URL, CHARACTER_SET})
        self._kind = (level, *wanted)

    def written(self, found: Found, root: str, retrieve_url: Callable[[Found], str]) -> bytes:
        """One answer as JSON. `retrieve_url` says where below `root` what was found can be had, and is the same for the
        same root; those given last are remembered."""
        made_of = (self._kind, root, found.made_of)
        text = _written_before.get(made_of)
        if text is None:
            text = orjson.dumps(self.write(found, retrieve_url(found)))
            if found.made_of:
                _written_before.put(made_of, text)
        return text

    def write(self, found: Found, retrieve_url: str = "") -> dict[str, Json]:
        """One answer, in the order of its tags."""
        attributes = found.attributes
        answer: dict[str, Json] = {}
        for tag in self._tags:
            if tag in attributes:
                answer[tag] = self._part(attributes[tag], tag) if tag in self._inside else attributes[tag]
            elif tag == CHARACTER_SET:
                answer[tag] = _UTF_8
            elif tag == _RETRIEVE_URL and retrieve_url:
                answer[tag] = {"vr": "UR", "Value": [retrieve_url]}
        return answer

    def _part(self, sequence: dict[str, object], tag: str) -> Json:
        """The items of a sequence with nothing but what the paths name."""
        items: Any = sequence.get("Value") or []
        kept = [{inner: value for inner, value in item.items() if inner in self._inside[tag]} for item in items]
        return {"vr": "SQ", "Value": kept} if kept else {"vr": "SQ"}


@lru_cache(maxsize=256)
def _chosen(level: Level, wanted: tuple[str, ...]) -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    """The tags of an answer; and of those sequences that are not wanted whole, the tags in their items."""
    keywords = set(DEFAULTS[level]) | {keyword for keyword in wanted if "." not in keyword}
    if ALL in keywords:
        keywords |= {attribute.keyword for attribute in down_to(level)}
    inside: dict[str, frozenset[str]] = {}
    for path in wanted:
        outer, _, inner = path.partition(".")
        if inner and outer not in keywords:
            tag = f"{tag_for_keyword(outer) or 0:08X}"
            inside[tag] = inside.get(tag, frozenset()) | {f"{tag_for_keyword(inner.split('.')[0]) or 0:08X}"}
    return frozenset(f"{tag_for_keyword(keyword) or 0:08X}" for keyword in keywords), inside


def to_json(found: Found, wanted: Collection[str] = (), retrieve_url: str = "") -> dict[str, Json]:
    """A QIDO-RS answer."""
    return JsonWriter(found.level, wanted).write(found, retrieve_url)


def header_json(header: Header, bulk_root: str) -> dict[str, Json]:
    """The DICOM JSON of a whole header (PS3.18 Annex F). Binary values longer than INLINE_BYTES, and Pixel Data, are
    BulkDataURIs below `bulk_root`: ``<bulk_root>/<tag>`` or, inside sequences, ``<bulk_root>/<tag>/<item>/<tag>``."""
    scanner = header.scanner()
    elements = scanner.top_level(header.start)
    reader = Reader(scanner, inline=INLINE_BYTES, bulk=lambda path: f"{bulk_root}/{bulk_path(path)}")
    reader.see(elements)
    found = reader.dataset(elements)
    for tag in ENCAPSULATION:
        found.pop(tag, None)
    found[CHARACTER_SET] = {"vr": "CS", "Value": [UTF_8]}
    if scanner.pixels is not None:
        pixels, vr = f"{scanner.pixels.tag:08X}", scanner.pixels.vr
        found[pixels] = {"vr": vr if vr in ("OB", "OW", "OF", "OD") else "OW", "BulkDataURI": f"{bulk_root}/{pixels}"}
    return dict(sorted(found.items()))


def instance_json(instance: Instance, header: Header, root: str) -> dict[str, Json]:
    """The metadata of an instance as RetrieveMetadata answers it, its bulk data below `root`."""
    key = instance.key
    place = f"{root}/studies/{key.study_instance_uid}/series/{key.series_instance_uid}/instances/{key.sop_instance_uid}"
    found = header_json(header, f"{place}/bulkdata")
    found["00080016"] = {"vr": "UI", "Value": [instance.facts.sop_class_uid]}
    found["00080018"] = {"vr": "UI", "Value": [key.sop_instance_uid]}
    found[AVAILABLE_TRANSFER_SYNTAX] = {"vr": "UI", "Value": [instance.facts.transfer_syntax_uid]}
    return dict(sorted(found.items()))


def indexed_json(instance: Instance) -> dict[str, Json]:
    """What the index alone says of an instance whose object cannot be read: its UIDs, and what queries return."""
    found: dict[str, Json] = json.loads(instance.facts.attributes)
    key = instance.key
    for tag, vr, value in (
        ("00080016", "UI", instance.facts.sop_class_uid),
        ("00080018", "UI", key.sop_instance_uid),
        ("00080060", "CS", instance.modality),
        ("0020000D", "UI", key.study_instance_uid),
        ("0020000E", "UI", key.series_instance_uid),
        ("00200013", "IS", instance.facts.number),
        ("00280010", "US", instance.facts.rows),
        ("00280011", "US", instance.facts.columns),
        (AVAILABLE_TRANSFER_SYNTAX, "UI", instance.facts.transfer_syntax_uid),
    ):
        if value not in (None, ""):
            found[tag] = {"vr": vr, "Value": [value]}
    return dict(sorted(found.items()))


def bulk_path(path: tuple[int | str, ...]) -> str:
    """Where a binary value lies below the bulk data of its instance. Tags stand at even places, item numbers (from 0)
    at odd ones."""
    return "/".join(f"{part:08X}" if place % 2 == 0 else str(part) for place, part in enumerate(path))


def _put(answer: Dataset, tag: int, value: dict[str, object] | None) -> None:
    vr = str(value["vr"]) if value is not None else _vr(tag)
    known = _python(vr, value) if value is not None else (None if vr != "SQ" else [])
    # pydicom would log the values it finds wrong, and they may be patient data
    answer.add(DataElement(tag, vr, known, validation_mode=config.IGNORE))


def _vr(tag: int) -> str:
    return dictionary_VR(tag).split(" or ")[0]


def _python(vr: str, value: dict[str, object]) -> Any:
    """The value of one DICOM JSON attribute as pydicom takes it."""
    if "InlineBinary" in value:
        return base64.b64decode(str(value["InlineBinary"]))
    values: Any = value.get("Value") or []
    if vr == "SQ":
        return [_item(item) for item in values]
    if vr == "PN":
        values = ["=".join(_groups(person)).rstrip("=") for person in values]
    elif vr in ("DS", "IS"):
        values = ["" if number is None else number_text(number) for number in values]
    else:
        values = ["" if part is None else part for part in values]
    return values[0] if len(values) == 1 else values or None


def _groups(person: Any) -> tuple[str, ...]:
    if not isinstance(person, dict):
        return (str(person or ""),)
    return tuple(str(person.get(group, "")) for group in ("Alphabetic", "Ideographic", "Phonetic"))


def number_text(number: object) -> str:
    """At most 16 characters, as DS allows (PS3.5 6.2). What devices write there need not be a number."""
    text = str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)
    if len(text) <= 16:
        return text
    try:
        return f"{float(text):.10g}"
    except ValueError:
        return text[:16]


def _item(attributes: dict[str, Json]) -> Dataset:
    item = Dataset()
    for tag, value in attributes.items():
        _put(item, int(tag, 16), value)
    return item
