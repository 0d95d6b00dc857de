"""DICOM JSON and bulk data (PS3.18 Annex F) → a Part 10 object, piece by piece.

Bulk data is what the caller has beside the metadata, found by its URI; a URI is a name here and is never followed.
Large values are never in memory: they are copied from the caller's files at the place of their element.
"""

import os
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs.dataset.scan import vr_of
from storage.errors import InvalidInstance

EXPLICIT = "1.2.840.10008.1.2.1"
MOST_NESTED_BYTES = 16 << 20  # binary values inside sequences, of one instance
_PIECE = 1 << 20
_PIXEL_DATA = 0x7FE00010
_LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_NOT_OF_THE_DATASET = ("00083002", "FFFCFFFC")  # Available Transfer Syntax UID; Data Set Trailing Padding
_UTF_8 = "ISO_IR 192"

# The transfer syntaxes of a media type (PS3.18 8.7.3.3), the default first.
SYNTAXES: Mapping[str, tuple[str, ...]] = {
    "image/jpeg": tuple(f"1.2.840.10008.1.2.4.{number}" for number in (70, 50, 51, 57)),
    "image/jls": ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),
    "image/jp2": ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),
    "image/jphc": tuple(f"1.2.840.10008.1.2.4.{number}" for number in (203, 201, 202)),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
    "video/mpeg": ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101"),
    "video/mp4": ("1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.103"),
}
_IS_UID = re.compile(r"[0-9.]{1,64}").fullmatch
_NATIVE = frozenset(("application/octet-stream", ""))


@dataclass(frozen=True, slots=True)
class Bulk:
    """A value beside the metadata: a part of a file, and what it is. `transfer_syntax` when its sender said."""

    file: BinaryIO
    offset: int
    size: int
    media_type: str
    transfer_syntax: str = ""

    def pieces(self) -> Iterator[bytes]:
        """All of it; may be read again."""
        at, end = self.offset, self.offset + self.size
        while at < end and (piece := os.pread(self.file.fileno(), min(_PIECE, end - at), at)):
            at += len(piece)
            yield piece


Find = Callable[[str], Sequence[Bulk]]
Json = Mapping[str, Any]
Meta = Callable[[str, str, str], bytes]


def assembled(instance: Json, find: Find, file_meta: Meta) -> Iterator[bytes]:
    """The Part 10 object of an instance's DICOM JSON. `find` gives the bulk data of a URI: one for each frame when it
    is compressed; `file_meta` writes File Meta Information of SOP class, instance and transfer syntax. What is wrong
    with it is raised as InvalidInstance before the first byte."""
    elements = _checked(instance)
    pixels = _bulk(elements.get(_PIXEL_DATA, {}), find)
    syntax = _syntax(pixels)
    uids = [_uid(elements, tag) for tag in (0x00080016, 0x00080018)]
    runs = list(_runs(elements, find))
    return _written(file_meta(uids[0], uids[1], syntax), runs, syntax)


def _written(head: bytes, runs: "Iterable[bytes | tuple[int, str, Sequence[Bulk]]]", syntax: str) -> Iterator[bytes]:
    yield head
    for run in runs:
        if isinstance(run, bytes):
            yield run
        elif run[0] == _PIXEL_DATA and syntax != EXPLICIT:
            yield from _encapsulated(run[2])
        else:
            yield from _plain(*run)


def _checked(instance: Json) -> dict[int, dict[str, Any]]:
    """The elements by tag, in order; without groups 0000 and 0002, which are not of the dataset."""
    found: dict[int, dict[str, Any]] = {}
    try:
        for name, element in instance.items():
            tag = int(name, 16)
            if len(name) != 8 or not isinstance(element, dict):
                raise ValueError
            if tag >> 16 > 2 and name.upper() not in _NOT_OF_THE_DATASET and tag & 0xFFFF:
                found[tag] = {**element, "vr": element.get("vr") or vr_of(tag)}
    except (ValueError, AttributeError):
        raise InvalidInstance("the metadata has a member that is no data element") from None
    found[0x00080005] = {"vr": "CS", "Value": [_UTF_8]}
    return dict(sorted(found.items()))


def _runs(elements: dict[int, dict[str, Any]], find: Find) -> "Iterator[bytes | tuple[int, str, Sequence[Bulk]]]":
    """Encoded runs of elements, and the bulk data between them."""
    waiting: dict[str, Any] = {}
    nested = _Nested(find)
    for tag, element in elements.items():
        bulk = _bulk(element, find)
        if not bulk:
            waiting[f"{tag:08X}"] = element
            continue
        if waiting:
            yield _encoded(waiting, nested)
            waiting = {}
        yield tag, str(element["vr"]), bulk
    if waiting:
        yield _encoded(waiting, nested)


