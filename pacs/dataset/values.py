"""Values of data elements as DICOM JSON (PS3.18 F.2), tolerant of what devices really write."""

import base64
import math
import struct
from collections.abc import Callable, Iterable

from pacs.dataset.charsets import DEFAULT, decode
from pacs.dataset.scan import UNDEFINED, Buffer, Element, Scanner, vr_of

Json = dict[str, object]
SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_REPRESENTATION = 0x00280103

_TEXT = frozenset({"LO", "SH", "UC"})  # decoded, several values
_PARAGRAPH = frozenset({"LT", "ST", "UT"})  # decoded, one value, leading spaces kept
_ASCII = frozenset({"AE", "AS", "CS", "DA", "DT", "TM", "UI"})
_NUMERIC = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q",
}  # fmt: skip
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_WIDTH = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_EXACT = 1 << 53  # the largest integer that every reader of JSON takes as it is

BulkUri = Callable[[tuple[int | str, ...]], str | None]


class Reader:
    """Gives the values of elements found by a Scanner."""

    def __init__(self, scanner: Scanner, *, longest: int = 1 << 30, inline: int = 0, bulk: BulkUri | None = None):
        self.buffer: Buffer = scanner.buffer
        self.little = scanner.little
        self.longest = longest  # bytes of one text value that are read
        self.inline = inline  # binary values up to this size are given inline when there is a `bulk`
        self.bulk = bulk
        self._scanner = scanner
        self._order = "<" if scanner.little else ">"
        self.terms = DEFAULT
        self.signed = False

    def see(self, elements: Iterable[Element]) -> None:
        """Take Specific Character Set and Pixel Representation from these elements."""
        for element in elements:
            if element.tag == SPECIFIC_CHARACTER_SET:
                self.terms = tuple(self._ascii(element))
            elif element.tag == PIXEL_REPRESENTATION:
                self.signed = self.integer(element) == 1
            elif element.tag > PIXEL_REPRESENTATION:
                break

    def raw(self, element: Element) -> bytes:
        """The bytes of the value, never more than `longest` of them."""
        if element.length == UNDEFINED:
            return b""
        return self.buffer[element.offset : element.offset + min(element.length, self.longest)]

    @property
    def encoding(self) -> tuple[object, ...]:
        """What the meaning of a value depends on besides its bytes."""
        return self.little, self._scanner.implicit, self.terms, self.signed

    def said(self, element: Element) -> tuple[object, ...]:
        """All that is read of an element, to compare it with another one."""
        tag, vr, offset, length, items = element
        if items is None:
            if length <= self.longest:
                return tag, vr, self.buffer[offset : offset + length]
            return tag, vr, self.raw(element)
        return tag, vr, tuple(tuple(self.said(inner) for inner in item) for item in items)

    def text(self, element: Element | None) -> str:
        """The first value as plain text, without padding."""
        if element is None or element.length in (0, UNDEFINED):
            return ""
        raw = self.raw(element)
        vr = element.vr
        if vr in _PARAGRAPH:
            return decode(raw, self.terms).rstrip(" ")
        decoded = decode(raw, self.terms, name=vr == "PN") if vr not in _ASCII else raw.decode("latin-1")
        return decoded.split("\\", 1)[0].strip(" \0")

    def name(self, element: Element | None) -> str:
        """The first person name, component groups joined by ``=``, without empty tails."""
        return "=".join(group.rstrip("^ ") for group in self.text(element).split("=")).rstrip("=")

    def integer(self, element: Element | None) -> int | None:
        """The first value as an integer, whether binary or text."""
        if element is None or element.length in (0, UNDEFINED):
            return None
        vr = element.vr if " or " not in element.vr else "US"
        code = _NUMERIC.get(vr)
        if code is not None and vr not in ("FL", "FD"):
            size = struct.calcsize(code)
            if element.length < size:
                return None
            return int(struct.unpack_from(self._order + code, self.buffer, element.offset)[0])
        try:
            return int(float(self.text(element)))
        except (ValueError, OverflowError):
            return None

    def json(self, element: Element, path: tuple[int | str, ...] = ()) -> Json:
        """The DICOM JSON of one element: its vr and Value, InlineBinary or BulkDataURI."""
        vr = self._resolved(element)
        if element.items is not None or vr == "SQ":
            return self._sequence(element, path)
        if vr in _BINARY:
            return self._binary(element, vr, path)
        if element.length in (0, UNDEFINED):
            return {"vr": vr}
        values = self.values(element, vr)
        return {"vr": vr, "Value": values} if any(value is not None for value in values) else {"vr": vr}

    def dataset(self, elements: Iterable[Element], path: tuple[int | str, ...] = ()) -> dict[str, Json]:
        """The DICOM JSON of a dataset or item; group lengths are left out, as they mean nothing there."""
        found: dict[str, Json] = {}
        for element in elements:
            if element.tag & 0xFFFF and element.tag >> 16 > 7:
                found[f"{element.tag:08X}"] = self.json(element, path)
        return found

    def values(self, element: Element, vr: str) -> list[object]:
        """The values as JSON has them; None stands for an empty one among several."""
        raw = self.raw(element)
        code = _NUMERIC.get(vr)
        if code is not None:
            return self._numbers(raw, code)
        if vr == "PN":
            return [_person(name) for name in decode(raw, self.terms, name=True).split("\\")]
        if vr in _TEXT:
            return [text.strip(" ") or None for text in decode(raw, self.terms).split("\\")]
        if vr in _PARAGRAPH or vr == "UR":
            return [decode(raw, self.terms).rstrip(" ") or None]
        if vr == "AT":
            halves = self._numbers(raw, "H")
            return [f"{halves[n]:04X}{halves[n + 1]:04X}" for n in range(0, len(halves) - 1, 2)]
        plain = [text.strip(" \0") for text in raw.decode("latin-1").split("\\")]
        if vr == "IS":
            return [_integer(text) for text in plain]
        if vr == "DS":
            return [_decimal(text) for text in plain]
        return [text.replace("\0", "") or None for text in plain]

    def _resolved(self, element: Element) -> str:
        vr = element.vr
        if vr == "UN" and element.length != UNDEFINED and not element.tag >> 16 & 1:
            known = vr_of(element.tag)
            vr = known if known != "UN" and element.items is None else vr
        if " or " in vr:
            if "OW" in vr and vr != "US or OW":
                return "OW"
            if vr == "US or OW":
                return "OW" if element.length > 2 else "US"
            return "SS" if self.signed and "SS" in vr else "US"
        return vr

    def _ascii(self, element: Element) -> list[str]:
        return [text.strip(" \0") for text in self.raw(element).decode("latin-1").split("\\")]

    def _numbers(self, raw: bytes, code: str) -> list[object]:
        size = struct.calcsize(code)
        numbers = struct.unpack_from(f"{self._order}{len(raw) // size}{code}", raw)
        if code in "fd":
            return [number if math.isfinite(number) else None for number in numbers]
        return list(numbers)

    def _sequence(self, element: Element, path: tuple[int | str, ...]) -> Json:
        items = element.items
        if items is None:
            items = self._scanner.items_of(element)
        if not items:
            return {"vr": "SQ"}
        terms, signed = self.terms, self.signed
        found: list[object] = []
        for number, item in enumerate(items):
            self.see(item)
            found.append(self.dataset(item, (*path, element.tag, number)))
            self.terms, self.signed = terms, signed
        return {"vr": "SQ", "Value": found}

    def _binary(self, element: Element, vr: str, path: tuple[int | str, ...]) -> Json:
        if element.length == 0:
            return {"vr": vr}
        if self.bulk is not None and (element.length == UNDEFINED or element.length > self.inline):
            uri = self.bulk((*path, element.tag))
            return {"vr": vr} if uri is None else {"vr": vr, "BulkDataURI": uri}
        if element.length == UNDEFINED:
            return {"vr": vr}
        return {"vr": vr, "InlineBinary": base64.b64encode(self.little_endian(element, vr)).decode("ascii")}

    def little_endian(self, element: Element, vr: str) -> bytes:
        """The bytes of a binary value, its words in little endian order."""
        raw = self.raw(element)
        width = _WIDTH.get(vr, 1)
        if self.little or width == 1:
            return raw
        return b"".join(raw[n : n + width][::-1] for n in range(0, len(raw), width))


def _person(text: str) -> object:
    groups = [group.strip(" ").rstrip("^") for group in text.split("=")]
    named = {label: group for label, group in zip(_GROUPS, groups, strict=False) if group}
    return named or None


def _integer(text: str) -> object:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    decimal = _decimal(text)
    if isinstance(decimal, float) and decimal.is_integer():
        return int(decimal) if abs(decimal) <= _EXACT else text
    return decimal


def _decimal(text: str) -> object:
    """A decimal string as a number; text that is none stays text (PS3.18 F.2.3.1 allows both)."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
