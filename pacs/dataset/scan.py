"""The element stream (PS3.5 7) read by offsets, within limits and without touching large values."""

import mmap
import struct
import time
from typing import NamedTuple

from pydicom.datadict import DicomDictionary, dictionary_VR, private_dictionary_VR

from pacs.dataset.limits import Limits
from pacs.errors import LimitExceeded
from storage.errors import InvalidInstance

Buffer = bytes | mmap.mmap

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA = 0x7FE00010, 0x7FE00008, 0x7FE00009
PIXELS = frozenset({PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA})
NUMBER_OF_FRAMES = 0x00280008

_SHORT_VRS = "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS"  # 16-bit length (PS3.5 7.1.2)
_LONG_VRS = "OBODOFOLOVOWSQSVUCUNURUTUV"
_SHORT = {_SHORT_VRS[n : n + 2].encode(): _SHORT_VRS[n : n + 2] for n in range(0, len(_SHORT_VRS), 2)}
_LONG = {_LONG_VRS[n : n + 2].encode(): _LONG_VRS[n : n + 2] for n in range(0, len(_LONG_VRS), 2)}
VRS = frozenset(_SHORT) | frozenset(_LONG)
_FRAGMENTED = ("OB", "OW")


class Element(NamedTuple):
    """Where one data element's value is; `items` are the kept items of a sequence."""

    tag: int
    vr: str
    offset: int
    length: int  # UNDEFINED for a sequence or encapsulated pixels of undefined length
    items: "tuple[tuple[Element, ...], ...] | None" = None


def vr_of(tag: int, creator: str = "") -> str:
    """The VR the dictionary gives a tag; UN when it does not know."""
    entry = DicomDictionary.get(tag)
    if entry is not None:
        return entry[0]
    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        if 0x10 <= tag & 0xFFFF <= 0xFF:
            return "LO"
        try:
            return private_dictionary_VR(tag, creator) if creator else "UN"
        except KeyError:
            return "UN"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


