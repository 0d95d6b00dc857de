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

_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
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
    first = dataset.get_item(min(dataset.keys()))
    pixels = dataset.get_item(keyword)
    implicit, _ = dataset.original_encoding
    start = _value_offset(first) - (12 if not implicit and first.VR in _LONG else 8)
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
