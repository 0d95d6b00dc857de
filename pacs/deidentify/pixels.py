"""Pixel Data of a copy: the bytes as they are, in pieces, without what no picture shows.

Native: only as many bytes as the frames have, and of each sample only the stored bits: beside them overlays were once
embedded. Encapsulated: comments and application data of JPEG and JPEG 2000 and what follows the end of the picture are
blanked in place, so that no offset changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pacs.dataset.scan import Buffer
from pacs.errors import NotDeidentifiable

PIECE = 1 << 20
_ENDS = b"\xff\xd9"
_JPEG, _J2K = b"\xff\xd8", b"\xff\x4f\xff\x51"
_BOXED = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_JXL = b"\x00\x00\x00\x0cJXL "
_KEPT_APPLICATION = frozenset({0xE0, 0xE8, 0xEE})  # JFIF, the colour transform of JPEG-LS, Adobe's colour transform
_TEXTLESS_BOXES = frozenset({b"jP  ", b"ftyp", b"jp2h", b"jp2c"})
_START_OF_SCAN, _COMMENT, _RESTARTS = 0xDA, 0xFE, range(0xD0, 0xD9)
_J2K_TILE, _J2K_COMMENT = 0x90, 0x64


@dataclass(frozen=True, slots=True)
class Samples:
    """How native samples lie: bits allocated, stored, the highest of the stored, and whether they have a sign."""

    allocated: int
    stored: int
    high: int
    signed: bool


def native(buffer: Buffer, offset: int, length: int, samples: Samples, little: bool) -> Iterator[bytes]:
    """`length` bytes from `offset`, each sample with nothing beside its stored bits."""
    tables = _tables(samples)
    width = max(samples.allocated // 8, 1)
    step = PIECE - PIECE % width
    for start in range(offset, offset + length, step):
        piece = bytearray(buffer[start : min(start + step, offset + length)])
        for place, table in enumerate(tables):
            if table is not None:
                at = place if little else width - 1 - place
                piece[at::width] = piece[at::width].translate(table)
        yield bytes(piece)


def _tables(samples: Samples) -> list[bytes | None]:
    """For each byte of a sample, the lowest first, what becomes of it; None where it stays. Bits above the stored ones
    are zero, or the sign where the sign bit is in the same byte; otherwise they stay when they can be told from nothing
    else."""
    if samples.allocated not in (8, 16, 32) or not 0 < samples.stored <= samples.high + 1 <= samples.allocated:
        if samples.allocated == 1:
            return [None]
        raise NotDeidentifiable("the samples are not laid out as PS3.5 8.1.1 says")
    mask = ((1 << samples.stored) - 1) << (samples.high + 1 - samples.stored)
    sign = 1 << samples.high if samples.signed else 0
    above = ((1 << samples.allocated) - 1) & ~((1 << (samples.high + 1)) - 1)
    tables: list[bytes | None] = []
    for place in range(samples.allocated // 8):
        shift = 8 * place
        kept, signed, filled = mask >> shift & 0xFF, sign >> shift & 0xFF, above >> shift & 0xFF
        if kept == 0xFF:
            tables.append(None)
        elif samples.signed and filled and not signed:
            tables.append(bytes(0xFF if value & 0x80 else 0 for value in range(256)))  # a byte of nothing but sign
        else:
            tables.append(bytes(value & kept | (filled if value & signed else 0) for value in range(256)))
    return tables


def blanked(frame: bytes) -> bytes:
    """A fragment of a compressed frame without comments; not of RLE, which has none."""
    if frame.startswith(_JXL):
        raise NotDeidentifiable("a JPEG XL container may hold text")
    data = bytearray(frame)
    if frame.startswith(_BOXED):
        _boxes(data)
    elif frame.startswith(_J2K):
        _codestream(data, 2)
    elif frame.startswith(_JPEG):
        _markers(data)
    else:
        last = data.rfind(_ENDS)
        if last >= 0:
            _zero(data, last + 2, len(data))
    return bytes(data)


def _markers(data: bytearray) -> None:
    """The marker segments of JPEG and JPEG-LS (ISO/IEC 10918-1 B.1.1), also between scans."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            position = data.find(b"\xff", position)
            if position < 0:
                return
            continue
        marker = data[position + 1]
        if marker in (0x00, 0x01, 0xFF) or (marker in _RESTARTS) or marker < 0x80:
            position += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:
            _zero(data, position + 2, len(data))
            return
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        end = min(position + 2 + max(length, 2), len(data))
        if marker == _COMMENT or (0xE0 <= marker <= 0xEF and marker not in _KEPT_APPLICATION):
            _zero(data, position + 4, end)
        elif marker in _KEPT_APPLICATION:
            _zero(data, position + 4 + 14, end)  # a thumbnail or what follows the known fields
        position = end


def _codestream(data: bytearray, start: int) -> None:
    """The marker segments of the main header and of tile-part headers (ISO/IEC 15444-1 A.4)."""
    position = start
    while position + 4 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF:
            return
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _J2K_COMMENT:
            _zero(data, position + 6, min(position + 2 + length, len(data)))
        if marker == _J2K_TILE:
            position = _tile(data, position, length)
            if position < 0:
                return
            if data[position : position + 2] == _ENDS:
                _zero(data, position + 2, len(data))
                return
            continue
        position += 2 + length


def _tile(data: bytearray, position: int, length: int) -> int:
    """Past a tile-part; its header's comments are blanked. -1 when it lasts to the end of the picture."""
    size = int.from_bytes(data[position + 6 : position + 10], "big")
    inside = position + 2 + length
    while inside + 4 <= len(data) and data[inside] == 0xFF and data[inside + 1] != 0x93:
        segment = int.from_bytes(data[inside + 2 : inside + 4], "big")
        if data[inside + 1] == _J2K_COMMENT:
            _zero(data, inside + 6, min(inside + 2 + segment, len(data)))
        inside += 2 + max(segment, 2)
    if size == 0:
        last = data.rfind(_ENDS)
        if last >= 0:
            _zero(data, last + 2, len(data))
        return -1
    return position + max(size, 12)


def _boxes(data: bytearray) -> None:
    """The boxes of a JP2 file (ISO/IEC 15444-1 I.4): XML, UUID and other boxes are blanked."""
    position = 0
    while position + 8 <= len(data):
        size, kind = int.from_bytes(data[position : position + 4], "big"), bytes(data[position + 4 : position + 8])
        end = len(data) if size == 0 else min(position + max(size, 8), len(data))
        if kind == b"jp2c":
            stream = bytearray(data[position + 8 : end])
            _codestream(stream, 2)
            data[position + 8 : end] = stream
        elif kind not in _TEXTLESS_BOXES:
            _zero(data, position + 8, end)
        position = end


def _zero(data: bytearray, start: int, end: int) -> None:
    if start < end:
        data[start:end] = bytes(end - start)