class Scanner:
    """Reads the elements of one dataset in `buffer[start:end]`.

    Only elements whose tag is in `wanted` are kept (all when it is None); sequences are walked in any case, so that
    nesting and floods are found here. Top-level scanning stops at Pixel Data, which is then in `pixels`.
    """

    def __init__(
        self,
        buffer: Buffer,
        end: int,
        limits: Limits,
        *,
        implicit: bool,
        little: bool,
        wanted: frozenset[int] | None = None,
    ) -> None:
        self.buffer = buffer
        self.end = end
        self.limits = limits
        self.implicit = implicit
        self.little = little
        self.wanted = wanted
        self.pixels: Element | None = None
        self.next = 0
        order = "<" if little else ">"
        self._tag_length = struct.Struct(order + "HHI").unpack_from
        self._explicit = struct.Struct(order + "HH2sH").unpack_from
        self._long = struct.Struct(order + "I").unpack_from
        self._left = limits.elements
        self._read = 0
        self._deadline = time.thread_time() + limits.seconds  # of processor: a busy machine makes nobody hostile

    def top_level(self, start: int) -> list[Element]:
        """The kept elements before Pixel Data; the place after the last one read is left in `next`."""
        found: list[Element] = []
        position = start
        end, wanted, large = self.end, self.wanted, self.limits.large_value
        creators: dict[int, str] = {}
        while position + 8 <= end:
            position = self._short_ones(position, end, found)
            if position + 8 > end:
                break
            tag, vr, value, length = self._element_at(position, self.implicit, creators)
            if tag == 0 and length == 0:
                break  # padded with zeros
            if tag in PIXELS:
                self.pixels = Element(tag, vr, value, length)
                break
            keep, begin = wanted is None or tag in wanted, position
            if length == UNDEFINED or vr == "SQ":
                items, position = self._walk(tag, vr, value, length, self.implicit, keep, 1, end)
            else:
                items, position = None, value + length
                if position > end:
                    raise InvalidInstance(f"{say(tag)} claims {length} bytes, {max(end - value, 0)} are left")
            if keep:
                found.append(Element(tag, vr, value, length, items))
                if tag == NUMBER_OF_FRAMES:
                    self._allow_frames(value, length)
            if position - begin < large or items is not None:
                self._read += position - begin
                if self._read > self.limits.header_bytes:
                    raise LimitExceeded(f"more than {self.limits.header_bytes} bytes before Pixel Data")
        self.next = position
        return found

    def _short_ones(self, position: int, end: int, found: list[Element]) -> int:
        """Past the explicit elements of short VRs that come here, without a call for each: nearly all are such. Where
        the first other one is, which may be at fault."""
        if self.implicit:
            return position
        buffer, unpack, wanted, most = self.buffer, self._explicit, self.wanted, self.limits.header_bytes
        while position + 8 <= end and self._left & 0xFFF > 1:
            group, number, raw, length = unpack(buffer, position)
            vr = _SHORT.get(raw)
            following = position + 8 + length
            if vr is None or following > end or not 0 < group < 0x7FE0 or self._read > most:
                break
            self._left -= 1
            self._read += 8 + length
            tag = group << 16 | number
            if wanted is None or tag in wanted:
                found.append(Element(tag, vr, position + 8, length))
                if tag == NUMBER_OF_FRAMES:
                    self._allow_frames(position + 8, length)
            position = following
        return position

    def with_items(self, element: Element) -> Element:
        """A top-level sequence of defined length with its items, as `top_level` gives it."""
        tag, vr, offset, length, _ = element
        items, _ = self._walk(tag, vr, offset, length, self.implicit, True, 1, self.end)
        return Element(tag, vr, offset, length, items)

    def items_of(self, element: Element) -> tuple[tuple[Element, ...], ...]:
        """The items in the value of an element that holds a sequence under another VR (UN); implicit little endian."""
        try:
            items, _ = self._sequence(element.offset, element.offset + element.length, True, True, 1)
        except LimitExceeded:
            raise
        except InvalidInstance:
            return ()
        return items

    def _allow_frames(self, value: int, length: int) -> None:
        text = self.buffer[value : value + min(length, 16)].strip(b" \0")
        if text.isdigit():
            self._left += min(int(text) * self.limits.elements_per_frame, 20 * self.limits.elements)

    def _element_at(self, position: int, implicit: bool, creators: dict[int, str]) -> tuple[int, str, int, int]:
        """Tag, VR, offset and length of the value of the element that starts at `position`."""
        self._left -= 1
        if not self._left & 0xFFF:
            self._check()
        if implicit:
            group, number, length = self._tag_length(self.buffer, position)
            return self._with_dictionary(group << 16 | number, position + 8, length, creators)
        group, number, raw, length = self._explicit(self.buffer, position)
        vr = _SHORT.get(raw)
        if vr is not None:
            return group << 16 | number, vr, position + 8, length
        vr = _LONG.get(raw)
        if vr is not None:
            if position + 12 > self.end:
                raise InvalidInstance(f"the dataset ends inside {say(group << 16 | number)}")
            return group << 16 | number, vr, position + 12, self._long(self.buffer, position + 8)[0]
        return self._odd(group << 16 | number, raw, position, length, creators)

    def _odd(
        self, tag: int, raw: bytes, position: int, length: int, creators: dict[int, str]
    ) -> tuple[int, str, int, int]:
        """An element of an explicit dataset without a known VR: a delimiter, an unknown VR, or an implicit element."""
        whole = self._long(self.buffer, position + 4)[0]
        if tag >> 16 == 0xFFFE:
            return tag, "", position + 8, whole
        if raw.isalpha() and raw.isupper():
            return tag, "UN", position + 8, length
        if raw == b"\0\0" and length == 0:
            return tag, vr_of(tag), position + 8, 0
        return self._with_dictionary(tag, position + 8, whole, creators)

    def _with_dictionary(
        self, tag: int, value: int, length: int, creators: dict[int, str]
    ) -> tuple[int, str, int, int]:
        if tag >> 16 & 1 and tag >> 16 != 0xFFFF:
            block = tag >> 16 << 16 | tag >> 8 & 0xFF
            if 0x10 <= tag & 0xFFFF <= 0xFF and length <= 64:
                creators[tag] = self.buffer[value : value + length].decode("latin-1").strip(" \0")
            return tag, vr_of(tag, creators.get(block, "")), value, length
        return tag, vr_of(tag), value, length

    def _walk(
        self, tag: int, vr: str, value: int, length: int, implicit: bool, keep: bool, depth: int, end: int
    ) -> tuple[tuple[tuple[Element, ...], ...] | None, int]:
        """Past a sequence or a value of undefined length: its items and where the next element starts."""
        if tag >> 16 == 0xFFFE:
            return None, value  # a stray delimiter
        if length != UNDEFINED:
            stop = value + length
            if stop > end:
                raise InvalidInstance(f"{say(tag)} claims {length} bytes, {max(end - value, 0)} are left")
            try:
                items, _ = self._sequence(value, stop, implicit, keep, depth)
            except LimitExceeded:
                raise
            except InvalidInstance:
                return (), stop  # opaque, but its end is known
            return items, stop
        if vr in _FRAGMENTED:
            return None, self._past_fragments(tag, value, end)
        return self._sequence(value, None, implicit or vr == "UN", keep, depth, end)

    def _past_fragments(self, tag: int, position: int, end: int) -> int:
        while position + 8 <= end:
            self._count()
            group, number, length = self._tag_length(self.buffer, position)
            position += 8
            if group << 16 | number == SEQUENCE_END:
                return position
            if group << 16 | number != ITEM or position + length > end:
                break
            position += length
        raise InvalidInstance(f"the fragments of {say(tag)} do not end")

    def _sequence(
        self, position: int, stop: int | None, implicit: bool, keep: bool, depth: int, end: int | None = None
    ) -> tuple[tuple[tuple[Element, ...], ...], int]:
        """The items from `position` to `stop`, or to the delimiter when there is no `stop`."""
        if depth > self.limits.depth:
            raise LimitExceeded(f"sequences nested more than {self.limits.depth} deep")
        items: list[tuple[Element, ...]] = []
        bound = stop if stop is not None else end if end is not None else self.end
        while True:
            if position + 8 > bound:
                if stop is not None:
                    return tuple(items), stop
                raise InvalidInstance("a sequence does not end")
            self._count()
            group, number, length = self._tag_length(self.buffer, position)
            tag = group << 16 | number
            position += 8
            if tag == SEQUENCE_END:
                return tuple(items), position
            if tag != ITEM:
                if tag == ITEM_END:
                    continue
                raise InvalidInstance("a sequence holds something else than items")
            last = None if length == UNDEFINED else position + length
            if last is not None and last > bound:
                raise InvalidInstance(f"an item claims {length} bytes, {bound - position} are left")
            item, position = self._item(position, last, bound, implicit, keep, depth)
            if keep:
                items.append(item)

    def _item(
        self, position: int, last: int | None, bound: int, implicit: bool, keep: bool, depth: int
    ) -> tuple[tuple[Element, ...], int]:
        found: list[Element] = []
        stop = bound if last is None else last
        creators: dict[int, str] = {}
        while position + 8 <= stop:
            tag, vr, value, length = self._element_at(position, implicit, creators)
            if tag == ITEM_END:
                return tuple(found), value
            if tag == SEQUENCE_END:
                return tuple(found), position  # the item's own delimiter is missing
            if length == UNDEFINED or vr == "SQ":
                items, position = self._walk(tag, vr, value, length, implicit, keep, depth + 1, stop)
            else:
                items, position = None, value + length
                if position > stop:
                    raise InvalidInstance(f"{say(tag)} claims {length} bytes, {max(stop - value, 0)} are left")
            if keep:
                found.append(Element(tag, vr, value, length, items))
        if last is None:
            raise InvalidInstance("an item does not end")
        return tuple(found), last

    def _count(self) -> None:
        self._left -= 1
        if not self._left & 0xFFF:
            self._check()

    def _check(self) -> None:
        if self._left <= 0:
            raise LimitExceeded(f"more than {self.limits.elements} data elements, or too many for each frame")
        if time.thread_time() > self._deadline:
            raise LimitExceeded(f"reading the header took more than {self.limits.seconds} s of processor time")


def say(tag: int) -> str:
    """A tag as people write it."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
