"""A small lossy picture of a frame, sample for pixel, with the error it has: for links on which the frame takes long.

Grey frames become irreversible HTJ2K of signed 16 bits, whatever they are stored as: there the encoder's overshoot has
room, where 8 bits would wrap round. 8-bit colour becomes JPEG without subsampling (coloured flow and letters), which
every browser decodes. What means "no pixel here" is replaced first by the lowest real value, because an edge of a
thousand values around a body costs as much as the body.
"""

from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs.errors import UnsupportedTransferSyntax
from pacs.pixels import syntaxes
from pacs.pixels.decode import as_rgb, decode_samples
from pacs.pixels.header import Header, PixelFacts
from pacs.pixels.options import RenderOptions
from pacs.pixels.previews import Preview
from pacs.pixels.window import grey_of, padding_of

Array = NDArray[Any]

# How coarse: docs/thin-link.md has the measurements. CT in Hounsfield units, others as a share of the values that occur
# (without the darkest and brightest half percent).
CT_STEP_HU = 26.0
SHARES = {
    "MR": 0.020,
    "CR": 0.020,
    "DX": 0.020,
    "MG": 0.024,
    "US": 0.024,
    "XA": 0.024,
    "NM": 0.004,
    "PT": 0.006,
}
OTHER_SHARE = 0.016
JPEG_QUALITY = 70
_WHOLE = 1 << 16  # the range the encoder's step is a share of
_HALF = 1 << 15


def preview_frame(
    header: Header, transfer_syntax: str, data: bytes, frame_number: int, coarseness: float = 1.0
) -> Preview:
    """The preview of one frame; `coarseness` multiplies the step. Raises UnsupportedTransferSyntax where there is
    none: palettes, single bits, floating point and more than 16 bits are shown from the frame itself."""
    facts = header.facts
    if facts.kind != "integer" or facts.bits_allocated not in (8, 16) or facts.photometric == "PALETTE COLOR":
        raise UnsupportedTransferSyntax("There is no preview of such samples")
    if facts.samples not in (1, 3) or (facts.samples == 3 and facts.bits_allocated != 8):
        raise UnsupportedTransferSyntax("There is no preview of such colours")
    samples = decode_samples(facts, transfer_syntax, data)
    if facts.samples == 3:
        return _colour(np.ascontiguousarray(as_rgb(samples).array), coarseness)
    return _grey(header, samples.array, frame_number, coarseness)


def _colour(array: Array, coarseness: float) -> Preview:
    quality = max(5, min(95, round(100 - (100 - JPEG_QUALITY) * coarseness)))
    stream = bytes(
        imagecodecs.jpeg8_encode(array, level=quality, colorspace="RGB", outcolorspace="YCBCR", subsampling="444")
    )
    shown = imagecodecs.jpeg8_decode(stream, outcolorspace="RGB")
    difference = np.abs(shown.astype(np.int32) - array)
    rmse = float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))))
    return Preview(stream, syntaxes.JPEG_BASELINE, 0, rmse, float(difference.max()), "")


def _grey(header: Header, array: Array, frame_number: int, coarseness: float) -> Preview:
    values = array.astype(np.int32)
    real = _real(header, values)
    kept = values[real] if real is not None else values.ravel()
    if not kept.size:
        kept, real = values.ravel(), None
    lowest, highest = int(kept.min()), int(kept.max())
    if real is not None:
        values = np.where(real, values, lowest)
    slope, unit = _scale(header, frame_number)
    step = max(0.5, _step(header, kept, slope) * coarseness)
    offset = _HALF if highest >= _HALF else 0
    room = round(4 * step) if highest - offset > _HALF - 4 * step or lowest - offset < 4 * step - _HALF else 0
    moved = np.clip(values - offset, room - _HALF, _HALF - 1 - room).astype(np.int16)
    stream = bytes(imagecodecs.htj2k_encode(moved, level=step / _WHOLE, reversible=False))
    shown = as_shown(imagecodecs.htj2k_decode(stream), offset, header.facts)
    difference = np.abs(shown - values)
    if real is not None:
        difference = difference[real]
    rmse = float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))))
    return Preview(stream, syntaxes.HTJ2K, offset, rmse * slope, float(difference.max()) * slope, unit)


def as_shown(decoded: Array, offset: int, facts: PixelFacts) -> Array:
    """The stored values a viewer makes of a decoded preview: moved back, and inside of what Bits Stored can hold."""
    bits = facts.bits_stored
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if facts.signed else (0, (1 << bits) - 1)
    return np.clip(decoded.astype(np.int32) + offset, low, high)


def _real(header: Header, values: Array) -> Array | None:
    """Which pixels are there; None when all are."""
    padding = padding_of(header)
    if padding is None:
        return None
    real: Array = (values < padding[0]) | (values > padding[1])
    return None if real.all() else real


def _scale(header: Header, frame_number: int) -> tuple[float, str]:
    """How large one stored step is after the Modality LUT, and in which unit; 1 and none where it has no constant."""
    grey = grey_of(header, frame_number, RenderOptions())
    if grey.modality_table is not None:
        return 1.0, ""
    modality = str(header.dataset.get("Modality") or "")
    rescaled = "RescaleSlope" in header.dataset or "SharedFunctionalGroupsSequence" in header.dataset
    return abs(grey.slope), "HU" if modality == "CT" and rescaled else ""


def _step(header: Header, kept: Array, slope: float) -> float:
    """How far apart the values of a preview lie, in stored values."""
    modality = str(header.dataset.get("Modality") or "")
    some = kept[:: max(1, kept.size >> 17)]
    low, high = (float(value) for value in np.percentile(some, (0.5, 99.5)))
    if high <= low:
        low, high = float(kept.min()), float(kept.max())
    if modality == "CT" and high - low > 512 / slope:
        return CT_STEP_HU / slope
    return SHARES.get(modality, OTHER_SHARE) * (high - low)
