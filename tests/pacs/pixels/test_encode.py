"""Lossless means lossless: every sample comes back, for us and for decoders that are not ours."""

import dataclasses
import warnings
from typing import Any

import imagecodecs
import numpy as np
import pytest
from openjpeg.utils import decode as openjpeg_decode
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import syntaxes
from pacs.pixels.codestream import read_codestream
from pacs.pixels.decode import Samples, decode_samples
from pacs.pixels.encode import encode_frame
from pacs.pixels.header import PixelFacts, read_header
from pacs.pixels.photometric import encoded_photometric
from tests.pacs.pixels.stored import take_apart
from tests.pacs.pixels.test_decode import REFUSED
from tests.support.corpus import Expected, manifest

LOSSLESS = sorted(syntaxes.ENCODABLE - {syntaxes.JPEG_BASELINE})
# Without a plug-in of its own pydicom cannot read JPEG Lossless; DCMTK does in test_transcode.py
PYDICOM = sorted(set(LOSSLESS) - {syntaxes.JPEG_LOSSLESS_SV1, syntaxes.IMPLICIT})


def facts_of(array: Any, bits_stored: int, photometric: str = "") -> PixelFacts:
    rows, columns, samples = (*array.shape, 1)[:3]
    colour = photometric or ("MONOCHROME2" if samples == 1 else "RGB")
    bits, signed = 8 * array.dtype.itemsize, array.dtype.kind == "i"
    layout = (bits, bits_stored, bits_stored - 1, signed)
    return PixelFacts(rows, columns, samples, colour, 0, *layout, 1, "integer", False)


def back(facts: PixelFacts, samples: Samples, target: str) -> Samples:
    """Encoded and decoded again, as a reader of the new header would."""
    encoded = encode_frame(facts, samples, target)
    return decode_samples(header_after(facts, samples, target), target, encoded)


def header_after(facts: PixelFacts, samples: Samples, target: str) -> PixelFacts:
    colour = encoded_photometric(samples.photometric, target)
    return dataclasses.replace(facts, photometric=colour, planar=0, high_bit=facts.bits_stored - 1, swapped=False)


