"""The metadata of instances as text of DICOM JSON, quickly: what the instances of a series repeat is written once.

The text is that of `present.instance_json`; a test compares them. Of two headers what they have in common is kept as a
pattern, and with it the text they share. Of a third one that has the pattern only the values that differ are read, by
the same `Reader`, and put between; one that has it not is read whole.
"""

import json
import re
import secrets
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import orjson

from pacs.dataset.likeness import Pattern, pattern
from pacs.dataset.limits import LIMITS
from pacs.dataset.scan import NUMBER_OF_FRAMES, Element, Scanner
from pacs.dataset.syntaxes import Header
from pacs.dataset.values import PIXEL_REPRESENTATION, SPECIFIC_CHARACTER_SET, Reader
from pacs.present import AVAILABLE_TRANSFER_SYNTAX, CHARACTER_SET, ENCAPSULATION, INLINE_BYTES, UTF_8, bulk_path
from storage.model.archive import Instance

_REPEATED = 256  # bytes; longer values hardly repeat
_MOST_REPEATED = 20_000
_LAST_COMMAND_GROUP = 7
_LONGEST = 128 * 1024  # bytes of a header that is worth a pattern
_PAYS_FROM = 6  # instances
_TRIES = 6  # instances that had nothing useful in common with the one before: from then on all are read whole
_TIMES = 40  # that the pattern is made wider
_GOVERNING = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, NUMBER_OF_FRAMES})  # how others are read

Texts = dict[int, bytes]
Shared = tuple[str, str, str, str, str, str]  # of an instance and its header, beside the elements, in the text


@dataclass(frozen=True, slots=True)
class _Mould:
    """A pattern and the text of it. `parts` are joined once those of `uids` are the SOP Instance UID, and those of
    `places` the differing elements, by their place among them."""

    pattern: Pattern
    shared: Shared
    implicit: bool
    terms: tuple[str, ...]
    signed: bool
    parts: tuple[bytes, ...]
    uids: tuple[int, ...]
    places: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Seen:
    """An instance that was read whole, and the tags of what differs among those that were."""

    buffer: bytes
    elements: Sequence[Element]
    differing: frozenset[int] = frozenset()


