"""Elements of a copy: what is allowed of each, and how it is written (PS3.5 7.1, explicit VR)."""

import re
import struct

from pacs.dataset.scan import UNDEFINED, Element
from pacs.dataset.values import Reader
from pacs.deidentify import codes
from pacs.deidentify.profile import CODE_ELEMENTS, NEVER_EMPTY, Action, Policy, action, dictionary_entry
from pacs.deidentify.pseudonyms import Pseudonyms
from pacs.deidentify.words import cleaned, is_term

_LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UN", "UR", "UT", "SV", "UV"})
_INTEGER = re.compile(rb" *[+-]?[0-9]{1,10} *")
_DECIMAL = re.compile(rb" *[+-]?(?:[0-9]{1,15}\.?[0-9]{0,20}|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,3})? *")
_AGE = re.compile(r"[0-9]{3}[DWMY]")
_WIDTH = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4, "SV": 8, "UV": 8}
_LENGTHS = {"CS": 16, "SH": 16, "LO": 64}
_DUMMIES = {
    "DA": "20000101", "TM": "000000", "DT": "20000101000000", "LO": "REMOVED", "SH": "REMOVED", "CS": "REMOVED",
    "LT": "REMOVED", "ST": "REMOVED", "UT": "REMOVED", "UC": "REMOVED", "PN": "REMOVED", "AE": "REMOVED", "AS": "000Y",
}  # fmt: skip
_LONGEST_LUT = 4 * 65536
_MOST_ITEMS = 200_000
OLDEST = 90


