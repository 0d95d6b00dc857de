"""A whole object in another transfer syntax, frame by frame, never more than one frame in memory."""

import struct
import tempfile
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain
from pathlib import Path
from typing import IO

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.pixels import syntaxes
from pacs.pixels.encoding import encoded, turned
from pacs.pixels.header import PixelFacts, read_header, read_plain
from pacs.pixels.photometric import decoded_photometric, encoded_photometric
from pacs.pixels.pool import Codecs
from storage.model.archive import InstanceFacts

_LAST_OFFSET = 0xFFFFFFFF  # the Basic Offset Table counts in 32 bits
_KEPT_IN_MEMORY = 16 << 20


def part10(
    facts: InstanceFacts,
    header: bytes,
    frames: Iterable[bytes],
    target_syntax: str,
    codecs: Codecs,
    spool: Path | None = None,
) -> Iterator[bytes]:
    """Preamble, File Meta Information and dataset of the object in `target_syntax`, piece by piece.

    `header` is the dataset up to the value of Pixel Data, all of it when there are no pixels; `frames` are the stored
    frames in order. Everything that can be refused is refused before the first piece: UnsupportedTransferSyntax or
    UndecodablePixels. Lossless targets keep every sample; compressed frames are set aside in `spool` (or the system's
    folder for temporary files) because their offsets stand before them.
    """
    source_syntax = facts.transfer_syntax_uid
    if target_syntax not in syntaxes.ENCODABLE:
        raise UnsupportedTransferSyntax(f"Objects cannot be encoded in transfer syntax {target_syntax}")
    if facts.pixel_offset is None:
        dataset = read_plain(header)
        return iter([_meta(facts, target_syntax), encoded(dataset, target_syntax == syntaxes.IMPLICIT)])
    pixels = read_header(header, source_syntax).facts
    if pixels.frames != facts.frames:
        raise UndecodablePixels(f"The header says {pixels.frames} frames, the instance has {facts.frames}")
    if source_syntax in syntaxes.NATIVE and target_syntax in syntaxes.NATIVE:
        return _native_to_native(facts, pixels, read_plain(header), frames, target_syntax)
    return _recoded(facts, pixels, header, frames, target_syntax, codecs, spool)


