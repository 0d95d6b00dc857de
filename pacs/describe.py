"""Bytes → Description: what one instance says about itself, read from its header within limits."""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pacs.dataset.envelope import EXPLICIT, NATIVE, Envelope, inflate, mapped, open_envelope, pieces_of
from pacs.dataset.frames import FrameTable, fragments, frame_table, native_frame_bits, sniff
from pacs.dataset.limits import LIMITS, Limits
from pacs.dataset.scan import UNDEFINED, Buffer, Element, Scanner
from pacs.dataset.values import Json, Reader
from pacs.errors import LimitExceeded
from storage.errors import InvalidInstance
from storage.model.archive import Description, InstanceFacts, PatientFacts, SeriesFacts, StudyFacts
from storage.model.attributes import Attribute, kept_at
from storage.model.query import Level
from storage.model.text import fold

UID = re.compile(r"(?=\.*[0-9])[0-9.]{1,64}")  # odd ones are kept; those that are no name at all, as "..", are not
LONGEST_TEXT = 10_240
LONGEST_ATTRIBUTES = 65_536
_INFLATED_STEP = 1 << 20

KEPT: Mapping[Level, tuple[tuple[int, Attribute], ...]] = {
    level: tuple((int(attribute.tag, 16), attribute) for attribute in kept_at(level))
    for level in (Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE)
}
_FACTS = (
    0x00080005, 0x00080016, 0x00080018, 0x00080020, 0x00080030, 0x00080050, 0x00080051, 0x00080060, 0x00080080,
    0x00080090, 0x00081010, 0x00081030, 0x0008103E, 0x00100010, 0x00100020, 0x00100021, 0x00100030, 0x00100040,
    0x00180015, 0x0020000D, 0x0020000E, 0x00200010, 0x00200011, 0x00200013, 0x00280002, 0x00280004, 0x00280008,
    0x00280010, 0x00280011, 0x00280100, 0x00280103, 0x7FE00001, 0x7FE00002,
)  # fmt: skip
WANTED = frozenset(_FACTS) | {tag for pairs in KEPT.values() for tag, _ in pairs}
_OF_INSTANCE = {0x00080016, 0x00080018, 0x00200013, *(tag for tag in _FACTS if tag >> 16 in (0x0028, 0x7FE0))}
_SHARED = WANTED - _OF_INSTANCE - {tag for tag, _ in KEPT[Level.IMAGE]}
_SERIES_REMEMBERED = 64
_MEMBERS_REMEMBERED = 2048
_SHORT_VALUE = 64
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # `dumps` makes one for every call
_members: dict[tuple[object, ...], str] = {}
_read_before: dict[tuple[object, ...], tuple[PatientFacts, StudyFacts, SeriesFacts]] = {}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the pixels are; `transfer_syntax_uid` when they are not in the one the envelope has."""

    frames: int
    offset: int | None = None
    length: int | None = None
    frame_length: int | None = None
    table: FrameTable = ()
    transfer_syntax_uid: str = ""


_NOWHERE = _Place(0)


def describe(source: Path | BinaryIO | bytes, limits: Limits = LIMITS) -> Description:
    """Describe an instance from its header; Pixel Data is found but not read.

    Raises InvalidInstance when it cannot be read or does not say which instance it is, and LimitExceeded when reading
    it would take more than `limits` allow.
    """
    with mapped(source) as buffer:
        envelope = open_envelope(buffer)
        if envelope.deflated:
            return _described(envelope, *_scan_deflated(buffer, envelope, limits), limits)
        scanner = _scanner(buffer, len(buffer), envelope, limits)
        return _described(envelope, scanner, scanner.top_level(envelope.dataset_offset), limits)


def describe_head(head: bytes, size: int, limits: Limits = LIMITS) -> Description | None:
    """Like `describe`, from the first bytes of an object of `size` bytes; None when more of it must be seen, also when
    something is wrong with it."""
    try:
        envelope = open_envelope(head)
        scanner = _scanner(head, size, envelope, limits)
        found = [] if envelope.deflated else scanner.top_level(envelope.dataset_offset)
        reached = scanner.next if scanner.pixels is None else scanner.pixels.offset
        fragmented = scanner.pixels is not None and scanner.pixels.length == UNDEFINED
        if envelope.deflated or fragmented or reached > len(head):
            return None
        return _described(envelope, scanner, found, limits)
    except (struct.error, InvalidInstance):
        return None


def _scanner(buffer: Buffer, end: int, envelope: Envelope, limits: Limits) -> Scanner:
    return Scanner(buffer, end, limits, implicit=envelope.implicit, little=envelope.little, wanted=WANTED)


def _scan_deflated(buffer: Buffer, envelope: Envelope, limits: Limits) -> tuple[Scanner, list[Element]]:
    """Inflate all, keep only the header. Offsets then count from the start of the inflated dataset."""
    header = bytearray()
    enough = _INFLATED_STEP
    pieces = inflate(pieces_of(buffer, envelope.dataset_offset), limits)
    ended = False
    while True:
        while not ended and len(header) < enough:
            piece = next(pieces, None)
            ended = piece is None
            header += piece or b""
        scanner = _scanner(bytes(header), len(header), envelope, limits)
        try:
            found = scanner.top_level(0)
            if ended or (scanner.pixels is not None and scanner.pixels.length != UNDEFINED):
                scanner.end = len(header) + sum(len(piece) for piece in pieces)
                return scanner, found
        except LimitExceeded:
            raise
        except InvalidInstance:
            if ended:
                raise
        if len(header) > limits.header_bytes:
            raise LimitExceeded(f"more than {limits.header_bytes} bytes before Pixel Data")
        enough *= 4


def _described(envelope: Envelope, scanner: Scanner, found: list[Element], limits: Limits) -> Description:
    elements = {element.tag: element for element in found}
    reader = Reader(scanner, longest=LONGEST_TEXT)
    reader.see(found)
    get = elements.get
    sop_class_uid = said_uid(reader.text(get(0x00080016)) or envelope.sop_class_uid, "SOP Class UID")
    sop_instance_uid = said_uid(reader.text(get(0x00080018)) or envelope.sop_instance_uid, "SOP Instance UID")
    return Description(
        *_shared(reader, found, elements),
        _instance(envelope, scanner, reader, elements, sop_class_uid, sop_instance_uid, limits),
    )


def _shared(
    reader: Reader, found: list[Element], elements: Mapping[int, Element]
) -> tuple[PatientFacts, StudyFacts, SeriesFacts]:
    """Patient, study and series. All instances of a series bring the same bytes for them, which are read once: the
    facts are a function of these bytes, their VRs and the character set."""
    short = not found or found[-1].offset - found[0].offset <= LONGEST_ATTRIBUTES
    key = (reader.encoding, *[reader.said(e) for e in found if e.tag in _SHARED]) if short else None
    facts = _read_before.get(key) if key else None
    if facts is None:
        facts = _patient(reader, elements), _study(reader, elements), _series(reader, elements)
        if len(_read_before) >= _SERIES_REMEMBERED:
            _read_before.clear()
        if key:
            _read_before[key] = facts
    return facts


def _patient(reader: Reader, elements: Mapping[int, Element]) -> PatientFacts:
    get = elements.get
    name = reader.name(get(0x00100010))
    return PatientFacts(
        patient_id=reader.text(get(0x00100020)),
        issuer=reader.text(get(0x00100021)),
        name=name,
        name_fold=fold(name),
        birth_date=date_number(reader.text(get(0x00100030))),
        sex=reader.text(get(0x00100040)),
        attributes=_attributes(reader, elements, Level.PATIENT),
    )


def _study(reader: Reader, elements: Mapping[int, Element]) -> StudyFacts:
    get = elements.get
    description = reader.text(get(0x00081030))
    referring = reader.name(get(0x00080090))
    return StudyFacts(
        study_instance_uid=said_uid(reader.text(get(0x0020000D)), "Study Instance UID"),
        study_id=reader.text(get(0x00200010)),
        study_date=date_number(reader.text(get(0x00080020))),
        study_time=reader.text(get(0x00080030)),
        accession_number=reader.text(get(0x00080050)),
        accession_issuer=_issuer(reader, get(0x00080051)),
        description=description,
        description_fold=fold(description),
        referring=referring,
        referring_fold=fold(referring),
        institution=reader.text(get(0x00080080)),
        attributes=_attributes(reader, elements, Level.STUDY),
    )


def _series(reader: Reader, elements: Mapping[int, Element]) -> SeriesFacts:
    get = elements.get
    return SeriesFacts(
        series_instance_uid=said_uid(reader.text(get(0x0020000E)), "Series Instance UID"),
        modality=reader.text(get(0x00080060)),
        number=column_integer(reader.integer(get(0x00200011))),
        description=reader.text(get(0x0008103E)),
        body_part=reader.text(get(0x00180015)),
        station=reader.text(get(0x00081010)),
        attributes=_attributes(reader, elements, Level.SERIES),
    )


def _instance(
    envelope: Envelope,
    scanner: Scanner,
    reader: Reader,
    elements: Mapping[int, Element],
    sop_class_uid: str,
    sop_instance_uid: str,
    limits: Limits,
) -> InstanceFacts:
    get = elements.get
    rows, columns = _dimension(reader, get(0x00280010)), _dimension(reader, get(0x00280011))
    bits = _dimension(reader, get(0x00280100))
    place = _NOWHERE
    if scanner.pixels is not None:
        samples = reader.integer(get(0x00280002)) or 1
        claimed = reader.integer(get(0x00280008)) or 1
        size = native_frame_bits(rows or 0, columns or 0, samples, bits or 0, reader.text(get(0x00280004)))
        _check_dimensions(size // 8, max(claimed, 1), limits)
        place = _place(envelope, scanner, scanner.pixels, elements, max(claimed, 1), size, limits)
    return InstanceFacts(
        sop_instance_uid=sop_instance_uid,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=place.transfer_syntax_uid or envelope.transfer_syntax_uid,
        number=column_integer(reader.integer(get(0x00200013))),
        rows=rows,
        columns=columns,
        bits_allocated=bits,
        frames=place.frames,
        dataset_offset=envelope.dataset_offset,
        pixel_offset=place.offset,
        pixel_length=place.length,
        frame_length=place.frame_length,
        frame_table=place.table,
        attributes=_attributes(reader, elements, Level.IMAGE),
    )


def _dimension(reader: Reader, element: Element | None) -> int | None:
    number = reader.integer(element)
    return number if number is not None and 0 <= number <= 0xFFFF else None


def _check_dimensions(frame_bytes: int, frames: int, limits: Limits) -> None:
    if frame_bytes > limits.frame_bytes:
        raise LimitExceeded(f"a frame of {frame_bytes} bytes")
    if frame_bytes * frames > limits.pixel_bytes:
        raise LimitExceeded(f"{frames} frames of {frame_bytes} bytes")


def _place(
    envelope: Envelope,
    scanner: Scanner,
    pixels: Element,
    elements: Mapping[int, Element],
    frames: int,
    frame_bits: int,
    limits: Limits,
) -> _Place:
    if pixels.length == UNDEFINED:
        return _encapsulated(envelope, scanner, pixels, elements, frames, limits)
    length = min(pixels.length, scanner.end - pixels.offset)
    if length < pixels.length and (not frame_bits or length * 8 < frames * frame_bits):
        raise InvalidInstance(f"Pixel Data claims {pixels.length} bytes, {length} are left")
    native = envelope.transfer_syntax_uid in NATIVE or envelope.deflated
    if not native and length * 8 < frame_bits * frames:
        return _Place(1, pixels.offset, length, None, (((pixels.offset, length),),))
    frames = min(frames, max(length * 8 // frame_bits, 1)) if frame_bits else 1  # what is claimed may be any number
    syntax = "" if native else EXPLICIT
    return _Place(frames, pixels.offset, length, (frame_bits + 7) // 8 or None, (), syntax)


def _encapsulated(
    envelope: Envelope, scanner: Scanner, pixels: Element, elements: Mapping[int, Element], frames: int, limits: Limits
) -> _Place:
    buffer = scanner.buffer
    items, end = fragments(buffer, pixels.offset, limits)
    extended = None
    offsets, lengths = elements.get(0x7FE00001), elements.get(0x7FE00002)
    if offsets is not None and lengths is not None:
        extended = (
            buffer[offsets.offset : offsets.offset + offsets.length],
            buffer[lengths.offset : lengths.offset + lengths.length],
        )
    syntax = envelope.transfer_syntax_uid
    sniffed = sniff(buffer, items) if syntax in NATIVE else ""
    table = frame_table(buffer, items, frames, sniffed or syntax, extended)
    return _Place(len(table), pixels.offset, end - pixels.offset, None, table, sniffed)


def _attributes(reader: Reader, elements: Mapping[int, Element], level: Level) -> str:
    present = ((elements[tag], attribute) for tag, attribute in KEPT[level] if tag in elements)
    text = f"{{{','.join([attribute_text(reader, element, attribute) for element, attribute in present])}}}"
    return text if len(text) <= LONGEST_ATTRIBUTES else _shortened(json.loads(text))


def attribute_text(reader: Reader, element: Element, attribute: Attribute) -> str:
    """One member of the object. Most short values come again with the next instance."""
    if attribute.items:
        return _member(attribute, _items(reader, element, attribute))
    if element.items is not None or element.length > _SHORT_VALUE:
        return _member(attribute, reader.json(element))
    key = (reader.encoding, reader.said(element))
    member = _members.get(key)
    if member is None:
        if len(_members) >= _MEMBERS_REMEMBERED:
            _members.clear()
        member = _members[key] = _member(attribute, reader.json(element))
    return member


def _member(attribute: Attribute, value: Json) -> str:
    return _json({attribute.tag: value})[1:-1]


def _items(reader: Reader, element: Element, attribute: Attribute) -> Json:
    """A sequence with only the attributes we answer."""
    allowed = {int(item.tag, 16) for item in attribute.items}
    kept = tuple(tuple(e for e in item if e.tag in allowed) for item in element.items or ())
    return reader.json(element._replace(vr="SQ", items=kept))


def _shortened(found: dict[str, Json]) -> str:
    """Without what makes it too long: the object still has it, the index need not."""
    short = {tag: value for tag, value in found.items() if len(json.dumps(value)) <= LONGEST_ATTRIBUTES // len(found)}
    return _json(short)


def _issuer(reader: Reader, element: Element | None) -> str:
    """The issuer of the accession number: its local namespace, else its universal identifier."""
    if element is None or not element.items:
        return ""
    inside = {item.tag: item for item in element.items[0]}
    return reader.text(inside.get(0x00400031)) or reader.text(inside.get(0x00400032))


def said_uid(text: str, what: str) -> str:
    if not text:
        raise InvalidInstance(f"there is no {what}")
    if UID.fullmatch(text) is None:
        raise InvalidInstance(f"the {what} is not a UID")
    return text


def column_integer(number: int | None) -> int | None:
    return number if number is not None and -(2**31) <= number < 2**31 else None


def date_number(text: str) -> int | None:
    """A DA value as yyyymmdd; the old form with dots is read, anything else is None."""
    digits = text.replace(".", "") if len(text) == 10 else text
    if len(digits) != 8 or not digits.isdecimal() or not digits.isascii():
        return None
    return int(digits) if "01" <= digits[4:6] <= "12" and "01" <= digits[6:] <= "31" else None
