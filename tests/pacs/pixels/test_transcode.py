"""Whole objects in another transfer syntax: the same samples, a true header, readable by others."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import parse_basic_offsets
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import syntaxes
from pacs.pixels.decode import Samples, decode_samples
from pacs.pixels.encoding import encoded, turned
from pacs.pixels.header import read_header, read_plain
from pacs.pixels.photometric import encoded_photometric
from pacs.pixels.pool import Codecs
from pacs.pixels.transcode import part10
from storage.model.archive import InstanceFacts
from tests.pacs.pixels.stored import Stored, take_apart
from tests.pacs.pixels.test_decode import REFUSED, header_bytes
from tests.support.corpus import Expected, images, manifest
from tests.support.dcmtk import dcmtk

TARGETS = sorted(syntaxes.ENCODABLE - {syntaxes.JPEG_BASELINE})


def facts_of(stored: Stored) -> InstanceFacts:
    dataset, pixels = stored.dataset, read_header(stored.header, stored.transfer_syntax).facts
    native = stored.transfer_syntax in syntaxes.NATIVE
    length = len(stored.frames[0]) if native and len(stored.frames) > 1 else pixels.frame_bytes
    if native and "422" in pixels.photometric and len(stored.frames[0]) < pixels.frame_bytes:
        length = len(stored.frames[0])
    return InstanceFacts(
        str(dataset.get("SOPInstanceUID", "1.2.3")), str(dataset.get("SOPClassUID", "1.2.840.10008.5.1.4.1.1.7")),
        stored.transfer_syntax, None, pixels.rows, pixels.columns, pixels.bits_allocated, len(stored.frames), 0,
        len(stored.header), None, length if native else None,
    )  # fmt: skip


def _cases() -> Iterator[Expected]:
    for row in manifest():
        known = row.facts["pydicom_decode"] not in ("no-pixels", "skipped-large", "") and row.name not in REFUSED
        whole = row.facts["rows"] and row.name not in ("odd-and-broken/badVR.dcm", "odd-and-broken/bbmri.dcmdir")
        if known and whole and (not row.name.startswith("series-") or row.name.endswith(("/6154", "19001231-076.dcm"))):
            yield row


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", list(_cases()), ids=lambda case: case.name)
def test_objects_of_the_corpus_keep_their_samples_and_their_header(
    case: Expected, codecs: Codecs, tmp_path: Path
) -> None:
    stored = take_apart(case.path, case.facts["transfer_syntax_uid"])
    facts = facts_of(stored)
    pixels = read_header(stored.header, stored.transfer_syntax).facts
    if pixels.frames != len(stored.frames):
        with pytest.raises(UndecodablePixels):
            list(part10(facts, stored.header, stored.frames, syntaxes.EXPLICIT, codecs))
        return
    before = [decode_samples(pixels, stored.transfer_syntax, frame) for frame in stored.frames]
    for target in (syntaxes.EXPLICIT, syntaxes.IMPLICIT, syntaxes.RLE, syntaxes.JPEG_LS, syntaxes.HTJ2K_LOSSLESS_RPCL):
        if target == stored.transfer_syntax:
            continue
        try:
            pieces = part10(facts, stored.header, stored.frames, target, codecs)
        except UnsupportedTransferSyntax:
            assert pixels.bits_allocated in (1, 32, 64) or "ovly" in case.name
            continue
        path = tmp_path / f"{target}.dcm"
        path.write_bytes(b"".join(pieces))
        after = take_apart(path)
        assert after.transfer_syntax == target
        again = read_header(after.header, target).facts
        for one, frame in zip(before, after.frames, strict=True):
            other = decode_samples(again, target, frame)
            assert np.array_equal(one.array, other.array), target
            assert one.photometric == other.photometric, target
        _assert_same_header(stored.dataset, after.dataset, one_photometric(before, pixels.photometric, target, stored))


def one_photometric(before: list[Samples], stated: str, target: str, stored: Stored) -> str:
    if stored.transfer_syntax in syntaxes.NATIVE and target in syntaxes.NATIVE:
        return stated
    return encoded_photometric(before[0].photometric, target)


_MAY_CHANGE = {"PhotometricInterpretation", "PlanarConfiguration", "HighBit", "PixelData", "FloatPixelData"}


def _assert_same_header(before: Dataset, after: Dataset, photometric: str) -> None:
    assert after.PhotometricInterpretation == photometric
    names = {element.tag for element in before if element.tag < 0x7FE00000 and element.tag.element != 0}
    assert {element.tag for element in after if element.tag < 0x7FE00000} == names
    for element in after:
        if element.keyword in _MAY_CHANGE or element.VR == "SQ" or element.tag > 0x7FE00000:
            continue
        if not element.tag.is_private:  # without its VR a private value is anybody's guess
            old = before[element.tag]
            words = old.VR == "OW" and not before.original_encoding[1]
            value = turned(old.value, 2) if words else old.value
            assert _plain(element.value) == _plain(value), element.keyword


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.rstrip(b"\0 ")
    return list(value) if hasattr(value, "append") else value or ""


@pytest.mark.parametrize(
    ("target", "program"),
    [
        (syntaxes.JPEG_LOSSLESS_SV1, "dcmdjpeg"), (syntaxes.JPEG_LS, "dcmdjpls"), (syntaxes.RLE, "dcmdrle"),
        (syntaxes.EXPLICIT, "dcmconv"), (syntaxes.IMPLICIT, "dcmconv"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "name",
    [
        "modalities/ct/CT_small.dcm", "multiframe/emri_small_big_endian.dcm", "transfer-syntaxes/nema-wg04/US1_UNC",
        "transfer-syntaxes/nema-wg04/RG3_J2KR", "transfer-syntaxes/small-mr/MR_small_bigendian.dcm",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_dcmtk_reads_what_we_write(name: str, target: str, program: str, codecs: Codecs, tmp_path: Path) -> None:
    found = images(name)
    if not found:
        pytest.skip("needs the shared corpus")
    stored = take_apart(found[0])
    pixels = read_header(stored.header, stored.transfer_syntax).facts
    wanted = [decode_samples(pixels, stored.transfer_syntax, frame).array for frame in stored.frames]
    ours, theirs = tmp_path / "ours.dcm", tmp_path / "theirs.dcm"
    ours.write_bytes(b"".join(part10(facts_of(stored), stored.header, stored.frames, target, codecs)))
    dcmtk(program, "+te", ours, theirs)
    read = take_apart(theirs)
    again = read_header(read.header, read.transfer_syntax).facts
    for array, frame in zip(wanted, read.frames, strict=True):
        assert np.array_equal(decode_samples(again, read.transfer_syntax, frame).array, array)


def series_of_bits(frames: int) -> tuple[InstanceFacts, bytes, list[bytes]]:
    """Packed frames of 15 pixels: each begins inside the last byte of the one before."""
    layout: dict[str, Any] = {
        "Rows": 3,
        "Columns": 5,
        "BitsAllocated": 1,
        "BitsStored": 1,
        "HighBit": 0,
        "NumberOfFrames": frames,
    }
    header = header_bytes(**layout)
    data = [int(0x2AAA >> n & 0x7FFF).to_bytes(2, "little") for n in range(frames)]
    facts = InstanceFacts("1.2", "1.3", syntaxes.EXPLICIT, None, 3, 5, 1, frames, 0, len(header), None, 2)
    return facts, header, data


def test_packed_frames_follow_each_other_without_a_gap(codecs: Codecs, tmp_path: Path) -> None:
    facts, header, frames = series_of_bits(5)
    path = tmp_path / "bits.dcm"
    path.write_bytes(b"".join(part10(facts, header, frames, syntaxes.IMPLICIT, codecs)))
    assert take_apart(path).frames == frames
    assert len(dcmread(path).PixelData) == 10
    squeezed = b"".join(part10(facts, header, frames, syntaxes.JPEG_LS, codecs))
    (tmp_path / "jls.dcm").write_bytes(squeezed)
    compressed = take_apart(tmp_path / "jls.dcm")
    facts = InstanceFacts("1.2", "1.3", syntaxes.JPEG_LS, None, 3, 5, 1, 5, 0, len(compressed.header), None, None)
    path.write_bytes(b"".join(part10(facts, compressed.header, compressed.frames, syntaxes.EXPLICIT, codecs)))
    assert take_apart(path).frames == frames


def sixteen(frames: int, **more: Any) -> tuple[InstanceFacts, bytes, list[bytes]]:
    header = header_bytes(NumberOfFrames=frames, **more)
    data = [(np.arange(16, dtype="<u2") * (n + 1)).tobytes() for n in range(frames)]
    return (
        InstanceFacts("1.2", "1.3", syntaxes.EXPLICIT, None, 4, 4, 16, frames, 0, len(header), None, 32),
        header,
        data,
    )


def test_the_basic_offset_table_points_at_every_frame(codecs: Codecs, tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(b"".join(part10(*sixteen(4), syntaxes.JPEG_LS, codecs)))
    value = dcmread(path).PixelData
    offsets = parse_basic_offsets(value)
    first = 8 + 4 * 4
    assert len(offsets) == 4
    assert all(value[first + offset : first + offset + 4] == b"\xfe\xff\x00\xe0" for offset in offsets)
    assert "ExtendedOffsetTable" not in dcmread(path)


def test_offsets_beyond_32_bits_go_into_the_extended_table(
    codecs: Codecs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs.pixels.transcode._LAST_OFFSET", 60)
    path = tmp_path / "x.dcm"
    path.write_bytes(b"".join(part10(*sixteen(4), syntaxes.JPEG_LS, codecs)))
    dataset = dcmread(path)
    offsets = np.frombuffer(dataset.ExtendedOffsetTable, "<u8").tolist()
    assert len(offsets) == len(dataset.ExtendedOffsetTableLengths) // 8 == 4
    assert parse_basic_offsets(dataset.PixelData) == []
    assert all(dataset.PixelData[8 + offset : 12 + offset] == b"\xfe\xff\x00\xe0" for offset in offsets)
    assert np.array_equal(dataset.pixel_array[3].ravel(), np.arange(16) * 4)


def test_lossy_compression_is_stated(codecs: Codecs, tmp_path: Path) -> None:
    layout: dict[str, Any] = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "Rows": 4, "Columns": 8}
    header = header_bytes(**layout)
    facts = InstanceFacts("1.2", "1.3", syntaxes.EXPLICIT, None, 4, 8, 8, 1, 0, len(header), None, 32)
    path = tmp_path / "x.dcm"
    path.write_bytes(b"".join(part10(facts, header, [bytes(range(32))], syntaxes.JPEG_BASELINE, codecs)))
    dataset = dcmread(path)
    assert dataset.LossyImageCompression == "01"
    assert dataset.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(dataset.LossyImageCompressionRatio) > 0


def test_text_that_is_not_in_its_character_set_is_carried_over_untouched(codecs: Codecs, tmp_path: Path) -> None:
    header = bytearray(header_bytes(InstitutionName="XXXX", StudyID="12ab"))
    at = header.index(b"XXXX")
    header[at : at + 4] = b"\xff\xfe\xc3\x28"
    facts, _, frames = sixteen(1)
    path = tmp_path / "x.dcm"
    path.write_bytes(b"".join(part10(facts, bytes(header), frames, syntaxes.IMPLICIT, codecs)))
    assert b"\xff\xfe\xc3\x28" in path.read_bytes()
    assert dcmread(path).StudyID == "12ab"


@pytest.mark.filterwarnings("ignore")
def test_an_object_without_pixels_is_carried_over(codecs: Codecs, tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.PatientName = "1.3", "1.2", "A^B"
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = False, False
    write_dataset(out, dataset)
    facts = InstanceFacts("1.2", "1.3", syntaxes.BIG_ENDIAN, None, None, None, None, 0, 0, None, None, None)
    path = tmp_path / "x.dcm"
    path.write_bytes(b"".join(part10(facts, out.getvalue(), [], syntaxes.EXPLICIT, codecs)))
    assert dcmread(path).PatientName == "A^B"
    assert dcmread(path).file_meta.TransferSyntaxUID == syntaxes.EXPLICIT


def test_refusals_come_before_the_first_byte(codecs: Codecs) -> None:
    facts, header, frames = sixteen(2)
    with pytest.raises(UnsupportedTransferSyntax):
        part10(facts, header, frames, syntaxes.JPEG_BASELINE, codecs)
    with pytest.raises(UnsupportedTransferSyntax):
        part10(facts, header, frames, syntaxes.DEFLATED, codecs)
    with pytest.raises(UndecodablePixels):
        part10(facts, header, [], syntaxes.JPEG_LS, codecs)
    with pytest.raises(UndecodablePixels):
        part10(facts, header, [b"short"], syntaxes.JPEG_LS, codecs)


def test_an_overlay_in_unused_bits_is_not_thrown_away(codecs: Codecs) -> None:
    dataset = dcmread_of(header_bytes(BitsStored=12, HighBit=11))
    for tag, vr, value in (
        (0x60000010, "US", 4),
        (0x60000011, "US", 4),
        (0x60000100, "US", 16),
        (0x60000102, "US", 12),
    ):
        dataset.add_new(tag, vr, value)
    header = encoded(dataset, False)
    facts, _, frames = sixteen(1)
    with pytest.raises(UnsupportedTransferSyntax, match="overlay"):
        part10(facts, header, frames, syntaxes.JPEG_LS, codecs)
    assert frames[0] in b"".join(part10(facts, header, frames, syntaxes.IMPLICIT, codecs))


def dcmread_of(header: bytes) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_plain(header)