def _native_to_native(
    facts: InstanceFacts, pixels: PixelFacts, dataset: Dataset, frames: Iterable[bytes], target_syntax: str
) -> Iterator[bytes]:
    """The same cells in the same layout, bytes turned round when the source is big endian."""
    unit = 1
    if facts.transfer_syntax_uid == syntaxes.BIG_ENDIAN:
        unit = 2 if pixels.swapped else max(1, pixels.bits_allocated // 8)
    bits = _frame_bits(facts, pixels)
    yield _meta(facts, target_syntax) + encoded(dataset, target_syntax == syntaxes.IMPLICIT)
    yield _pixel_element(pixels, target_syntax, (facts.frames * bits + 7) // 8)
    turned_frames = (turned(frame + b"\0" * (-len(frame) % unit), unit) if unit > 1 else frame for frame in frames)
    yield from _joined(turned_frames, bits, facts.frames)


def _recoded(
    facts: InstanceFacts,
    pixels: PixelFacts,
    header: bytes,
    frames: Iterable[bytes],
    target_syntax: str,
    codecs: Codecs,
    spool: Path | None,
) -> Iterator[bytes]:
    dataset = read_plain(header)
    cells = facts.transfer_syntax_uid in syntaxes.NATIVE or facts.transfer_syntax_uid == syntaxes.RLE
    if cells and _hides_overlays(dataset):
        raise UnsupportedTransferSyntax("The unused bits of the pixel cells hold an overlay that would be lost")
    stored = iter(frames)
    first = next(stored, None)
    if first is None:
        raise UndecodablePixels("The instance has no frame")
    decoded = decoded_photometric(pixels, facts.transfer_syntax_uid, first)
    numbered = enumerate(chain([first], stored), start=1)
    made = (
        codecs.transcode_frame(header, facts.transfer_syntax_uid, data, number, target_syntax)
        for number, data in numbered
    )
    _describe(dataset, pixels, decoded, target_syntax)
    opening = next(made)
    rest = chain([opening], made)
    if not syntaxes.is_encapsulated(target_syntax):
        return _as_native(facts, pixels, dataset, rest, target_syntax)
    return _as_encapsulated(facts, dataset, rest, target_syntax, spool)


def _as_native(
    facts: InstanceFacts, pixels: PixelFacts, dataset: Dataset, frames: Iterable[bytes], target_syntax: str
) -> Iterator[bytes]:
    bits = pixels.rows * pixels.columns * pixels.samples * pixels.bits_allocated
    yield _meta(facts, target_syntax) + encoded(dataset, target_syntax == syntaxes.IMPLICIT)
    yield _pixel_element(pixels, target_syntax, (facts.frames * bits + 7) // 8)
    yield from _joined(frames, bits, facts.frames)


def _as_encapsulated(
    facts: InstanceFacts,
    dataset: Dataset,
    frames: Iterable[bytes],
    target_syntax: str,
    spool: Path | None,
) -> Iterator[bytes]:
    """Frames as one fragment each behind an offset table (PS3.5 A.4), extended when 32 bits do not reach."""
    with tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY, dir=str(spool) if spool else None) as aside:
        lengths = [_put(aside, frame) for frame in frames]
        if len(lengths) != facts.frames:
            raise UndecodablePixels(f"The instance has {len(lengths)} frames of {facts.frames}")
        offsets = list(accumulate((8 + length + length % 2 for length in lengths[:-1]), initial=0))
        _describe_size(dataset, target_syntax, sum(lengths), facts)
        extended = offsets[-1] > _LAST_OFFSET
        yield _meta(facts, target_syntax) + encoded(dataset, False)
        if extended:
            yield _table(0x0001, offsets) + _table(0x0002, lengths)
        basic = b"" if extended else struct.pack(f"<{len(offsets)}I", *offsets)
        yield struct.pack("<HH2s2xI", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF)
        yield struct.pack("<HHI", 0xFFFE, 0xE000, len(basic)) + basic
        aside.seek(0)
        for length in lengths:
            yield struct.pack("<HHI", 0xFFFE, 0xE000, length + length % 2) + aside.read(length) + b"\0" * (length % 2)
        yield struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def _frame_bits(facts: InstanceFacts, pixels: PixelFacts) -> int:
    """Bits of a stored native frame; subsampled colour is shorter than the header lets one think."""
    whole = pixels.rows * pixels.columns * pixels.samples * pixels.bits_allocated
    return min(whole, 8 * facts.frame_length) if facts.frame_length else whole


def _joined(frames: Iterable[bytes], bits: int, count: int) -> Iterator[bytes]:
    """Frames of `bits` bits each, one directly behind the other even inside a byte, padded to an even length."""
    used, rest, written, seen = 0, 0, 0, 0
    for frame in frames:
        seen += 1
        if len(frame) * 8 < bits:
            raise UndecodablePixels(f"Frame {seen} has {len(frame)} bytes of {(bits + 7) // 8}")
        if bits % 8 == 0 and not used:
            piece = frame[: bits // 8]
        else:
            cells = int.from_bytes(frame, "little") & ((1 << bits) - 1)
            cells = cells << used | rest
            whole, used = divmod(used + bits, 8)
            piece = (cells & ((1 << 8 * whole) - 1)).to_bytes(whole, "little")
            rest = cells >> 8 * whole
        written += len(piece)
        yield piece
    if seen != count:
        raise UndecodablePixels(f"The instance has {seen} frames of {count}")
    if used:
        yield bytes([rest])
        written += 1
    if written % 2:
        yield b"\0"


def _pixel_element(pixels: PixelFacts, target_syntax: str, length: int) -> bytes:
    """Tag, VR and length of native Pixel Data in whichever of its forms."""
    element, vr = {"float": (0x0008, b"OF"), "double": (0x0009, b"OD")}.get(pixels.kind, (0x0010, b"OW"))
    length += length % 2
    if target_syntax == syntaxes.IMPLICIT:
        return struct.pack("<HHI", 0x7FE0, element, length)
    if vr == b"OW" and pixels.bits_allocated <= 8:
        vr = b"OB"
    return struct.pack("<HH2s2xI", 0x7FE0, element, vr, length)


def _table(element: int, values: list[int]) -> bytes:
    body = struct.pack(f"<{len(values)}Q", *values)
    return struct.pack("<HH2s2xI", 0x7FE0, element, b"OV", len(body)) + body


def _put(file: IO[bytes], frame: bytes) -> int:
    file.write(frame)
    return len(frame)


def _hides_overlays(dataset: Dataset) -> bool:
    """Whether an overlay lies in unused bits of the pixel cells (retired, PS3.3 C.9.2 of 2004)."""
    return any(
        (group, 0x0010) in dataset and (group, 0x3000) not in dataset and (group, 0x0102) in dataset
        for group in range(0x6000, 0x6020, 2)
    )


def _describe(dataset: Dataset, pixels: PixelFacts, decoded: str, target_syntax: str) -> None:
    """What the header has to say of pixels that were coded anew."""
    dataset.PhotometricInterpretation = encoded_photometric(decoded, target_syntax)
    if pixels.samples > 1:
        dataset.PlanarConfiguration = 1 if target_syntax == syntaxes.RLE else 0
    if pixels.kind == "integer" and pixels.high_bit != pixels.bits_stored - 1:
        dataset.HighBit = pixels.bits_stored - 1


def _describe_size(dataset: Dataset, target_syntax: str, size: int, facts: InstanceFacts) -> None:
    """Lossy compression is stated for ever (PS3.3 C.7.6.1.1.5)."""
    if target_syntax != syntaxes.JPEG_BASELINE:
        return
    cells = facts.frames * (facts.rows or 0) * (facts.columns or 0) * int(dataset.get("SamplesPerPixel") or 1)
    dataset.LossyImageCompression = "01"
    for keyword, value in (
        ("LossyImageCompressionRatio", f"{cells / max(1, size):.4g}"),
        ("LossyImageCompressionMethod", "ISO_10918_1"),
    ):
        before = dataset.get(keyword)
        many = list(before) if isinstance(before, (list, MultiValue)) else [before] if before else []
        setattr(dataset, keyword, [*many, value])


def _meta(facts: InstanceFacts, transfer_syntax: str) -> bytes:
    """Preamble and File Meta Information (PS3.10 7.1)."""
    group = struct.pack("<HH2s2xIH", 2, 1, b"OB", 2, 0x0100) + b"".join(
        _short(number, vr, text)
        for number, vr, text in (
            (0x02, b"UI", facts.sop_class_uid),
            (0x03, b"UI", facts.sop_instance_uid),
            (0x10, b"UI", transfer_syntax),
            (0x12, b"UI", IMPLEMENTATION_CLASS_UID),
            (0x13, b"SH", IMPLEMENTATION_VERSION_NAME),
        )
    )
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group


def _short(number: int, vr: bytes, text: str) -> bytes:
    value = (text + ("\0" if vr == b"UI" else " ") * (len(text) % 2)).encode("ascii")
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value
