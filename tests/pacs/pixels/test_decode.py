"""Every stored frame of the corpus decodes to the samples it is known to hold, or is refused for a stated reason."""

import hashlib
import warnings
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import syntaxes
from pacs.pixels.codestream import read_codestream
from pacs.pixels.decode import as_rgb, decode_samples, native_again, native_bytes
from pacs.pixels.header import read_header
from tests.pacs.pixels.stored import take_apart
from tests.support.corpus import Expected, manifest

# Refused on purpose, and what we say
REFUSED = {
    "odd-and-broken/3gb-bulk-data-truncated": "Rows is missing or not one number",
    "odd-and-broken/GH340.dcm": "Bits Allocated 12 is not supported",
    "odd-and-broken/JPEG2000-embedded-sequence-delimiter.dcm": "cut into",  # its size header is overwritten
    "odd-and-broken/MR_truncated.dcm": "The frame has 8130 bytes of 8192",
    "odd-and-broken/dwv-test_no-number-rows.dcm": "Rows is missing or not one number",
    "odd-and-broken/meta_missing_tsyntax.dcm": "Rows is missing or not one number",
    "odd-and-broken/nested_priv_SQ.dcm": "Rows is missing or not one number",
    "odd-and-broken/test_dcm": "The frame has 10000 bytes of 20000",
    "odd-and-broken/2026-05-26-oob-monochrome-46341.dcm": "is more than",
}
# Another decoder of the same lossy stream may differ by this much (grey levels of the stored depth)
TOLERANCE = 2
# Lossy frames that no other decoder we have can read: the minimum and maximum of the manifest or of the uncompressed
# original stand in for the hash
UNHASHED = ("1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55", "1.2.840.10008.1.2.8.1")


def _cases() -> list[Expected]:
    return [row for row in manifest() if row.facts["pydicom_decode"] not in ("no-pixels", "") and row.facts["rows"]]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.name)
def test_decodes_to_the_known_samples_or_says_why_not(case: Expected) -> None:
    syntax = case.facts["transfer_syntax_uid"] or syntaxes.IMPLICIT
    if case.name in REFUSED:
        with pytest.raises(UndecodablePixels, match=REFUSED[case.name]):
            _all(case, syntax)
        return
    array = _all(case, syntax)
    if hashlib.sha256(array.tobytes()).hexdigest() == case.facts["pixel_sha256"]:
        return
    if syntax == syntaxes.BIG_ENDIAN:  # the manifest hashed the array in the order it was stored
        swapped = array.astype(array.dtype.newbyteorder(">"))
        assert hashlib.sha256(swapped.tobytes()).hexdigest() == case.facts["pixel_sha256"]
        return
    if case.facts["pixel_min"] and syntax in UNHASHED:
        assert abs(int(array.min()) - float(case.facts["pixel_min"])) <= TOLERANCE
        assert abs(int(array.max()) - float(case.facts["pixel_max"])) <= TOLERANCE
        return
    if case.facts["pydicom_decode"] == "ok":
        reference = dcmread(case.path).pixel_array
        assert np.abs(reference.astype(int) - array.astype(int)).max() <= TOLERANCE
        return
    _assert_like_a_sibling(case, array)


def _all(case: Expected, syntax: str) -> Any:
    stored = take_apart(case.path, syntax)
    facts = read_header(stored.header, syntax).facts
    frames = [as_rgb(decode_samples(facts, syntax, frame)).array for frame in stored.frames]
    return np.stack(frames) if len(frames) > 1 else np.ascontiguousarray(frames[0])


# The same picture stored in a way that pydicom reads
SIBLINGS = {
    "derived-objects/seg/liver_rle.dcm": "derived-objects/seg/liver.dcm",
    "transfer-syntaxes/deflated-frame/liver_deflate.dcm": "derived-objects/seg/liver.dcm",
    "transfer-syntaxes/nema-wg04/MR1_JPLY": "transfer-syntaxes/nema-wg04/MR1_UNC",
    "transfer-syntaxes/nema-wg04/NM1_JPLY": "transfer-syntaxes/nema-wg04/NM1_UNC",
    "transfer-syntaxes/nema-wg04/RG3_JPLY": "transfer-syntaxes/nema-wg04/RG3_J2KR",
}


