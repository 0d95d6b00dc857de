"""A preview says how far it is from the frame, and is never farther than it says."""

from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from pacs.errors import UnsupportedTransferSyntax
from pacs.pixels.header import PixelFacts, read_header
from pacs.pixels.pool import Codecs
from pacs.pixels.preview import as_shown, preview_frame
from pacs.pixels.previews import Preview, unpacked
from pacs.pixels.syntaxes import EXPLICIT, HTJ2K, JPEG_BASELINE
from tests.pacs.pixels.test_decode import header_bytes

Array = NDArray[Any]


def header_for(array: Array, **more: Any) -> bytes:
    """The Image Pixel module of this array, and what else is given."""
    colour = array.ndim == 3
    stated: dict[str, Any] = {
        "Rows": array.shape[0],
        "Columns": array.shape[1],
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "PlanarConfiguration": 0 if colour else None,
        "BitsAllocated": 8 * array.dtype.itemsize,
        "BitsStored": 8 * array.dtype.itemsize,
        "HighBit": 8 * array.dtype.itemsize - 1,
        "PixelRepresentation": int(array.dtype.kind == "i"),
    }
    return header_bytes(**{**stated, **more})


def smooth(dtype: str, low: int, high: int) -> Array:
    """Soft shapes with some noise, over the whole range."""
    y, x = np.mgrid[0:96, 0:128]
    noise = np.random.default_rng(3).normal(0, (high - low) / 200, (96, 128))
    values = (np.sin(x / 9) + np.cos(y / 13) + 2) / 4 * (high - low) + low + noise
    shaped: Array = np.clip(np.round(values), low, high).astype(dtype)
    return shaped


def decoded(preview: Preview, facts: PixelFacts) -> Array:
    shown: Array = as_shown(imagecodecs.htj2k_decode(preview.data), preview.offset, facts)
    return shown


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("u1", 0, 255), ("i1", -128, 127), ("u2", 0, 4095), ("i2", -1024, 3071), ("u2", 0, 65535), ("i2", -32768, 32767)],
)
def test_errors_are_what_is_said(dtype: str, low: int, high: int) -> None:
    array = smooth(dtype, low, high)
    header = read_header(header_for(array, Modality="MR"), EXPLICIT)
    made = preview_frame(header, EXPLICIT, array.tobytes(), 1)
    assert made.transfer_syntax_uid == HTJ2K
    difference = np.abs(decoded(made, header.facts) - array.astype(np.int64))
    assert difference.max() == made.max_error
    assert np.sqrt(np.mean(difference.astype(float) ** 2)) == pytest.approx(made.rmse, rel=1e-3)
    assert made.rmse < 0.02 * (high - low)
    assert made.max_error < 0.15 * (high - low), "nothing wrapped round"
    assert len(made.data) < array.nbytes / 2


def test_hounsfield_units_of_ct_and_padding_replaced() -> None:
    array = smooth("i2", 0, 2000)
    array[:, :20] = -2000
    header = read_header(
        header_for(array, Modality="CT", RescaleSlope="0.5", RescaleIntercept="-1024", PixelPaddingValue=-2000),
        EXPLICIT,
    )
    made = preview_frame(header, EXPLICIT, array.tobytes(), 1)
    assert made.unit == "HU"
    shown = decoded(made, header.facts)
    real = np.abs(shown - array.astype(np.int64))[:, 20:]
    assert real.max() * 0.5 == made.max_error
    assert shown[:, :20].max() < 200, "what was padding is as dark as the darkest"
    plain = preview_frame(
        read_header(header_for(array, Modality="CT", RescaleSlope="0.5", RescaleIntercept="0"), EXPLICIT),
        EXPLICIT,
        array.tobytes(),
        1,
    )
    assert len(made.data) < len(plain.data)


def test_colour_is_jpeg_and_flat_frames_have_no_error() -> None:
    colour = np.zeros((64, 64, 3), "u1")
    colour[16:48, 16:48] = (200, 40, 90)
    made = preview_frame(read_header(header_for(colour, Modality="US"), EXPLICIT), EXPLICIT, colour.tobytes(), 1)
    assert made.transfer_syntax_uid == JPEG_BASELINE
    assert made.rmse < 12
    flat = np.full((32, 32), 700, "u2")
    made = preview_frame(read_header(header_for(flat, Modality="DX"), EXPLICIT), EXPLICIT, flat.tobytes(), 1)
    assert made.max_error == 0


@pytest.mark.parametrize(
    "more", [{"PhotometricInterpretation": "PALETTE COLOR"}, {"BitsAllocated": 32, "BitsStored": 32}]
)
def test_what_has_no_preview_says_so(more: dict[str, Any]) -> None:
    array = smooth("u1", 0, 255)
    with pytest.raises(UnsupportedTransferSyntax):
        preview_frame(read_header(header_for(array, **more), EXPLICIT), EXPLICIT, array.tobytes() * 4, 1)


def test_through_a_codec_process(codecs: Codecs) -> None:
    array = smooth("u2", 0, 4095)
    found = unpacked(codecs.preview(header_for(array, Modality="MR"), EXPLICIT, array.tobytes()))
    assert found is not None
    assert found.unit == ""
    assert 0 < found.rmse <= found.max_error
    assert unpacked(b"") is None
