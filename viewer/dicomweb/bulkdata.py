"""Bulk data (PS3.18 10.4.1.1.5): the values that metadata names by BulkDataURI.

The path is ``<tag>`` for a value of the dataset and ``<tag>/<item>/<tag>…`` for one inside sequences, items from 0.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence

from flask import Response

from pacs.archive import Archive
from pacs.archive.frames import opened_header
from pacs.dataset.scan import PIXELS, UNDEFINED, Buffer, Element
from pacs.dataset.values import Reader
from pacs.pixels.syntaxes import DEFLATED, EXPLICIT, IMPLICIT, NATIVE
from storage.errors import NotFound
from storage.model.archive import Instance
from viewer.dicomweb.addresses import instance_url
from viewer.dicomweb.frames import retrieve_frames, retrieve_series_frames
from viewer.dicomweb.instances import slice_of
from viewer.dicomweb.media_types import OCTETS, Offer, accepted, choose
from viewer.dicomweb.multipart import Part, multipart_response
from viewer.dicomweb.ranges import KEPT, Read, not_modified, ranged, validated

_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_ITEM = b"\xfe\xff\x00\xe0"
_MOST_STEPS = 65
_PIXEL_DATA = "7FE00010"


def retrieve_bulkdata(archive: Archive, instance: Instance, path: str, address: str) -> Response:
    """One value as octets in little endian order; compressed Pixel Data as its frames."""
    tags = _steps(path)
    facts = instance.facts
    if len(tags) == 1 and tags[0] in PIXELS:
        if facts.transfer_syntax_uid not in NATIVE:
            return retrieve_frames(archive, instance, range(1, facts.frames + 1), address)
        return _pixels(archive, instance, address, path)
    return _octets(*_value(archive, instance, tags), instance, f"{address}/bulkdata/{path}", path)


def retrieve_pixel_data(archive: Archive, instances: Sequence[Instance], base: str) -> Response:
    """The pixel data of one or more instances (PS3.18 10.4.1.1.7): of one as bulk data, of several all their frames."""
    if len(instances) == 1:
        return retrieve_bulkdata(archive, instances[0], _PIXEL_DATA, instance_url(base, instances[0].key))
    frames = sum(instance.facts.frames for instance in instances)
    if not frames:
        raise NotFound("there are no images here")
    return retrieve_series_frames(archive, instances, f"1-{frames}", base, most=frames)


def _pixels(archive: Archive, instance: Instance, address: str, path: str) -> Response:
    facts = instance.facts
    if facts.pixel_offset is None or facts.pixel_length is None:
        raise NotFound("the instance has no pixel data")
    where = f"{address}/bulkdata/{path}"
    if facts.transfer_syntax_uid in (EXPLICIT, IMPLICIT):
        begin = facts.pixel_offset

        def read(offset: int, length: int) -> Iterator[bytes]:
            return slice_of(archive, instance, begin + offset, length)

        return _octets(read, facts.pixel_length, instance, where, path)
    data = b"".join(archive.frame_in(instance, number, EXPLICIT) for number in range(1, facts.frames + 1))
    return _octets(*_held(data), instance, where, path)


def _octets(read: Read, size: int, instance: Instance, address: str, path: str) -> Response:
    choice = choose(accepted(), [Offer(OCTETS, EXPLICIT, stored=True)])
    what = f"{instance.stored.sha256} {path.upper()} {address if choice.multipart else ''}"
    etag = hashlib.sha256(what.encode()).hexdigest()[:32]
    response = not_modified(etag, KEPT)
    if response is None and choice.multipart:
        part = Part(OCTETS, lambda: read(0, size), size, address)
        response = validated(multipart_response(OCTETS, [part], etag), etag, KEPT)
    elif response is None:
        response = ranged(read, size, OCTETS, etag, KEPT)
    response.vary.add("Accept")
    return response


def _value(archive: Archive, instance: Instance, path: Sequence[int]) -> tuple[Read, int]:
    """How to read a value, and its size. It is read where it lies in the object, unless that is deflated or in big
    endian order."""
    with opened_header(archive.objects, instance) as header:
        scanner = header.scanner()
        element = _found(scanner.top_level(header.start), path)
        if element.items is not None:
            raise NotFound("this element has no binary value")
        if element.length == UNDEFINED:
            return _held(b"".join(_fragments(header.buffer, element.offset)))
        if scanner.little and instance.facts.transfer_syntax_uid != DEFLATED:
            begin = instance.facts.dataset_offset - header.start + element.offset
            return lambda at, length: slice_of(archive, instance, begin + at, length), element.length
        return _held(Reader(scanner).little_endian(element, "OW" if " or " in element.vr else element.vr))


def _fragments(buffer: Buffer, position: int) -> Iterator[bytes]:
    """The fragments of a compressed value inside a sequence, such as an icon; without the Basic Offset Table."""
    first = True
    while buffer[position : position + 4] == _ITEM:
        length = int.from_bytes(buffer[position + 4 : position + 8], "little")
        if not first:
            yield buffer[position + 8 : position + 8 + length]
        position, first = position + 8 + length, False


def _held(data: bytes) -> tuple[Read, int]:
    return lambda at, length: (data[at : at + length],), len(data)


def _found(elements: Sequence[Element], path: Sequence[int]) -> Element:
    for place in range(0, len(path) - 1, 2):
        items = _named(elements, path[place]).items or ()
        if path[place + 1] >= len(items):
            raise NotFound("there is no such item")
        elements = items[path[place + 1]]
    return _named(elements, path[-1])


def _named(elements: Sequence[Element], tag: int) -> Element:
    for element in elements:
        if element.tag == tag:
            return element
    raise NotFound(f"there is no element {tag:08X} there")


def _steps(path: str) -> list[int]:
    parts = path.split("/")
    tags, items = parts[::2], parts[1::2]
    good = len(parts) % 2 == 1 and len(parts) <= _MOST_STEPS and all(_TAG.fullmatch(tag) for tag in tags)
    if not good or not all(item.isascii() and item.isdigit() and len(item) < 9 for item in items):
        raise NotFound("there is no such bulk data")
    return [int(part, 16) if place % 2 == 0 else int(part) for place, part in enumerate(parts)]
