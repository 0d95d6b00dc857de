"""Text of old Vietnamese software: bytes of TCVN3 (ABC fonts), VNI for Windows or Windows-1258 under a declaration of
ASCII or Latin-1. `recognised` reads them when they make Vietnamese syllables and what Latin-1 makes of them is no text.

The object is never changed: this is how it is read. Rules, each tested with figures on names of other languages:

- every word with bytes beyond ASCII must be a Vietnamese syllable, and in a name every other word must be one too;
- and there must be a sign that it is no Western text: a symbol or a capital inside a word, vowels with their marks
  behind them (VNI), combining marks (Windows-1258), or a family name of the country.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

_LOWER = [
    "à",
    "ả",
    "ã",
    "á",
    "ạ",
    "ă",
    "ằ",
    "ẳ",
    "ẵ",
    "ắ",
    "ặ",
    "â",
    "ầ",
    "ẩ",
    "ẫ",
    "ấ",
    "ậ",
    "đ",
    "è",
    "ẻ",
    "ẽ",
    "é",
    "ẹ",
    "ê",
    "ề",
    "ể",
    "ễ",
    "ế",
    "ệ",
    "ì",
    "ỉ",
    "ĩ",
    "í",
    "ị",
    "ò",
    "ỏ",
    "õ",
    "ó",
    "ọ",
    "ô",
    "ồ",
    "ổ",
    "ỗ",
    "ố",
    "ộ",
    "ơ",
    "ờ",
    "ở",
    "ỡ",
    "ớ",
    "ợ",
    "ù",
    "ủ",
    "ũ",
    "ú",
    "ụ",
    "ư",
    "ừ",
    "ử",
    "ữ",
    "ứ",
    "ự",
    "ỳ",
    "ỷ",
    "ỹ",
    "ý",
    "ỵ",
]
_TCVN3_LOWER = bytes.fromhex(
    "b5b6b7b8b9 a8bbbcbdbec6 a9c7c8c9cacb ae cccecfd0d1 aad2d3d4d5d6 d7d8dcddde dfe1e2e3e4 abe5e6e7e8e9 aceaebecedee"
    "eff1f2f3f4 adf5f6f7f8f9 fafbfcfdfe"
)
TCVN3 = dict(zip(_TCVN3_LOWER, _LOWER, strict=True)) | dict(
    zip(bytes.fromhex("a1 a2 a3 a4 a5 a6 a7"), "ĂÂÊÔƠƯĐ", strict=True)
)

# VNI writes a letter and its mark after it, as Latin-1 letters that its fonts draw as marks.
VNI_MARKS = {
    "ù": "\u0301", "ø": "\u0300", "û": "\u0309", "õ": "\u0303", "ï": "\u0323", "â": "\u0302", "ê": "\u0306",
    "á": "\u0302\u0301", "à": "\u0302\u0300", "å": "\u0302\u0309", "ã": "\u0302\u0303", "ä": "\u0302\u0323",
    "é": "\u0306\u0301", "è": "\u0306\u0300", "ú": "\u0306\u0309", "ü": "\u0306\u0303", "ë": "\u0306\u0323",
}  # fmt: skip
VNI_LETTERS = {
    "ñ": "đ", "í": "í", "ì": "ì", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "ö": "ư", "ô": "ơ", "î": "ỵ",
}  # fmt: skip

_TONE = "\u0300\u0301\u0303\u0309\u0323"
_COMBINING = b"\xcc\xd2\xde\xec\xf2"  # the tones of Windows-1258
_ONSET = r"(?:ngh|ng|nh|gh|gi|kh|ph|th|tr|ch|qu|[bcdđghklmnprstvx])?"
_RHYME = (
    r"(?:a|ac|ach|ai|am|an|ang|anh|ao|ap|at|au|ay|ăc|ăm|ăn|ăng|ăp|ăt|âc|âm|ân|âng|âp|ât|âu|ây|e|ec|em|en|eng|eo|ep|et|"
    r"ê|êch|êm|ên|ênh|êp|êt|êu|i|ia|ich|iêc|iêm|iên|iêng|iêp|iêt|iêu|im|in|inh|ip|it|iu|o|oa|oac|oach|oai|oam|oan|oang|"
    r"oanh|oao|oat|oay|oăc|oăm|oăn|oăng|oăt|oc|oe|oen|oeo|oet|oi|om|on|ong|ooc|oong|op|ot|ô|ôc|ôi|ôm|ôn|ông|ôp|ôt|ơ|ơi|"
    r"ơm|ơn|ơp|ơt|u|ua|uân|uâng|uât|uây|uc|uê|uêch|uênh|ui|um|un|ung|uôc|uôi|uôm|uôn|uông|uôt|up|ut|uơ|uy|uya|uych|uyên|"
    r"uyêt|uynh|uyt|uyu|ư|ưa|ưc|ưi|ưm|ưn|ưng|ươc|ươi|ươm|ươn|ương|ươp|ươt|ươu|ưt|ưu|y|yêm|yên|yêng|yêt|yêu|ynh)"
)
_SYLLABLE = re.compile(_ONSET + _RHYME)
_CLOSED = re.compile(r".*(?:[cpt]|ch)$")  # a syllable that ends so has no tone but the acute and the dot
_FAMILIES = frozenset(
    [
        "nguyễn",
        "trần",
        "lê",
        "phạm",
        "hoàng",
        "huỳnh",
        "phan",
        "vũ",
        "võ",
        "đặng",
        "bùi",
        "đỗ",
        "hồ",
        "ngô",
        "dương",
        "lý",
        "đào",
        "đoàn",
        "vương",
        "trịnh",
        "trương",
        "đinh",
        "lâm",
        "phùng",
        "tô",
        "hà",
        "tạ",
        "lương",
        "thái",
        "tống",
        "nông",
        "quách",
        "kiều",
        "hứa",
        "thạch",
        "triệu",
        "lò",
        "giàng",
        "sùng",
        "âu",
        "đàm",
        "khuất",
        "nghiêm",
        "từ",
        "mã",
        "chử",
        "lưu",
        "văn",
        "mạc",
        "cao",
        "phan",
        "chu",
        "viên",
        "bế",
        "cù",
        "doãn",
        "hầu",
        "kim",
        "lã",
        "lục",
        "ninh",
        "ông",
        "phí",
        "tăng",
        "thân",
        "tiêu",
        "tôn",
        "trang",
        "ứng",
        "uông",
        "đồng",
        "điêu",
        "đậu",
    ]
)
_BEHIND = re.compile(r"[aeo][âãáàåä]|a[êéèúüë]|[aouy][ùøûõï]|[ôö][ùøûõï]", re.IGNORECASE)
Read = Callable[[bytes], str]

_WORDS = re.compile(rb"[^\s^=\\,.;:/()\-+\[\]0-9]+")


def recognised(raw: bytes, *, name: bool = False) -> str | None:
    """The text of these bytes in the old encoding they are in; None when they are in none, or it cannot be told."""
    if raw.isascii() or len(raw) > 4096:
        return None
    words = _WORDS.findall(raw)
    odd = [word for word in words if not word.isascii()]
    found = [
        read
        for read in (_windows_1258, _vni, _tcvn3)
        if odd
        and all(_is_syllable(read(word)) for word in odd)
        and (
            not name or all(_is_syllable(word.decode("latin-1")) or len(word) == 1 for word in words if word.isascii())
        )
        and _is_sign(read, odd, words, name)
    ]
    if len(found) != 1:
        return None
    read = found[0]
    return _WORDS.sub(lambda match: read(match[0]).encode(), raw).decode("utf-8", "replace")


def _is_sign(read: Read, odd: list[bytes], words: list[bytes], name: bool) -> bool:
    """Whether these words, which are Vietnamese when read so, are nothing when read as Latin-1."""
    latin = [word.decode("latin-1") for word in odd]
    if name and any(read(word).casefold() in _FAMILIES for word in words):
        return True
    if read is _windows_1258:
        return (name or len(odd) > 1) and any(byte in _COMBINING for word in odd for byte in word[1:])
    strange = sum(_is_strange(word) for word in latin)
    return strange > 1 or (strange == 1 and (name or len(odd) > 1))


def _is_strange(word: str) -> bool:
    """No word of a Latin-1 language: a symbol beside letters, a capital after a small one, a mark behind its vowel."""
    letters = any(character.isascii() and character.isalpha() for character in word)
    symbol = any(not character.isalpha() and not character.isascii() for character in word)
    capital = any(a.islower() and b.isupper() and not b.isascii() for a, b in pairwise(word))
    behind = _BEHIND.search(word) is not None
    return (letters and symbol) or capital or behind


@lru_cache(maxsize=4096)
def _tcvn3(word: bytes) -> str:
    """ABC fonts have few capitals: their capital fonts draw the small letters large. So a word whose ASCII letters are
    capitals is all capitals."""
    text = "".join(TCVN3.get(byte, chr(byte)) for byte in word)
    plain = [character for character in text if character.isascii() and character.isalpha()]
    return text.upper() if len(plain) > 1 and all(character.isupper() for character in plain) else text


@lru_cache(maxsize=4096)
def _vni(word: bytes) -> str:
    found: list[str] = []
    for character in word.decode("latin-1"):
        small = character.lower()
        mark = VNI_MARKS.get(small)
        if mark and found and unicodedata.normalize("NFD", found[-1])[0].lower() in "aeouy":
            found[-1] = unicodedata.normalize("NFC", found[-1] + mark)
            continue
        letter = VNI_LETTERS.get(small, small)
        found.append(letter if small == character else letter.upper())
    return "".join(found)


@lru_cache(maxsize=4096)
def _windows_1258(word: bytes) -> str:
    return unicodedata.normalize("NFC", word.decode("cp1258", "replace"))


@lru_cache(maxsize=8192)
def _is_syllable(word: str) -> bool:
    """Whether the word is a syllable as Vietnamese is written."""
    parts = unicodedata.normalize("NFD", word.lower())
    tones = [character for character in parts if character in _TONE]
    base = unicodedata.normalize("NFC", "".join(character for character in parts if character not in _TONE))
    if len(tones) > 1 or not _SYLLABLE.fullmatch(base):
        return False
    return not (_CLOSED.fullmatch(base) and tones and tones[0] not in "\u0301\u0323")
