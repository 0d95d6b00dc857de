"""A header without what says nothing about how a picture looks.

Before group 0028 only three elements do. Without the others (who the patient is, where the slice lies, when it was
made) the slices of a series have one and the same header, so it is read once for all of them.
"""

from struct import Struct

from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

_KEPT = frozenset({0x00080005, 0x00080060, 0x00181164})  # Specific Character Set, Modality, Imager Pixel Spacing
_LAST_GROUP = 0x0028
_SHORT = frozenset(vr.value.encode() for vr in EXPLICIT_VR_LENGTH_16)
_LONG = frozenset(vr.value.encode() for vr in EXPLICIT_VR_LENGTH_32)
_UNDEFINED = 0xFFFFFFFF
_EXPLICIT = Struct("<HH2sH").unpack_from
_IMPLICIT = Struct("<HHL").unpack_from
_LENGTH = Struct("<L").unpack_from


def brief(data: bytes) -> bytes:
    """The elements of a little endian dataset that a picture depends on, bytes as they were; all of the data when it is
    anything else, or when something before group 0028 has no length or is out of order."""
    implicit = not (data[4:6].isalpha() and data[4:6].isupper())
    kept: list[bytes] = []
    position, last, end = 0, 0, len(data)
    while position + 8 <= end:
        if implicit:
            group, element, length = _IMPLICIT(data, position)
            value = position + 8
        else:
            group, element, vr, length = _EXPLICIT(data, position)
            value = position + 8
            if vr in _LONG and position + 12 <= end:
                (length,), value = _LENGTH(data, position + 8), position + 12
            elif vr not in _SHORT:
                return data
        tag = group << 16 | element
        if group >= _LAST_GROUP:
            return b"".join((*kept, data[position:]))
        if tag <= last or length == _UNDEFINED or value + length > end:
            return data
        if tag in _KEPT:
            kept.append(data[position : value + length])
        position, last = value + length, tag
    return data
