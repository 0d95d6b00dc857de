"""What is shown equals the reference, pydicom's apply_modality_lut and apply_voi_lut, within one grey level."""

import copy
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from pacs.errors import UndecodablePixels
from pacs.pixels import syntaxes
from pacs.pixels.colour import apply_palette
from pacs.pixels.decode import Samples, decode_samples
from pacs.pixels.header import Header, read_header
from pacs.pixels.options import RenderOptions
from pacs.pixels.render import render_frame, shown
from pacs.pixels.window import Window, grey_of, padding_of
from tests.pacs.pixels.stored import Stored, take_apart
from tests.pacs.pixels.test_decode import REFUSED, header_bytes
from tests.support.corpus import Expected, manifest

PLAIN = RenderOptions()


def _cases() -> list[Expected]:
    rows = [row for row in manifest() if row.facts["pydicom_decode"] == "ok" and row.facts["photometric"]]
    return [row for row in rows if row.facts["photometric"].startswith("MONO") and row.name not in REFUSED]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.name)
def test_greys_equal_the_reference(case: Expected) -> None:
    stored = take_apart(case.path, case.facts["transfer_syntax_uid"])
    header = read_header(stored.header, stored.transfer_syntax)
    number = len(stored.frames)
    samples = decode_samples(header.facts, stored.transfer_syntax, stored.frames[number - 1])
    grey = grey_of(header, number, PLAIN)
    ours = shown(header, samples, number, PLAIN).astype(float)
    assert ours.shape == samples.array.shape
    if grey.window is None and grey.voi_table is None:
        return  # no window to compare with; test_a_window_is_found_in_the_pixels says what happens
    if header.facts.kind != "integer":
        return  # pydicom has no reference without Bits Stored
    difference = np.abs(ours - _reference(stored, samples.array, number))
    padding = padding_of(header)
    if padding:
        hidden = (samples.array >= padding[0]) & (samples.array <= padding[1])
        assert not ours[hidden].any(), "padding is background"
        difference[hidden] = 0
    assert difference.max() <= 1


def _reference(stored: Stored, array: Any, number: int) -> Any:
    """What pydicom makes of it, on the scale of 0 to 255."""
    dataset = copy.deepcopy(stored.dataset)
    for keyword, index in (("SharedFunctionalGroupsSequence", 0), ("PerFrameFunctionalGroupsSequence", number - 1)):
        for group in (dataset.get(keyword) or [])[index : index + 1]:
            for macro in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                for item in group.get(macro) or []:
                    dataset.update(item)
    greys = apply_voi_lut(apply_modality_lut(array, dataset), dataset).astype(float)
    low, high = _range(dataset)
    greys = np.clip((greys - low) / (high - low), 0, 1) * 255
    return 255 - greys if dataset.PhotometricInterpretation == "MONOCHROME1" else greys


def _range(dataset: Dataset) -> tuple[float, float]:
    """The range of values pydicom gives back."""
    for keyword in ("VOILUTSequence", "ModalityLUTSequence"):
        if dataset.get(keyword):
            return 0, 2 ** dataset[keyword][0].LUTDescriptor[2] - 1
    low, high = 0, 2**dataset.BitsStored - 1
    if dataset.PixelRepresentation:
        low, high = -(2 ** (dataset.BitsStored - 1)), 2 ** (dataset.BitsStored - 1) - 1
    if dataset.get("RescaleSlope") is None:
        return low, high
    return tuple(v * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept) for v in (low, high))  # type: ignore[return-value]


def header_with(**attributes: Any) -> Header:
    return read_header(header_bytes(**attributes), syntaxes.EXPLICIT)


