"""A header without what says nothing about the picture gives the same picture."""

import pytest

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import syntaxes
from pacs.pixels.brief import brief
from pacs.pixels.header import read_header
from pacs.pixels.options import RenderOptions
from pacs.pixels.preview import preview_frame
from pacs.pixels.render import render_frame
from tests.pacs.pixels.stored import take_apart
from tests.pacs.pixels.test_decode import header_bytes
from tests.support.corpus import Expected, manifest

CASES = [row for row in manifest() if row.facts["pydicom_decode"] == "ok" and row.facts["photometric"]]
LARGEST = 4 << 20  # bytes of a frame; larger ones are told no differently


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_picture_of_every_file_is_the_same(case: Expected) -> None:
    stored = take_apart(case.path, case.facts["transfer_syntax_uid"])
    syntax, number = stored.transfer_syntax, len(stored.frames)
    whole, short = read_header(stored.header, syntax), read_header(brief(stored.header), syntax)
    assert short.facts == whole.facts
    if whole.facts.frame_bytes > LARGEST:
        return
    frame, options = stored.frames[number - 1], RenderOptions(rows=64, columns=64)

    def outcome(header: bytes) -> object:
        try:
            parsed = read_header(header, syntax)
            return (
                render_frame(parsed, syntax, frame, number, options),
                preview_frame(parsed, syntax, frame, number).packed(),
            )
        except (UndecodablePixels, UnsupportedTransferSyntax) as error:
            return type(error), str(error)

    assert outcome(brief(stored.header)) == outcome(stored.header)


@pytest.mark.parametrize("syntax", [syntaxes.EXPLICIT, syntaxes.IMPLICIT])
def test_slices_of_a_series_have_one_header(syntax: str) -> None:
    def slice_of(number: int) -> bytes:
        return header_bytes(
            syntax, Modality="CT", SOPInstanceUID=f"1.2.{number}", InstanceNumber=number,
            ImagePositionPatient=[0, 0, number * 2.5], PatientName=f"A{number}", ImagerPixelSpacing=[1, 2],
        )  # fmt: skip

    assert slice_of(7) != slice_of(8)
    assert brief(slice_of(7)) == brief(slice_of(8))
    kept = read_header(brief(slice_of(7)), syntax).dataset
    assert (kept.Modality, list(kept.ImagerPixelSpacing)) == ("CT", [1, 2])
    assert "PatientName" not in kept


def element(tag: bytes, vr: bytes, value: bytes) -> bytes:
    return tag + vr + len(value).to_bytes(2, "little") + value


ROWS = element(b"\x28\0\x10\0", b"US", b"\2\0")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08\0",
        b"\x08\0\x18\0",
        element(b"\x08\0\x18\0", b"UI", b"1.2\0"),
        element(b"\x08\0\x18\0", b"??", b"1.2\0") + ROWS,
        element(b"\x10\0\x10\0", b"PN", b"A\0") + element(b"\x08\0\x18\0", b"UI", b"1.2\0") + ROWS,
        element(b"\x08\0\x18\0", b"UI", b"1.2\0") * 2 + ROWS,
        b"\x08\0\x18\0UI\xff\x7f1.2\0" + ROWS,
        b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\xdd\xe0\0\0\0\0" + ROWS,
        b"\0\x08\0\x18UI\0\x041.2\0\0\x28\0\x10US\0\x02\0\x02",
    ],
    ids=["empty", "half", "tag", "no-pixels", "no-vr", "disorder", "twice", "too-long", "no-length", "big-endian"],
)
def test_what_is_odd_is_left_as_it_is(data: bytes) -> None:
    assert brief(data) == data


def test_what_stands_from_group_0028_on_stays_byte_for_byte() -> None:
    end = ROWS + b"\x50\x20\x20\0CS\x08\0IDENTITY\xe0\x7f\x10\0OW\0\0\x08\0\0\0"
    start = element(b"\x08\0\x60\0", b"CS", b"CT")
    long = b"\x08\0\x40\x11SQ\0\0\x08\0\0\0\xfe\xff\0\xe0\0\0\0\0"
    assert brief(start + long + element(b"\x10\0\x10\0", b"PN", b"A ") + end) == start + end
