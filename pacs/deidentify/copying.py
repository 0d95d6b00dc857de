"""One stored object → its anonymised copy, written piece by piece; Pixel Data is never loaded whole."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from pacs.dataset.envelope import BIG_ENDIAN, EXPLICIT, Envelope, inflate, mapped, open_envelope, pieces_of
from pacs.dataset.frames import fragments, native_frame_bits, sniff
from pacs.dataset.limits import LIMITS, Limits
from pacs.dataset.scan import UNDEFINED, Buffer, Element, Scanner
from pacs.dataset.values import Reader
from pacs.deidentify import pixels
from pacs.deidentify.codes import meaning_of
from pacs.deidentify.elements import Rewriter
from pacs.deidentify.profile import REMOVED, Policy
from pacs.deidentify.pseudonyms import Pseudonyms
from pacs.deidentify.screening import Facts, Verdict, screened
from pacs.errors import NotDeidentifiable
from pacs.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from storage.errors import InvalidInstance

Write = Callable[[bytes], object]
_ENHANCED = frozenset(f"1.2.840.10008.5.1.4.1.1.{rest}" for rest in (
    "2.1", "2.2", "4.1", "4.3", "128.1", "130", "66.4", "66.7", "7.1", "7.2", "7.3", "7.4", "3.1", "6.2", "12.1.1",
    "12.2.1", "128", "13.1.3", "13.1.4", "13.1.5", "30",
))  # fmt: skip
DEFLATED_EXPLICIT = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
_FLOATS = {0x7FE00008: "OF", 0x7FE00009: "OD"}


def facts_of(source: Path | BinaryIO | bytes, limits: Limits = LIMITS) -> Facts:
    """What decides whether this object may become a copy."""
    with mapped(source) as stored:
        envelope, scanner, start, syntax = _opened(stored, limits)
        elements = {element.tag: element for element in scanner.top_level(start)}
        return _facts(envelope, Reader(scanner), elements, syntax, scanner)


def write_copy(
    source: Path | BinaryIO | bytes,
    write: Write,
    policy: Policy,
    pseudonyms: Pseudonyms,
    *,
    confirmed: bool = False,
    limits: Limits = LIMITS,
) -> None:
    """Write the copy of `source` as a Part 10 file. `confirmed`: a person has seen that its pictures show no text.

    Raises NotDeidentifiable when it may not become a copy, InvalidInstance when it cannot be read.
    """
    with mapped(source) as stored:
        envelope, scanner, start, syntax = _opened(stored, limits)
        buffer = scanner.buffer
        found = scanner.top_level(start)
        elements = {element.tag: element for element in found}
        reader = Reader(scanner)
        reader.see(found)
        verdict = screened(_facts(envelope, reader, elements, syntax, scanner))
        if verdict.verdict is Verdict.NEVER or (verdict.verdict is Verdict.CONFIRM and not confirmed):
            raise NotDeidentifiable(f"this object may not be copied without its identity: {verdict.reason}")
        sop_class = reader.text(elements.get(0x00080016)) or envelope.sop_class_uid
        sop_instance = pseudonyms.uid(reader.text(elements.get(0x00080018)) or envelope.sop_instance_uid)
        rewriter = Rewriter(reader, policy, pseudonyms, enhanced=sop_class in _ENHANCED)
        written = rewriter.dataset(found)
        encapsulated = scanner.pixels is not None and scanner.pixels.length == UNDEFINED
        if encapsulated:
            syntax = _true_syntax(buffer, scanner, syntax, limits)
        elif syntax != BIG_ENDIAN:
            syntax = EXPLICIT
        _stamp(rewriter, written, elements, policy, confirmed=confirmed)
        written[0x00080016] = rewriter.text(0x00080016, "UI", sop_class)
        written[0x00080018] = rewriter.text(0x00080018, "UI", sop_instance)
        write(_file_meta(sop_class, sop_instance, syntax))
        last = b"".join(written.pop(tag) for tag in sorted(written) if tag > 0x7FE00000)
        write(b"".join(data for _, data in sorted(written.items())))
        write(last)
        if scanner.pixels is not None:
            for piece in _pixels(buffer, scanner, reader, elements, syntax, limits):
                write(piece)


def _opened(stored: Buffer, limits: Limits) -> tuple[Envelope, Scanner, int, str]:
    """What is around the dataset, a scanner that keeps everything, where it begins, and the transfer syntax."""
    envelope = open_envelope(stored)
    buffer, start, syntax = stored, envelope.dataset_offset, envelope.transfer_syntax_uid
    if envelope.deflated:
        if syntax != DEFLATED_EXPLICIT:
            raise NotDeidentifiable("the pixels refer to bytes outside the object")
        buffer, start, syntax = b"".join(inflate(pieces_of(stored, start), limits)), 0, EXPLICIT
    scanner = Scanner(buffer, len(buffer), limits, implicit=envelope.implicit, little=envelope.little)
    return envelope, scanner, start, syntax


def _facts(envelope: Envelope, reader: Reader, elements: dict[int, Element], syntax: str, scanner: Scanner) -> Facts:
    kinds = elements.get(0x00080008)
    image_type = reader.raw(kinds).decode("latin-1").split("\\") if kinds is not None else []
    return Facts(
        sop_class_uid=reader.text(elements.get(0x00080016)) or envelope.sop_class_uid,
        transfer_syntax_uid=syntax,
        modality=reader.text(elements.get(0x00080060)),
        image_type=tuple(value.strip(" \0") for value in image_type),
        burned_in=reader.text(elements.get(0x00280301)),
        converted=0x00080064 in elements and bool(reader.text(elements[0x00080064])),
        frames=(reader.integer(elements.get(0x00280008)) or 1) if scanner.pixels is not None else 0,
    )


def _true_syntax(buffer: Buffer, scanner: Scanner, syntax: str, limits: Limits) -> str:
    """What encapsulated pixels are in, also where File Meta Information says that they are not."""
    if scanner.pixels is None:
        return syntax
    items, _ = fragments(buffer, scanner.pixels.offset, limits)
    seen = sniff(buffer, items) if syntax in ("1.2.840.10008.1.2", EXPLICIT, BIG_ENDIAN) else ""
    return seen or syntax


def _stamp(
    rewriter: Rewriter, written: dict[int, bytes], elements: dict[int, Element], policy: Policy, *, confirmed: bool
) -> None:
    """What every copy says: who it now is, and how it was made (PS3.15 E.1.1, PS3.3 C.12.1.1.7)."""
    reader, pseudonyms = rewriter.reader, rewriter.pseudonyms
    study = reader.text(elements.get(0x0020000D))
    patient = pseudonyms.patient(reader.text(elements.get(0x00100021)), reader.text(elements.get(0x00100020)), study)
    for tag, vr, value in (
        (0x00080005, "CS", "ISO_IR 192"),
        (0x00100010, "PN", patient),
        (0x00100020, "LO", patient),
        (0x00120062, "CS", "YES"),
        (0x00120063, "LO", "PS3.15 2024e Basic Profile\\Clean Descriptors\\Clean Graphics"),
        (0x00280303, "CS", "REMOVED" if policy.dates == REMOVED else "MODIFIED"),
    ):
        written[tag] = rewriter.text(tag, vr, value)
    for tag, vr in ((0x00100030, "DA"), (0x00080050, "SH"), (0x00200010, "SH"), (0x00080090, "PN"), (0x00080020, "DA"),
                    (0x00080030, "TM"), (0x00100040, "CS"), (0x00080070, "LO")):  # fmt: skip
        written.setdefault(tag, rewriter.encode(tag, vr, b""))  # of Type 2: always there
    written[0x00120064] = rewriter.sequence(
        0x00120064,
        [
            rewriter.text(0x00080100, "SH", code)
            + rewriter.text(0x00080102, "SH", "DCM")
            + rewriter.text(0x00080104, "LO", (meaning_of("DCM", code) or "De-identification")[:64].strip())
            for code in _methods(policy)
        ],
    )
    if rewriter.reader.text(elements.get(0x00280301)) == "NO" or confirmed:
        written[0x00280301] = rewriter.text(0x00280301, "CS", "NO")
    else:
        written.pop(0x00280301, None)


def _methods(policy: Policy) -> list[str]:
    """The codes of CID 7050 that are true of a copy."""
    methods = ["113100", "113103", "113105"]
    if policy.dates != REMOVED:
        methods.append("113107")
    if policy.characteristics:
        methods.append("113108")
    return methods


def _file_meta(sop_class: str, sop_instance: str, syntax: str) -> bytes:
    """A preamble of zeros and File Meta Information of our own (PS3.10 7.1)."""

    def uid(tag: int, value: str) -> bytes:
        data = value.encode("ascii")
        data += b"\0" * (len(data) % 2)
        return struct.pack("<HH2sH", 2, tag, b"UI", len(data)) + data

    name = IMPLEMENTATION_VERSION_NAME.encode("ascii")
    name += b" " * (len(name) % 2)
    version = struct.pack("<HH2sH", 2, 0x13, b"SH", len(name)) + name
    inside = (
        struct.pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\0\1" + uid(2, sop_class) + uid(3, sop_instance)
        + uid(0x10, syntax) + uid(0x12, IMPLEMENTATION_CLASS_UID) + version
    )  # fmt: skip
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(inside)) + inside


def _pixels(
    buffer: Buffer, scanner: Scanner, reader: Reader, elements: dict[int, Element], syntax: str, limits: Limits
) -> Iterator[bytes]:
    element = scanner.pixels
    if element is None:
        return
    if element.length == UNDEFINED:
        yield from _encapsulated(buffer, element, syntax, limits)
        return

    def number(tag: int, default: int = 0) -> int:
        value = reader.integer(elements.get(tag))
        return default if value is None else value

    bits = number(0x00280100) if element.tag not in _FLOATS else 64 if element.tag == 0x7FE00009 else 32
    frame = native_frame_bits(
        number(0x00280010), number(0x00280011), number(0x00280002, 1), bits, reader.text(elements.get(0x00280004))
    )
    length = min((frame * max(number(0x00280008, 1), 1) + 7) // 8, element.length, len(buffer) - element.offset)
    if not length:
        raise InvalidInstance("Pixel Data has no size")
    if not scanner.little and bits == 8 and length < element.length:
        length += length % 2  # bytes in words of big endian change places with their neighbours
    vr = _FLOATS.get(element.tag, "OW" if bits > 8 or element.vr not in ("OB", "OW") else element.vr)
    padded = length + length % 2
    order = "<" if scanner.little else ">"
    yield struct.pack(order + "HH2sHI", element.tag >> 16, element.tag & 0xFFFF, vr.encode(), 0, padded)
    if element.tag in _FLOATS:
        yield from (buffer[at : min(at + pixels.PIECE, element.offset + length)]
                    for at in range(element.offset, element.offset + length, pixels.PIECE))  # fmt: skip
    else:
        stored = number(0x00280101, bits)
        samples = pixels.Samples(bits, stored, number(0x00280102, stored - 1), reader.signed)
        yield from pixels.native(buffer, element.offset, length, samples, scanner.little)
    yield bytes(padded - length)


def _encapsulated(buffer: Buffer, element: Element, syntax: str, limits: Limits) -> Iterator[bytes]:
    """Fragment by fragment. A frame's comments are in its first fragment; a later one ends where the picture does."""
    clean = (lambda data: data) if syntax == RLE else pixels.blanked
    items, _ = fragments(buffer, element.offset, limits)
    yield struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, UNDEFINED)
    for number, (offset, length) in enumerate(items):
        data = buffer[offset : offset + length]
        yield struct.pack("<HHI", 0xFFFE, 0xE000, length)
        yield data if number == 0 else clean(data)
    yield struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