def greys(values: list[int], options: RenderOptions = PLAIN, **attributes: Any) -> list[int]:
    """The greys of a row of pixels."""
    signed = attributes.get("PixelRepresentation") == 1
    array = np.array([values], np.int16 if signed else np.uint16)
    header = header_with(Rows=1, Columns=len(values), **attributes)
    return [int(v) for v in shown(header, Samples(array, header.facts.photometric), 1, options).ravel()]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("LINEAR", [0, 0, 64, 127, 191, 255, 255]),
        ("LINEAR_EXACT", [0, 0, 64, 128, 191, 255, 255]),
        ("SIGMOID", [5, 30, 69, 128, 186, 225, 250]),
    ],
)
def test_window_functions_are_those_of_the_standard(function: str, expected: list[int]) -> None:
    """Center 2048, width 4096 over a few values (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    values = [-2048, 0, 1024, 2048, 3072, 4096, 6144]
    window = Window(2048, 4096, function)
    got = np.floor(window.apply(np.array(values, float)) * 255 + 0.5)
    assert np.abs(got - expected).max() <= 1


def test_a_window_of_width_one_is_a_threshold() -> None:
    assert greys([99, 100, 101], WindowCenter=100, WindowWidth=1) == [0, 255, 255]


def test_the_caller_s_window_goes_before_that_of_the_instance() -> None:
    options = RenderOptions(window_center=50.5, window_width=1)
    assert greys([0, 50, 51, 100], options, WindowCenter=1000, WindowWidth=2000) == [0, 0, 255, 255]


def test_the_second_of_several_windows_can_be_asked_for() -> None:
    attributes = {"WindowCenter": [1000, 50], "WindowWidth": [2000, 2]}
    assert greys([0, 500, 2000], RenderOptions(voi_index=1), **attributes) == [0, 255, 255]
    assert greys([0, 500, 2000], RenderOptions(voi_index=9), **attributes) == [0, 255, 255]


@pytest.mark.parametrize("width", ["", "0", "-5", None])
@pytest.mark.filterwarnings("ignore")
def test_a_useless_window_is_as_good_as_none(width: str | None) -> None:
    assert greys([0, 100, 200], WindowCenter="50", WindowWidth=width)[0] == 0
    assert greys([0, 100, 200], WindowCenter="50", WindowWidth=width)[2] == 255


def test_monochrome1_and_inverse_both_mean_that_low_is_white() -> None:
    window: dict[str, Any] = {"WindowCenter": 50.5, "WindowWidth": 101}
    assert greys([0, 100], PhotometricInterpretation="MONOCHROME1", **window) == [255, 0]
    assert greys([0, 100], PresentationLUTShape="INVERSE", **window) == [255, 0]
    assert greys([0, 100], PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE", **window) == [
        255,
        0,
    ]
    assert greys([0, 100], RenderOptions(invert=True), **window) == [255, 0]


def test_rescale_of_a_frame_goes_before_that_of_all() -> None:
    item, shared, values, own = Dataset(), Dataset(), Dataset(), Dataset()
    values.RescaleSlope, values.RescaleIntercept = 2, 0
    own.RescaleSlope, own.RescaleIntercept = 4, -4
    shared.PixelValueTransformationSequence = Sequence([values])
    item.PixelValueTransformationSequence = Sequence([own])
    header = header_with(
        RescaleSlope=1, RescaleIntercept=0, NumberOfFrames=2,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([Dataset(), item]),
    )  # fmt: skip
    assert (grey_of(header, 1, PLAIN).slope, grey_of(header, 2, PLAIN).slope) == (2, 4)
    assert grey_of(header, 2, PLAIN).intercept == -4


def lut(entries: list[int], first: int, bits: int) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item.LUTData = np.array(entries, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


def test_look_up_tables_go_before_windows_and_clamp_outside_of_their_range() -> None:
    voi: dict[str, Any] = {
        "VOILUTSequence": Sequence([lut([0, 1000, 4095], 10, 12)]),
        "WindowCenter": 1,
        "WindowWidth": 2,
    }
    assert greys([0, 10, 11, 12, 500], **voi) == [0, 0, 62, 255, 255]
    modality: dict[str, Any] = {
        "ModalityLUTSequence": Sequence([lut([0, 100, 200], 10, 16)]),
        "WindowCenter": 100.5,
        "WindowWidth": 201,
    }
    assert greys([0, 11, 99], **modality) == [0, 128, 255]


def test_a_window_is_found_in_the_pixels_without_the_padding() -> None:
    values = [63536] * 50 + list(range(100, 201))
    shown_greys = greys(values, PixelPaddingValue=63536)
    assert shown_greys[:50] == [0] * 50
    assert (shown_greys[50], shown_greys[-1]) == (0, 255)
    assert abs(shown_greys[100] - 127) <= 2


def test_padding_of_signed_pixels_is_understood_however_it_was_read() -> None:
    for value in (-2000, 63536):
        header = header_with(PixelRepresentation=1)
        header.dataset.add_new("PixelPaddingValue", "SS" if value < 0 else "US", value)
        assert padding_of(header) == (-2000, -2000)


def test_a_range_of_padding_is_black_also_where_low_is_white() -> None:
    window: dict[str, Any] = {"WindowCenter": 50, "WindowWidth": 100, "PhotometricInterpretation": "MONOCHROME1"}
    assert greys([0, 3, 5, 99], PixelPaddingValue=0, PixelPaddingRangeLimit=3, **window)[:2] == [0, 0]


def test_a_flat_frame_is_shown() -> None:
    assert len(set(greys([7] * 9))) == 1


def palette(entries: list[int], bits: int, **more: Any) -> Dataset:
    dataset = Dataset()
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [len(entries), 0, bits])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", np.array(entries, "<u2").tobytes())
    return dataset


def test_palettes_of_8_and_16_bits() -> None:
    indices = np.array([[0, 1, 2, 9]], np.uint8)
    assert apply_palette(indices, palette([0, 0x8000, 0xFFFF], 16))[0, :, 0].tolist() == [0, 128, 255, 255]
    assert apply_palette(indices, palette([0, 128, 255], 8))[0, :, 0].tolist() == [0, 128, 255, 255]


def test_segmented_palettes_are_expanded() -> None:
    """A discrete segment, a line, and an indirect one that repeats the line (PS3.3 C.7.9.2)."""
    dataset = Dataset()
    segments = [0, 2, 0, 100 << 8, 1, 2, 200 << 8, 2, 1, 4, 0]
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [6, 0, 16])
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", np.array(segments, "<u2").tobytes())
    got = apply_palette(np.arange(6, dtype=np.uint8)[None], dataset)[0, :, 0].tolist()
    assert got == [0, 100, 150, 200, 200, 200]


def test_a_segmented_palette_that_calls_itself_is_refused() -> None:
    dataset = Dataset()
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [6, 0, 16])
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", np.array([2, 9, 0, 0], "<u2").tobytes())
    with pytest.raises(UndecodablePixels):
        apply_palette(np.zeros((1, 1), np.uint8), dataset)


def picture(options: RenderOptions, rows: int = 40, columns: int = 60, **attributes: Any) -> Image.Image:
    header = header_with(Rows=rows, Columns=columns, WindowCenter=1200, WindowWidth=2400, **attributes)
    data = np.arange(rows * columns, dtype="<u2").tobytes()
    out = Image.open(io.BytesIO(render_frame(header, syntaxes.EXPLICIT, data, 1, options)))
    out.load()
    return out


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_the_picture_has_the_format_asked_for(format: Any) -> None:
    assert (picture(RenderOptions(format=format)).format or "").lower() == format


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (RenderOptions(), (60, 40)),
        (RenderOptions(rows=20), (30, 20)),
        (RenderOptions(columns=30, rows=30), (30, 20)),
        (RenderOptions(columns=600, rows=600), (60, 40)),
        (RenderOptions(columns=600, rows=600, enlarge=True), (600, 400)),
        (RenderOptions(region=(10, 5, 20, 10)), (20, 10)),
        (RenderOptions(region=(50, 35, 99, 99)), (10, 5)),
    ],
    ids=str,
)
def test_the_picture_has_the_size_asked_for(options: RenderOptions, size: tuple[int, int]) -> None:
    assert picture(options).size == size


def test_flat_pixels_are_shown_in_proportion() -> None:
    assert picture(RenderOptions(columns=30, rows=30), PixelSpacing=[0.5, 1.0]).size == (30, 10)
    assert picture(RenderOptions(), PixelSpacing=[0.5, 1.0]).size == (60, 40)


def test_a_region_outside_of_the_frame_is_refused() -> None:
    with pytest.raises(UndecodablePixels):
        picture(RenderOptions(region=(60, 0, 5, 5)))


def test_overlays_are_burned_in_only_when_asked_for() -> None:
    overlay = np.zeros((40, 60), np.uint8)
    overlay[10:12] = 1
    header = header_with(Rows=40, Columns=60, WindowCenter=1200, WindowWidth=2400)
    for tag, vr, value in (
        (0x60000010, "US", 40), (0x60000011, "US", 60), (0x60000050, "SS", [1, 1]), (0x60000100, "US", 1),
        (0x60000102, "US", 0), (0x60003000, "OW", np.packbits(overlay, bitorder="little").tobytes()),
    ):  # fmt: skip
        header.dataset.add_new(tag, vr, value)
    data = bytes(40 * 60 * 2)
    without = np.asarray(
        Image.open(io.BytesIO(render_frame(header, syntaxes.EXPLICIT, data, 1, RenderOptions(format="png"))))
    )
    burned = RenderOptions(format="png", overlays=True)
    withal = np.asarray(Image.open(io.BytesIO(render_frame(header, syntaxes.EXPLICIT, data, 1, burned))))
    assert not without.any()
    assert (withal[10:12] == 255).all()
    assert not withal[:10].any()
    assert not withal[12:].any()
