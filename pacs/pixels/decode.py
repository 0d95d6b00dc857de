"""Compressed or native frames to samples (PS3.5 section 8 and Annex A). Runs in the codec children only."""

import zlib
from dataclasses import dataclass
from itertools import pairwise
from struct import unpack_from
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import syntaxes
from pacs.pixels.codestream import Codestream, j2k_start, read_codestream
from pacs.pixels.colour import ybr_to_rgb
from pacs.pixels.header import PixelFacts
from pacs.pixels.photometric import decoded_photometric

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """A decoded frame: (rows, columns) or (rows, columns, samples), colour by pixel, and what the samples mean.

    `photometric` is that of the array, which for a codec that changes colour space is not that of the header.
    """

    array: Array
    photometric: str


def decode_samples(facts: PixelFacts, transfer_syntax: str, data: bytes) -> Samples:
    """The exact sample values, bits above Bits Stored corrected by sign or cleared."""
    if transfer_syntax not in syntaxes.DECODABLE:
        raise UnsupportedTransferSyntax(f"Pixels in transfer syntax {transfer_syntax} cannot be decoded")
    try:
        array = _decode(facts, transfer_syntax, data)
        photometric = decoded_photometric(facts, transfer_syntax, data)
        if photometric == "RGB" and "PARTIAL" in facts.photometric:
            array = ybr_to_rgb(array, partial=True)
        return Samples(array, photometric)
    except MemoryError as error:
        raise UndecodablePixels("The frame needs more memory than a codec may use") from error
    except (UndecodablePixels, UnsupportedTransferSyntax):
        raise
    except Exception as error:
        raise UndecodablePixels(f"The codec refused the frame ({_reason(error)})") from error


def native_bytes(facts: PixelFacts, samples: Samples) -> bytes:
    """Samples as Explicit VR Little Endian stores them; one-bit samples packed, this frame beginning at bit 0."""
    if facts.bits_allocated == 1:
        return np.packbits(samples.array.astype(np.uint8).ravel(), bitorder="little").tobytes()
    return np.ascontiguousarray(samples.array, dtype=sample_type(facts).newbyteorder("<")).tobytes()


def native_again(facts: PixelFacts, transfer_syntax: str, data: bytes) -> bytes:
    """A native frame in little endian order and otherwise as its header says: colour by plane stays by plane, colour
    with half of the chroma keeps that half."""
    if _subsampled(facts, data):
        needed = facts.rows * facts.columns * 2
        _enough(data, needed)
        return _swapped(data, needed) if facts.swapped else data[:needed]
    array = _native(facts, data, "big" if transfer_syntax == syntaxes.BIG_ENDIAN else "little")
    if facts.planar and array.ndim == 3:
        array = array.transpose(2, 0, 1)
    return native_bytes(facts, Samples(array, facts.photometric))


def as_rgb(samples: Samples) -> Samples:
    """Colour in RGB, so that whoever shows it need not know how it was stored. Palette indices stay indices."""
    if not samples.photometric.startswith("YBR") or samples.array.ndim != 3:
        return samples
    return Samples(ybr_to_rgb(samples.array), "RGB")


def sample_type(facts: PixelFacts) -> np.dtype[np.generic]:
    """The NumPy type of one sample in this machine's order."""
    if facts.kind != "integer":
        return np.dtype("f4" if facts.bits_allocated == 32 else "f8")
    return np.dtype(f"{'i' if facts.signed else 'u'}{max(1, facts.bits_allocated // 8)}")


def _reason(error: Exception) -> str:
    """Codec messages speak of the codestream only; of other errors the class is enough."""
    name = type(error).__name__
    return f"{name}: {str(error)[:120]}" if type(error).__module__.startswith("imagecodecs") else name


def _decode(facts: PixelFacts, transfer_syntax: str, data: bytes) -> Array:
    if transfer_syntax in syntaxes.NATIVE:
        return _native(facts, data, "big" if transfer_syntax == syntaxes.BIG_ENDIAN else "little")
    _plausible(facts, transfer_syntax, data)
    if transfer_syntax == syntaxes.DEFLATED_FRAME:
        return _native(facts, _inflate(data, facts.frame_bytes), "little")
    if facts.kind != "integer":
        raise UndecodablePixels("Float pixel data cannot be compressed in this transfer syntax")
    if transfer_syntax == syntaxes.RLE:
        return _run_length(facts, data)
    stream = read_codestream(transfer_syntax, data)
    if (stream.rows, stream.columns) != (facts.rows, facts.columns):
        raise UndecodablePixels(
            f"The compressed frame is {stream.columns} x {stream.rows}, the header says {facts.columns} x {facts.rows}"
        )
    if stream.samples and stream.samples != facts.samples:
        raise UndecodablePixels(
            f"The compressed frame has {stream.samples} samples per pixel, the header says {facts.samples}"
        )
    if transfer_syntax in syntaxes.JPEG_DCT | syntaxes.JPEG_PREDICTIVE:
        return _jpeg(facts, transfer_syntax, data, stream)
    if transfer_syntax in syntaxes.JPEG_LS_ALL:
        array = _shaped(facts, imagecodecs.jpegls_decode(data))
        return _with_sign(array, facts, stream.precision)
    if transfer_syntax in syntaxes.J2K_ALL:
        return _j2k(facts, transfer_syntax, data, stream)
    array = _shaped(facts, imagecodecs.jpegxl_decode(data, numthreads=1))
    return _with_sign(array, facts, facts.bits_stored)