def _assert_like_a_sibling(case: Expected, array: Any) -> None:
    if case.name == "odd-and-broken/badVR.dcm":  # the number of frames is nonsense, the frame is not
        assert array.shape == (10, 10)
        return
    folder = case.path.parents[len(case.name.split("/")) - 1]
    if case.name in SIBLINGS:
        sibling = take_apart(folder / SIBLINGS[case.name])
        facts = read_header(sibling.header, sibling.transfer_syntax).facts
        other = np.stack([decode_samples(facts, sibling.transfer_syntax, frame).array for frame in sibling.frames])
    else:
        assert "JPEGProcess" in case.name, f"nothing is known of {case.name}"
        other = dcmread(case.path.parent / "CTImage.dcm").pixel_array
    reference = other.astype(float).ravel()
    if syntaxes.RLE in case.facts["transfer_syntax_uid"] or case.name.endswith("liver_deflate.dcm"):
        assert np.array_equal(array.ravel(), other.ravel())
        return
    related = np.corrcoef(array.astype(float).ravel(), reference)[0, 1]
    assert related > 0.98, f"correlation {related} with the uncompressed original"


def header_bytes(syntax: str = syntaxes.EXPLICIT, **attributes: Any) -> bytes:
    """An Image Pixel module, grey 4 x 4 of 16 bits unless told otherwise."""
    dataset = Dataset()
    values: dict[str, Any] = {
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "Rows": 4, "Columns": 4,
        "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 0,
    }  # fmt: skip
    for keyword, value in {**values, **attributes}.items():
        if value is not None:
            setattr(dataset, keyword, value)
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = syntax == syntaxes.IMPLICIT, syntax != syntaxes.BIG_ENDIAN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_dataset(out, dataset)
    return out.getvalue()


def decoded(syntax: str, data: bytes, tail: bytes = b"", **attributes: Any) -> Any:
    facts = read_header(header_bytes(syntax, **attributes) + tail, syntax).facts
    return decode_samples(facts, syntax, data).array


