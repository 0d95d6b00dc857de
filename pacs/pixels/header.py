"""The header of an instance as the pixels need it: sizes checked before anything is decoded."""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from pacs.errors import UndecodablePixels
from pacs.pixels import syntaxes
from pacs.pixels.encoding import little_words

MOST_FRAME_BYTES = 512 << 20
MOST_HEADER_BYTES = 128 << 20
MOST_FRAMES = 1 << 24

_PIXEL_KINDS = {0x7FE00008: "float", 0x7FE00009: "double", 0x7FE00010: "integer"}


@dataclass(frozen=True, slots=True)
class PixelFacts:
    """The Image Pixel module (PS3.3 C.7.6.3) after checking.

    `kind` is "integer", "float" or "double"; `swapped` says that bytes of 8-bit samples lie in pairs the wrong way
    round, as in big endian with value representation OW.
    """

    rows: int
    columns: int
    samples: int
    photometric: str
    planar: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    frames: int
    kind: str
    swapped: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of one decoded frame in native form, samples never subsampled."""
        return (self.rows * self.columns * self.samples * self.bits_allocated + 7) // 8


@dataclass(frozen=True)
class Header:
    """A parsed header and its pixel facts."""

    dataset: Dataset
    facts: PixelFacts


def read_header(data: bytes, transfer_syntax: str) -> Header:
    """Parse and check. `data` is the dataset up to Pixel Data, with or without that element's tag, VR and length.

    Raises UndecodablePixels when the pixels could not be decoded safely whatever follows.
    """
    if len(data) > MOST_HEADER_BYTES:
        raise UndecodablePixels(f"The header has {len(data)} bytes, more than {MOST_HEADER_BYTES}")
    if len(data) <= 1 << 20:
        return _read_kept(data, transfer_syntax)
    return _read_kept_large(data, transfer_syntax)


@lru_cache(maxsize=32)
def _read_kept(data: bytes, transfer_syntax: str) -> Header:
    return _read(data, transfer_syntax)


@lru_cache(maxsize=2)
def _read_kept_large(data: bytes, transfer_syntax: str) -> Header:
    return _read(data, transfer_syntax)


def read_plain(data: bytes) -> Dataset:
    """The header for writing it again: elements as they were read, numbers not yet turned, shared with nobody."""
    return _parsed(data)[0]


def _read(data: bytes, transfer_syntax: str) -> Header:
    dataset, little, tag, vr = _parsed(data)
    big_endian = transfer_syntax == syntaxes.BIG_ENDIAN
    try:
        if not little:
            little_words(dataset)
    except Exception as error:
        raise UndecodablePixels(f"The header cannot be read ({type(error).__name__})") from error
    return Header(dataset, _facts(dataset, _PIXEL_KINDS.get(tag, ""), big_endian and vr == "OW"))


def _parsed(data: bytes) -> tuple[Dataset, bool, int, str]:
    """The dataset, whether it is little endian, and tag and VR of its pixel element when these follow.

    The bytes themselves say how they are encoded, for the pixels of an object need not be in the transfer syntax its
    header is written in.
    """
    found: list[tuple[int, str]] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag >= 0x7FE00000:
            found.append((int(tag), vr or ""))
            return True
        return False

    implicit = not (data[4:6].isalpha() and data[4:6].isupper())
    little = not (data[:1] == b"\0" and data[1:2] != b"\0" and not implicit)
    try:
        dataset = read_dataset(BytesIO(data), implicit, little, stop_when=at_pixels)
    except (Exception, RecursionError) as error:
        raise UndecodablePixels(f"The header cannot be read ({type(error).__name__})") from error
    return dataset, little, *(found[0] if found else (0, ""))


def _facts(dataset: Dataset, kind: str, big_endian_words: bool) -> PixelFacts:
    rows, columns = (_number(dataset, keyword, None, 1, 65535) for keyword in ("Rows", "Columns"))
    samples = _number(dataset, "SamplesPerPixel", 1, 1, 4)
    allocated = _number(dataset, "BitsAllocated", None, 1, 64)
    if not kind:
        kind = _kind_without_element(dataset, allocated)
    if allocated not in (1, 8, 16, 32, 64) or (kind == "integer" and allocated == 64):
        raise UndecodablePixels(f"Bits Allocated {allocated} is not supported")
    if samples not in (1, 3):
        raise UndecodablePixels(f"Samples per Pixel {samples} is not supported")
    stored = _number(dataset, "BitsStored", allocated, 1, 64)
    if stored > allocated:
        stored = allocated
    high = _number(dataset, "HighBit", stored - 1, 0, 63)
    if high < stored - 1 or high >= allocated:
        high = stored - 1
    photometric = str(dataset.get("PhotometricInterpretation") or "").strip().upper()
    facts = PixelFacts(
        rows,
        columns,
        samples,
        photometric or ("MONOCHROME2" if samples == 1 else "RGB"),
        _number(dataset, "PlanarConfiguration", 0, 0, 1) if samples > 1 else 0,
        allocated,
        stored,
        high,
        bool(_number(dataset, "PixelRepresentation", 0, 0, 1)) and kind == "integer",
        _frames(dataset),
        kind,
        big_endian_words and allocated <= 8,
    )
    if facts.frame_bytes > MOST_FRAME_BYTES:
        raise UndecodablePixels(f"A frame of {facts.frame_bytes} bytes is more than {MOST_FRAME_BYTES}")
    return facts


def _frames(dataset: Dataset) -> int:
    """Number of Frames; one when it is no number, since a frame is decoded alone whatever their number."""
    try:
        int(dataset.get("NumberOfFrames") or 1)
    except (Exception, RecursionError):
        return 1
    return _number(dataset, "NumberOfFrames", 1, 0, MOST_FRAMES) or 1


def _kind_without_element(dataset: Dataset, allocated: int) -> str:
    """Float pixels carry neither Bits Stored nor Pixel Representation (PS3.3 C.7.6.24)."""
    if "BitsStored" in dataset or "PixelRepresentation" in dataset:
        return "integer"
    return {32: "float", 64: "double"}.get(allocated, "integer")


def _number(dataset: Dataset, keyword: str, default: int | None, least: int, most: int) -> int:
    try:
        value: Any = dataset.get(keyword)
        if value is None or value == "":
            value = default
        number = int(value)
    except (Exception, RecursionError) as error:
        raise UndecodablePixels(f"{keyword} is missing or not one number") from error
    if not least <= number <= most:
        raise UndecodablePixels(f"{keyword} is {number}, not within {least} and {most}")
    return number