# The most bytes one compressed byte can stand for: a repeat run of RLE, the longest match of deflate
_MOST_RATIO = {syntaxes.RLE: 64, syntaxes.DEFLATED_FRAME: 1032}


def _plausible(facts: PixelFacts, transfer_syntax: str, data: bytes) -> None:
    """Refuse a few bytes that claim to be a huge frame before any memory is taken for it. An empty picture compresses
    well, so other codecs are only doubted when the frame is large."""
    ratio = _MOST_RATIO.get(transfer_syntax)
    if ratio is None and facts.frame_bytes > 64 << 20:
        ratio = 20_000
    if ratio is not None and len(data) * ratio < facts.frame_bytes:
        raise UndecodablePixels(f"{len(data)} compressed bytes cannot be a frame of {facts.frame_bytes} bytes")


def _native(facts: PixelFacts, data: bytes, order: str) -> Array:
    if facts.bits_allocated == 1:
        return _unpacked(facts, data)
    if _subsampled(facts, data):
        return _from_422(facts, data)
    _enough(data, facts.frame_bytes)
    if facts.swapped:
        data = _swapped(data, facts.frame_bytes)
    dtype = sample_type(facts).newbyteorder(">" if order == "big" else "<")
    flat = np.frombuffer(data, dtype, count=facts.rows * facts.columns * facts.samples)
    if order == "big":
        flat = flat.astype(sample_type(facts))
    if facts.samples == 1:
        array: Array = flat.reshape(facts.rows, facts.columns)
    elif facts.planar:
        array = flat.reshape(facts.samples, facts.rows, facts.columns).transpose(1, 2, 0)
    else:
        array = flat.reshape(facts.rows, facts.columns, facts.samples)
    return _without_unused_bits(array, facts)


def _subsampled(facts: PixelFacts, data: bytes) -> bool:
    return facts.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") and len(data) < facts.frame_bytes


def _enough(data: bytes, needed: int) -> None:
    if len(data) < needed:
        raise UndecodablePixels(f"The frame has {len(data)} bytes of {needed}")