def test_signed_samples_take_their_sign_from_bits_stored() -> None:
    cells = np.array([0x0FFF, 0x0001, 0xF800, 0x07FF] * 4, "<u2").tobytes()
    array = decoded(syntaxes.EXPLICIT, cells, BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert array.ravel()[:4].tolist() == [-1, 1, -2048, 2047]


def test_cells_whose_high_bit_lies_higher_are_moved_down() -> None:
    cells = np.array([0xABC0, 0xFFFF] * 8, "<u2").tobytes()
    array = decoded(syntaxes.EXPLICIT, cells, BitsStored=12, HighBit=15)
    assert array.ravel()[:2].tolist() == [0xABC, 0xFFF]


def test_bytes_in_big_endian_words_are_put_right() -> None:
    tail = b"\x7f\xe0\x00\x10OW\0\0\0\0\0\x10"
    array = decoded(syntaxes.BIG_ENDIAN, bytes([1, 0, 3, 2] * 4), tail, BitsAllocated=8, BitsStored=8, HighBit=7)
    assert array.ravel()[:4].tolist() == [0, 1, 2, 3]


def test_float_pixels_are_known_by_their_element_or_by_what_is_missing() -> None:
    data = np.linspace(-1, 1, 16, dtype="<f4").tobytes()
    tail = b"\xe0\x7f\x08\x00OF\0\0\x40\0\0\0"
    plain: dict[str, Any] = {"BitsAllocated": 32, "BitsStored": None, "HighBit": None, "PixelRepresentation": None}
    for end in (b"", tail):
        assert decoded(syntaxes.EXPLICIT, data, end, **plain).dtype == np.float32
    double = np.linspace(-1, 1, 16, dtype="<f8").tobytes()
    assert decoded(syntaxes.EXPLICIT, double, **{**plain, "BitsAllocated": 64}).dtype == np.float64


def test_one_bit_samples_are_unpacked_and_packed_again() -> None:
    facts = read_header(
        header_bytes(Rows=3, Columns=5, BitsAllocated=1, BitsStored=1, HighBit=0), syntaxes.EXPLICIT
    ).facts
    data = bytes([0b10110101, 0b01000011])
    samples = decode_samples(facts, syntaxes.EXPLICIT, data)
    assert samples.array.ravel().tolist() == [1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1]
    assert native_bytes(facts, samples) == bytes([data[0], data[1] & 0x7F])


TWO_PIXELS: dict[str, Any] = {
    "SamplesPerPixel": 3, "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7,
    "Rows": 1, "Columns": 2,
}  # fmt: skip


def test_subsampled_colour_is_spread_over_both_pixels() -> None:
    colour = {**TWO_PIXELS, "PhotometricInterpretation": "YBR_FULL_422"}
    array = decoded(syntaxes.EXPLICIT, bytes([10, 20, 100, 200]), **colour)
    assert array.tolist() == [[[10, 100, 200], [20, 100, 200]]]


@pytest.mark.parametrize(
    ("header", "stored", "expected"),
    [
        ({"PlanarConfiguration": 0, "PhotometricInterpretation": "RGB"}, b"abcdef", b"abcdef"),
        ({"PlanarConfiguration": 1, "PhotometricInterpretation": "RGB"}, b"adbecf", b"adbecf"),
        ({"PlanarConfiguration": 1, "PhotometricInterpretation": "YBR_FULL"}, b"adbecf", b"adbecf"),
        ({"PlanarConfiguration": 0, "PhotometricInterpretation": "YBR_FULL_422"}, b"abcd", b"abcd"),
        (
            {"PlanarConfiguration": 1, "PhotometricInterpretation": "RGB", "BitsAllocated": 16, "BitsStored": 16,
             "HighBit": 15},
            b"aAdDbBeEcCfF", b"AaDdBbEeCcFf",
        ),
    ],
)  # fmt: skip
def test_big_endian_frames_stay_as_the_header_says(header: dict[str, Any], stored: bytes, expected: bytes) -> None:
    whole = header_bytes(syntaxes.BIG_ENDIAN, **{**TWO_PIXELS, **header})
    assert native_again(read_header(whole, syntaxes.BIG_ENDIAN).facts, syntaxes.BIG_ENDIAN, stored) == expected


def test_partial_range_colour_becomes_full_range() -> None:
    colour = {**TWO_PIXELS, "PhotometricInterpretation": "YBR_PARTIAL_422"}
    assert decoded(syntaxes.EXPLICIT, bytes([16, 235, 128, 128]), **colour).tolist() == [[[0, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize(
    ("syntax", "lossless"),
    [("1.2.840.10008.1.2.4.110", True), ("1.2.840.10008.1.2.4.112", False)],
)
def test_jpeg_xl_decodes(syntax: str, lossless: bool) -> None:
    array = (np.arange(64 * 48).reshape(48, 64) * 11 % 4096).astype(np.uint16)
    stream = bytes(imagecodecs.jpegxl_encode(array, lossless=True))
    assert read_codestream(syntax, stream).rows == 48
    assert read_codestream(syntax, stream).columns == 64
    got = decoded(syntax, stream, Rows=48, Columns=64, BitsStored=12, HighBit=11)
    assert np.array_equal(got, array)


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (100, 37), (512, 512), (1000, 3000), (600, 800), (720, 1280)])
def test_the_size_of_a_jpeg_xl_stream_is_read_right(size: tuple[int, int]) -> None:
    stream = imagecodecs.jpegxl_encode(np.zeros(size, np.uint8), lossless=True)
    read = read_codestream("1.2.840.10008.1.2.4.110", bytes(stream))
    assert (read.rows, read.columns) == size


@pytest.mark.parametrize(
    "claim",
    [
        {"Rows": 65535, "Columns": 65535},
        {"Rows": 46341, "Columns": 46341},
        {"Rows": 0},
        {"BitsAllocated": 12},
        {"BitsAllocated": 64},
        {"SamplesPerPixel": 4},
        {"SamplesPerPixel": 65535},
        {"PixelRepresentation": 2},
        {"NumberOfFrames": "2147483648"},
        {"NumberOfFrames": "-1"},
        {"Rows": None},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_impossible_sizes_are_refused_before_anything_is_decoded(claim: dict[str, Any]) -> None:
    with pytest.raises(UndecodablePixels):
        decoded(syntaxes.J2K, b"", **claim)


@pytest.mark.parametrize("syntax", sorted(syntaxes.DECODABLE - syntaxes.NATIVE))
@pytest.mark.parametrize(
    "data", [b"", b"\0", bytes(64), b"\xff" * 100, b"\xff\xd8\xff\xc0\0\x0b", b"\xff\x4f\xff\x51" * 9]
)
def test_nonsense_is_refused(syntax: str, data: bytes) -> None:
    with pytest.raises(UndecodablePixels):
        decoded(syntax, data, Rows=512, Columns=512)


def test_a_codestream_of_another_size_is_never_decoded() -> None:
    stream = bytes(imagecodecs.jpeg2k_encode(np.zeros((64, 64), np.uint16), level=0, codecformat="J2K"))
    with pytest.raises(UndecodablePixels, match="64 x 64, the header says 4 x 4"):
        decoded(syntaxes.J2K_LOSSLESS, stream)


def test_a_few_bytes_are_not_believed_to_be_a_huge_frame() -> None:
    stream = bytearray(imagecodecs.jpegls_encode(np.zeros((64, 64), np.uint16)))
    at = stream.index(b"\xff\xf7") + 5
    stream[at : at + 4] = (16000).to_bytes(2, "big") * 2
    with pytest.raises(UndecodablePixels, match="cannot be a frame of"):
        decoded(syntaxes.JPEG_LS, bytes(stream), Rows=16000, Columns=16000)


def test_an_unknown_syntax_is_said_to_be_unsupported() -> None:
    with pytest.raises(UnsupportedTransferSyntax):
        decoded("1.2.840.10008.1.2.4.100", b"mpeg", Rows=4, Columns=4)
