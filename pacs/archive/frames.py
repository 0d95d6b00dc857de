"""Headers and frames out of stored objects, each by one ranged read."""

import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pacs.dataset.envelope import BIG_ENDIAN, DEFLATED, inflate, mapped
from pacs.dataset.frames import cut_bits
from pacs.dataset.limits import LIMITS
from pacs.dataset.syntaxes import Header
from pacs.errors import LimitExceeded, UndecodablePixels
from storage.errors import InvalidInstance, NotFound, ObjectCorrupt, ObjectMissing
from storage.model.archive import Instance
from storage.model.damage import CORRUPT
from storage.objects.base import ObjectStore

_BLOCK = 256 * 1024
LARGEST_HEADER = 128 * 1024 * 1024
READ_WHOLE = 4 * 1024 * 1024
_CHANGED = DEFLATED | {BIG_ENDIAN}
_LITTLE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"})  # the same pixels


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it is stored: its fragments joined, or its native bytes in the byte order of its syntax."""

    data: bytes
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes of a stored object."""

    offset: int
    length: int


def sound(instance: Instance) -> str:
    """The key of the instance's object. Raises what was found when it was last read back: no part of an object that is
    known to be damaged is handed out as if it were right."""
    if instance.damage == CORRUPT:
        raise ObjectCorrupt(f"the object of {instance.key.sop_instance_uid} is damaged")
    if instance.damage:
        raise ObjectMissing(f"the object of {instance.key.sop_instance_uid} is not in the store")
    return instance.stored.key


def is_stored_as(stored: str, transfer_syntax: str) -> bool:
    """Whether the stored bytes of a frame are what the transfer syntax has for it."""
    return stored == transfer_syntax or (stored in _LITTLE and transfer_syntax in _LITTLE)


def header_of(objects: ObjectStore, instance: Instance) -> bytes:
    """The dataset up to the value of Pixel Data (that element's tag, VR and length are the last bytes), all of it when
    there are no pixels; inflated when it is deflated."""
    facts = instance.facts
    if facts.transfer_syntax_uid in DEFLATED:
        return _inflated(objects, instance, 0, facts.pixel_offset)
    place = header_place(instance)
    return objects.get(sound(instance), place.offset, place.length)


def header_place(instance: Instance) -> Place:
    """Where the header lies in an object that is not deflated. Raises LimitExceeded for one that is not read whole."""
    facts = instance.facts
    end = facts.pixel_offset if facts.pixel_offset is not None else instance.stored.size
    length = end - facts.dataset_offset
    if length > LARGEST_HEADER:
        raise LimitExceeded(f"a header of {length} bytes")
    return Place(facts.dataset_offset, length)


@contextmanager
def opened_header(objects: ObjectStore, instance: Instance) -> Iterator[Header]:
    """The header to look into; a large one (a report in PDF, a waveform) is mapped and not read."""
    facts = instance.facts
    end = facts.pixel_offset if facts.pixel_offset is not None else instance.stored.size
    if facts.transfer_syntax_uid in DEFLATED or end <= READ_WHOLE:
        yield Header(header_of(objects, instance), facts.transfer_syntax_uid)
        return
    path = objects.local_path(sound(instance))
    with ExitStack() as stack:
        source = path or stack.enter_context(objects.open(sound(instance)))
        yield Header(stack.enter_context(mapped(source)), facts.transfer_syntax_uid, facts.dataset_offset)