def _swapped(data: bytes, needed: int) -> bytes:
    words = np.frombuffer(data, ">u2", count=(min(len(data), needed + 1)) // 2)
    return words.astype("<u2").tobytes().ljust(needed, b"\0")


def _unpacked(facts: PixelFacts, data: bytes) -> Array:
    """One-bit samples, first pixel in the lowest bit (PS3.5 8.1.1); the frame begins at bit 0 of `data`."""
    count = facts.rows * facts.columns * facts.samples
    _enough(data, (count + 7) // 8)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=count, bitorder="little")
    return bits.reshape((facts.rows, facts.columns, facts.samples)[: 3 if facts.samples > 1 else 2])


def _from_422(facts: PixelFacts, data: bytes) -> Array:
    """Y1 Y2 Cb Cr for every two pixels (PS3.3 C.7.6.3.1.2): each colour sample serves both."""
    if facts.bits_allocated != 8 or facts.columns % 2:
        raise UndecodablePixels("Subsampled colour needs 8 bits and an even number of columns")
    needed = facts.rows * facts.columns * 2
    _enough(data, needed)
    if facts.swapped:
        data = _swapped(data, needed)
    pairs = np.frombuffer(data, np.uint8, count=needed).reshape(-1, 4)
    out = np.empty((pairs.shape[0], 2, 3), np.uint8)
    out[:, :, 0] = pairs[:, :2]
    out[:, :, 1:] = pairs[:, None, 2:]
    return out.reshape(facts.rows, facts.columns, 3)


def _inflate(data: bytes, needed: int) -> bytes:
    """One frame of Deflated Image Frame Compression (PS3.5 A.4.13), never more than the frame has."""
    out = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, needed + 2)
    if len(out) > needed + 1:
        raise UndecodablePixels("The deflated frame holds more than Rows and Columns say")
    return out


def _run_length(facts: PixelFacts, data: bytes) -> Array:
    """RLE (PS3.5 Annex G): one segment for each byte of each sample, most significant first."""
    if facts.bits_allocated == 1:
        (packed,) = _segments(data, 1, facts.frame_bytes)
        return _unpacked(facts, packed)
    depth, pixels = facts.bits_allocated // 8, facts.rows * facts.columns
    planes = _segments(data, facts.samples * depth, pixels)
    cells = np.empty((facts.samples, pixels, depth), np.uint8)
    for index, plane in enumerate(planes):
        cells[index // depth, :, depth - 1 - index % depth] = np.frombuffer(plane, np.uint8, count=pixels)
    array = cells.view(sample_type(facts).newbyteorder("<")).reshape(facts.samples, facts.rows, facts.columns)
    return _without_unused_bits(array[0] if facts.samples == 1 else array.transpose(1, 2, 0), facts)


def _segments(data: bytes, count: int, length: int) -> list[bytes]:
    """The decoded segments, each of at least `length` bytes: what a writer padded with may decode to more."""
    _enough(data, 64)
    number, *offsets = unpack_from("<16I", data)
    if number != count:
        raise UndecodablePixels(f"The run length encoded frame has {number} segments, {count} are needed")
    bounds = [*offsets[:count], len(data)]
    planes = []
    for start, end in pairwise(bounds):
        if not 64 <= start <= end <= len(data):
            raise UndecodablePixels("The segments of the run length encoded frame lie outside of it")
        try:
            plane = bytes(imagecodecs.packbits_decode(data[start:end]))
        except RuntimeError:  # the byte that makes the length even looks like the start of a run
            plane = bytes(imagecodecs.packbits_decode(data[start : end - 1]))
        _enough(plane, length)
        planes.append(plane)
    return planes


def _jpeg(facts: PixelFacts, transfer_syntax: str, data: bytes, stream: Codestream) -> Array:
    """JPEG processes 1, 2, 4, 6, 8, 10, 12 and 14, whose streams carry neither sign nor, always, colour space."""
    if stream.samples == 1:
        array = imagecodecs.jpeg8_decode(data)
    elif transfer_syntax in syntaxes.JPEG_PREDICTIVE:
        array = imagecodecs.jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB")
    else:
        colour = stream.colour or ("rgb" if facts.photometric == "RGB" else "ybr")
        array = imagecodecs.jpeg8_decode(data, colorspace="RGB" if colour == "rgb" else "YCBCR", outcolorspace="RGB")
    return _without_unused_bits(_contained(_shaped(facts, array), facts), facts)


def _j2k(facts: PixelFacts, transfer_syntax: str, data: bytes, stream: Codestream) -> Array:
    if transfer_syntax in syntaxes.HTJ2K_ALL:
        array = imagecodecs.htj2k_decode(data[j2k_start(data) :], planar=False)
    else:
        array = imagecodecs.jpeg2k_decode(data, planar=False, numthreads=1)
    array = _shaped(facts, array)
    if stream.signed == facts.signed:
        return _contained(array, facts)
    return _with_sign(array, facts, stream.precision)


def _shaped(facts: PixelFacts, array: Array) -> Array:
    wanted = (facts.rows, facts.columns) if facts.samples == 1 else (facts.rows, facts.columns, facts.samples)
    if array.shape == (*wanted, 1):
        array = array.reshape(wanted)
    if array.shape != wanted:
        raise UndecodablePixels(f"The codec gave {array.shape}, the header says {wanted}")
    return array


def _contained(array: Array, facts: PixelFacts) -> Array:
    """In the type the header calls for; values that do not fit would be wrapped, so they are refused."""
    target = sample_type(facts)
    if array.dtype.itemsize > target.itemsize:
        limits = np.iinfo(f"{array.dtype.kind}{target.itemsize}")
        if int(array.max()) > limits.max or int(array.min()) < limits.min:
            raise UndecodablePixels("The compressed samples are deeper than Bits Allocated")
    return array.astype(target, copy=False)


def _with_sign(array: Array, facts: PixelFacts, precision: int) -> Array:
    """Samples of a codec that does not know the sign, taken as `precision` bits of the type the header calls for."""
    array = _contained(array.view(f"u{array.dtype.itemsize}"), facts) if facts.signed else _contained(array, facts)
    spare = 8 * array.dtype.itemsize - precision
    return np.right_shift(np.left_shift(array, spare), spare) if facts.signed and spare > 0 else array


def _without_unused_bits(array: Array, facts: PixelFacts) -> Array:
    """Only Bits Stored up to High Bit are the sample; the others may hold an overlay (PS3.5 8.1.1)."""
    if facts.kind != "integer" or facts.bits_stored == facts.bits_allocated or facts.bits_allocated == 1:
        return array
    left = facts.bits_allocated - 1 - facts.high_bit
    return np.right_shift(np.left_shift(array, left), facts.bits_allocated - facts.bits_stored)
