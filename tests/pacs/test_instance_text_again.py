"""The text of an instance that resembles others is what would have been written of it alone, byte for byte."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pacs.dataset.envelope import BIG_ENDIAN
from pacs.dataset.syntaxes import Header
from pacs.describe import describe
from pacs.instance_text import InstanceTexts, dumps
from pacs.present import instance_json
from storage.errors import ArchiveError
from storage.model.archive import Instance, StoredObject
from tests.pacs.parts import BIG, EXPLICIT, IMPLICIT, J2K, Made, element, fragments, item
from tests.support.altering import altered
from tests.support.corpus import images

Given = tuple[Instance, Header]
ROOT = "/dicom-web"
SYNTAXES = (EXPLICIT, IMPLICIT)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The headers whose elements were looked at one by one."""
    read: list[bytes] = []
    real = Header.scanner

    def telling(header: Header) -> object:
        read.append(bytes(header.buffer))
        return real(header)

    monkeypatch.setattr(Header, "scanner", telling)
    return read


def given(data: bytes) -> Given:
    """The instance as the index would have it, and its header."""
    found = describe(data)
    facts = found.instance
    instance = Instance(1, found.key, facts, StoredObject("k", len(data), "00" * 32, 0), found.series.modality)
    return instance, Header(data[facts.dataset_offset : facts.pixel_offset], facts.transfer_syntax_uid)


def slice_of(number: int, syntax: str = EXPLICIT, more: bytes = b"", **changed: object) -> bytes:
    """A slice as scanners write them: what differs has several lengths, stands in sequences, is binary or private."""

    def one(tag: int, vr: str, value: bytes | str | int | list[bytes]) -> bytes:
        return element(tag, vr, value, syntax=syntax)

    described = one(0x00080100, "SH", f"{number % 3}") + one(0x00081155, "UI", f"1.2.{number}")
    before = (
        one(0x00080032, "TM", f"10{number % 60:02d}15.{number * 7}")
        + one(0x00081111, "SQ", [described])
        + one(0x00081115, "SQ", [one(0x00081199, "SQ", [one(0x00081155, "UI", "1.2")])])
        + one(0x00090010, "LO", "SIEMENS MR HEADER")
        + one(0x00091001, "OB", bytes(range(number % 20)))
        + one(0x00091002, "UN", b"\1" * (1000 + number % 40))
        + one(0x00091003, "UN", b"\2" * 2000)
        + one(0x00180050, "DS", str(number / 3))
        + one(0x00200032, "DS", f"-180\\-180\\{number * 1.25 - 100}")
        + one(0x00204000, "LT", f"Lát cắt {number} ")
        + one(0x00280106, "US", number)
        + more
    )
    made = Made(sop=f"1.2.3.1.{number}", number=number, before=before, syntax=syntax)
    for name, value in changed.items():
        setattr(made, name, value)
    return made.part10()


def said(write: Callable[[], bytes]) -> bytes | str:
    """What is written, or how it fails."""
    try:
        return write()
    except ArchiveError as error:
        return f"{type(error).__name__}: {error}"


def same(texts: InstanceTexts, instance: Instance, header: Header, root: str = ROOT) -> None:
    again = said(lambda: texts.text(instance, header, root))
    assert again == said(lambda: dumps(instance_json(instance, header, root)))


def series(syntax: str, count: int = 40) -> Iterator[Given]:
    return (given(slice_of(number, syntax)) for number in range(1, count))


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_says_the_same_of_a_series(syntax: str) -> None:
    texts = InstanceTexts()
    for instance, header in series(syntax, 120):
        same(texts, instance, header)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_reads_few_of_a_series_whole(syntax: str, whole: list[bytes]) -> None:
    texts = InstanceTexts()
    for instance, header in series(syntax, 120):
        texts.text(instance, header, ROOT)
    assert len(whole) < 12


def test_of_few_no_pattern_is_learnt(whole: list[bytes]) -> None:
    for count, read in ((5, 30), (6, 12)):
        texts = InstanceTexts(count)
        whole.clear()
        for instance, header in series(EXPLICIT, 31):
            texts.text(instance, header, ROOT)
        assert len(whole) <= read
        assert (len(whole) == 30) == (count == 5)


