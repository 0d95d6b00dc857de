"""Stored files as the codecs are given them: header bytes, transfer syntax, frames."""

import zlib
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from pacs.pixels import syntaxes
from pacs.pixels.header import read_header

_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True)
class Stored:
    """A file taken apart. `header` ends with the tag, VR and length of the Pixel Data element."""

    dataset: Dataset
    header: bytes
    transfer_syntax: str
    frames: list[bytes]


def take_apart(path: Path, transfer_syntax: str = "") -> Stored:
    """Read a file with pydicom and cut it where the archive would."""
    dataset = dcmread(path, force=True)
    syntax = transfer_syntax or str(dataset.file_meta.get("TransferSyntaxUID", syntaxes.IMPLICIT))
    raw = path.read_bytes()
    if syntax == syntaxes.DEFLATED:
        group_length = dataset.file_meta.FileMetaInformationGroupLength
        raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw[144 + group_length :])
    keyword = next(name for name in _KEYWORDS if name in dataset)
    pixels = dataset.get_item(keyword)
    start = 0 if syntax == syntaxes.DEFLATED else _dataset_offset(raw)
    header = raw[start : _value_offset(pixels)]
    value = dataset[keyword].value
    facts = read_header(header, syntax).facts
    if syntaxes.is_encapsulated(syntax):
        return Stored(dataset, header, syntax, list(generate_frames(value, number_of_frames=facts.frames)))
    if facts.bits_allocated == 1:
        bits = facts.rows * facts.columns
        cells = int.from_bytes(value, "little")
        mask = (1 << bits) - 1
        packed = [(cells >> i * bits & mask).to_bytes((bits + 7) // 8, "little") for i in range(facts.frames)]
        return Stored(dataset, header, syntax, packed)
    length = facts.frame_bytes
    if "422" in facts.photometric and len(value) < length * facts.frames:
        length = length * 2 // 3
    if facts.frames == 1:
        return Stored(dataset, header, syntax, [value])
    return Stored(dataset, header, syntax, [value[i * length : (i + 1) * length] for i in range(facts.frames)])


def _value_offset(element: DataElement | RawDataElement) -> int:
    offset = element.value_tell if isinstance(element, RawDataElement) else element.file_tell
    assert offset is not None
    return offset


def _dataset_offset(raw: bytes) -> int:
    """Where the dataset starts: behind the File Meta Information, whose elements are always explicit."""
    position = 132 if raw[128:132] == b"DICM" else 0
    while raw[position : position + 2] == b"\x02\0":
        long = raw[position + 4 : position + 6] in (b"OB", b"UN", b"UT", b"SQ")
        where, size = (position + 8, 4) if long else (position + 6, 2)
        position = where + size + int.from_bytes(raw[where : where + size], "little")
    return position
