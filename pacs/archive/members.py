"""One gzip member out of texts that were deflated apart: they are joined without being unpacked (RFC 1951, RFC 1952).

A browser reads the first member of a gzip file and leaves the others, so several members will not do. Deflated texts
that end at a byte and refer to nothing before them may follow each other; what is missing is the checksum of the
whole, which follows from those of the parts.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

LEVEL = 1
_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_POLYNOMIAL = 0xEDB88320  # of CRC-32, bits reversed
_ONE = 1 << 31  # x to the power of 0


@dataclass(frozen=True, slots=True)
class Deflated:
    """A text of `size` bytes with this CRC-32, deflated so that another may follow."""

    data: bytes
    crc: int
    size: int


def deflated(text: bytes, level: int = LEVEL) -> Deflated:
    """Deflate a text so that another may follow."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return Deflated(packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH), zlib.crc32(text), len(text))


def inflated(part: Deflated) -> bytes:
    """The text again."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(part.data)


def array(parts: Sequence[Deflated]) -> bytes:
    """A gzip member: the texts between brackets, commas between them."""
    pieces, crc, size = [_HEAD, _stored(b"[")], zlib.crc32(b"["), 1
    for number, part in enumerate(parts):
        if number:
            pieces.append(_COMMA)
            crc, size = zlib.crc32(b",", crc), size + 1
        pieces.append(part.data)
        crc, size = _times(_shift(part.size), crc) ^ part.crc, size + part.size
    crc, size = zlib.crc32(b"]", crc), size + 1
    pieces += (_stored(b"]", last=True), struct.pack("<II", crc, size & 0xFFFFFFFF))
    return b"".join(pieces)


def _stored(text: bytes, last: bool = False) -> bytes:
    return struct.pack("<BHH", last, len(text), len(text) ^ 0xFFFF) + text


_COMMA = _stored(b",")


def _times(one: int, other: int) -> int:
    """The product of two polynomials modulo that of CRC-32."""
    product, bit = 0, _ONE
    while one:
        if one & bit:
            product ^= other
            one ^= bit
        bit >>= 1
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product


def _squares() -> list[int]:
    """x to the powers 1, 2, 4 … as many as a length in bits may have."""
    found = [_ONE >> 1]
    while len(found) < 64:
        found.append(_times(found[-1], found[-1]))
    return found


_SQUARES = _squares()


@lru_cache(maxsize=1024)
def _shift(size: int) -> int:
    """What a checksum is multiplied with when so many bytes follow."""
    shift, bits, place = _ONE, size * 8, 0
    while bits:
        if bits & 1:
            shift = _times(_SQUARES[place], shift)
        bits, place = bits >> 1, place + 1
    return shift