def test_encapsulated_pixels_are_named_as_well(whole: list[bytes]) -> None:
    texts = InstanceTexts()
    for number in range(1, 9):
        data = slice_of(number, syntax=J2K, pixels=fragments(b"\xff\x4f" + bytes(30)))
        instance, header = given(data)
        assert b"/bulkdata/7FE00010" in texts.text(instance, header, ROOT)
    assert len(whole) < 6
    same(texts, instance, header)


CHANGED: tuple[dict[str, object], ...] = (
    {"name": "Trần^Thị^B"},
    {"charset": "ISO_IR 100"},
    {"charset": "ISO 2022 IR 6\\ISO 2022 IR 87"},
    {"description": "CT"},
    {"rows": 2},
    {"pixels": bytes(30)},
    {"pixels": None},
    {"syntax": IMPLICIT},
    {"syntax": J2K, "pixels": fragments(bytes(8))},
    {"sop_class": "1.2.840.10008.5.1.4.1.1.7"},
    {"study": "1.2.4"},
    {"series": "1.2.3.9"},
    {"frames": 2},
    {"more": element(0x00281052, "DS", "1\\\\nan\\2e400")},
    {"more": element(0x00081140, "SQ", [element(0x00081155, "UI", "1.2.3")])},
)


@pytest.mark.parametrize("changed", CHANGED)
def test_whatever_else_differs_is_said(changed: dict[str, object]) -> None:
    texts = InstanceTexts()
    for instance, header in series(EXPLICIT, 20):
        same(texts, instance, header)
    for number in (77, 78, 79):
        same(texts, *given(slice_of(number, **changed)))  # type: ignore[arg-type]
        same(texts, *given(slice_of(number + 10)))


def test_each_value_is_read_as_if_it_were_alone() -> None:
    """Values that are empty, odd, longer, of several parts, no numbers, in other encodings."""
    values = [
        b"", b" ", b"\\", b"1\\2", b"\\1", b"1.50 ", b"+7", b"1e3", b"nan", b"-", b"\xff\xfe", b"\0", b"a\0b ",
        b"Caf\xe9", "Ánh^Nguyễn=阮".encode(), b'"\\"', b"\x1b$B", b"0" * 64, b"abc", b"\1\2\3\4\5\6\7\x08",
    ]  # fmt: skip
    vrs = ("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM")
    for charset in ("ISO_IR 192", "ISO_IR 100", "", "ISO 2022 IR 6\\ISO 2022 IR 87"):
        for vr in (*vrs, "UI", "UL", "US", "OB", "OW", "UC", "UN", "UR", "UT"):
            texts = InstanceTexts()
            for number, value in enumerate([b"1", b"2 ", *values], 1):
                data = slice_of(number, charset=charset, more=_odd(0x00291077, vr, value))
                same(texts, *given(data))


def _odd(tag: int, vr: str, value: bytes) -> bytes:
    """An element whose value may have an odd length."""
    padded = element(tag, vr, value)
    return element(tag, vr, b"")[: -4 if vr in ("OB", "OW", "UC", "UN", "UR", "UT") else -2] + (
        len(value).to_bytes(4 if len(padded) - len(value) > 9 else 2, "little") + value
    )


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_any_alteration_is_written_as_it_would_be_alone(syntax: str) -> None:
    dice, texts = random.Random(7), InstanceTexts()
    for instance, header in series(syntax, 30):
        texts.text(instance, header, ROOT)
    known = list(series(syntax, 60))
    for _ in range(2500):
        instance, header = known[dice.randrange(len(known))]
        same(texts, instance, Header(altered(bytes(header.buffer), dice), header.transfer_syntax_uid))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_altered_values_of_what_differs_are_written(syntax: str, whole: list[bytes]) -> None:
    """Of these most still have the pattern, so that what is compared was put together."""
    dice, texts = random.Random(8), InstanceTexts()
    for instance, header in series(syntax, 30):
        texts.text(instance, header, ROOT)
    together = 0
    for instance, header in list(series(syntax, 60)) * 20:
        altered = bytearray(header.buffer)
        differing = [one for one in header.scanner().top_level(0) if one.tag in (0x00080032, 0x00180050, 0x00204000)]
        for one in differing:
            altered[one.offset : one.offset + one.length] = dice.randbytes(one.length)
        whole.clear()
        text = texts.text(instance, odd := Header(bytes(altered), header.transfer_syntax_uid), ROOT)
        together += not whole
        assert text == dumps(instance_json(instance, odd, ROOT))
    assert together == 59 * 20


