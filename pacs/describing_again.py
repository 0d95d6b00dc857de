"""Describing an instance that resembles one that was described before: only what differs is read.

What comes out is what `describe_head` says, a test compares them; where there is any doubt, that is asked.
"""

import threading
from dataclasses import dataclass, replace

from pacs import describe
from pacs.dataset.envelope import EXPLICIT, MAGIC_OFFSET
from pacs.dataset.likeness import LONG, LONGEST, Pattern, Value, meta_elements, pattern
from pacs.dataset.limits import LIMITS
from pacs.dataset.scan import Element, Scanner
from pacs.dataset.values import Reader
from storage.errors import InvalidInstance
from storage.model.archive import Description
from storage.model.query import Level

_REMEMBERED = 32  # series
_TRIES = 6  # instances of a series that had nothing useful in common with it: it is read whole from then on
_TIMES = 40  # that the pattern of a series is made wider
_INSTANCE_UID, _NUMBER = 0x00080018, 0x00200013
_META_UID, _META_LENGTH = 0x00020003, 0x00020000
_IMAGE = dict(describe.KEPT[Level.IMAGE])
_MAY_DIFFER = frozenset({_INSTANCE_UID, _NUMBER} | {tag for tag, kept in _IMAGE.items() if not kept.items})

Series = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Mould:
    """A pattern, and what an instance of it says."""

    pattern: Pattern
    model: Description
    places: dict[int, int]  # of the members, by tag
    members: list[str]  # of its attributes
    terms: tuple[str, ...]
    signed: bool


@dataclass(slots=True)
class _Seen:
    """What was seen of a series: an instance, and the tags of what differs among those that followed."""

    head: bytes
    elements: list[Element]
    differing: frozenset[int] = frozenset()
    failed: int = 0
    times: int = 0


class _Memory:
    """Of a process. Threads share it: who reads takes `moulds` as it is at the moment."""

    def __init__(self) -> None:
        self.moulds: tuple[tuple[Series, _Mould], ...] = ()
        self.seen: dict[Series, _Seen] = {}
        self.lock = threading.Lock()

    def keep(self, series: Series, mould: _Mould) -> None:
        others = [(one, other) for one, other in self.moulds if one != series]
        self.moulds = ((series, mould), *others[: _REMEMBERED - 1])

    def begin(self, series: Series, seen: _Seen) -> None:
        while len(self.seen) >= _REMEMBERED:
            del self.seen[next(iter(self.seen))]
        self.seen[series] = seen


_memory = _Memory()


def describe_head(head: bytes, size: int) -> Description | None:
    """Like `pacs.describe.describe_head`."""
    for _, mould in _memory.moulds:
        found = _cast(mould, head, size)
        if found is not None:
            return found
    found = describe.describe_head(head, size)
    if found is not None and _memory.lock.acquire(blocking=False):  # who learns just now is enough
        try:
            _learn(_memory, found, head, size)
        finally:
            _memory.lock.release()
    return found


def _cast(mould: _Mould, head: bytes, size: int) -> Description | None:
    """What an instance says that has the pattern; None when it has not."""
    matched = mould.pattern.values(head)
    if matched is None:
        return None
    values, end = matched
    model = mould.model.instance
    assert model.pixel_length is not None
    if size - end < model.pixel_length:
        return None
    reader = _reader(head, size)
    reader.terms, reader.signed = mould.terms, mould.signed
    uid, number, members = model.sop_instance_uid, model.number, list(mould.members)
    for element, (offset, length) in zip(mould.pattern.differing, values, strict=True):
        tag = element.tag
        place = mould.places.get(tag)
        if place is not None:
            members[place] = describe.attribute_text(reader, Element(tag, element.vr, offset, length), _IMAGE[tag])
        if tag == _INSTANCE_UID:
            uid = reader.text(Element(tag, element.vr, offset, length))
            if describe.UID.fullmatch(uid) is None:
                return None
        elif tag == _NUMBER:
            number = describe.column_integer(reader.integer(Element(tag, element.vr, offset, length)))
    attributes = f"{{{','.join(members)}}}"
    if len(attributes) > describe.LONGEST_ATTRIBUTES:
        return None
    facts = replace(
        model,
        sop_instance_uid=uid,
        number=number,
        dataset_offset=model.dataset_offset + _grown(mould.pattern, values),
        pixel_offset=end,
        attributes=attributes,
    )
    return Description(mould.model.patient, mould.model.study, mould.model.series, facts)


