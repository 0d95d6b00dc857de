"""The same content in another encoding is the same instance; anything else is not."""

import pytest

from pacs.archive.transcode import file_meta
from storage.model.archive import ALREADY_STORED, CONFLICT, STORED
from tests.pacs.parts import BIG, CT, DEFLATED, EXPLICIT, IMPLICIT, House, Made, element
from tests.support.corpus import corpus, images


@pytest.mark.parametrize("other", [IMPLICIT, BIG, DEFLATED])
@pytest.mark.parametrize("first", [EXPLICIT, IMPLICIT])
def test_another_native_encoding_is_no_conflict(seeing: House, first: str, other: str) -> None:
    pixels = bytes(range(32))
    swapped = b"".join(pixels[n : n + 2][::-1] for n in range(0, 32, 2))
    assert seeing.put(Made(syntax=first, pixels=pixels).part10()).kind == STORED
    again = Made(syntax=other, pixels=swapped if other == BIG else pixels).part10()
    outcome = seeing.put(again)
    assert outcome.kind == ALREADY_STORED
    assert outcome.stored == seeing.instance(Made()).stored, "what is promised is the canonical object"
    assert len(list(seeing.archive.objects.keys())) == 1


def test_other_file_meta_is_no_conflict(here: House) -> None:
    here.put(Made().part10())
    meta = file_meta(CT, "1.2.3.1.1", EXPLICIT).replace(b"HOICHAN ", b"PACS_9.9")
    assert here.put(meta + Made().dataset()).kind == ALREADY_STORED


def test_another_character_set_is_no_conflict(here: House) -> None:
    dataset = Made(charset="ISO_IR 100", name="", description="CT").dataset()
    at = dataset.index(element(0x00100020, "LO", "BN001"))
    latin = dataset[:at] + element(0x00100010, "PN", "Jérôme".encode("latin-1")) + dataset[at:]
    meta = file_meta(CT, "1.2.3.1.1", EXPLICIT)
    assert here.put(meta + latin).kind == STORED
    again = Made(charset="ISO_IR 192", name="Jérôme", description="CT").dataset()
    assert here.put(meta + again).kind == ALREADY_STORED


@pytest.mark.parametrize(
    "other",
    [
        Made(name="Nguyễn^Thị^Anh"),
        Made(pixels=bytes(32)),
        Made(number=2),
        Made(before=element(0x00181020, "LO", "v2")),
        Made(series="1.2.3.2"),
        Made(syntax=IMPLICIT, pixels=bytes(range(1, 33))),
        Made(before=element(0x0040A730, "SQ", [element(0x00080100, "SH", "A")])),
    ],
)
def test_other_content_is_a_conflict(seeing: House, other: Made) -> None:
    seeing.put(Made().part10())
    assert seeing.put(other.part10()).kind == CONFLICT


def test_sequences_are_compared_item_by_item(here: House) -> None:
    def with_code(code: str, syntax: str = EXPLICIT) -> bytes:
        items = [element(0x00080100, "SH", code, syntax=syntax), element(0x00080104, "LO", "Ánh", syntax=syntax)]
        before = element(0x00400275, "SQ", items, syntax=syntax)
        return Made(before=before, syntax=syntax, pixels=None).part10()

    here.put(with_code("A"))
    assert here.put(with_code("A", IMPLICIT)).kind == ALREADY_STORED
    assert here.put(with_code("B", IMPLICIT)).kind == CONFLICT


def test_without_codecs_a_compressed_copy_is_a_conflict(here: House) -> None:
    if corpus() is None:
        pytest.skip("needs the corpus")
    for name in ("MR_small.dcm", "MR_small_RLE.dcm"):
        (path,) = images(f"transfer-syntaxes/small-mr/{name}")
        outcome = here.put(path.read_bytes())
    assert outcome.kind == CONFLICT


@pytest.mark.parametrize("suffix", ["RLE", "jp2klossless", "jpeg_ls_lossless", "bigendian", "implicit", "expb"])
def test_real_objects_in_lossless_syntaxes_are_the_same(seeing: House, suffix: str) -> None:
    if corpus() is None:
        pytest.skip("needs the corpus")
    for name in ("MR_small.dcm", f"MR_small_{suffix}.dcm"):
        (path,) = images(f"transfer-syntaxes/small-mr/{name}")
        outcome = seeing.put(path.read_bytes())
    assert outcome.kind == ALREADY_STORED
    assert "another encoding" in outcome.reason
