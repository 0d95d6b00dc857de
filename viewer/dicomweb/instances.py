"""Whole instances (PS3.18 10.4.1.1.1): as stored, or encoded in a transfer syntax the client accepts."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from logging import getLogger
from pathlib import Path
from typing import TypeVar

from flask import Response, send_file

from pacs.archive import Archive
from pacs.archive.announcing import AHEAD, announced
from pacs.archive.transcode import PREFERRED
from pacs.dataset.preamble import MAGIC, may_leave
from pacs.errors import NotAcceptable, UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels.syntaxes import DECODABLE, NATIVE
from storage.model.archive import Instance
from viewer.dicomweb.addresses import instance_url
from viewer.dicomweb.media_types import ANY, DICOM, EXPLICIT, Offer, accepted, choose, transfer_syntaxes
from viewer.dicomweb.multipart import BLOCK, Part, blocks, multipart_response
from viewer.dicomweb.ranges import KEPT, not_modified, validated

log = getLogger(__name__)

Piece = TypeVar("Piece")
_PREAMBLE = 132
_HEADS = 32  # objects of which the disk reads the front at a time


def retrieve_instances(archive: Archive, instances: Sequence[Instance], base: str) -> Response:
    """All of the instances as multipart/related."""
    ranges = accepted()
    choose(ranges, [Offer(DICOM, syntax) for syntax in _askable(instances)], single=False)
    wanted = transfer_syntaxes(ranges, DICOM, multipart=True)
    plans = [(instance, transfer_syntax_for(instance, wanted)) for instance in instances]
    possible = [(instance, syntax) for instance, syntax in plans if syntax is not None]
    if not possible:
        raise NotAcceptable("none of the instances can be had in the transfer syntaxes that are accepted")
    archive.open(possible[0][0]).close()  # what is lost or away is said before anything was sent
    kept = (instance for instance, syntax in possible if syntax == instance.facts.transfer_syntax_uid)
    following = announced(archive.objects, kept, lambda instance: min(instance.stored.size, AHEAD))
    made = (
        _part(archive, instance, syntax, base, following, strict="" not in wanted)
        for instance, syntax in _heads_announced(archive, possible)
    )
    as_stored = all(syntax == instance.facts.transfer_syntax_uid for instance, syntax in possible)
    response = multipart_response(DICOM, list(made) if as_stored else begun(made))
    if len(possible) < len(plans):
        response.status_code = 206  # PS3.18 10.4.3.2: some of it could not be had as asked
    response.headers["Cache-Control"] = "private, no-cache, no-transform"
    response.vary.add("Accept")
    return response


def retrieve_instance(archive: Archive, instance: Instance, base: str) -> Response:
    """One instance: multipart/related unless the client asks for application/dicom by itself."""
    ranges = accepted()
    choice = choose(ranges, [Offer(DICOM, syntax) for syntax in _askable([instance])])
    if choice.multipart:
        return retrieve_instances(archive, [instance], base)
    return retrieve_single(archive, instance, transfer_syntaxes(ranges, DICOM, multipart=False))


def retrieve_single(archive: Archive, instance: Instance, wanted: Sequence[str]) -> Response:
    """One instance by itself, in the first of these transfer syntaxes it can be had in; "" is the default."""
    syntax = transfer_syntax_for(instance, wanted)
    if syntax is None:
        raise NotAcceptable("the instance cannot be had in a transfer syntax that is accepted")
    etag = f"{instance.stored.sha256[:32]}-{syntax}"
    response = not_modified(etag, KEPT)
    if response is None:
        response = _single(archive, instance, syntax, etag, strict="" not in wanted)
    response.vary.add("Accept")
    return response


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
            return EXPLICIT if _can_make(instance, EXPLICIT) else stored
        if _can_make(instance, syntax):
            return syntax
    return None


def _can_make(instance: Instance, target: str) -> bool:
    stored = instance.facts.transfer_syntax_uid
    if target == stored:
        return True
    return stored in DECODABLE and target in PREFERRED and (target in NATIVE or instance.facts.frames > 0)


def _askable(instances: Sequence[Instance]) -> list[str]:
    """Every transfer syntax one could ask for; "" stands for those that are answered by default."""
    return [
        EXPLICIT,
        *sorted({one.facts.transfer_syntax_uid for one in instances} - {EXPLICIT}),
        *sorted(set(PREFERRED) - {EXPLICIT}),
    ]


def _heads_announced(archive: Archive, plans: list[tuple[Instance, str]]) -> Iterator[tuple[Instance, str]]:
    """The same. What is looked at before anything is sent comes from the disk for many of them at a time."""
    heads = announced(archive.objects, (instance for instance, _ in plans), lambda _: _PREAMBLE, _HEADS * _PREAMBLE)
    yield from zip(heads, (syntax for _, syntax in plans), strict=True)


def _part(
    archive: Archive, instance: Instance, syntax: str, base: str, following: Iterator[Instance], *, strict: bool
) -> Part:
    """An instance to be sent; those `following` it are read from the disk while it is."""
    location = instance_url(base, instance.key)
    if syntax != instance.facts.transfer_syntax_uid:
        made, pieces = _transcoded(archive, instance, syntax, strict=strict)
        return Part(_content_type(made), lambda: pieces, None, location)
    size = instance.stored.size if _file_of(archive, instance) is not None else None

    def body() -> Iterator[bytes]:
        next(following, None)
        return blocks(archive.transcoded(instance, (syntax,))[0])

    return Part(_content_type(syntax), body, size, location)


def _single(archive: Archive, instance: Instance, syntax: str, etag: str, *, strict: bool) -> Response:
    path = _file_of(archive, instance)
    if syntax == instance.facts.transfer_syntax_uid and path is not None:
        name = f"{instance.key.sop_instance_uid}.dcm"
        response = send_file(path, DICOM, conditional=True, etag=etag, download_name=name)
        response.headers["Content-Type"] = _content_type(syntax)
        response.headers["Cache-Control"] = KEPT
        return response
    made, pieces = _transcoded(archive, instance, syntax, strict=strict)
    return validated(Response(pieces, content_type=_content_type(made), direct_passthrough=True), etag, KEPT)


def _transcoded(archive: Archive, instance: Instance, syntax: str, *, strict: bool) -> tuple[str, Iterator[bytes]]:
    """The instance in a transfer syntax, its first frame already decoded. When that fails and nobody has asked for
    this syntax by name, it is sent as it is stored: PS3.18 8.7.3.4 would rather have that than nothing."""
    try:
        return syntax, begun(blocks(archive.transcoded(instance, (syntax,))[0]))
    except (UndecodablePixels, UnsupportedTransferSyntax):
        if strict:
            raise
    stored = instance.facts.transfer_syntax_uid
    log.info("%s cannot be decoded and is sent as stored", instance.key.sop_instance_uid)
    return stored, begun(blocks(archive.transcoded(instance, (stored,))[0]))


def _content_type(syntax: str) -> str:
    return f"{DICOM}; transfer-syntax={syntax}"


def begun(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The same pieces, the first already made: what fails at once can still be answered by a problem."""
    first = list(islice(pieces, 1))
    return chain(first, pieces)


def _file_of(archive: Archive, instance: Instance) -> Path | None:
    """The stored file when it is on this machine, already is what Part 10 asks for, and may leave as it is."""
    path = archive.local_path(instance)
    if path is None or instance.facts.dataset_offset <= _PREAMBLE:
        return None
    head = archive.bytes_of(instance, 0, _PREAMBLE)
    return path if head[-len(MAGIC) :] == MAGIC and may_leave(head) else None


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
