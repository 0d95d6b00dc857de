"""Presentation states are applied as they say, or refused; letters are drawn in Vietnamese."""

import io
import unicodedata
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs.errors import UndecodablePixels
from pacs.pixels.header import read_header
from pacs.pixels.lettering import _font, _subset, annotations
from pacs.pixels.options import RenderOptions
from pacs.pixels.render import render_frame
from pacs.pixels.syntaxes import EXPLICIT

SOP = "1.2.3.4"
PLAIN = RenderOptions(format="png")


def encoded(dataset: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def image(rows: int = 40, columns: int = 60, **more: object) -> tuple[bytes, bytes]:
    """Header and frame of a picture that grows brighter from left to right and from top to bottom."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPInstanceUID = SOP
    dataset.Modality, dataset.KVP, dataset.SliceThickness = "CT", "120", "1.5"
    dataset.PatientName, dataset.PatientID = "Nguyễn^Thị Ánh", "BN001"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.StudyDate = "19800102", "F", "20240305"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.WindowCenter, dataset.WindowWidth = "100", "200"
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    y, x = np.mgrid[0:rows, 0:columns]
    return encoded(dataset), (x + 2 * y).astype("<u2").tobytes()


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def state(sop: str = SOP, **more: object) -> bytes:
    made = item(SpecificCharacterSet="ISO_IR 192", PresentationLUTShape="IDENTITY")
    made.ReferencedSeriesSequence = [item(ReferencedImageSequence=[item(ReferencedSOPInstanceUID=sop)])]
    for keyword, value in more.items():
        setattr(made, keyword, value)
    return encoded(made)


def shown(how: bytes, options: RenderOptions = PLAIN, **more: Any) -> NDArray[np.uint8]:
    header, frame = image(**more)
    data = render_frame(read_header(header, EXPLICIT), EXPLICIT, frame, 1, options, how)
    return np.asarray(Image.open(io.BytesIO(data)))


def test_its_window_is_used_and_not_that_of_the_image() -> None:
    voi = item(WindowCenter="20", WindowWidth="20")
    ours = shown(state(SoftcopyVOILUTSequence=[voi]))
    asked = shown(b"", RenderOptions(format="png", window_center=20, window_width=20))
    assert np.array_equal(ours, asked)
    assert not np.array_equal(ours, shown(b""))


def test_a_window_for_another_image_is_not_used() -> None:
    other = [item(ReferencedSOPInstanceUID="1.9")]
    voi = item(WindowCenter="20", WindowWidth="20", ReferencedImageSequence=other)
    mine = item(WindowCenter="70", WindowWidth="50", ReferencedImageSequence=[item(ReferencedSOPInstanceUID=SOP)])
    asked = shown(b"", RenderOptions(format="png", window_center=70, window_width=50))
    assert np.array_equal(shown(state(SoftcopyVOILUTSequence=[voi, mine])), asked)


def test_inverse_is_inverse_and_takes_the_place_of_monochrome1() -> None:
    voi = [item(WindowCenter="100", WindowWidth="200")]
    plain = shown(state(SoftcopyVOILUTSequence=voi))
    inverse = shown(state(SoftcopyVOILUTSequence=voi, PresentationLUTShape="INVERSE"))
    assert np.abs(plain.astype(int) + inverse - 255).max() <= 1
    one = shown(state(SoftcopyVOILUTSequence=voi), PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(one, plain)


def test_the_displayed_area_is_cut_then_turned_then_flipped() -> None:
    area = item(DisplayedAreaTopLeftHandCorner=[11, 6], DisplayedAreaBottomRightHandCorner=[30, 15])
    more: dict[str, Any] = {"SoftcopyVOILUTSequence": [item(WindowCenter="100", WindowWidth="200")]}
    whole = shown(state(**more))
    cut = shown(state(DisplayedAreaSelectionSequence=[area], **more))
    assert np.array_equal(cut, whole[5:15, 10:30])
    turned = shown(state(DisplayedAreaSelectionSequence=[area], ImageRotation=90, ImageHorizontalFlip="Y", **more))
    assert np.array_equal(turned, np.fliplr(np.rot90(cut, -1)))


def test_shutters_hide_what_is_outside() -> None:
    seen = shown(
        state(
            ShutterShape="RECTANGULAR", ShutterLeftVerticalEdge=11, ShutterRightVerticalEdge=50,
            ShutterUpperHorizontalEdge=6, ShutterLowerHorizontalEdge=35, ShutterPresentationValue=0xFFFF,
            SoftcopyVOILUTSequence=[item(WindowCenter="100", WindowWidth="200")],
        )
    )  # fmt: skip
    assert (seen[:5] == 255).all()
    assert (seen[:, 50:] == 255).all()
    assert (seen[5:35, 10:50] < 255).all()


def test_annotations_are_drawn_where_they_belong() -> None:
    line = item(
        GraphicAnnotationUnits="PIXEL", GraphicDimensions=2, NumberOfGraphicPoints=2, GraphicData=[1, 1, 60, 1],
        GraphicType="POLYLINE", GraphicFilled="N",
    )  # fmt: skip
    text = item(
        UnformattedTextValue="Đo", BoundingBoxAnnotationUnits="DISPLAY", BoundingBoxTopLeftHandCorner=[0.1, 0.5],
        BoundingBoxBottomRightHandCorner=[0.5, 0.9],
    )  # fmt: skip
    voi = [item(WindowCenter="500", WindowWidth="100")]  # all black
    seen = shown(
        state(
            SoftcopyVOILUTSequence=voi,
            GraphicAnnotationSequence=[item(GraphicObjectSequence=[line], TextObjectSequence=[text])],
        )
    )
    assert (seen[0] == 255).all()
    assert not seen[2:18].any()
    assert seen[20:36, 6:40].any()
    assert not seen[20:36, 45:].any()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (state(sop="1.9"), "not about this image"),
        (state(ImageRotation=45), "quarters"),
        (state(PresentationLUTShape="LIN OD"), "Shape"),
        (state(PresentationLUTSequence=[item(LUTExplanation="x")]), "PresentationLUTSequence"),
        (state(GraphicAnnotationSequence=[item(GraphicObjectSequence=[item(
            GraphicAnnotationUnits="PIXEL", GraphicData=[1, 1], GraphicType="STAR")])]), "STAR"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused(how: bytes, words: str) -> None:
    with pytest.raises(UndecodablePixels, match=words):
        shown(how)


def test_patient_and_technique_are_burnt_in() -> None:
    options = RenderOptions(format="png", annotation=("patient",), rows=400, columns=600, enlarge=True)
    black = {"WindowCenter": "9000", "WindowWidth": "2"}
    seen = shown(b"", options, **black)
    assert seen[:100].any()
    assert not seen[200:].any()
    both = shown(
        b"", RenderOptions(format="png", annotation=("technique",), rows=400, columns=600, enlarge=True), **black
    )
    assert both[250:].any()
    assert not both[:200].any()


def test_the_lines_say_who_and_how() -> None:
    dataset = read_header(image()[0], EXPLICIT).dataset
    patient, technique = annotations(dataset, ("patient", "technique"))
    assert patient == ["Nguyễn Thị Ánh", "BN001   02/01/1980   F", "05/03/2024"]
    assert technique == ["CT", "120 kV", "1.5 mm"]
    assert annotations(dataset, ()) == ([], [])


def test_every_vietnamese_letter_has_a_glyph() -> None:
    letters = "AĂÂBCDĐEÊGHIKLMNOÔƠPQRSTUƯVXY"
    tones = ["", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"]
    text = {unicodedata.normalize("NFC", letter + tone) for letter in letters for tone in tones}
    every = {c for one in text if len(one) == 1 for c in (one, one.lower())}
    assert len(every) > 150
    for letter in every:
        font = _font(_subset(letter), 24)
        assert bytes(font.getmask(letter)) != bytes(font.getmask("\uffff")), letter