def frame_of(objects: ObjectStore, instance: Instance, number: int) -> Frame:
    """Frame `number`, from 1. Raises NotFound when there is no such frame."""
    facts = instance.facts
    if not 1 <= number <= facts.frames or facts.pixel_offset is None:
        raise NotFound(f"there is no frame {number}, the instance has {facts.frames}")
    if facts.frame_table:
        return Frame(_joined(objects, instance, facts.frame_table[number - 1]), facts.transfer_syntax_uid)
    start, bits = _native_place(instance, number)
    begin, end = start // 8, (start + bits + 7) // 8
    if facts.transfer_syntax_uid == BIG_ENDIAN and end % 2 and end + 1 == facts.pixel_length:
        end, bits = end + 1, bits + 8  # the last byte of an odd frame is the first of its word
    if facts.pixel_length is None or end > facts.pixel_length:
        raise UndecodablePixels(f"Pixel Data has {facts.pixel_length} bytes, frame {number} ends at {end}")
    if facts.transfer_syntax_uid in DEFLATED:
        data = _inflated(objects, instance, facts.pixel_offset + begin, facts.pixel_offset + end)
    else:
        data = objects.get(sound(instance), facts.pixel_offset + begin, end - begin)
    return Frame(cut_bits(data, start % 8, bits) if start % 8 or bits % 8 else data, facts.transfer_syntax_uid)


def place_of(instance: Instance, number: int) -> Place | None:
    """Where the frame lies when its stored bytes are the frame: one fragment, or whole native bytes in little endian
    order. None when it has to be made first, or when there is no such frame."""
    facts = instance.facts
    if instance.damage or not 1 <= number <= facts.frames or facts.pixel_offset is None:
        return None
    if facts.frame_table:
        parts = facts.frame_table[number - 1]
        return Place(*parts[0]) if len(parts) == 1 else None
    if facts.transfer_syntax_uid in _CHANGED or facts.frame_length is None or facts.pixel_length is None:
        return None
    if facts.bits_allocated is None or facts.bits_allocated % 8:
        return None
    begin = (number - 1) * facts.frame_length
    if begin + facts.frame_length > facts.pixel_length:
        return None
    return Place(facts.pixel_offset + begin, facts.frame_length)


def _native_place(instance: Instance, number: int) -> tuple[int, int]:
    """Where a native frame starts in Pixel Data and how long it is, in bits; packed frames need not start at a byte."""
    facts = instance.facts
    if facts.frame_length is None:
        raise UndecodablePixels("the instance does not say how large a frame is")
    bits = facts.frame_length * 8
    if facts.bits_allocated is not None and facts.bits_allocated % 8:
        exact = (facts.rows or 0) * (facts.columns or 0) * facts.bits_allocated
        bits = exact if (exact + 7) // 8 == facts.frame_length else bits
    return (number - 1) * bits, bits


def _joined(objects: ObjectStore, instance: Instance, parts: tuple[tuple[int, int], ...]) -> bytes:
    if len(parts) == 1:
        return objects.get(sound(instance), *parts[0])
    begin, end = parts[0][0], parts[-1][0] + parts[-1][1]
    data = objects.get(sound(instance), begin, end - begin)
    return b"".join(data[offset - begin : offset - begin + length] for offset, length in parts)


def _inflated(objects: ObjectStore, instance: Instance, begin: int, end: int | None) -> bytes:
    """Bytes `begin` to `end` of the inflated dataset of a deflated instance."""
    kept: list[bytes] = []
    position = size = 0
    try:
        for piece in inflate(_blocks(objects, instance), LIMITS):
            following = position + len(piece)
            if following > begin:
                part = piece[max(begin - position, 0) : None if end is None else max(end - position, 0)]
                kept.append(part)
                size += len(part)
            position = following
            if end is not None and position >= end:
                break
            if size > LIMITS.frame_bytes:
                raise LimitExceeded(f"more than {LIMITS.frame_bytes} bytes")
    except (InvalidInstance, zlib.error) as error:
        raise UndecodablePixels(str(error)) from error
    if end is not None and position < end:
        raise ObjectCorrupt("the deflated dataset is shorter than it was")
    return b"".join(kept)


def _blocks(objects: ObjectStore, instance: Instance) -> Iterator[bytes]:
    with objects.open(sound(instance), instance.facts.dataset_offset) as stream:
        while block := stream.read(_BLOCK):
            yield block
