"""A header in another encoding: elements are carried over byte for byte, text untouched, numbers turned round.

pydicom would decode and encode every value again, which changes text that is not in the character set it claims and
fails on values that are not valid. Archives hold both, so only the frame around a value is made anew.
"""

import struct
from collections.abc import Iterator
from typing import Any

from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag

_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_UNITS = {
    "US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4,
    "FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8,
}  # fmt: skip
_BINARY = frozenset({*_UNITS, "OB", "UN", "UI"})


def encoded(dataset: Dataset, implicit: bool) -> bytes:
    """The dataset in little endian, explicit or implicit VR, without group lengths."""
    return b"".join(_elements(dataset, implicit, dataset))


def turned(value: bytes, unit: int) -> bytes:
    """Every `unit` bytes in reverse order."""
    whole = len(value) // unit * unit
    out = bytearray(value[:whole])
    for i in range(unit):
        out[i::unit] = value[unit - 1 - i : whole : unit]
    return bytes(out) + value[whole:]


def little_words(dataset: Dataset) -> None:
    """In a dataset read from big endian, turn the words that pydicom leaves as they were (LUT data, overlays)."""
    for element in dataset.iterall():
        unit = _UNITS.get(str(element.VR), 1)
        if isinstance(element.value, bytes) and unit > 1:
            element.value = turned(element.value, unit)


def _elements(dataset: Dataset, implicit: bool, root: Dataset) -> Iterator[bytes]:
    for tag in sorted(dataset.keys()):
        if tag.element == 0:
            continue
        element: DataElement | RawDataElement = dataset.get_item(tag)
        vr = _vr(dataset, element, root)
        if vr == "SQ":
            items: Any = dataset[tag].value
            yield _framed(tag, "SQ", b"".join(_item(item, implicit, root) for item in items), implicit)
            continue
        if isinstance(element, RawDataElement):
            value = element.value or b""
            if not element.is_little_endian:
                value = turned(value, _UNITS.get(vr, 1))
            yield _framed(tag, vr, value, implicit)
        else:
            yield _written(element, vr, implicit, root)


def _item(item: Dataset, implicit: bool, root: Dataset) -> bytes:
    body = b"".join(_elements(item, implicit, root))
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body


def _framed(tag: BaseTag, vr: str, value: bytes, implicit: bool) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in _BINARY else b" "
    if implicit:
        return struct.pack("<HHI", tag.group, tag.element, len(value)) + value
    if vr not in _LONG and len(value) > 0xFFFF:
        vr = "UN"  # PS3.5 6.2.2
    if vr in _LONG:
        return struct.pack("<HH2s2xI", tag.group, tag.element, vr.encode(), len(value)) + value
    return struct.pack("<HH2sH", tag.group, tag.element, vr.encode(), len(value)) + value


def _written(element: DataElement, vr: str, implicit: bool, root: Dataset) -> bytes:
    """An element that was set, not read."""
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, implicit
    element.VR = vr
    write_data_element(out, element, root.get("SpecificCharacterSet") or "ISO_IR 6")
    return out.getvalue()


def _vr(dataset: Dataset, element: DataElement | RawDataElement, root: Dataset) -> str:
    """The VR read, or that of the dictionary; where the dictionary leaves a choice, the pixels decide."""
    vr = str(element.VR or "")
    if not vr or (vr == "UN" and isinstance(element, RawDataElement) and element.is_implicit_VR):
        vr = _dictionary(dataset, element.tag)
    if " or " not in vr:
        return vr
    if "OW" in vr:
        return "OW"
    signed = dataset.get("PixelRepresentation", root.get("PixelRepresentation"))
    return "SS" if signed == 1 else "US"


def _dictionary(dataset: Dataset, tag: BaseTag) -> str:
    try:
        if not tag.is_private:
            return dictionary_VR(tag)
        if tag.is_private_creator:
            return "LO"
        creator = dataset.get_item((tag.group, tag.element >> 8))
        name = creator.value
        text = name.decode("ascii", "replace").strip(" \0") if isinstance(name, bytes) else str(name)
        return private_dictionary_VR(tag, text)
    except (KeyError, AttributeError):
        return "UN"