def read_by_pydicom(facts: PixelFacts, encoded: bytes, target: str) -> Any:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(target)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = facts.rows, facts.columns, facts.samples
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = facts.bits_allocated, facts.bits_stored, facts.high_bit
    dataset.PixelRepresentation, dataset.PhotometricInterpretation = int(facts.signed), facts.photometric
    if facts.samples > 1:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = encapsulate([encoded]) if syntaxes.is_encapsulated(target) else encoded
    dataset["PixelData"].VR = "OB"
    dataset.pixel_array_options(raw=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dataset.pixel_array


def _cases() -> list[Expected]:
    """One of each kind is enough of the long series."""
    rows = [row for row in manifest() if row.facts["pydicom_decode"] not in ("no-pixels", "skipped-large", "")]
    rows = [row for row in rows if row.name not in REFUSED]
    return [row for row in rows if not row.name.startswith("series-") or row.name.endswith(("1.dcm", "01"))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.name)
def test_every_lossless_syntax_gives_back_the_samples_of_the_corpus(case: Expected) -> None:
    stored = take_apart(case.path, case.facts["transfer_syntax_uid"])
    facts = read_header(stored.header, stored.transfer_syntax).facts
    samples = decode_samples(facts, stored.transfer_syntax, stored.frames[0])
    for target in LOSSLESS:
        try:
            encoded = encode_frame(facts, samples, target)
        except UnsupportedTransferSyntax:
            assert syntaxes.is_encapsulated(target)
            assert facts.bits_allocated > 16 or facts.bits_allocated == 1
            continue
        after = header_after(facts, samples, target)
        again = decode_samples(after, target, encoded)
        assert np.array_equal(again.array, samples.array), target
        assert again.photometric == samples.photometric, target
        if target in PYDICOM and facts.kind == "integer":
            assert np.array_equal(read_by_pydicom(after, encoded, target), samples.array), target


def picture(bits: int, signed: bool, shape: tuple[int, ...] = (61, 70)) -> Any:
    """A smooth picture with noise that uses all of the range."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    wave = np.sin(x / 9) * np.cos(y / 7) * 0.7 + np.random.default_rng(bits).normal(0, 0.02, (shape[0], shape[1]))
    if len(shape) == 3:
        wave = np.stack([wave, -wave, wave / 2], axis=-1)
    array = np.clip(np.rint((wave + 1) / 2 * (high - low) + low), low, high)
    array.flat[0], array.flat[1] = low, high
    return array.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")


@pytest.mark.parametrize("target", LOSSLESS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [2, 7, 8, 9, 10, 12, 13, 15, 16])
def test_every_depth_and_sign_comes_back(target: str, signed: bool, bits: int) -> None:
    array = picture(bits, signed)
    facts = facts_of(array, bits)
    samples = Samples(array, "MONOCHROME2")
    assert np.array_equal(back(facts, samples, target).array, array)
    if target in PYDICOM:
        assert np.array_equal(read_by_pydicom(facts, encode_frame(facts, samples, target), target), array)


@pytest.mark.parametrize("target", LOSSLESS)
@pytest.mark.parametrize("colour", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_comes_back_in_its_own_space(target: str, colour: str, bits: int) -> None:
    array = picture(bits, False, (33, 40, 3))
    again = back(facts_of(array, bits, colour), Samples(array, colour), target)
    assert np.array_equal(again.array, array)
    assert again.photometric == colour


@pytest.mark.parametrize("target", LOSSLESS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (1, 500), (500, 1), (300, 300), (3, 3, 3), (90, 80, 3)])
def test_noise_and_tiny_frames_come_back(target: str, shape: tuple[int, ...]) -> None:
    for dtype in (np.uint8, np.int16):
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        if len(shape) == 3 and dtype == np.int16:
            continue
        array = np.random.default_rng(3).integers(low, high, shape, dtype, endpoint=True)
        photometric = "MONOCHROME2" if len(shape) == 2 else "RGB"
        facts = facts_of(array, 8 * array.dtype.itemsize)
        assert np.array_equal(back(facts, Samples(array, photometric), target).array, array)


@pytest.mark.parametrize(
    "target", [syntaxes.JPEG_LS, syntaxes.J2K_LOSSLESS, *sorted(syntaxes.HTJ2K_ALL - {syntaxes.HTJ2K})]
)
def test_values_beyond_bits_stored_are_kept_where_the_stream_has_its_own_depth(target: str) -> None:
    array = picture(14, False)
    assert np.array_equal(back(facts_of(array, 12), Samples(array, "MONOCHROME2"), target).array, array)


@pytest.mark.parametrize(("bits", "signed"), [(12, False), (12, True), (10, False), (16, True), (8, False)])
@pytest.mark.parametrize("target", [syntaxes.HTJ2K_LOSSLESS, syntaxes.HTJ2K_LOSSLESS_RPCL])
def test_htj2k_states_the_true_depth_and_three_decoders_agree(target: str, bits: int, signed: bool) -> None:
    array = picture(bits, signed)
    stream = encode_frame(facts_of(array, bits), Samples(array, "MONOCHROME2"), target)
    stated = read_codestream(target, stream)
    assert (stated.precision, stated.signed) == (bits, signed)
    assert np.array_equal(imagecodecs.htj2k_decode(stream), array)  # OpenJPH
    assert np.array_equal(imagecodecs.jpeg2k_decode(stream), array)  # OpenJPEG 2.5.4
    assert np.array_equal(openjpeg_decode(stream), array)  # OpenJPEG as pydicom uses it


def test_htj2k_rpcl_begins_with_smaller_pictures() -> None:
    """TLM, RPCL, one tile-part per resolution: the first bytes are an exact picture of half the size."""
    array = picture(12, True, (256, 256))
    stream = encode_frame(facts_of(array, 12), Samples(array, "MONOCHROME2"), syntaxes.HTJ2K_LOSSLESS_RPCL)
    assert b"\xff\x55" in stream[:200]
    assert stream[stream.index(b"\xff\x52") + 5] == 2  # progression order RPCL
    parts = stream.count(b"\xff\x90\x00\x0a")
    assert parts == 6
    half = imagecodecs.htj2k_decode(stream, skipres=1)
    last = stream.rindex(b"\xff\x90\x00\x0a")
    assert np.array_equal(imagecodecs.htj2k_decode(stream[:last], skipres=1, resilient=True), half)


def test_baseline_is_for_eight_bits_only() -> None:
    grey = picture(8, False)
    again = back(facts_of(grey, 8), Samples(grey, "MONOCHROME2"), syntaxes.JPEG_BASELINE)
    assert np.abs(again.array.astype(int) - grey).mean() < 3
    colour = picture(8, False, (32, 40, 3))
    assert back(facts_of(colour, 8), Samples(colour, "RGB"), syntaxes.JPEG_BASELINE).photometric == "RGB"
    with pytest.raises(UnsupportedTransferSyntax):
        encode_frame(
            facts_of(picture(12, False), 12), Samples(picture(12, False), "MONOCHROME2"), syntaxes.JPEG_BASELINE
        )


def test_what_we_cannot_encode_is_refused() -> None:
    array = picture(12, False)
    with pytest.raises((UnsupportedTransferSyntax, UndecodablePixels)):
        encode_frame(facts_of(array, 12), Samples(array, "MONOCHROME2"), syntaxes.J2K)
