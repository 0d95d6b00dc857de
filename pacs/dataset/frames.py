"""Where the frames are: native lengths, and the fragments of encapsulated Pixel Data (PS3.5 A.4)."""

import itertools
import struct

from pacs.dataset.limits import Limits
from pacs.dataset.scan import ITEM, SEQUENCE_END, Buffer
from pacs.errors import LimitExceeded
from storage.errors import InvalidInstance

FrameTable = tuple[tuple[tuple[int, int], ...], ...]
Ranges = list[tuple[int, int]]

# One bit stream in any number of fragments, however many frames it has (PS3.5 A.4.5 to A.4.9).
VIDEO = frozenset(
    f"1.2.840.10008.1.2.4.{suffix}" for number in range(100, 109) for suffix in (f"{number}", f"{number}.1")
)
_SYNC_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP", b"\xff\x0a", b"\x00\x00\x00\x0cJXL")
_RLE = "1.2.840.10008.1.2.5"


def native_frame_bits(rows: int, columns: int, samples: int, bits_allocated: int, photometric: str) -> int:
    """The size of one native frame in bits; chroma may be subsampled (PS3.3 C.7.6.3.1.2)."""
    if samples == 3 and photometric in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        return rows * columns * 2 * bits_allocated
    if samples == 3 and photometric == "YBR_PARTIAL_420":
        return rows * columns * 3 * bits_allocated // 2
    return rows * columns * samples * bits_allocated


def fragments(buffer: Buffer, position: int, limits: Limits) -> tuple[Ranges, int]:
    """The items of encapsulated Pixel Data (the first is the Basic Offset Table) and where they end."""
    found: Ranges = []
    end = len(buffer)
    header = struct.Struct("<HHI").unpack_from
    while position + 8 <= end:
        group, number, length = header(buffer, position)
        if group << 16 | number != ITEM:
            return found, position + 8 if group << 16 | number == SEQUENCE_END else position
        position += 8
        if position + length > end:
            raise InvalidInstance(f"a fragment claims {length} bytes, {end - position} are left")
        found.append((position, length))
        if len(found) > limits.fragments:
            raise LimitExceeded(f"more than {limits.fragments} fragments")
        position += length
    return found, position


def frame_table(
    buffer: Buffer, items: Ranges, frames: int, syntax: str, extended: tuple[bytes, bytes] | None
) -> FrameTable:
    """For each frame the ranges of its fragments."""
    if not items:
        return ()
    basic, parts = items[0], items[1:]
    if not any(length for _, length in parts):
        return ()
    if syntax in VIDEO or frames == 1:
        return (tuple(part for part in parts if part[1]),)
    by_table = None
    if extended is not None:
        by_table = _by_extended_table(parts, frames, *extended)
    if by_table is None and basic[1] >= 4 * frames:
        offsets = struct.unpack_from(f"<{basic[1] // 4}I", buffer[basic[0] : basic[0] + basic[1]])
        by_table = _by_offsets(parts, frames, list(offsets[:frames]))
    if by_table is not None:
        return by_table
    parts = [part for part in parts if part[1]]
    if len(parts) <= frames or syntax == _RLE:
        return tuple((part,) for part in parts[:frames])
    return _by_start_of_stream(buffer, parts, frames)


def _by_extended_table(parts: Ranges, frames: int, offsets: bytes, lengths: bytes) -> FrameTable | None:
    """Extended Offset Table (7FE0,0001): exactly one fragment per frame, offsets from the first item."""
    if len(offsets) < 8 * frames or len(lengths) < 8 * frames:
        return None
    places = struct.unpack_from(f"<{frames}Q", offsets)
    sizes = struct.unpack_from(f"<{frames}Q", lengths)
    origin = parts[0][0] - 8
    known = {offset - 8 - origin: (offset, length) for offset, length in parts}
    table = []
    for place, size in zip(places, sizes, strict=True):
        part = known.get(place)
        if part is None or not size <= part[1]:
            return None
        table.append(((part[0], size),))
    return tuple(table)


def _by_offsets(parts: Ranges, frames: int, offsets: list[int]) -> FrameTable | None:
    """Basic Offset Table: a frame is the fragments from its offset to the next one's."""
    if offsets[0] != 0 or any(after <= before for before, after in itertools.pairwise(offsets)):
        return None
    origin = parts[0][0] - 8
    places = {offset - 8 - origin: index for index, (offset, _) in enumerate(parts)}
    starts = [places.get(offset) for offset in offsets]
    if None in starts:
        return None
    bounds = [start for start in starts if start is not None] + [len(parts)]
    return tuple(tuple(parts[bounds[n] : bounds[n + 1]]) for n in range(frames))


def _by_start_of_stream(buffer: Buffer, parts: Ranges, frames: int) -> FrameTable:
    """No table and more fragments than frames: a frame starts where a code stream starts."""
    starts = [index for index, (offset, _) in enumerate(parts) if buffer[offset : offset + 6].startswith(_SYNC_STARTS)]
    if len(starts) < frames or starts[0] != 0:
        return tuple((part,) for part in parts[:frames])
    bounds = [*starts[:frames], len(parts) if len(starts) == frames else starts[frames]]
    return tuple(tuple(parts[bounds[n] : bounds[n + 1]]) for n in range(frames))


def sniff(buffer: Buffer, items: Ranges) -> str:
    """The transfer syntax of fragments that no File Meta names, told from the code stream; "" when it is unknown."""
    first = next((buffer[offset : offset + 4096] for offset, length in items[1:] if length), b"")
    if first.startswith(b"\xff\x4f\xff\x51"):
        return "1.2.840.10008.1.2.4.203" if b"\xff\x50" in first[4:256] else "1.2.840.10008.1.2.4.91"
    if not first.startswith(b"\xff\xd8"):
        return ""
    for marker, syntax in (
        (b"\xff\xf7", "1.2.840.10008.1.2.4.81"),
        (b"\xff\xc3", "1.2.840.10008.1.2.4.57"),
        (b"\xff\xc1", "1.2.840.10008.1.2.4.51"),
        (b"\xff\xc0", "1.2.840.10008.1.2.4.50"),
    ):
        if marker in first:
            return syntax
    return ""


def cut_bits(data: bytes, skip: int, bits: int) -> bytes:
    """`bits` bits of `data` from bit `skip` on, least significant first (PS3.5 8.1.1), padded with zeros."""
    number = int.from_bytes(data, "little") >> skip & (1 << bits) - 1
    return number.to_bytes((bits + 7) // 8, "little")
