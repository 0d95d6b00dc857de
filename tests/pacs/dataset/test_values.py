"""Values as DICOM JSON (PS3.18 F.2), also those devices write wrongly."""

import json
import struct

import pytest

from pacs.dataset.charsets import decode
from pacs.dataset.syntaxes import Header
from pacs.present import header_json
from tests.pacs.parts import BIG, EXPLICIT, IMPLICIT, Value, element, item


def json_of(*elements: bytes, syntax: str = EXPLICIT) -> dict[str, dict[str, object]]:
    data = element(0x00080005, "CS", "ISO_IR 192", syntax=syntax) + b"".join(elements)
    found = header_json(Header(data, syntax), "/root")
    json.dumps(found, allow_nan=False)
    return found


@pytest.mark.parametrize(
    ("tag", "vr", "value", "expected"),
    [
        (0x00200013, "IS", "7", [7]),
        (0x00200013, "IS", "7.0 ", [7]),
        (0x00200013, "IS", "7a", ["7a"]),
        (0x00181151, "IS", "1\\\\3", [1, None, 3]),
        (0x00280030, "DS", "0.5\\0.25", [0.5, 0.25]),
        (0x00280030, "DS", "1e400\\x", ["1e400", "x"]),
        (0x00080008, "CS", "ORIGINAL\\PRIMARY ", ["ORIGINAL", "PRIMARY"]),
        (0x00081030, "LO", " a \\ b", ["a", "b"]),
        (0x00104000, "LT", " a\\b \r\n ", [" a\\b \r\n"]),
        (0x00280010, "US", 512, [512]),
        (0x0020000D, "UI", "1.2.3", ["1.2.3"]),
        (0x00100010, "PN", "A^B^^^=山田", [{"Alphabetic": "A^B", "Ideographic": "山田"}]),
        (0x00080119, "UC", "long", ["long"]),
        (0x00280009, "AT", struct.pack("<HH", 0x18, 0x1063), ["00181063"]),
        (0x00189219, "SS", struct.pack("<h", -5), [-5]),
        (0x00720078, "UL", struct.pack("<2I", 1, 2**31), [1, 2**31]),
        (0x00189073, "FD", struct.pack("<2d", 1.5, float("nan")), [1.5, None]),
    ],
)
def test_each_vr(tag: int, vr: str, value: Value, expected: list[object]) -> None:
    assert json_of(element(tag, vr, value))[f"{tag:08X}"] == {"vr": vr, "Value": expected}


@pytest.mark.parametrize("vr", ["LO", "DS", "US", "OB", "SQ", "PN"])
def test_an_empty_value_has_only_its_vr(vr: str) -> None:
    assert json_of(element(0x00091010, vr))["00091010"] == {"vr": vr}


def test_implicit_vr_comes_from_the_dictionary() -> None:
    found = json_of(
        element(0x00280010, "US", struct.pack("<H", 5), syntax=IMPLICIT),
        element(0x00280103, "US", struct.pack("<H", 1), syntax=IMPLICIT),
        element(0x00280106, "US", struct.pack("<h", -5), syntax=IMPLICIT),
        element(0x00290010, "LO", "UNKNOWN CREATOR", syntax=IMPLICIT),
        element(0x00291010, "LO", b"ab", syntax=IMPLICIT),
        syntax=IMPLICIT,
    )
    assert found["00280010"] == {"vr": "US", "Value": [5]}
    assert found["00280106"] == {"vr": "SS", "Value": [-5]}, "signed, as Pixel Representation says"
    assert found["00290010"] == {"vr": "LO", "Value": ["UNKNOWN CREATOR"]}
    assert found["00291010"] == {"vr": "UN", "InlineBinary": "YWI="}


def test_private_vr_comes_from_its_creator() -> None:
    found = json_of(
        element(0x00190010, "LO", "GEMS_ACQU_01", syntax=IMPLICIT),
        element(0x00191002, "SL", struct.pack("<i", 912), syntax=IMPLICIT),
        syntax=IMPLICIT,
    )
    assert found["00191002"] == {"vr": "SL", "Value": [912]}


def test_un_of_a_known_attribute_is_read() -> None:
    found = json_of(
        element(0x00081030, "UN", "CT ngực"),
        element(0x00081110, "UN", item(element(0x00081155, "UI", "1.2", syntax=IMPLICIT))),
    )
    assert found["00081030"] == {"vr": "LO", "Value": ["CT ngực"]}
    assert found["00081110"] == {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]}


def test_un_of_undefined_length_is_an_implicit_sequence() -> None:
    inside = item(element(0x00080100, "SH", "X", syntax=IMPLICIT), undefined=True)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    found = json_of(element(0x00091010, "UN", inside, length=0xFFFFFFFF) + end, element(0x00200013, "IS", "1"))
    assert found["00091010"] == {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["X"]}}]}
    assert found["00200013"]["Value"] == [1]


def test_items_may_have_their_own_character_set() -> None:
    first = element(0x00080005, "CS", "ISO_IR 144") + element(0x00080104, "LO", "Люкс".encode("iso8859_5"))
    found = json_of(element(0x00081110, "SQ", [first, element(0x00080104, "LO", "Ánh")]))
    values = found["00081110"]["Value"]
    assert isinstance(values, list)
    assert [one["00080104"]["Value"] for one in values] == [["Люкс"], ["Ánh"]]


def test_binary_in_big_endian_is_given_in_little_endian() -> None:
    found = json_of(element(0x00281201, "OW", b"\x01\x02\x03\x04", syntax=BIG), syntax=BIG)
    assert found["00281201"] == {"vr": "OW", "InlineBinary": "AgEEAw=="}


def test_large_binary_inside_sequences_is_a_link() -> None:
    found = json_of(element(0x54000100, "SQ", [b"", element(0x54001010, "OW", bytes(4000))]))
    assert found["54000100"]["Value"] == [{}, {"54001010": {"vr": "OW", "BulkDataURI": "/root/54000100/1/54001010"}}]


def test_a_broken_sequence_of_known_length_is_passed_over() -> None:
    found = json_of(element(0x00081110, "SQ", b"\x08\x00\x55\x11garbage "), element(0x00200013, "IS", "1"))
    assert found["00081110"] == {"vr": "SQ"}
    assert found["00200013"]["Value"] == [1]


@pytest.mark.parametrize(
    ("raw", "terms", "text"),
    [
        ("Nguyễn".encode(), ("ISO_IR 192",), "Nguyễn"),
        ("Nguyễn".encode(), (), "Nguyễn"),
        ("Nguyễn".encode(), ("ISO_IR 100",), "Nguyễn"),
        ("Müller".encode("latin-1"), ("ISO_IR 100",), "Müller"),
        ("Müller".encode("latin-1"), (), "Müller"),
        (b"M\xfcller", ("ISO_IR 192",), "Müller"),
        ("王^小东".encode("gb18030"), ("GB18030",), "王^小东"),
        (b"Yamada=\x1b$B;3ED\x1b(B", ("", "ISO 2022 IR 87"), "Yamada=山田"),
        (b"abc", ("NO SUCH TERM",), "abc"),
        (b"\xe9", ("NO SUCH TERM",), "é"),
        (b"a\0b", (), "ab"),
    ],
)
def test_character_sets(raw: bytes, terms: tuple[str, ...], text: str) -> None:
    assert decode(raw, terms, name=True) == text
