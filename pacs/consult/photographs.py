"""Photographs without what the camera wrote into them: place, device, owner, times, previews.

Nothing is decoded and no pixel changes: a photograph is taken apart into its segments (JPEG, ISO/IEC 10918-1), chunks
(PNG, ISO/IEC 15948) or RIFF chunks (WebP), and put together again from those that draw it. What comes after its end
goes too, since cameras hang further pictures there. Which way is up stays, as the one entry of a new EXIF segment.
"""

import struct
from collections.abc import Iterator

from pacs.errors import InvalidConsult

_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_DRAWS_PNG = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB sBIT pHYs bKGD acTL fcTL fdAT".split())
_DRAWS_WEBP = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_NOT_DRAWN = 0x20 | 0x08 | 0x04  # flags of VP8X: colour profile (its texts can name a device), EXIF, XMP
_ORIENTATION, _SHORT = 0x0112, 3


def cleaned(media_type: str, data: bytes) -> bytes:
    """The photograph without what does not draw it. Raises InvalidConsult for what is not one from end to end."""
    try:
        return b"".join(_PARTS[media_type](data))
    except (struct.error, IndexError):
        raise InvalidConsult("this photo ends in the middle or is broken") from None


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    place, upright = 2, False
    while True:
        marker, end = _segment(data, place)
        if marker == _APP1 and not upright and (turned := _orientation(data[place + 4 : end])) > 1:
            upright = True
            yield _exif(turned)
        elif marker == _APP0 and data[place + 4 : place + 9] == b"JFIF\0":
            yield struct.pack(">BBH", 0xFF, _APP0, 16) + data[place + 4 : place + 16] + b"\0\0"  # without its preview
        elif marker == _APP14 or not (_APP0 <= marker <= 0xEF or marker == _COM):
            yield data[place:end]
        if marker == _EOI:
            return
        place = end


def _segment(data: bytes, place: int) -> tuple[int, int]:
    """The marker at this place and where its segment ends; a scan's segment ends with its entropy-coded data."""
    while data[place] == 0xFF and data[place + 1] == 0xFF:  # fill bytes
        place += 1
    if data[place] != 0xFF:
        raise InvalidConsult("this photo is broken")
    marker = data[place + 1]
    if marker == _EOI or marker in _ALONE:
        return marker, place + 2
    (length,) = struct.unpack_from(">H", data, place + 2)
    end = place + 2 + length
    if length < 2 or end > len(data):
        raise InvalidConsult("this photo ends in the middle")
    return marker, _after_scan(data, end) if marker == _SOS else end


def _after_scan(data: bytes, place: int) -> int:
    """Where the next marker that is no restart stands."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0:
            raise InvalidConsult("this photo ends in the middle")
        if data[place + 1] != 0 and not 0xD0 <= data[place + 1] <= 0xD7:
            return place
        place += 2


def _orientation(segment: bytes) -> int:
    """The orientation (1 to 8) that an EXIF segment names; 1 when it names none."""
    if segment[:6] != b"Exif\0\0" or segment[6:8] not in (b"II", b"MM"):
        return 1
    order, tiff = "<" if segment[6:8] == b"II" else ">", segment[6:]
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for number in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * number)
            if (tag, kind) == (_ORIENTATION, _SHORT):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass  # broken entries say nothing
    return 1


def _exif(orientation: int) -> bytes:
    """An EXIF segment that says which way is up, and nothing else."""
    tiff = struct.pack(">2sHIHHHIHxxI", b"MM", 42, 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0)
    return struct.pack(">BBH", 0xFF, _APP1, 2 + 6 + len(tiff)) + b"Exif\0\0" + tiff


def _png(data: bytes) -> Iterator[bytes]:
    yield data[:8]
    place = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            raise InvalidConsult("this photo ends in the middle")
        if kind in _DRAWS_PNG:
            yield data[place:end]
        if kind == b"IEND":
            return
        place = end


def _webp(data: bytes) -> Iterator[bytes]:
    (size,) = struct.unpack_from("<I", data, 4)
    whole, place, parts = min(len(data), 8 + size), 12, []
    while place + 8 <= whole:
        kind, length = struct.unpack_from("<4sI", data, place)
        end = place + 8 + length
        if end > len(data):
            raise InvalidConsult("this photo ends in the middle")
        if kind == b"VP8X":
            flags = data[place + 8] & ~_NOT_DRAWN
            parts.append(data[place : place + 8] + bytes([flags]) + data[place + 9 : end])
        elif kind in _DRAWS_WEBP:
            parts.append(data[place:end] + b"\0" * (length % 2))
        place = end + length % 2
    body = b"".join(parts)
    yield struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WEBP") + body


_PARTS = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp}