class InstanceTexts:
    """Writes instances that resemble each other. Not for several threads at once. Where it is told how many they are,
    and they are few, it learns no pattern: making one takes as long as reading three."""

    def __init__(self, count: int = _PAYS_FROM) -> None:
        self._learns = count >= _PAYS_FROM
        self._known: dict[Hashable, dict[Hashable, bytes]] = {}
        self._count = 0
        self._mould: _Mould | None = None
        self._seen: _Seen | None = None
        self._failed = self._times = 0

    def text(self, instance: Instance, header: Header, root: str) -> bytes:
        """The JSON object of an instance, its bulk data below `root`, in UTF-8."""
        facts, key = instance.facts, instance.key
        shared = (
            key.study_instance_uid, key.series_instance_uid, facts.sop_class_uid, facts.transfer_syntax_uid,
            header.transfer_syntax_uid, root,
        )  # fmt: skip
        uid = key.sop_instance_uid
        buffer = header.buffer
        if not isinstance(buffer, bytes) or header.start or len(buffer) > _LONGEST:
            return self._whole(uid, header, shared)
        cast = None if self._mould is None else self._cast(self._mould, uid, buffer, shared)
        return self._whole(uid, header, shared) if cast is None else cast

    def _cast(self, mould: _Mould, uid: str, buffer: bytes, shared: Shared) -> bytes | None:
        """The text of an instance that has the pattern; None when it has not."""
        if shared != mould.shared:
            return None
        matched = mould.pattern.values(buffer)
        if matched is None or matched[1] != len(buffer):
            return None
        scanner = Scanner(buffer, len(buffer), LIMITS, implicit=mould.implicit, little=True)
        reader = _reader(scanner, shared, uid)
        reader.terms, reader.signed = mould.terms, mould.signed
        values, differing = matched[0], mould.pattern.differing
        parts = list(mould.parts)
        name = _escaped(uid)
        for place in mould.uids:
            parts[place] = name
        for place, number in mould.places:
            tag, vr, _, _, _ = differing[number]
            element = Element(tag, vr, *values[number])
            parts[place] = _member(tag, reader.json(element if vr != "SQ" else scanner.with_items(element)))
        return b"".join(parts)

    def _whole(self, uid: str, header: Header, shared: Shared) -> bytes:
        scanner = header.scanner()
        elements = scanner.top_level(header.start)
        reader = _reader(scanner, shared, uid)
        reader.see(elements)
        text = _joined(self._members(reader, elements, scanner, uid, shared))
        buffer = header.buffer
        if self._learns and isinstance(buffer, bytes) and not header.start and len(buffer) <= _LONGEST:
            self._learn(buffer, scanner, elements, shared, uid)
        return text

    def _members(self, reader: Reader, elements: list[Element], scanner: Scanner, uid: str, shared: Shared) -> Texts:
        found = self._elements(reader, elements)
        if scanner.pixels is not None:
            vr = scanner.pixels.vr if scanner.pixels.vr in ("OB", "OW", "OF", "OD") else "OW"
            tag = scanner.pixels.tag
            found[tag] = _member(tag, {"vr": vr, "BulkDataURI": f"{_bulk_data(shared, uid)}/{tag:08X}"})
        found |= _from_index(uid, shared)
        return found

    def _elements(self, reader: Reader, elements: list[Element]) -> Texts:
        """Each element as a member of the object. Elements that follow one in another encoding mean something else."""
        known = self._known.setdefault(reader.encoding, {})
        buffer, found = reader.buffer, Texts()
        for element in elements:
            tag, vr, offset, length, items = element
            if tag >> 16 <= _LAST_COMMAND_GROUP or not tag & 0xFFFF:
                continue
            if length > _REPEATED or items is not None:
                found[tag] = _member(tag, reader.json(element))
                continue
            key = (tag, vr, buffer[offset : offset + length])
            text = known.get(key)
            if text is None:
                text = _member(tag, reader.json(element))
                if self._count < _MOST_REPEATED:
                    known[key] = text
                    self._count += 1
            found[tag] = text
        for name in ENCAPSULATION:
            found.pop(int(name, 16), None)
        return found

    def _learn(self, buffer: bytes, scanner: Scanner, elements: list[Element], shared: Shared, uid: str) -> None:
        """Take the instance as a model of its series, or find out what it has in common with the one before."""
        if self._failed >= _TRIES or self._times >= _TIMES or not scanner.little:
            return
        if len({element.tag for element in elements}) < len(elements):
            return
        before, self._seen = self._seen, _Seen(buffer, elements)
        if before is None:
            return
        like = pattern(buffer, elements, before.buffer, before.elements, before.differing, 0, implicit=scanner.implicit)
        if (
            like is None
            or not all(_may_differ(element) for element in like.differing)
            or (
                scanner.implicit and elements[0] in like.differing  # it tells that there are no VRs
            )
        ):
            self._failed += 1
            return
        self._times += 1
        self._seen.differing = before.differing | {element.tag for element in like.differing}
        self._mould = self._made(like, scanner, elements, shared, uid)

    def _made(self, like: Pattern, scanner: Scanner, elements: list[Element], shared: Shared, uid: str) -> _Mould:
        """The mould of the text with a mark, which no header can hold, wherever something else will stand."""
        uid_mark, mark = secrets.token_hex(16), secrets.token_hex(16)
        reader = _reader(scanner, shared, uid_mark)
        reader.see(elements)
        found = self._members(reader, elements, scanner, uid_mark, shared)
        own = {*_from_index(uid, shared), *(() if scanner.pixels is None else (scanner.pixels.tag,))}
        for number, element in enumerate(like.differing):
            if element.tag in found and element.tag not in own:
                found[element.tag] = b"%b:%d:" % (mark.encode(), number)
        marks = re.compile(b"(%b|%b:[0-9]+:)" % (uid_mark.encode(), mark.encode()))
        parts = tuple(marks.split(_joined(found)))
        at = range(1, len(parts), 2)
        uids = tuple(place for place in at if parts[place] == uid_mark.encode())
        places = tuple((place, int(parts[place].split(b":")[1])) for place in at if place not in uids)
        return _Mould(like, shared, scanner.implicit, reader.terms, reader.signed, parts, uids, places)


def dumps(value: object) -> bytes:
    """JSON in UTF-8 without spaces; also numbers that need more than 64 bits."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _reader(scanner: Scanner, shared: Shared, uid: str) -> Reader:
    return Reader(scanner, inline=INLINE_BYTES, bulk=lambda path: f"{_bulk_data(shared, uid)}/{bulk_path(path)}")


def _may_differ(element: Element) -> bool:
    """Whether what it says matters to no other element, and what it is was told by its VR."""
    group, number = element.tag >> 16, element.tag & 0xFFFF
    creator = group & 1 and 0x10 <= number <= 0xFF
    return not creator and element.tag not in _GOVERNING and (element.vr != "UN" or group & 1 == 1)


def _bulk_data(shared: Shared, uid: str) -> str:
    """Where the bulk data of an instance is."""
    study, series, _, _, _, root = shared
    return f"{root}/studies/{study}/series/{series}/instances/{uid}/bulkdata"


def _from_index(uid: str, shared: Shared) -> Texts:
    """What the header is not asked for."""
    _, _, sop_class, syntax, _, _ = shared
    return {
        tag: _member(tag, {"vr": vr, "Value": [value]})
        for tag, vr, value in (
            (int(CHARACTER_SET, 16), "CS", UTF_8),
            (0x00080016, "UI", sop_class),
            (0x00080018, "UI", uid),
            (int(AVAILABLE_TRANSFER_SYNTAX, 16), "UI", syntax),
        )
    }


def _joined(found: Texts) -> bytes:
    return b"{" + b",".join(found[tag] for tag in sorted(found)) + b"}"


def _escaped(text: str) -> bytes:
    return dumps(text)[1:-1]


def _member(tag: int, value: object) -> bytes:
    return b'"%08X":%b' % (tag, dumps(value))