def test_what_governs_others_must_be_the_same(whole: list[bytes]) -> None:
    """Number of Frames, Pixel Representation, the creator of private elements: who has another one is read whole."""
    for tag, vr, values in (
        (0x00280008, "IS", [b"1 ", b"2 "]),
        (0x00310011, "LO", [b"ONE ", b"TWO "]),
        (0x00320044, "UN", [b"\1\0", b"\2\0"]),
    ):
        texts = InstanceTexts()
        whole.clear()
        for number in range(1, 9):
            same(texts, *given(slice_of(number, more=element(tag, vr, values[number % 2]))))
        assert len(whole) == 16, f"{tag:08X}"
    texts, unsigned = InstanceTexts(), element(0x00280103, "US", 0)
    whole.clear()
    for number in range(1, 9):
        same(texts, *given(slice_of(number).replace(unsigned, element(0x00280103, "US", number % 2))))
    assert len(whole) == 16


def test_undefined_lengths_and_trailing_zeros(whole: list[bytes]) -> None:
    texts = InstanceTexts()
    endless = item(element(0x00081155, "UI", "1.2.3"), undefined=True) + b"\xfe\xff\xdd\xe0\0\0\0\0"
    more = element(0x00081140, "SQ", endless, length=0xFFFFFFFF)
    for number in range(1, 30):
        texts.text(*given(slice_of(number, more=more)), ROOT)
    assert len(whole) < 12
    for number in range(1, 30):
        instance, header = given(slice_of(number, more=more, pixels=None))
        same(texts, instance, Header(bytes(header.buffer) + bytes(number), header.transfer_syntax_uid))


def test_another_root_and_a_name_that_needs_escapes_are_written() -> None:
    texts = InstanceTexts()
    for instance, header in series(EXPLICIT, 9):
        same(texts, instance, header, 'https://pacs.example/"root"')
        same(texts, instance, header)


def test_large_and_big_endian_headers_are_read_whole(whole: list[bytes]) -> None:
    for changed in ({"more": element(0x00291010, "OB", bytes(1 << 18))}, {"syntax": BIG_ENDIAN}):
        texts = InstanceTexts()
        whole.clear()
        for number in range(1, 6):
            texts.text(*given(slice_of(number, **changed)), ROOT)
        assert len(whole) == 5


def test_a_series_without_likeness_is_given_up(whole: list[bytes]) -> None:
    texts = InstanceTexts()
    for number in range(1, 40):
        texts.text(*given(slice_of(number, more=element(0x00310001 + number, "LO", "odd"))), ROOT)
    assert len(whole) == 39
    assert texts._failed == 6


def test_real_series_are_written_alike_and_few_read_whole(whole: list[bytes]) -> None:
    for folder in ("series-ct/thorax-105", "series-mr/head-t1-192", "series-mr/prostate-adc-21"):
        paths = images(f"{folder}/*.dcm")
        texts, compared = InstanceTexts(), [given(path.read_bytes()) for path in paths[:40]]
        whole.clear()
        made = [texts.text(instance, header, ROOT) for instance, header in compared]
        assert len(whole) <= 8 or len(paths) < 10
        assert made == [dumps(instance_json(instance, header, ROOT)) for instance, header in compared]


def test_real_files_are_written_the_same_twice() -> None:
    for path in images("*.dcm", "*/*.dcm")[:300]:
        texts = InstanceTexts()
        try:
            instance, header = given(Path(path).read_bytes())
        except ArchiveError:
            continue
        for _ in range(3):
            same(texts, instance, header)
