"""Retrieving: frames, headers, metadata, thumbnails and transcoded objects."""

import gzip
import io
import json
import struct
from dataclasses import replace

import pydicom
import pytest

from pacs.dataset.syntaxes import Header
from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels.options import RenderOptions
from pacs.present import header_json
from storage.errors import NotFound
from storage.index import hospitals, instances
from storage.model.archive import Scope
from tests.pacs.parts import BIG, DEFLATED, EXPLICIT, IMPLICIT, J2K, House, Made, element, fragments
from tests.support.corpus import corpus, images


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_native_frames(here: House, syntax: str) -> None:
    made = Made(frames=3, rows=2, columns=4, pixels=bytes(range(48)), syntax=syntax)
    here.put(made.part10())
    found = here.instance(made)
    frames = [here.archive.frame(found, number) for number in (1, 2, 3)]
    assert b"".join(frame.data for frame in frames) == bytes(range(48))
    assert {frame.transfer_syntax_uid for frame in frames} == {syntax}
    for number in (0, 4, -1):
        with pytest.raises(NotFound):
            here.archive.frame(found, number)


def test_fragments_are_joined(here: House) -> None:
    offsets = struct.pack("<2I", 0, 24)
    made = Made(syntax=J2K, frames=2, pixels=fragments(b"abcd", b"efgh", b"ij", offsets=offsets))
    here.put(made.part10())
    found = here.instance(made)
    assert [here.archive.frame(found, number).data for number in (1, 2)] == [b"abcdefgh", b"ij"]


def test_packed_bits_need_not_start_at_a_byte(here: House) -> None:
    """3 x 3 pixels of one bit: frame 2 starts at bit 9, least significant bit first."""
    bits = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1]
    packed = sum(bit << place for place, bit in enumerate(bits)).to_bytes(4, "little")
    made = Made(rows=3, columns=3, bits=1, frames=2, pixels=packed)
    here.put(made.part10())
    found = here.instance(made)
    for number in (1, 2):
        data = int.from_bytes(here.archive.frame(found, number).data, "little")
        assert [data >> place & 1 for place in range(9)] == bits[9 * (number - 1) : 9 * number]
        assert data < 1 << 9


def test_pixel_data_shorter_than_a_frame(here: House) -> None:
    made = Made(rows=100, columns=100)
    here.put(made.part10())
    with pytest.raises(UndecodablePixels):
        here.archive.frame(here.instance(made), 1)


def test_an_instance_without_pixels_has_no_frames(here: House) -> None:
    here.put(Made(pixels=None).part10())
    with pytest.raises(NotFound):
        here.archive.frame(here.instance(Made()), 1)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_the_header_ends_where_pixels_begin(here: House, syntax: str) -> None:
    made = Made(syntax=syntax)
    here.put(made.part10())
    assert here.archive.header(here.instance(made)) == made.dataset()[:-32]


def test_metadata_of_study_series_and_instance(here: House) -> None:
    for number in (2, 1):
        here.put(Made(sop=f"1.2.3.1.{number}", number=number).part10())
    here.put(Made(series="1.2.3.2", sop="1.2.3.2.1", modality="SR", pixels=None).part10())
    study = here.archive.metadata(here.scope, "1.2.3")
    series = here.archive.metadata(here.scope, "1.2.3", "1.2.3.1")
    one = here.archive.metadata(here.scope, "1.2.3", "1.2.3.1", "1.2.3.1.2")
    assert (study.count, series.count, one.count) == (3, 2, 1)
    found = json.loads(gzip.decompress(series.gzip))
    assert [instance["00200013"]["Value"] for instance in found] == [[1], [2]], "in order of Instance Number"
    assert found[0]["00100010"]["Value"] == [{"Alphabetic": "Nguyễn^Thị^Ánh"}]
    assert found[0]["00080005"]["Value"] == ["ISO_IR 192"]
    assert found[0]["00083002"]["Value"] == [EXPLICIT]
    uri = "/dicom-web/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1/bulkdata/7FE00010"
    assert found[0]["7FE00010"] == {"vr": "OW", "BulkDataURI": uri}
    assert len(json.loads(gzip.decompress(study.gzip))) == 3
    with pytest.raises(NotFound):
        here.archive.metadata(here.scope, "1.2.3", "1.2.9")
    with pytest.raises(NotFound):
        here.archive.metadata(Scope(frozenset({99})), "1.2.3")


