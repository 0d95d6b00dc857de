"""Frames of an instance (PS3.18 10.4.1.1.6): as stored, decoded, or losslessly encoded another way."""

import hashlib
import re
from collections.abc import Sequence

from flask import Response

from pacs.archive import Archive
from pacs.pixels.syntaxes import DECODABLE, DEFLATED, ENCODABLE, IMPLICIT, JPEG_BASELINE, NATIVE
from storage.errors import NotFound
from storage.model.archive import Instance
from viewer.dicomweb.media_types import EXPLICIT, FRAME_TYPES, OCTETS, Offer, accepted, choose
from viewer.dicomweb.multipart import Part, multipart_response
from viewer.dicomweb.ranges import IMMUTABLE, not_modified, ranged, validated
from viewer.errors import InvalidRequest

_NUMBERS = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*", re.ASCII)
_MOST_FRAMES = 10_000
_LITTLE = frozenset({IMPLICIT, EXPLICIT, DEFLATED})
# What no transfer syntax in Accept means for each type, when that is not what is stored (Table 8.7.3-5)
_DEFAULTS = {
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.201",
}


def retrieve_frames(archive: Archive, instance: Instance, numbers: Sequence[int], address: str) -> Response:
    """The frames of these numbers, from 1, as the client accepts them."""
    choice = choose(accepted(), offers_of(instance.facts.transfer_syntax_uid), single=len(numbers) == 1)
    offer = choice.offer
    etag = etag_of(instance, numbers, offer, address if choice.multipart else "")
    unchanged = not_modified(etag, IMMUTABLE)
    if unchanged is not None:
        return _varying(unchanged)
    content_type = f"{offer.type}; transfer-syntax={offer.transfer_syntax}"
    first = encoded(archive, instance, numbers[0], offer.transfer_syntax)
    if not choice.multipart:
        return _varying(
            ranged(lambda at, length: (first[at : at + length],), len(first), content_type, etag, IMMUTABLE)
        )

    def part(position: int, number: int) -> Part:
        if position == 0:
            return Part(content_type, lambda: (first,), len(first), f"{address}/frames/{number}")
        return Part(
            content_type,
            lambda: (encoded(archive, instance, number, offer.transfer_syntax),),
            _stored_size(instance, number) if offer.stored else None,
            f"{address}/frames/{number}",
        )

    response = multipart_response(offer.type, [part(position, number) for position, number in enumerate(numbers)], etag)
    return _varying(validated(response, etag, IMMUTABLE))


def offers_of(stored: str) -> list[Offer]:
    """How a frame that is stored in this transfer syntax can be had, best first."""
    if stored in NATIVE:
        # implicit and explicit little endian have the same pixels; those of big endian are decoded to them
        offers = [Offer(OCTETS, EXPLICIT, stored=True), Offer(OCTETS, IMPLICIT, usual=False)]
    else:
        offers = [Offer(OCTETS, EXPLICIT)] if stored in DECODABLE else []
        offers += [Offer(type, stored, stored=True) for type in FRAME_TYPES.get(stored, ())]
        offers += [Offer(OCTETS, stored, usual=stored not in DECODABLE, stored=True)]
    if stored in DECODABLE:
        targets = sorted(ENCODABLE - NATIVE - {stored, JPEG_BASELINE})
        offers += [Offer(type, uid, usual=uid in _DEFAULTS) for uid in targets for type in FRAME_TYPES.get(uid, ())]
    return offers


def encoded(archive: Archive, instance: Instance, number: int, transfer_syntax: str) -> bytes:
    """One frame in the transfer syntax; stored bytes where they already are that."""
    frame = archive.frame(instance, number)
    if is_stored_as(frame.transfer_syntax_uid, transfer_syntax):
        return frame.data
    header = archive.header(instance)
    if transfer_syntax in NATIVE:
        return archive.codecs.decode(header, frame.transfer_syntax_uid, frame.data, number)
    return archive.codecs.transcode_frame(header, frame.transfer_syntax_uid, frame.data, number, transfer_syntax)


def numbers_of(text: str) -> list[int]:
    """The frame list of the path; InvalidRequest when it is none."""
    if not _NUMBERS.fullmatch(text):
        raise InvalidRequest("frames are given as numbers from 1, with commas between them")
    numbers = [int(number) for number in text.split(",")]
    if len(numbers) > _MOST_FRAMES:
        raise InvalidRequest(f"more than {_MOST_FRAMES} frames at once")
    return numbers


def check_numbers(instance: Instance, numbers: Sequence[int]) -> None:
    """Raises NotFound unless the instance has all these frames."""
    if instance.facts.frames == 0:
        raise NotFound("the instance has no pixel data")
    for number in numbers:
        if not 1 <= number <= instance.facts.frames:
            raise NotFound(f"there is no frame {number}, the instance has {instance.facts.frames}")


def is_stored_as(stored: str, transfer_syntax: str) -> bool:
    """Whether the stored bytes of a frame are what the transfer syntax has for it."""
    return stored == transfer_syntax or (stored in _LITTLE and transfer_syntax in _LITTLE)


def _stored_size(instance: Instance, number: int) -> int | None:
    facts = instance.facts
    if facts.frame_table:
        return sum(length for _, length in facts.frame_table[number - 1])
    return facts.frame_length


def etag_of(instance: Instance, numbers: Sequence[int], offer: Offer, address: str) -> str:
    """The strong validator of these frames in this form; `address` is part of a multipart body."""
    what = f"{instance.stored.sha256} {','.join(map(str, numbers))} {offer.type} {offer.transfer_syntax} {address}"
    return hashlib.sha256(what.encode()).hexdigest()[:32]


def _varying(response: Response) -> Response:
    response.vary.add("Accept")
    return response
