"""Headers that are alike: the same elements in the same order, of which a few have other values.

The instances of a series repeat nearly all of their header, byte for byte. A pattern is what two of them have in
common: runs of bytes, and between them the lengths and values that differed. Where a third one has the same runs it is
read without looking at its elements: it cannot be anything else than what a scan would find.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pacs.dataset.scan import VRS, Element

LONGEST = 16 * 1024  # bytes of a header that is worth a pattern
_META = b"\x02\x00"
_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})  # 32-bit lengths


class Value(NamedTuple):
    """Where the value is of an element that differs."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """`runs` of bytes; after each but the last one the length and the value of the element in `differing`."""

    runs: tuple[bytes, ...]
    differing: tuple[Element, ...]
    dataset: int  # how many of the differing elements stand before the dataset, in File Meta Information

    def values(self, head: bytes) -> tuple[list[Value], int] | None:
        """Where the differing values are in a header of this pattern, and where it ends; None when it is another."""
        found: list[Value] = []
        position, last = 0, len(self.runs) - 1
        try:
            for run in self.runs[:last]:
                if not head.startswith(run, position):
                    return None
                position += len(run)
                length = head[position] | head[position + 1] << 8
                position += 2
                found.append(Value(position, length))
                position += length
        except IndexError:
            return None
        if not head.startswith(self.runs[last], position):
            return None
        return found, position + len(self.runs[last])


def pattern(
    head: bytes,
    elements: Sequence[Element],
    other: bytes,
    others: Sequence[Element],
    differing_before: Collection[int],
    dataset: int,
) -> Pattern | None:
    """What two headers, which end where the pixels begin, have in common; None when they have not the same elements, or
    differ in one whose length is not of 16 bits. `elements` are those of File Meta Information and dataset in their
    order; tags in `differing_before` are taken to differ; the dataset begins at `dataset` of `head`."""
    if len(elements) != len(others):
        return None
    runs: list[bytes] = []
    differing: list[Element] = []
    begin = before = 0
    for one, its in zip(elements, others, strict=True):
        if one.tag != its.tag or one.vr != its.vr:
            return None
        same = head[one.offset : one.offset + one.length] == other[its.offset : its.offset + its.length]
        if same and one.length == its.length and one.tag not in differing_before:
            continue
        if one.vr in _LONG or head[one.offset - 4 : one.offset - 2] != one.vr.encode():
            return None
        runs.append(head[begin : one.offset - 2])
        differing.append(one)
        begin = one.offset + one.length
        before += one.offset < dataset
    runs.append(head[begin:])
    return Pattern(tuple(runs), tuple(differing), before)


def meta_elements(head: bytes, position: int, end: int) -> Iterator[Element]:
    """The elements of File Meta Information in `head[position:end]`, of explicit VR; nothing where they are not."""
    while position + 12 <= end and head[position : position + 2] == _META and head[position + 4 : position + 6] in VRS:
        tag = 0x00020000 | head[position + 2] | head[position + 3] << 8
        vr = head[position + 4 : position + 6].decode()
        if vr in _LONG:
            value, length = position + 12, int.from_bytes(head[position + 8 : position + 12], "little")
        else:
            value, length = position + 8, int.from_bytes(head[position + 6 : position + 8], "little")
        yield Element(tag, vr, value, length)
        position = value + length
