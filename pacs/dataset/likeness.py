"""Headers that are alike: the same elements in the same order, of which a few have other values.

The instances of a series repeat nearly all of their header, byte for byte. A pattern is what two of them have in
common: runs of bytes, and between them the lengths and values that differed. Where a third one has the same runs it is
read without looking at its elements: it cannot be anything else than what a scan would find.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pacs.dataset.scan import UNDEFINED, VRS, Element

LONGEST = 16 * 1024  # bytes of a header that is worth a pattern
_META = b"\x02\x00"
LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})  # 32-bit lengths


class Value(NamedTuple):
    """Where the value is of an element that differs."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """`runs` of bytes; after each but the last one the length and the value of the element in `differing`."""

    runs: tuple[bytes, ...]
    differing: tuple[Element, ...]
    wide: tuple[bool, ...]  # whether its length has 32 bits
    dataset: int  # how many of the differing elements stand before the dataset, in File Meta Information

    def values(self, head: bytes) -> tuple[list[Value], int] | None:
        """Where the differing values are in a header of this pattern, and where it ends; None when it is another."""
        found: list[Value] = []
        position, last = 0, len(self.runs) - 1
        try:
            for run, wide in zip(self.runs, self.wide, strict=False):
                if not head.startswith(run, position):
                    return None
                position += len(run)
                length = head[position] | head[position + 1] << 8
                position += 2
                if wide:
                    length |= head[position] << 16 | head[position + 1] << 24
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
    *,
    implicit: bool = False,
) -> Pattern | None:
    """What two headers in little endian order, which end where the pixels begin, have in common; None when they have
    not the same elements, or differ in one whose end is not told by its length. `elements` are those of File Meta
    Information and dataset in their order; tags in `differing_before` are taken to differ; the dataset begins at
    `dataset` of `head`."""
    if len(elements) != len(others):
        return None
    runs: list[bytes] = []
    differing: list[Element] = []
    wide: list[bool] = []
    begin = before = 0
    for number, (one, its) in enumerate(zip(elements, others, strict=True)):
        if one.tag != its.tag or one.vr != its.vr:
            return None
        same = _value(head, elements, number) == _value(other, others, number)
        if same and one.length == its.length and one.tag not in differing_before:
            continue
        size = _length_size(head, one, implicit=implicit)
        if not size:
            return None
        runs.append(head[begin : one.offset - size])
        differing.append(one)
        wide.append(size > 2)
        begin = one.offset + one.length
        before += one.offset < dataset
    runs.append(head[begin:])
    return Pattern(tuple(runs), tuple(differing), tuple(wide), before)


def _value(head: bytes, elements: Sequence[Element], number: int) -> bytes:
    """The value of an element; where its length is undefined what stands before the tag of the next one, or more."""
    element = elements[number]
    if element.length != UNDEFINED:
        return head[element.offset : element.offset + element.length]
    return head[element.offset : elements[number + 1].offset - 8 if number + 1 < len(elements) else None]


def _length_size(head: bytes, element: Element, *, implicit: bool) -> int:
    """How many bytes its length has, which stand before the value; 0 where it is undefined, or where the element does
    not stand there as the encoding has it."""
    tag, vr, offset, length, _ = element
    if length == UNDEFINED:
        return 0
    name = (tag >> 16 | (tag & 0xFFFF) << 16).to_bytes(4, "little")
    without_vr = head[offset - 8 : offset - 4] == name
    if implicit:
        return 4 if without_vr else 0
    if vr in LONG:
        return 4 if head[offset - 12 : offset - 6] == name + vr.encode() and not without_vr else 0
    return 2 if head[offset - 8 : offset - 2] == name + vr.encode() else 0


def meta_elements(head: bytes, position: int, end: int) -> Iterator[Element]:
    """The elements of File Meta Information in `head[position:end]`, of explicit VR; nothing where they are not."""
    while position + 12 <= end and head[position : position + 2] == _META and head[position + 4 : position + 6] in VRS:
        tag = 0x00020000 | head[position + 2] | head[position + 3] << 8
        vr = head[position + 4 : position + 6].decode()
        if vr in LONG:
            value, length = position + 12, int.from_bytes(head[position + 8 : position + 12], "little")
        else:
            value, length = position + 8, int.from_bytes(head[position + 6 : position + 8], "little")
        yield Element(tag, vr, value, length)
        position = value + length