def _encoded(elements: dict[str, Any], nested: "_Nested") -> bytes:
    """Elements in Explicit VR Little Endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    try:
        dataset = Dataset.from_json(elements, bulk_data_uri_handler=nested.value)
        write_dataset(buffer, dataset, _UTF_8)
    except InvalidInstance:
        raise
    except Exception as error:  # pydicom raises whatever its parts raise
        raise InvalidInstance(f"the metadata cannot be encoded ({type(error).__name__})") from None
    return bytes(buffer.getvalue())


class _Nested:
    """Bulk data inside sequences, as bytes."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._left = MOST_NESTED_BYTES

    def value(self, tag: str, vr: str, uri: str) -> bytes:
        found = _bulk({"BulkDataURI": uri}, self._find)
        self._left -= sum(one.size for one in found)
        if self._left < 0:
            raise InvalidInstance(f"bulk data inside sequences takes more than {MOST_NESTED_BYTES} bytes")
        return b"".join(piece for one in found for piece in one.pieces())


def _bulk(element: Mapping[str, Any], find: Find) -> Sequence[Bulk]:
    uri = element.get("BulkDataURI")
    if uri is None:
        return ()
    found = find(uri) if isinstance(uri, str) else ()
    if not found:
        raise InvalidInstance("a BulkDataURI names no part of the request")
    return found


def _syntax(pixels: Sequence[Bulk]) -> str:
    """The transfer syntax that the media type of the pixels stands for."""
    types = {(one.media_type, one.transfer_syntax) for one in pixels}
    if len(types) > 1:
        raise InvalidInstance("the frames of an instance are of several media types")
    if not types:
        return EXPLICIT
    media_type, said = types.pop()
    if media_type in _NATIVE:
        if said not in ("", EXPLICIT) or len(pixels) > 1:
            raise InvalidInstance("uncompressed pixel data is one part in Explicit VR Little Endian")
        return EXPLICIT
    known = SYNTAXES.get(media_type, ())
    if not known or (said and said not in known):
        raise InvalidInstance("the media type of the pixel data is not known, or not of its transfer syntax")
    return said or _of_codestream(media_type, pixels[0]) or known[0]


def _of_codestream(media_type: str, first: Bulk) -> str:
    """Which JPEG process it is, by its first frame header (ISO/IEC 10918-1 B.2.2)."""
    if media_type != "image/jpeg":
        return ""
    head, at = next(first.pieces(), b""), 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if marker in _PROCESSES:
            return _PROCESSES[marker]
        at += 2 + length
    return ""


_PROCESSES = {0xC0: "1.2.840.10008.1.2.4.50", 0xC1: "1.2.840.10008.1.2.4.51"}


def _uid(elements: dict[int, dict[str, Any]], tag: int) -> str:
    value = elements.get(tag, {}).get("Value")
    if not isinstance(value, list) or not value or not isinstance(value[0], str) or not _IS_UID(value[0]):
        raise InvalidInstance("the metadata does not say which instance it is")
    return value[0]


def _plain(tag: int, vr: str, bulk: Sequence[Bulk]) -> Iterator[bytes]:
    """A value as it is, padded to an even length."""
    size = sum(one.size for one in bulk)
    padded = size + size % 2
    if len(vr) != 2 or (vr not in _LONG and padded > 0xFFFF):
        vr = "UN"
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode("ascii", "replace"))
    if padded >= 0xFFFFFFFF:
        raise InvalidInstance("a value of 4 GB or more cannot be encoded")
    yield head + (struct.pack("<HI", 0, padded) if vr in _LONG else struct.pack("<H", padded))
    for one in bulk:
        yield from one.pieces()
    if size % 2:
        yield b"\0" if vr in _LONG or vr == "UI" else b" "


def _encapsulated(frames: Sequence[Bulk]) -> Iterator[bytes]:
    """One fragment for each frame (PS3.5 A.4), with an empty Basic Offset Table."""
    yield struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    for frame in frames:
        yield struct.pack("<HHI", 0xFFFE, 0xE000, frame.size + frame.size % 2)
        yield from frame.pieces()
        if frame.size % 2:
            yield b"\0"
    yield struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
