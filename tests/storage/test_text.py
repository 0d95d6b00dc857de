"""Folding text."""

import random
import unicodedata

import pytest

from storage.model.text import FOLD_VERSION, ascii_of, fold, has_wildcards, nfc, tokens

NAMES = {
    "Nguyễn^Thị^Ánh": "nguyen thi anh",
    "Đặng^Văn^Đức": "dang van duc",
    "Đỗ^Mỹ^Linh": "do my linh",
    "Vũ^Đình^Ước": "vu dinh uoc",
    "Phạm^Thị^Thuỳ^Trâm": "pham thi thuy tram",
    "Lưu Hữu Phước": "luu huu phuoc",
    "O'Brien-Smith, J.": "o'brien smith j",
    "Yamada^Tarou=山田^太郎=やまだ^たろう": "yamada tarou 山田 太郎 やまた たろう",
    "ẞ İ": "ss i",
    "": "",
    "^^^": "",
}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(("name", "folded"), NAMES.items())
def test_folds_alike_in_every_normal_form(name: str, folded: str, form: str) -> None:
    assert fold(unicodedata.normalize(form, name)) == folded  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_folding_twice_changes_nothing(name: str) -> None:
    assert fold(fold(name)) == fold(name)


def test_every_vietnamese_letter_becomes_plain() -> None:
    vowels = "aăâeêioôơuưy"
    tones = ["", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"]
    letters = [unicodedata.normalize("NFC", vowel + tone) for vowel in vowels for tone in tones] + ["đ"]
    assert len(set(letters)) == 12 * 6 + 1
    for letter in letters:
        for cased in (letter, letter.upper()):
            assert fold(cased).isascii()
            assert len(fold(cased)) == 1


def test_words_come_once_and_in_order() -> None:
    assert tokens("Lê^Văn^Lê=LE VAN") == ("le", "van")


def test_wildcards_stay() -> None:
    assert fold("NGUYỄN^TH?*") == "nguyen th?*"
    assert has_wildcards("a?")
    assert not has_wildcards("a%_")


def test_composes_and_drops_nul() -> None:
    assert nfc("Nguye\u0302\u0303n\x00") == "Nguyễn"
    assert nfc("abc\x00") == "abc"
    assert nfc("á\udc80") == "á?"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("NGUYỄN^THỊ^ÁNH", "NGUYEN^THI^ANH"),
        ("Đặng Đình Ước", "Dang Dinh Uoc"),
        (unicodedata.normalize("NFD", "Nguyễn^Văn^Đức=阮"), "Nguyen^Van^Duc=_"),
        ("Müßig^Jürgen", "Mussig^Jurgen"),
        ("≤ 5 µm – “gấp”", '<= 5 um - "gap"'),
    ],
)
def test_ascii_of_is_what_an_old_console_shows(text: str, plain: str) -> None:
    assert ascii_of(text) == plain


def test_ascii_of_is_always_ascii_and_never_a_wildcard() -> None:
    drawn = random.Random(3)
    for _ in range(2000):
        text = "".join(chr(drawn.choice((drawn.randrange(0x2000), drawn.randrange(0xD800)))) for _ in range(8))
        plain = ascii_of(text.replace("?", "").replace("*", ""))
        assert plain.isascii()
        assert not has_wildcards(plain)


def test_the_version_is_the_one_in_the_documents() -> None:
    assert FOLD_VERSION == 1
