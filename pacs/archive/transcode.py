"""Objects as Part 10 streams, in a transfer syntax that is accepted."""

import io
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pacs.archive.frames import frame_of, header_of, sound
from pacs.dataset.preamble import harmless, may_leave
from pacs.errors import UnsupportedTransferSyntax
from pacs.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.pixels.pool import Codecs
from pacs.pixels.transcode import part10
from storage.model.archive import Instance
from storage.objects.base import ObjectStore

# What we make when several are accepted: nothing is lost in any of them, the first are read everywhere.
PREFERRED = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
)


def transcoded(
    objects: ObjectStore, codecs: Codecs | None, instance: Instance, accepted: Collection[str], spool: Path
) -> tuple[BinaryIO, str]:
    """The object as it is stored when its transfer syntax is accepted, else made anew frame by frame."""
    stored = instance.facts.transfer_syntax_uid
    if stored in accepted:
        return part10_stream(objects, instance), stored
    target = next((syntax for syntax in PREFERRED if syntax in accepted), None)
    if target is None:
        raise UnsupportedTransferSyntax(f"nothing accepted can be made from {stored}")
    return stream_of(_made(objects, codecs, instance, target, spool)), target


def part10_stream(objects: ObjectStore, instance: Instance) -> BinaryIO:
    """The stored object, as far as it leaves the archive: one that came without preamble and File Meta Information
    gets them, a preamble that other programs could run is zeros."""
    stream = objects.open(sound(instance))
    head = stream.read(132)
    if head[128:] == b"DICM" and instance.facts.dataset_offset > 132:
        if not may_leave(head):
            return stream_of(_following(harmless(head), stream))
        stream.seek(0)
        return stream
    stream.seek(instance.facts.dataset_offset)
    facts = instance.facts
    meta = file_meta(facts.sop_class_uid, facts.sop_instance_uid, facts.transfer_syntax_uid)
    return stream_of(_following(meta, stream))


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble and File Meta Information (PS3.10 7.1), the same bytes for the same arguments."""
    group = b"".join(
        (
            struct.pack("<HH2sHIH", 2, 1, b"OB", 0, 2, 0x0100),
            _short(2, b"UI", sop_class_uid, "\0"),
            _short(3, b"UI", sop_instance_uid, "\0"),
            _short(0x10, b"UI", transfer_syntax_uid, "\0"),
            _short(0x12, b"UI", IMPLEMENTATION_CLASS_UID, "\0"),
            _short(0x13, b"SH", IMPLEMENTATION_VERSION_NAME, " "),
        )
    )
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group


def stream_of(pieces: Iterator[bytes]) -> BinaryIO:
    """A stream of bytes that are made while they are read."""
    return io.BufferedReader(_Pieces(pieces), 256 * 1024)


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        into = memoryview(target).cast("B")
        size = min(len(into), len(self._rest))
        into[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        if not self.closed:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()
        super().close()


def _made(objects: ObjectStore, codecs: Codecs | None, instance: Instance, target: str, spool: Path) -> Iterator[bytes]:
    if codecs is None:
        raise UnsupportedTransferSyntax("this process has no codecs")
    header = header_of(objects, instance)
    frames = (frame_of(objects, instance, number).data for number in range(1, instance.facts.frames + 1))
    return part10(instance.facts, header, frames, target, codecs, spool)


def _following(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        yield first
        while block := stream.read(256 * 1024):
            yield block


def _short(number: int, vr: bytes, text: str, pad: str) -> bytes:
    value = (text + pad * (len(text) % 2)).encode("ascii")
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value
