"""Around the dataset: preamble, File Meta Information (PS3.10 7.1), the transfer syntax and what it really is."""

import io
import mmap
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pacs.dataset.limits import Limits
from pacs.dataset.scan import VRS, Buffer
from pacs.errors import LimitExceeded
from storage.errors import InvalidInstance, StorageUnavailable

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})
NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN})
MAGIC_OFFSET = 128
_META_LIMIT = 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where the dataset starts and how it is encoded. `declared` is the transfer syntax File Meta names."""

    dataset_offset: int
    transfer_syntax_uid: str
    implicit: bool
    little: bool
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    declared: str = ""

    @property
    def deflated(self) -> bool:
        return self.transfer_syntax_uid in DEFLATED


@contextmanager
def mapped(source: Path | BinaryIO | bytes) -> Iterator[Buffer]:
    """The bytes of `source` to slice, without reading them all into memory. A stream that is no file is copied to a
    temporary one from where it stands."""
    if isinstance(source, bytes):
        yield source
        return
    if isinstance(source, Path):
        try:
            descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise StorageUnavailable(f"cannot read the object: {error.strerror}") from error
        try:
            buffer = _map(descriptor)
        finally:
            os.close(descriptor)
    elif isinstance(source, io.BufferedReader) and isinstance(source.raw, io.FileIO) and source.tell() == 0:
        buffer = _map(source.fileno())
    else:
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(source, copy, 1024 * 1024)
            copy.flush()
            buffer = _map(copy.fileno())
    try:
        yield buffer
    finally:
        if isinstance(buffer, mmap.mmap):
            buffer.close()


def _map(descriptor: int) -> Buffer:
    size = os.fstat(descriptor).st_size
    if size == 0:
        return b""
    if size <= _CHUNK:
        return os.pread(descriptor, size, 0)
    return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)


def looks_like_dicom(head: bytes) -> bool:
    """Whether the first bytes of a file (132 or more) begin a DICOM object, with or without a preamble."""
    if head[MAGIC_OFFSET : MAGIC_OFFSET + 4] == b"DICM":
        return True
    return len(head) >= 8 and guess(head, 0) is not None


def media_storage_class(head: bytes) -> str:
    """The Media Storage SOP Class UID in the first bytes of a file, "" when there is none."""
    start = MAGIC_OFFSET + 4 if head[MAGIC_OFFSET : MAGIC_OFFSET + 4] == b"DICM" else 0
    try:
        meta, _ = _file_meta(head, start)
    except InvalidInstance:
        return ""
    return meta.get(0x00020002, "")


def open_envelope(buffer: Buffer) -> Envelope:
    """What surrounds the dataset in `buffer`. Raises InvalidInstance when nothing here is DICOM."""
    start = MAGIC_OFFSET + 4 if buffer[MAGIC_OFFSET : MAGIC_OFFSET + 4] == b"DICM" else 0
    meta, position = _file_meta(buffer, start)
    declared = meta.get(0x00020010, "")
    seen = guess(buffer, position)
    common = {
        "dataset_offset": position,
        "sop_class_uid": meta.get(0x00020002, ""),
        "sop_instance_uid": meta.get(0x00020003, ""),
        "declared": declared,
    }
    if declared in DEFLATED and seen is None:
        return Envelope(transfer_syntax_uid=declared, implicit=False, little=True, **common)  # type: ignore[arg-type]
    if seen is None:
        if position >= len(buffer):
            raise InvalidInstance("there is no dataset")
        raise InvalidInstance("this is not a DICOM dataset")
    implicit, little = seen
    found = IMPLICIT if implicit else EXPLICIT if little else BIG_ENDIAN
    encapsulated = bool(declared) and declared not in NATIVE and declared not in DEFLATED
    syntax = declared if encapsulated and found == EXPLICIT else found
    if encapsulated and found != EXPLICIT:
        syntax = declared  # wrong in its header, but the pixels are what the meta says
    return Envelope(transfer_syntax_uid=syntax, implicit=implicit, little=little, **common)  # type: ignore[arg-type]


def _file_meta(buffer: Buffer, position: int) -> tuple[dict[int, str], int]:
    """The UIDs of the File Meta Information and where the dataset begins; explicit or (wrongly) implicit."""
    found: dict[int, str] = {}
    limit = min(len(buffer), position + _META_LIMIT)
    while position + 8 <= limit and buffer[position : position + 2] == b"\x02\x00":
        number, raw, short = struct.unpack_from("<H2sH", buffer, position + 2)
        if raw in (b"OB", b"UN", b"UT", b"OW", b"SQ"):
            if position + 12 > limit:
                break
            length, value = struct.unpack_from("<I", buffer, position + 8)[0], position + 12
        elif raw in VRS:
            length, value = short, position + 8
        else:
            length, value = struct.unpack_from("<I", buffer, position + 4)[0], position + 8
        if value + length > limit:
            raise InvalidInstance("the File Meta Information does not end")
        if length <= 128:
            found[0x00020000 | number] = buffer[value : value + length].decode("latin-1").strip(" \0")
        position = value + length
    return found, position


def guess(buffer: Buffer, position: int) -> tuple[bool, bool] | None:
    """(implicit, little) of the dataset whose first element is at `position`, or None when there is none."""
    head = buffer[position : position + 12]
    if len(head) < 8:
        return None
    little_group, big_group = struct.unpack_from("<H", head)[0], struct.unpack_from(">H", head)[0]
    known = head[4:6] in VRS
    little = little_group <= big_group
    group = little_group if little else big_group
    if known:
        return (False, little) if group <= 0x7FE0 else None
    length = struct.unpack_from("<I" if little else ">I", head, 4)[0]
    if 0 < group <= 0x0040 and group % 2 == 0 and (position + 8 + length <= len(buffer) or length == 0xFFFFFFFF):
        return True, little
    return None


def inflate(pieces: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """The inflated bytes of a deflated dataset (PS3.5 A.5), stopped when they grow out of proportion."""
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    taken = given = 0
    try:
        for piece in pieces:
            taken += len(piece)
            data = machine.decompress(piece, _CHUNK * 4)
            while data:
                given += len(data)
                out_of_proportion = given > limits.inflation_from and given > limits.inflation * taken
                if out_of_proportion or given > limits.inflated_bytes:
                    raise LimitExceeded(f"the deflated dataset grows to more than {given} bytes from {taken}")
                yield data
                data = machine.decompress(machine.unconsumed_tail, _CHUNK * 4)
            if machine.eof:
                return
        rest = machine.flush()
        if rest:
            yield rest
    except zlib.error as error:
        raise InvalidInstance("the deflated dataset cannot be inflated") from error


def pieces_of(buffer: Buffer, start: int) -> Iterator[bytes]:
    """`buffer` from `start` in chunks."""
    for position in range(start, len(buffer), _CHUNK):
        yield buffer[position : position + _CHUNK]
