"""Whether two objects of one SOP Instance UID say the same: the same attributes and pixels, however encoded."""

import time
from collections.abc import Iterable

from pacs.archive.frames import frame_of, header_of, opened_header
from pacs.dataset.charsets import decode
from pacs.dataset.envelope import DEFLATED
from pacs.dataset.scan import Element
from pacs.dataset.syntaxes import Header
from pacs.dataset.values import Reader
from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels.pool import Codecs
from storage.errors import InvalidInstance, ObjectCorrupt, ObjectMissing
from storage.model.archive import Description, Instance, StoredObject
from storage.objects.base import ObjectStore

SECONDS = 60.0
_BLOCK = 1024 * 1024
_NATIVE_LITTLE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"})

# What a change of encoding changes: character set, colour by plane or by pixel, offset tables, padding.
_ENCODING = frozenset({0x00080001, 0x00080005, 0x00280006, 0x7FE00001, 0x7FE00002, 0x7FE00003, 0xFFFCFFFC})
# What compressing writes beside it: derivation, photometric interpretation, lossy compression.
_OF_COMPRESSION = frozenset({0x00082111, 0x00089215, 0x00280004, 0x00282110, 0x00282112, 0x00282114})
_NAMES = frozenset({"PN"})
_TEXTS = frozenset({"LO", "SH", "UC", "LT", "ST", "UT"})
_PADDING = b" \0"
_WORDS = {
    "US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4, "FD": 8, "OD": 8, "SV": 8, "UV": 8,
    "OV": 8,
}  # fmt: skip


def same_content(
    objects: ObjectStore, codecs: Codecs | None, description: Description, stored: StoredObject, existing: Instance
) -> bool:
    """Compare a newcomer with the canonical instance. What cannot be compared is not the same."""
    newcomer = Instance(
        existing.hospital_id, description.key, description.instance, stored, description.series.modality
    )
    if newcomer.key != existing.key:
        return False
    try:
        return _same_attributes(objects, newcomer, existing) and _same_pixels(objects, codecs, newcomer, existing)
    except (InvalidInstance, UndecodablePixels, UnsupportedTransferSyntax, ObjectMissing, ObjectCorrupt):
        return False


def _same_attributes(objects: ObjectStore, one: Instance, other: Instance) -> bool:
    ignored = _ENCODING
    if one.facts.transfer_syntax_uid != other.facts.transfer_syntax_uid:
        ignored |= _OF_COMPRESSION
    with opened_header(objects, one) as mine, opened_header(objects, other) as yours:
        left, right = _Plain(mine), _Plain(yours)
        return _same_elements(left, left.elements, right, right.elements, ignored)


class _Plain:
    """A header taken apart, and its values in a form that does not depend on how they were encoded."""

    def __init__(self, header: Header) -> None:
        scanner = header.scanner()
        self.elements = tuple(scanner.top_level(header.start))
        self.reader = Reader(scanner)
        self.reader.see(self.elements)
        self.scanner = scanner

    def value(self, element: Element, vr: str) -> object:
        raw = self.reader.raw(element)
        if vr in _NAMES or vr in _TEXTS:
            text = decode(raw, self.reader.terms, name=vr in _NAMES)
            return [part.rstrip("^= ") if vr in _NAMES else part.strip(" ") for part in text.split("\\")]
        width = _WORDS.get(vr, 1)
        if width > 1 and not self.scanner.little:
            raw = b"".join(raw[n : n + width][::-1] for n in range(0, len(raw), width))
        return raw if vr in _WORDS else raw.rstrip(_PADDING)


def _same_elements(
    left: _Plain, ours: Iterable[Element], right: _Plain, theirs: Iterable[Element], ignored: frozenset[int]
) -> bool:
    first = {e.tag: e for e in ours if e.tag & 0xFFFF and e.tag not in ignored}
    second = {e.tag: e for e in theirs if e.tag & 0xFFFF and e.tag not in ignored}
    if first.keys() != second.keys():
        return False
    return all(_same_value(left, first[tag], right, second[tag], ignored) for tag in first)


def _same_value(left: _Plain, one: Element, right: _Plain, other: Element, ignored: frozenset[int]) -> bool:
    if one.items is not None or other.items is not None:
        return _same_items(left, one, right, other, ignored)
    vr = one.vr if one.vr == other.vr else _common(one.vr, other.vr)
    if left.value(one, vr) == right.value(other, vr):
        return True
    # UN is never turned round, so it keeps the byte order of where it came from (PS3.5 6.2.2)
    return "UN" in (one.vr, other.vr) and left.reader.raw(one) == right.reader.raw(other)


def _same_items(left: _Plain, one: Element, right: _Plain, other: Element, ignored: frozenset[int]) -> bool:
    ours = one.items if one.items is not None else left.scanner.items_of(one)
    theirs = other.items if other.items is not None else right.scanner.items_of(other)
    if len(ours) != len(theirs):
        return False
    before = left.reader.terms, right.reader.terms
    for mine, yours in zip(ours, theirs, strict=True):
        left.reader.see(mine)
        right.reader.see(yours)
        if not _same_elements(left, mine, right, yours, ignored):
            return False
        left.reader.terms, right.reader.terms = before
    return True


def _common(one: str, other: str) -> str:
    """The VR to read both by when an implicit encoding could not say it."""
    known = [vr for vr in (one, other) if vr != "UN"]
    exact = [vr for vr in known if " or " not in vr]
    if exact:
        return exact[0]
    return "OW" if known else "UN"


def _same_pixels(objects: ObjectStore, codecs: Codecs | None, one: Instance, other: Instance) -> bool:
    ours, theirs = one.facts, other.facts
    if ours.pixel_offset is None or theirs.pixel_offset is None:
        return ours.pixel_offset is theirs.pixel_offset
    plain = {ours.transfer_syntax_uid, theirs.transfer_syntax_uid}
    alike = len(plain) == 1 or plain <= _NATIVE_LITTLE
    if alike and not plain & DEFLATED and _same_bytes(objects, one, other):
        return True
    if ours.frames != theirs.frames or codecs is None:
        return False
    left, right = header_of(objects, one), header_of(objects, other)
    deadline = time.monotonic() + SECONDS
    for number in range(1, ours.frames + 1):
        if time.monotonic() > deadline:
            return False
        if _decoded(objects, codecs, one, left, number) != _decoded(objects, codecs, other, right, number):
            return False
    return True


def _decoded(objects: ObjectStore, codecs: Codecs, instance: Instance, header: bytes, number: int) -> bytes:
    frame = frame_of(objects, instance, number)
    return codecs.samples(header, frame.transfer_syntax_uid, frame.data, number)


def _same_bytes(objects: ObjectStore, one: Instance, other: Instance) -> bool:
    """Whether the values of Pixel Data are the same, save for a byte of padding."""
    if one.facts.pixel_length is None or other.facts.pixel_length is None:
        return False
    if abs(one.facts.pixel_length - other.facts.pixel_length) > 1 or one.facts.frames != other.facts.frames:
        return False
    length = min(one.facts.pixel_length, other.facts.pixel_length)
    for position in range(0, length, _BLOCK):
        size = min(_BLOCK, length - position)
        if _piece(objects, one, position, size) != _piece(objects, other, position, size):
            return False
    return True


def _piece(objects: ObjectStore, instance: Instance, position: int, size: int) -> bytes:
    return objects.get(instance.stored.key, (instance.facts.pixel_offset or 0) + position, size)
