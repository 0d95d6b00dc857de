"""Samples to the frames of another transfer syntax. Every one but JPEG Baseline keeps each sample exactly."""

import struct
from itertools import accumulate
from typing import Any

import imagecodecs
import jpeg_ls
import numpy as np
from numpy.typing import NDArray

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import syntaxes
from pacs.pixels.decode import Samples, as_rgb, native_bytes
from pacs.pixels.header import PixelFacts

Array = NDArray[Any]

_BASELINE_QUALITY = 92


def encode_frame(facts: PixelFacts, samples: Samples, target_syntax: str) -> bytes:
    """One frame in `target_syntax`. Raises UnsupportedTransferSyntax when these samples do not fit it."""
    if target_syntax in (syntaxes.EXPLICIT, syntaxes.IMPLICIT):
        return native_bytes(facts, samples)
    if target_syntax not in syntaxes.ENCODABLE:
        raise UnsupportedTransferSyntax(f"Pixels cannot be encoded in transfer syntax {target_syntax}")
    if target_syntax == syntaxes.RLE:
        return _run_length(facts, samples)
    if facts.kind != "integer" or facts.bits_allocated > 16:
        raise UnsupportedTransferSyntax(
            f"{facts.bits_allocated}-bit {facts.kind} samples cannot be encoded in transfer syntax {target_syntax}"
        )
    if target_syntax == syntaxes.JPEG_BASELINE:
        return _baseline(facts, samples)
    array, depth = np.ascontiguousarray(samples.array), _depth(facts, samples.array)
    try:
        if target_syntax == syntaxes.JPEG_LS:
            return _jpeg_ls(array, depth, facts.signed)
        if target_syntax == syntaxes.JPEG_LOSSLESS_SV1:
            return _jpeg_lossless(array)
        if target_syntax == syntaxes.J2K_LOSSLESS:
            return _j2k(array, depth, samples.photometric == "RGB")
        return _htj2k(array, depth, samples.photometric == "RGB", target_syntax)
    except (RuntimeError, ValueError) as error:
        raise UndecodablePixels(f"The encoder refused the frame ({type(error).__name__})") from error


def _depth(facts: PixelFacts, array: Array) -> int:
    """Bits Stored, or Bits Allocated when values lie outside of it, which happens."""
    low, high = int(array.min()), int(array.max())
    if facts.signed:
        fits = -(1 << facts.bits_stored - 1) <= low and high < 1 << facts.bits_stored - 1
    else:
        fits = high < 1 << facts.bits_stored
    return facts.bits_stored if fits else 8 * array.dtype.itemsize


def _run_length(facts: PixelFacts, samples: Samples) -> bytes:
    """RLE (PS3.5 Annex G): a segment for each byte of each sample, rows apart, segments of even length."""
    depth = facts.bits_allocated // 8
    if facts.kind != "integer" or not depth or depth * facts.samples > 15:
        raise UnsupportedTransferSyntax("These samples do not fit run length encoding")
    layout = (facts.rows, facts.columns, facts.samples, depth)
    cells = np.frombuffer(native_bytes(facts, samples), np.uint8).reshape(layout)
    segments: list[bytes] = []
    for sample in range(facts.samples):
        for byte in reversed(range(depth)):
            plane = cells[:, :, sample, byte].copy()
            segment = bytes(imagecodecs.packbits_encode(plane, axis=-1))
            segments.append(segment + b"\0" * (len(segment) % 2))
    offsets = list(accumulate((len(segment) for segment in segments[:-1]), initial=64))
    table = struct.pack("<16I", len(segments), *offsets, *([0] * (15 - len(offsets))))
    return table + b"".join(segments)


def _jpeg_ls(array: Array, depth: int, signed: bool) -> bytes:
    """JPEG-LS knows no sign: signed samples go as 8 or 16 bits of two's complement, which every reader takes back."""
    rows, columns = array.shape[:2]
    precision = 8 * array.dtype.itemsize if signed else max(2, depth)
    mode = 2 if array.ndim == 3 else 0
    samples = array.shape[2] if array.ndim == 3 else 1
    try:
        return bytes(jpeg_ls.encode_buffer(array.tobytes(), rows, columns, samples, precision, 0, mode))
    except RuntimeError:  # it gives a few pixels no room for the headers
        return bytes(imagecodecs.jpegls_encode(array.view(f"u{array.dtype.itemsize}")))


def _jpeg_lossless(array: Array) -> bytes:
    """JPEG Lossless, first-order prediction, in full container depth: like JPEG-LS it knows no sign."""
    unsigned = array.view(f"u{array.dtype.itemsize}")
    colour = "RGB" if array.ndim == 3 else "GRAYSCALE"
    stream = imagecodecs.jpeg8_encode(
        unsigned,
        lossless=True,
        predictor=1,
        bitspersample=8 * array.dtype.itemsize,
        colorspace=colour,
        outcolorspace=colour,
    )
    return bytes(stream)


def _j2k(array: Array, depth: int, rgb: bool) -> bytes:
    stream = imagecodecs.jpeg2k_encode(
        array,
        level=0,
        codecformat="J2K",
        reversible=True,
        mct=rgb,
        colorspace="SRGB" if array.ndim == 3 else "GRAY",
        bitspersample=depth,
        numthreads=1,
    )
    return bytes(stream)


def _htj2k(array: Array, depth: int, rgb: bool, target_syntax: str) -> bytes:
    """Reversible HTJ2K in RPCL order, also in the syntax that allows loss (.203). The RPCL syntax (.202) also has one
    tile-part per resolution and their lengths
    (TLM), so that a prefix of the frame is a smaller picture.

    The encoder only knows 8 and 16 bits. The depth in the size header is set to the true one afterwards: a reversible
    transform does not depend on it, except for the offset a decoder adds to unsigned samples, taken off here.
    """
    whole = 8 * array.dtype.itemsize
    narrow = depth < whole and array.ndim == 2
    signed = array.dtype.kind == "i"
    if narrow and not signed:
        array = (array.astype(np.int32) - (1 << depth - 1)).astype(f"i{array.dtype.itemsize}")
    parts = target_syntax == syntaxes.HTJ2K_LOSSLESS_RPCL
    stream = imagecodecs.htj2k_encode(
        array, reversible=True, rgb=rgb and array.ndim == 3, tlm=parts, tilepart=1 if parts else None
    )
    if not narrow:
        return bytes(stream)
    patched = bytearray(stream)
    patched[42] = depth - 1 | (0x80 if signed else 0)  # Ssiz of the only component (ITU-T T.800 A.5.1)
    return bytes(patched)


def _baseline(facts: PixelFacts, samples: Samples) -> bytes:
    """JPEG Baseline for peers that take nothing else. Lossy."""
    if facts.bits_stored > 8 or facts.bits_allocated != 8 or facts.signed:
        raise UnsupportedTransferSyntax("Only unsigned 8-bit samples fit JPEG Baseline")
    array = np.ascontiguousarray(as_rgb(samples).array)
    if array.ndim == 2:
        return bytes(imagecodecs.jpeg8_encode(array, level=_BASELINE_QUALITY))
    stream = imagecodecs.jpeg8_encode(
        array, level=_BASELINE_QUALITY, colorspace="RGB", outcolorspace="YCBCR", subsampling="422"
    )
    return bytes(stream)
