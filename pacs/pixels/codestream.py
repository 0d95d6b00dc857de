"""What a compressed frame says about itself, read without decoding anything.

A codestream whose own size differs from Rows and Columns is never given to a codec: that is how decompression bombs and
most crashes begin.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack_from

from pacs.errors import UndecodablePixels
from pacs.pixels import syntaxes


@dataclass(frozen=True, slots=True)
class Codestream:
    """The size, depth and colour a codestream declares.

    `colour` is "grey", "rgb", "ybr" or "" when the stream does not say; for JPEG 2000 "rgb" also stands for a stream
    with a multiple component transform, which its decoder undoes.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    signed: bool = False
    colour: str = ""


def read_codestream(transfer_syntax: str, data: bytes) -> Codestream:
    """The declared facts of a compressed frame. Raises UndecodablePixels when there is no sound codestream."""
    try:
        if transfer_syntax in syntaxes.J2K_ALL:
            return _read_j2k(data)
        if transfer_syntax in syntaxes.JPEG_XL:
            return _read_jxl(data)
        return _read_jpeg(data)
    except (IndexError, ValueError, ArithmeticError) as error:
        raise UndecodablePixels("The compressed frame has no complete header") from error
    except Exception as error:  # struct.error
        if type(error).__name__ == "error":
            raise UndecodablePixels("The compressed frame has no complete header") from error
        raise


# SOF markers: DCT (C0-C2), lossless (C3), their arithmetic forms, and JPEG-LS (F7); not DHT (C4), JPG (C8), DAC (CC)
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}


def _read_jpeg(data: bytes) -> Codestream:
    """SOFn of JPEG and JPEG-LS (ITU-T T.81 B.2.2, T.87 C.2.2), and what its APP segments say of colour."""
    jfif, adobe = False, None
    for marker, start, length in _jpeg_segments(data):
        if marker == 0xE0 and data[start : start + 4] == b"JFIF":
            jfif = True
        elif marker == 0xEE and data[start : start + 5] == b"Adobe" and length >= 12:
            adobe = data[start + 11]
        elif marker in _FRAME_MARKERS:
            precision, rows, columns, samples = unpack_from(">BHHB", data, start)
            ids = bytes(data[start + 6 + 3 * i] for i in range(samples))
            return Codestream(rows, columns, samples, precision, colour=_jpeg_colour(samples, ids, jfif, adobe))
    raise UndecodablePixels("The compressed frame has no JPEG frame header")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, where its parameters start, how long they are; up to the first scan."""
    if data[:2] != b"\xff\xd8":
        raise UndecodablePixels("The compressed frame does not start as a JPEG stream")
    position, end = 2, len(data)
    while position + 4 <= end:
        if data[position] != 0xFF:
            raise UndecodablePixels("The compressed frame is damaged before its first scan")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == 0xDA:
            return
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if length < 2:
            raise UndecodablePixels("The compressed frame is damaged before its first scan")
        yield marker, position + 4, length - 2
        position += 2 + length


def _jpeg_colour(samples: int, ids: bytes, jfif: bool, adobe: int | None) -> str:
    if samples == 1:
        return "grey"
    if adobe is not None:
        return "ybr" if adobe else "rgb"
    if ids in (b"RGB", b"rgb"):
        return "rgb"
    return "ybr" if jfif else ""


def j2k_start(data: bytes) -> int:
    """Where the codestream begins: 0, or inside the jp2c box of a JP2 file some writers put into DICOM."""
    if data[:4] == b"\xff\x4f\xff\x51":
        return 0
    if data[4:8] != b"jP  ":
        raise UndecodablePixels("The compressed frame does not start as a JPEG 2000 stream")
    position = 0
    while position + 8 <= len(data):
        length, kind = unpack_from(">I4s", data, position)
        header = 8
        if length == 1:
            length, header = unpack_from(">Q", data, position + 8)[0], 16
        if kind == b"jp2c":
            return position + header
        if length < header:
            break
        position += length
    raise UndecodablePixels("The JP2 file in the frame has no codestream")


_MOST_TILES = 4096


def _read_j2k(data: bytes) -> Codestream:
    """SIZ and COD of JPEG 2000 (ITU-T T.800 A.5.1, A.6.1)."""
    start = j2k_start(data)
    length = unpack_from(">H", data, start + 4)[0]
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, samples = unpack_from(
        ">8IH", data, start + 8
    )
    rows, columns = bottom - top, right - left
    if length != 38 + 3 * samples or rows < 1 or columns < 1 or not samples:
        raise UndecodablePixels("The JPEG 2000 stream has a damaged size header")
    if not tile_width or not tile_height:
        raise UndecodablePixels("The JPEG 2000 stream has tiles without a size")
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    if tiles > _MOST_TILES:
        raise UndecodablePixels(f"The JPEG 2000 stream is cut into {tiles} tiles, more than {_MOST_TILES}")
    components = {unpack_from(">BBB", data, start + 42 + 3 * i) for i in range(samples)}
    if len(components) != 1 or next(iter(components))[1:] != (1, 1):
        raise UndecodablePixels("The components of the JPEG 2000 stream differ in size or depth")
    depth = next(iter(components))[0]
    transform = samples == 3 and _j2k_has_transform(data, start + 4 + length)
    colour = "grey" if samples == 1 else "rgb" if transform else ""
    return Codestream(rows, columns, samples, (depth & 0x7F) + 1, bool(depth & 0x80), colour)


def _j2k_has_transform(data: bytes, position: int) -> bool:
    while position + 4 <= len(data):
        marker, length = unpack_from(">HH", data, position)
        if marker == 0xFF52:  # COD: Scod, progression, layers (2), multiple component transform
            return bool(data[position + 8])
        if marker == 0xFF90 or length < 2:
            return False
        position += 2 + length
    return False


def _read_jxl(data: bytes) -> Codestream:
    """The size header of JPEG XL (ISO/IEC 18181-1 B.2); depth and colour are left to the decoder."""
    start = 0
    if data[:12] == b"\x00\x00\x00\x0cJXL \r\n\x87\n":
        start = _jxl_codestream(data)
    if data[start : start + 2] != b"\xff\x0a":
        raise UndecodablePixels("The compressed frame does not start as a JPEG XL stream")
    bits = int.from_bytes(data[start + 2 : start + 16].ljust(14, b"\0"), "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    def size() -> int:
        return take((9, 13, 18, 30)[take(2)]) + 1

    small = take(1)
    rows = (take(5) + 1) * 8 if small else size()
    ratio = take(3)
    if ratio:
        above, below = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
        columns = rows * above // below
    else:
        columns = (take(5) + 1) * 8 if small else size()
    return Codestream(rows, columns, 0, 0)


def _jxl_codestream(data: bytes) -> int:
    position = 0
    while position + 8 <= len(data):
        length, kind = unpack_from(">I4s", data, position)
        header = 8
        if length == 1:
            length, header = unpack_from(">Q", data, position + 8)[0], 16
        if kind == b"jxlc":
            return position + header
        if kind == b"jxlp":
            return position + header + 4
        if length < header:
            break
        position += length
    raise UndecodablePixels("The JPEG XL file in the frame has no codestream")
