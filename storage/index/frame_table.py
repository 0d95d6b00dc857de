"""The ranges of the fragments of every frame of an encapsulated image, packed for one column.

Kept are, per frame, the number of fragments and then, per fragment, the gap to the end of the one before and the
length, as 64 bit little endian, deflated. Gaps are nearly always the eight bytes of an item header, so a thousand
frames take about 2 KB.
"""

import struct
import zlib

FrameTable = tuple[tuple[tuple[int, int], ...], ...]


def pack(table: FrameTable) -> bytes | None:
    """The table as bytes; None when there is none (native images)."""
    if not table:
        return None
    counts = [len(frame) for frame in table]
    gaps, lengths, end = [], [], 0
    for frame in table:
        for offset, length in frame:
            gaps.append(offset - end)
            lengths.append(length)
            end = offset + length
    numbers = [len(counts), *counts, *gaps, *lengths]
    return zlib.compress(struct.pack(f"<{len(numbers)}q", *numbers), 1)


def unpack(packed: bytes | None) -> FrameTable:
    """The table as `pack` was given it."""
    if packed is None:
        return ()
    data = zlib.decompress(packed)
    numbers = struct.unpack(f"<{len(data) // 8}q", data)
    frames = numbers[0]
    counts = numbers[1 : 1 + frames]
    fragments = sum(counts)
    gaps = numbers[1 + frames : 1 + frames + fragments]
    lengths = numbers[1 + frames + fragments :]
    table, at, end = [], 0, 0
    for count in counts:
        ranges = []
        for position in range(at, at + count):
            offset = end + gaps[position]
            end = offset + lengths[position]
            ranges.append((offset, lengths[position]))
        table.append(tuple(ranges))
        at += count
    return tuple(table)