def _grown(like: Pattern, values: list[Value]) -> int:
    """How much longer its File Meta Information is than the model's."""
    pairs = zip(like.differing[: like.dataset], values[: like.dataset], strict=True)
    return sum(value.length - element.length for element, value in pairs)


def _learn(memory: _Memory, found: Description, head: bytes, size: int) -> None:
    """Take the instance as a model of its series, or find out what it has in common with the one before."""
    facts = found.instance
    native = facts.transfer_syntax_uid == EXPLICIT and facts.pixel_length is not None and not facts.frame_table
    if not native or facts.pixel_offset is None or facts.pixel_offset > min(len(head), LONGEST):
        return
    if int.from_bytes(head[facts.pixel_offset - 4 : facts.pixel_offset], "little") != facts.pixel_length:
        return  # the object is shorter than it says
    series = found.series.series_instance_uid, facts.sop_class_uid
    seen = memory.seen.get(series)
    if seen is not None and (seen.failed >= _TRIES or seen.times >= _TIMES):
        return
    elements = _elements(head, size, facts.dataset_offset)
    if elements is None:
        return
    if seen is None:
        memory.begin(series, _Seen(head[: facts.pixel_offset], elements))
        return
    like = _in_common(seen, found, head, elements)
    if like is None:
        seen.head, seen.elements, seen.differing = head[: facts.pixel_offset], elements, frozenset()
        seen.failed += 1
        return
    if all(element.tag != _INSTANCE_UID for element in like.differing):
        return  # the same instance again
    seen.times += 1
    seen.differing |= {element.tag for element in like.differing}
    memory.keep(series, _mould(like, found, head, size, elements))
    seen.head, seen.elements = head[: facts.pixel_offset], elements


def _in_common(seen: _Seen, found: Description, head: bytes, elements: list[Element]) -> Pattern | None:
    """The pattern of this instance; None when it differs from the one before in what must be the same."""
    facts = found.instance
    assert facts.pixel_offset is not None
    like = pattern(head[: facts.pixel_offset], elements, seen.head, seen.elements, seen.differing, facts.dataset_offset)
    if like is None:
        return None
    return like if all(_may_differ(element) for element in like.differing) else None


def _may_differ(element: Element) -> bool:
    tag = element.tag
    if tag >> 16 == 2:
        return tag in (_META_UID, _META_LENGTH)
    return element.vr not in LONG and (tag in _MAY_DIFFER or tag not in describe.WANTED)


def _mould(like: Pattern, found: Description, head: bytes, size: int, elements: list[Element]) -> _Mould:
    reader = _reader(head, size)
    reader.see(element for element in elements if element.tag >> 16 != 2)
    by_tag = {element.tag: element for element in elements}
    kept = [tag for tag in _IMAGE if tag in by_tag]
    members = [describe.attribute_text(reader, by_tag[tag], _IMAGE[tag]) for tag in kept]
    places = {tag: place for place, tag in enumerate(kept)}
    return _Mould(like, found, places, members, reader.terms, reader.signed)


def _elements(head: bytes, size: int, dataset: int) -> list[Element] | None:
    """All elements before the pixels, each tag once; None when they are not so."""
    begin = MAGIC_OFFSET + 4 if head[MAGIC_OFFSET : MAGIC_OFFSET + 4] == b"DICM" else 0
    found = list(meta_elements(head, begin, dataset))
    if found and found[-1].offset + found[-1].length != dataset:
        return None
    scanner = Scanner(head, size, LIMITS, implicit=False, little=True)
    try:
        found += scanner.top_level(dataset)
    except InvalidInstance:
        return None
    return found if len({element.tag for element in found}) == len(found) else None


def _reader(head: bytes, size: int) -> Reader:
    scanner = Scanner(head, size, LIMITS, implicit=False, little=True)
    return Reader(scanner, longest=describe.LONGEST_TEXT)
