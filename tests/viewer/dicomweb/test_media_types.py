"""Accept in all its forms, and what is chosen for it."""

import pytest

from pacs.errors import NotAcceptable
from viewer.dicomweb.media_types import (
    DICOM,
    EXPLICIT,
    OCTETS,
    MediaRange,
    Offer,
    choose,
    content_type,
    parse,
    transfer_syntaxes,
)

JLS, J2K = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
STORED_AS_JLS = [
    Offer(OCTETS, EXPLICIT),
    Offer("image/jls", JLS, stored=True),
    Offer(OCTETS, JLS, usual=False, stored=True),
    Offer("image/jp2", J2K),
]


def ranges(text: str) -> list[tuple[str, bool, str, float]]:
    return [(one.type, one.multipart, one.transfer_syntax, one.quality) for one in parse(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/*", [("*/*", False, "", 1.0)]),
        ("*", [("*/*", False, "", 1.0)]),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", [
            ("text/html", False, "", 1.0), ("image/gif", False, "", 1.0), ("image/jpeg", False, "", 1.0),
            ("*/*", False, "", 0.2), ("*/*", False, "", 0.2),
        ]),
        ('multipart/related; type="application/dicom"; transfer-syntax=*', [(DICOM, True, "*", 1.0)]),
        ("multipart/related;type=application/octet-stream;transfer-syntax=*", [(OCTETS, True, "*", 1.0)]),
        (f'Multipart/Related; TYPE="image/JLS"; transfer-syntax="{JLS}";q=0.5', [("image/jls", True, JLS, 0.5)]),
        ("multipart/related", [("*/*", True, "", 1.0)]),
        ('image/png;q=0.2,multipart/related; type="a,b/c"', [("image/png", False, "", 0.2), ("a,b/c", True, "", 1.0)]),
        ("image/jpeg;;q=2", [("image/jpeg", False, "", 1.0)]),
        ("nonsense, image/png; q=x", [("image/png", False, "", 1.0)]),
        ('image/png; a="unclosed, image/jpeg', [("image/jpeg", False, "", 1.0)]),
        ("", []),
    ],
)  # fmt: skip
def test_reads_accept(text: str, expected: list[tuple[str, bool, str, float]]) -> None:
    assert ranges(text) == expected


def test_reads_a_content_type() -> None:
    assert content_type('multipart/related; type="application/dicom"; boundary="a b;c"') == (
        "multipart/related",
        {"type": "application/dicom", "boundary": "a b;c"},
    )
    assert content_type("") == ("", {})
    assert content_type("rubbish") == ("", {})


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", (OCTETS, EXPLICIT, True)),
        ("multipart/related", (OCTETS, EXPLICIT, True)),
        ('multipart/related; type="application/octet-stream"', (OCTETS, EXPLICIT, True)),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", (OCTETS, JLS, True)),
        (
            'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1',
            (OCTETS, EXPLICIT, True),
        ),
        ('multipart/related; type="*/*"; transfer-syntax=*', ("image/jls", JLS, True)),
        ('multipart/related; type="image/*"', ("image/jls", JLS, True)),
        ('multipart/related; type="image/jls"', ("image/jls", JLS, True)),
        ('multipart/related; type="image/jp2"', ("image/jp2", J2K, True)),
        ("image/jls", ("image/jls", JLS, False)),
        ("application/octet-stream", (OCTETS, EXPLICIT, False)),
        ("image/jp2, image/jls", ("image/jp2", J2K, False)),
        ("image/jp2;q=0.5, image/jls", ("image/jls", JLS, False)),
        ("image/*;q=0.5, */*;q=0.1", ("image/jls", JLS, False)),
        ("image/jls;q=0, image/*", ("image/jp2", J2K, False)),
        ("text/html, */*;q=0.1", (OCTETS, EXPLICIT, True)),
    ],
)
def test_chooses_what_the_client_likes_best(accept: str, expected: tuple[str, str, bool]) -> None:
    choice = choose(list(parse(accept)), STORED_AS_JLS)
    assert (choice.offer.type, choice.offer.transfer_syntax, choice.multipart) == expected


@pytest.mark.parametrize(
    "accept", ["text/html", "image/jls;q=0", 'multipart/related; type="image/jls"; transfer-syntax=1.2.3', "*/*;q=0"]
)
def test_says_what_there_is_when_nothing_is_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="image/jls"):
        choose(list(parse(accept)), STORED_AS_JLS)


def test_what_cannot_be_packed_one_way_is_packed_the_other() -> None:
    anything = list(parse("*/*"))
    assert choose(anything, STORED_AS_JLS, multipart=False).multipart is False
    assert choose(anything, STORED_AS_JLS, single=False).multipart is True
    with pytest.raises(NotAcceptable):
        choose(list(parse("image/jls")), STORED_AS_JLS, single=False)


def test_lists_transfer_syntaxes_best_first() -> None:
    accept = (
        f'multipart/related; type="application/dicom"; transfer-syntax={J2K}; q=0.5, application/dicom, '
        f'multipart/related; type="application/dicom"; transfer-syntax={JLS}, */*;q=0.1'
    )
    found = list(parse(accept))
    assert transfer_syntaxes(found, DICOM, multipart=True) == (JLS, J2K, "")
    assert transfer_syntaxes(found, DICOM, multipart=False) == ("",)


def test_a_flood_of_elements_is_cut() -> None:
    assert len(list(parse("image/png," * 10_000))) == 64
    assert MediaRange("image/*", False, "", 1.0, 0).takes("image/png")
