"""Metadata and bulk data of a store request (PS3.18 10.5.2), put together to instances.

The metadata comes first and is held in memory, within limits; bulk data goes to one file without a name. What a
BulkDataURI names is looked for among the parts by their Content-Location, and nowhere else: no URI is followed.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import urljoin

import orjson
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from pacs.archive import Archive
from pacs.archive.transcode import file_meta
from pacs.dataset.assembling import Bulk, assembled
from pacs.errors import LimitExceeded
from storage.errors import StorageFull
from storage.model.archive import InstanceKey
from viewer.dicomweb.media_types import DICOM_JSON, OCTETS
from viewer.errors import InvalidRequest

MOST_METADATA_BYTES = 64 << 20
MOST_INSTANCES = 20_000
Pieces = Iterable[bytes | memoryview]
Part = tuple[str, Mapping[str, str], str, Pieces]  # media type, its parameters, Content-Location, body


@dataclass(frozen=True, slots=True)
class Body:
    """An instance as bytes; which one it is, where the request says so beside it."""

    pieces: Pieces
    key: InstanceKey | None = None
    sop_class_uid: str = ""


def bodies_of_metadata(archive: Archive, parts: Iterable[Part], base: str, most_bytes: int) -> Iterator[Body]:
    """The instances that the metadata describes. `base` is the address that relative URIs are relative to;
    a part has at most `most_bytes`."""
    metadata: list[dict[str, Any]] = []
    bulk: dict[str, list[Bulk]] = {}
    size = 0
    with archive.scratch() as file:
        for media_type, parameters, location, pieces in parts:
            if media_type == DICOM_JSON:
                if bulk:
                    raise InvalidRequest("the metadata must come before the bulk data")
                text = _limited(pieces, MOST_METADATA_BYTES - size)
                size += len(text)
                metadata += _instances(text)
                continue
            if not metadata:
                raise UnsupportedMediaType
            if not location:
                raise InvalidRequest("bulk data needs a Content-Location")
            begin, count = _kept(archive, file, pieces, most_bytes)
            one = Bulk(file, begin, count, media_type or OCTETS, parameters.get("transfer-syntax", ""))
            bulk.setdefault(urljoin(base, location), []).append(one)
        for instance in metadata:
            yield _body(instance, partial(_find, bulk, base))


def _find(bulk: dict[str, list[Bulk]], base: str, uri: str) -> Sequence[Bulk]:
    return bulk.get(urljoin(base, uri), ())


def _body(instance: dict[str, Any], find: Any) -> Body:
    uids = [_text(instance, tag) for tag in ("0020000D", "0020000E", "00080018", "00080016")]
    key = InstanceKey(*uids[:3]) if uids[2] else None
    return Body(_later(instance, find), key, uids[3])


def _later(instance: dict[str, Any], find: Any) -> Iterator[bytes]:
    """So that what is wrong with an instance is its own failure and not that of the request."""
    yield from assembled(instance, find, file_meta)


def _kept(archive: Archive, file: BinaryIO, pieces: Pieces, most_bytes: int) -> tuple[int, int]:
    """Where the part begins in the file, and its length."""
    archive.room.must_have()
    begin = end = file.seek(0, os.SEEK_END)
    try:
        for piece in pieces:
            end += file.write(piece)
            if end - begin > most_bytes:
                raise RequestEntityTooLarge
        file.flush()
    except OSError as error:
        raise StorageFull(f"no room for bulk data ({error.strerror})") from error
    return begin, end - begin


def _limited(pieces: Pieces, most: int) -> bytes:
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > most:
            raise RequestEntityTooLarge
    return bytes(data)


def _instances(text: bytes) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidRequest("the metadata is not JSON") from None
    found = found if isinstance(found, list) else [found]
    if not found or not all(isinstance(one, dict) for one in found):
        raise InvalidRequest("the metadata must be a list of instances")
    if len(found) > MOST_INSTANCES:
        raise LimitExceeded(f"more than {MOST_INSTANCES} instances in one request")
    return found


def _text(instance: dict[str, Any], tag: str) -> str:
    element = instance.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else ""