class Rewriter:
    """Writes the elements of one object as the policy wants them."""

    def __init__(self, reader: Reader, policy: Policy, pseudonyms: Pseudonyms, *, enhanced: bool) -> None:
        self.reader = reader
        self.policy = policy
        self.pseudonyms = pseudonyms
        self.enhanced = enhanced
        self._order = "<" if reader.little else ">"

    def dataset(self, elements: "list[Element] | tuple[Element, ...]") -> dict[int, bytes]:
        """By tag what is written of these elements."""
        written: dict[int, bytes] = {}
        for element in elements:
            if element.tag not in written:  # of an element that comes twice, the first
                data = self.element(element)
                if data is not None:
                    written[element.tag] = data
        return written

    def element(self, element: Element) -> bytes | None:
        """The element as it is written, None when it is dropped."""
        what = action(element.tag, self.policy, self.enhanced)
        if what is Action.DROP:
            return None
        vrs, multiplicity = dictionary_entry(element.tag)
        vr = self._vr(element, vrs)
        if vr is None:
            return None
        if what is Action.ITEMS:
            return self._sequence(element)
        if element.length == UNDEFINED:
            return None
        if what is Action.EMPTY:
            return self.encode(element.tag, vr, b"")
        if what is Action.DUMMY:
            dummy = _DUMMIES.get(vr)
            return None if dummy is None else self.text(element.tag, vr, dummy)
        if what is Action.DATA:
            return self._data(element, vr)
        if what is Action.NUMBER:
            return self._numbers(element, vr, multiplicity)
        return self.text(element.tag, vr, self._value(element, what, vr))

    def text(self, tag: int, vr: str, value: str) -> bytes:
        """An element of text, padded as its VR wants it."""
        data = value.encode()
        return self.encode(tag, vr, data + (b"" if len(data) % 2 == 0 else b"\0" if vr == "UI" else b" "))

    def encode(self, tag: int, vr: str, value: bytes) -> bytes:
        """Tag, VR, length and value."""
        head = struct.pack(self._order + "HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
        if vr in _LONG_VRS:
            return head + struct.pack(self._order + "HI", 0, len(value)) + value
        return head + struct.pack(self._order + "H", len(value)) + value if len(value) <= 0xFFFE else b""

    def sequence(self, tag: int, items: list[bytes]) -> bytes:
        """A sequence of items that are already written."""
        item = struct.Struct(self._order + "HHI").pack
        return self.encode(tag, "SQ", b"".join(item(0xFFFE, 0xE000, len(one)) + one for one in items))

    def _vr(self, element: Element, vrs: tuple[str, ...]) -> str | None:
        """The VR it is written in: the dictionary's. What is encoded as something else is not what it says."""
        if element.items is not None or element.vr == "SQ":
            return "SQ" if vrs == ("SQ",) else None
        if len(vrs) > 1:
            return self._of_several(element, vrs)
        return vrs[0] if element.vr == vrs[0] else None

    def _of_several(self, element: Element, vrs: tuple[str, ...]) -> str | None:
        if element.vr in vrs:
            return element.vr
        if " or " not in element.vr:
            return None
        if "OW" in vrs:
            return "OW" if "OB" in vrs or element.length > 2 else "US"
        return "SS" if self.reader.signed and "SS" in vrs else "US"

    def _sequence(self, element: Element) -> bytes | None:
        items: list[bytes] = []
        for item in (element.items or ())[:_MOST_ITEMS]:
            if codes.is_code(item):
                code = codes.known(self.reader, item)
                if code is None:
                    continue
                inside = self.dataset([one for one in item if one.tag not in CODE_ELEMENTS])
                inside.update({tag: self.text(tag, vr, value) for tag, vr, value in code})
                items.append(b"".join(data for _, data in sorted(inside.items())))
                continue
            terms, signed = self.reader.terms, self.reader.signed
            self.reader.see(item)
            items.append(b"".join(data for _, data in sorted(self.dataset(item).items())))
            self.reader.terms, self.reader.signed = terms, signed
        return self.sequence(element.tag, items) if items or not element.items else None

    def _data(self, element: Element, vr: str) -> bytes | None:
        if element.length > _LONGEST_LUT and element.tag >> 16 == 0x0028:
            return None
        return self.encode(element.tag, vr, self.reader.raw(element))

    def _numbers(self, element: Element, vr: str, multiplicity: str) -> bytes | None:
        raw = self.reader.raw(element)
        if vr in ("IS", "DS"):
            form = _INTEGER if vr == "IS" else _DECIMAL
            parts = raw.strip(b"\0").split(b"\\")
            good = all(not part.strip() or (form.fullmatch(part)) for part in parts)
            return (
                self.text(element.tag, vr, b"\\".join(parts).decode("ascii"))
                if good
                else self.encode(element.tag, vr, b"")
            )
        width = _WIDTH.get(vr)
        if width is None or len(raw) % width:
            return None
        if multiplicity.isdecimal() and len(raw) > width * int(multiplicity):
            return None
        return self.encode(element.tag, vr, raw)

    def _value(self, element: Element, what: Action, vr: str) -> str:
        raw = self.reader.raw(element)
        plain = [part.strip(" \0") for part in raw.decode("latin-1").split("\\")]
        if what is Action.UID:
            return "\\".join(self.pseudonyms.uid(part) for part in plain)
        if what is Action.TERM:
            return "\\".join(plain) if all(is_term(part) for part in plain) else _terms(plain)
        if what is Action.MOMENT:
            return self._moment(plain[0], vr)
        if what is Action.AGE:
            return _age(plain[0])
        text = self.reader.values(element, vr)
        words = (cleaned(part) for part in text if isinstance(part, str))
        said = "\\".join(part[: _LENGTHS.get(vr, 1024)].strip() for part in words if part)
        if said or element.tag not in NEVER_EMPTY or not plain[0]:
            return said
        return plain[0] if re.fullmatch(r"[0-9]{1,2}", plain[0]) else "REMOVED"

    def _moment(self, value: str, vr: str) -> str:
        if vr == "DA":
            return self.pseudonyms.day(value)
        if vr == "DT":
            return self.pseudonyms.moment(value)
        return value if re.fullmatch(r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:[0-6]\d(?:\.\d{1,6})?)?)?", value) else ""


def _terms(values: list[str]) -> str:
    """Several values keep their places, which have meanings (Image Type); a single one that is not known is nothing."""
    if len(values) == 1:
        return ""
    return "\\".join(value if is_term(value) else "OTHER" for value in values)


def _age(value: str) -> str:
    """An age as DICOM writes it; who is older than OLDEST is that old."""
    if _AGE.fullmatch(value) is None:
        return ""
    return f"{OLDEST:03}Y" if value[3] == "Y" and int(value[:3]) > OLDEST else value