def test_metadata_of_a_study_uid_that_two_hospitals_have_tells_one_of_them(here: House) -> None:
    here.put(Made(sop="1.2.3.1.1").part10())
    with here.archive.database.writing() as db:
        other = hospitals.ensure(db, "other", "Bệnh viện khác")
    elsewhere = House(here.archive, replace(here.origin, hospital_id=other.id, hospital_code="other"), here.folder)
    elsewhere.put(Made(sop="1.2.3.1.2").part10())
    both = Scope(here.scope.hospital_ids | elsewhere.scope.hospital_ids)
    for scope, sop in ((both, "1.2.3.1.1"), (both.within(other.id), "1.2.3.1.2"), (here.scope, "1.2.3.1.1")):
        found = json.loads(gzip.decompress(here.archive.metadata(scope, "1.2.3").gzip))
        assert [one["00080018"]["Value"] for one in found] == [[sop]]


def test_metadata_does_not_depend_on_the_encoding() -> None:
    texts = set()
    for syntax in (EXPLICIT, IMPLICIT, BIG):
        inside = element(0x00186018, "UL", 7, syntax=syntax) + element(0x00186012, "US", 2, syntax=syntax)
        before = element(0x00186011, "SQ", [inside], syntax=syntax)
        texts.add(json.dumps(header_json(Header(Made(syntax=syntax, before=before).dataset(), syntax), "/x")))
    (text,) = texts
    (region,) = json.loads(text)["00186011"]["Value"]
    assert region == {"00186018": {"vr": "UL", "Value": [7]}, "00186012": {"vr": "US", "Value": [2]}}


def test_large_binary_values_are_links_small_ones_are_not(here: House) -> None:
    before = element(0x00091010, "OB", bytes(2000)) + element(0x00091011, "OB", b"ab")
    here.put(Made(before=before).part10())
    (found,) = json.loads(gzip.decompress(here.archive.metadata(here.scope, "1.2.3").gzip))
    assert found["00091010"]["BulkDataURI"].endswith("/bulkdata/00091010")
    assert found["00091011"]["InlineBinary"] == "YWI="


def test_the_manifest_of_the_worker_is_used_until_the_series_grows(here: House) -> None:
    here.put(Made().part10())
    revision = here.archive.summarise(here.origin.hospital_id, "1.2.3", "1.2.3.1")
    with here.archive.database.reading() as db:
        (series,) = instances.series_of(db, here.scope, "1.2.3")
    assert series.manifest_revision == series.revision == revision
    kept = here.archive.metadata(here.scope, "1.2.3", "1.2.3.1")
    assert kept.gzip == here.archive.objects.get(series.manifest_key)
    assert kept.etag in series.manifest_key
    here.put(Made(sop="1.2.3.1.2", number=2).part10())
    grown = here.archive.metadata(here.scope, "1.2.3", "1.2.3.1")
    assert (grown.count, grown.etag != kept.etag) == (2, True)
    here.archive.summarise(here.origin.hospital_id, "1.2.3", "1.2.3.1")
    assert here.archive.objects.stat(series.manifest_key) is None, "the one before is not needed any more"
    assert here.archive.metadata(here.scope, "1.2.3", "1.2.3.1").count == 2


