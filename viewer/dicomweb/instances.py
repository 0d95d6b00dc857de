"""Whole instances (PS3.18 10.4.1.1.1): as stored, or encoded in a transfer syntax the client accepts."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from flask import Response, send_file

from pacs.archive import Archive
from pacs.errors import NotAcceptable
from pacs.pixels.syntaxes import DECODABLE, ENCODABLE
from storage.model.archive import Instance
from viewer.dicomweb.addresses import instance_url
from viewer.dicomweb.media_types import ANY, DICOM, EXPLICIT, Offer, accepted, choose, transfer_syntaxes
from viewer.dicomweb.multipart import BLOCK, Part, blocks, multipart_response
from viewer.dicomweb.ranges import IMMUTABLE, not_modified, validated

_PREAMBLE = 132


def retrieve_instances(archive: Archive, instances: Sequence[Instance], base: str) -> Response:
    """All of the instances as multipart/related."""
    ranges = accepted()
    choose(ranges, [Offer(DICOM, syntax) for syntax in _askable(instances)], single=False)
    wanted = transfer_syntaxes(ranges, DICOM, multipart=True)
    plans = [(instance, transfer_syntax_for(instance, wanted)) for instance in instances]
    if all(syntax is None for _, syntax in plans):
        raise NotAcceptable("none of the instances can be had in the transfer syntaxes that are accepted")
    parts = [_part(archive, instance, syntax, base) for instance, syntax in plans if syntax is not None]
    response = multipart_response(DICOM, parts)
    if len(parts) < len(plans):
        response.status_code = 206  # PS3.18 10.4.3.2: some of it could not be had as asked
    response.headers["Cache-Control"] = "private, no-cache, no-transform"
    return response


def retrieve_instance(archive: Archive, instance: Instance, base: str) -> Response:
    """One instance: multipart/related unless the client asks for application/dicom by itself."""
    ranges = accepted()
    choice = choose(ranges, [Offer(DICOM, syntax) for syntax in _askable([instance])])
    if choice.multipart:
        return retrieve_instances(archive, [instance], base)
    syntax = transfer_syntax_for(instance, transfer_syntaxes(ranges, DICOM, multipart=False))
    if syntax is None:
        raise NotAcceptable("the instance cannot be had in a transfer syntax that is accepted")
    content_type = f"{DICOM}; transfer-syntax={syntax}"
    etag = f"{instance.stored.sha256[:32]}-{syntax}"
    unchanged = not_modified(etag, IMMUTABLE)
    if unchanged is None:
        unchanged = _single(archive, instance, syntax, content_type, etag)
    unchanged.vary.add("Accept")
    return unchanged


def transfer_syntax_for(instance: Instance, wanted: Sequence[str]) -> str | None:
    """The transfer syntax to send the instance in, or None when nothing accepted can be made.

    "" in `wanted` is the default of PS3.18 8.7.3.4: Explicit VR Little Endian, and the stored one where we cannot
    decode.
    """
    stored = instance.facts.transfer_syntax_uid
    for syntax in wanted:
        if syntax in (ANY, stored):
            return stored
        if syntax == "":
            return EXPLICIT if _can_make(stored, EXPLICIT) else stored
        if _can_make(stored, syntax):
            return syntax
    return None


def _can_make(stored: str, target: str) -> bool:
    return target == stored or (stored in DECODABLE and target in ENCODABLE)


def _askable(instances: Sequence[Instance]) -> list[str]:
    """Every transfer syntax one could ask for; "" stands for those that are answered by default."""
    return [
        EXPLICIT,
        *sorted({one.facts.transfer_syntax_uid for one in instances} - {EXPLICIT}),
        *sorted(ENCODABLE - {EXPLICIT}),
    ]


def _part(archive: Archive, instance: Instance, syntax: str, base: str) -> Part:
    content_type = f"{DICOM}; transfer-syntax={syntax}"
    location = instance_url(base, instance.key)
    as_it_is = syntax == instance.facts.transfer_syntax_uid and _file_of(archive, instance) is not None
    size = instance.stored.size if as_it_is else None
    return Part(content_type, lambda: blocks(archive.transcoded(instance, (syntax,))[0]), size, location)


def _single(archive: Archive, instance: Instance, syntax: str, content_type: str, etag: str) -> Response:
    path = _file_of(archive, instance)
    if syntax == instance.facts.transfer_syntax_uid and path is not None:
        response = send_file(path, content_type, conditional=True, etag=etag)
        response.headers["Content-Type"] = content_type
        response.headers["Cache-Control"] = IMMUTABLE
        return response
    body = begun(blocks(archive.transcoded(instance, (syntax,))[0]))
    return validated(Response(body, content_type=content_type, direct_passthrough=True), etag, IMMUTABLE)


def begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, the first already made: what fails at once can still be answered by a problem."""
    first = next(pieces, b"")
    return chain((first,), pieces)


def _file_of(archive: Archive, instance: Instance) -> Path | None:
    """The stored file when it is on this machine and already is what Part 10 asks for."""
    path = archive.local_path(instance)
    if path is None or instance.facts.dataset_offset <= _PREAMBLE:
        return None
    return path if archive.bytes_of(instance, _PREAMBLE - 4, 4) == b"DICM" else None


def slice_of(archive: Archive, instance: Instance, offset: int, length: int) -> Iterator[bytes]:
    """A part of the stored object, block by block."""
    with archive.open(instance) as stream:
        stream.seek(offset)
        while length:
            data = stream.read(min(BLOCK, length))
            if not data:
                return
            length -= len(data)
            yield data
