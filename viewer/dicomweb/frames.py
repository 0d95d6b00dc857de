"""Frames of an instance (PS3.18 10.4.1.1.6): as stored, decoded, or losslessly encoded another way."""

import hashlib
import re
from collections.abc import Sequence

from flask import Response

from pacs.archive import Archive
from pacs.pixels.syntaxes import DECODABLE, ENCODABLE, IMPLICIT, JPEG_BASELINE, NATIVE
from storage.errors import NotFound
from storage.model.archive import Instance
from viewer.dicomweb.addresses import instance_url
from viewer.dicomweb.media_types import EXPLICIT, FRAME_TYPES, OCTETS, Offer, accepted, choose
from viewer.dicomweb.multipart import Part, multipart_response
from viewer.dicomweb.ranges import REVALIDATED, not_modified, ranged, validated
from viewer.dicomweb.versions import keeping
from viewer.errors import InvalidRequest

_NUMBERS = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*", re.ASCII)
_LIST = re.compile(r"[0-9]{1,9}(-[0-9]{1,9})?(,[0-9]{1,9}(-[0-9]{1,9})?)*", re.ASCII)
_MOST_FRAMES = 10_000
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
    kept = keeping(instance)
    unchanged = not_modified(etag, kept)
    if unchanged is not None:
        return _varying(unchanged)
    content_type = f"{offer.type}; transfer-syntax={offer.transfer_syntax}"
    first = archive.frame_in(instance, numbers[0], offer.transfer_syntax)
    if not choice.multipart:
        return _varying(ranged(lambda at, length: (first[at : at + length],), len(first), content_type, etag, kept))

    def part(position: int, number: int) -> Part:
        if position == 0:
            return Part(content_type, lambda: (first,), len(first), f"{address}/frames/{number}")
        return Part(
            content_type,
            lambda: (archive.frame_in(instance, number, offer.transfer_syntax),),
            stored_size(instance, number) if offer.stored else None,
            f"{address}/frames/{number}",
        )

    response = multipart_response(offer.type, [part(position, number) for position, number in enumerate(numbers)], etag)
    return _varying(validated(response, etag, kept))


def retrieve_series_frames(
    archive: Archive, instances: Sequence[Instance], text: str, base: str, most: int = _MOST_FRAMES
) -> Response:
    """Frames of several instances of a series in one answer: ``?frames=1-40,55`` counts all frames of the series, from
    1, in the order of its metadata. Every part says by Content-Location which frame of which instance it is."""
    wanted = places_of(text, instances, most)
    ranges = accepted()
    choices = {
        syntax: choose(ranges, offers_of(syntax), single=False).offer
        for syntax in dict.fromkeys(instance.facts.transfer_syntax_uid for instance, _ in wanted)
    }
    what = "".join(f"{instance.stored.sha256} {number} " for instance, number in wanted) + repr(choices) + base
    etag = hashlib.sha256(what.encode()).hexdigest()[:32]
    unchanged = not_modified(etag, REVALIDATED)
    if unchanged is not None:
        return _varying(unchanged)

    def part(instance: Instance, number: int) -> Part:
        offer = choices[instance.facts.transfer_syntax_uid]
        return Part(
            f"{offer.type}; transfer-syntax={offer.transfer_syntax}",
            lambda: (archive.frame_in(instance, number, offer.transfer_syntax),),
            stored_size(instance, number) if offer.stored else None,
            f"{instance_url(base, instance.key)}/frames/{number}",
        )

    type = next(iter(choices.values())).type
    response = multipart_response(type, [part(*one) for one in wanted], etag)
    return _varying(validated(response, etag, REVALIDATED))


def places_of(text: str, instances: Sequence[Instance], most: int) -> list[tuple[Instance, int]]:
    """Instance and frame number of each number of the list."""
    if not _LIST.fullmatch(text):
        raise InvalidRequest("frames are given as numbers and ranges from 1, like 1-40,55")
    places = [(one, number) for one in instances for number in range(1, one.facts.frames + 1)]
    wanted: list[tuple[Instance, int]] = []
    for piece in text.split(","):
        first, _, last = piece.partition("-")
        begin, end = int(first), int(last or first)
        if not 1 <= begin <= end <= len(places):
            raise NotFound(f"there are no frames {piece}, the series has {len(places)}")
        wanted += places[begin - 1 : end]
        if len(wanted) > most:
            raise InvalidRequest(f"more than {most} frames at once")
    return wanted


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


def stored_size(instance: Instance, number: int) -> int | None:
    """Bytes of the frame as it is stored, when the index knows."""
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