def test_a_lost_manifest_is_made_anew(here: House) -> None:
    here.put(Made().part10())
    here.archive.summarise(here.origin.hospital_id, "1.2.3", "1.2.3.1")
    for stored in list(here.archive.objects.keys("main/d/")):
        here.archive.objects.delete(stored.key)
    assert here.archive.metadata(here.scope, "1.2.3").count == 1


def test_thumbnail_and_rendered(seeing: House) -> None:
    seeing.put(Made(rows=300, columns=400, pixels=bytes(range(240)) * 1000).part10())
    picture = seeing.archive.thumbnail(seeing.scope, "1.2.3")
    assert picture.startswith(b"\xff\xd8")
    seeing.archive.summarise(seeing.origin.hospital_id, "1.2.3", "1.2.3.1")
    assert seeing.archive.thumbnail(seeing.scope, "1.2.3", "1.2.3.1") == picture
    png = seeing.archive.rendered(seeing.instance(Made()), 1, RenderOptions(format="png"))
    assert png.startswith(b"\x89PNG")


def test_a_thumbnail_that_was_lost_is_kept_again(seeing: House) -> None:
    seeing.put(Made().part10())
    seeing.archive.summarise(seeing.origin.hospital_id, "1.2.3", "1.2.3.1")
    (kept,) = seeing.archive.objects.keys("main/d/thumbnail/")
    seeing.archive.objects.delete(kept.key)  # as when another series with the same picture gets another one
    assert seeing.archive.thumbnail(seeing.scope, "1.2.3")
    assert seeing.archive.objects.stat(kept.key) is not None


def test_a_series_without_images_has_no_thumbnail(seeing: House) -> None:
    seeing.put(Made(pixels=None).part10())
    seeing.archive.summarise(seeing.origin.hospital_id, "1.2.3", "1.2.3.1")
    with pytest.raises(NotFound):
        seeing.archive.thumbnail(seeing.scope, "1.2.3")


def test_what_is_accepted_is_sent_as_it_is_stored(here: House) -> None:
    here.put(Made().part10())
    stream, syntax = here.archive.transcoded(here.instance(Made()), {EXPLICIT, IMPLICIT})
    with stream:
        assert (stream.read(), syntax) == (Made().part10(), EXPLICIT)


def test_an_object_without_file_meta_gets_one(here: House) -> None:
    here.put(Made().dataset())
    stream, _ = here.archive.transcoded(here.instance(Made()), {EXPLICIT})
    with stream:
        dataset = pydicom.dcmread(io.BytesIO(stream.read()))
    assert dataset.file_meta.TransferSyntaxUID == EXPLICIT
    assert dataset.PixelData == bytes(range(32))


def test_transcodes_to_what_is_accepted(seeing: House) -> None:
    seeing.put(Made().part10())
    stream, syntax = seeing.archive.transcoded(seeing.instance(Made()), {IMPLICIT})
    with stream:
        dataset = pydicom.dcmread(io.BytesIO(stream.read()))
    assert syntax == dataset.file_meta.TransferSyntaxUID == IMPLICIT
    assert dataset.PixelData == bytes(range(32))
    assert str(dataset.PatientName) == "Nguyễn^Thị^Ánh"


def test_there_is_not_always_a_way(seeing: House) -> None:
    seeing.put(Made().part10())
    with pytest.raises(UnsupportedTransferSyntax):
        seeing.archive.transcoded(seeing.instance(Made()), {"1.2.840.10008.1.2.4.102"})


def test_every_transfer_syntax_of_one_slice_renders(seeing: House) -> None:
    if corpus() is None:
        pytest.skip("needs the corpus")
    for path in images("transfer-syntaxes/ct-one-slice-16-syntaxes/*"):
        seeing.put(path.read_bytes())
        found = seeing.archive.instance_by_uid(
            seeing.scope, str(pydicom.dcmread(path, specific_tags=[]).file_meta[0x00020003].value)
        )
        assert seeing.archive.rendered(found, 1, RenderOptions(rows=64, columns=64)).startswith(b"\xff\xd8")
