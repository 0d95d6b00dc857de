"""How text is folded so that Vietnamese names are found without their accents.

The fold has a version because folded text is kept in the index: when the rules change, rows of an older version must
be folded again.
"""

import re
import unicodedata

FOLD_VERSION = 1

# Letters that Unicode does not decompose but Vietnamese typists take for a plain d.
_D = str.maketrans({"đ": "d", "Đ": "d", "ð": "d", "Ð": "d", "ɖ": "d", "Ɖ": "d"})
# What decomposing does not make plain, as a Latin-only console should show it.
_ASCII = str.maketrans({
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss", "æ": "ae", "Æ": "AE",
    "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ı": "i", "‘": "'", "’": "'", "“": '"', "”": '"', "‐": "-", "–": "-",
    "—": "-", "−": "-", "…": "...", "≤": "<=", "≥": ">=", "×": "x", "µ": "u", "μ": "u", "\u00a0": " ",
})  # fmt: skip
_SEPARATORS = str.maketrans(dict.fromkeys("^=,.-\\/_;:()[]‐‑–—−\x00", " "))
_WILDCARDS = frozenset("*?")
WHOLE = "="  # before a whole folded name among its words; it separates, so no word begins with it
_TONES = "\u0300\u0301\u0303\u0309\u0323"
# Where the tone stands in these is a matter of taste: hoà and hòa, thuý and thúy.
_TONE_LATE = re.compile(rf"(o[ae]|uy)([{_TONES}])$", re.IGNORECASE)
_TONE_EARLY = re.compile(rf"([ou])([{_TONES}])([aey])$", re.IGNORECASE)


def fold(text: str) -> str:
    """Fold v1: đ to d, accents off, case off, ``^ = , . -`` and other separators to one space. Idempotent."""
    if text.isascii():
        return " ".join(text.translate(_SEPARATORS).casefold().split())
    plain = _without_marks(_without_marks(text.translate(_D)).casefold())
    return " ".join(plain.translate(_SEPARATORS).split())


def ascii_of(text: str) -> str:
    """The text as a console can show it that knows ASCII only: ``NGUYỄN^THỊ^ÁNH`` is ``NGUYEN^THI^ANH``. What has no
    plain form becomes ``_``, never ``?``, which would be a wildcard when the console asks again."""
    if text.isascii():
        return text
    plain = _without_marks(_without_marks(text.translate(_ASCII)).translate(_ASCII))
    return "".join(character if character.isascii() else "_" for character in plain)


def tokens(text: str) -> tuple[str, ...]:
    """The words of the folded text in their order, each once."""
    return tuple(dict.fromkeys(fold(text).split()))


def name_tokens(name: str) -> tuple[str, ...]:
    """What a person name is found by: its words, and each of its component groups as a whole."""
    wholes = (WHOLE + folded for folded in map(fold, name.split("=")) if folded)
    return tuple(dict.fromkeys((*tokens(name), *wholes)))


def spellings(word: str) -> tuple[str, ...]:
    """How a word that was typed with marks may stand in a name: capitals or not, the tone here or there. Nothing for a
    word without marks."""
    composed = nfc(word)
    if fold(composed) == composed.casefold():
        return ()
    parts = unicodedata.normalize("NFD", composed)
    moved = _TONE_LATE.sub(lambda m: m[1][0] + m[2] + m[1][1], parts)
    if moved == parts:
        moved = _TONE_EARLY.sub(lambda m: m[1] + m[3] + m[2], parts)
    forms = dict.fromkeys(unicodedata.normalize("NFC", form) for form in (parts, moved))
    return tuple(dict.fromkeys(cased for form in forms for cased in (form.capitalize(), form.upper(), form.lower())))


def nfc(text: str) -> str:
    """Composed form, without what databases refuse: NUL characters, and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\x00", "") if "\x00" in text else text
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", whole.replace("\x00", ""))


def has_wildcards(text: str) -> bool:
    """Whether the text holds ``*`` or ``?``."""
    return not _WILDCARDS.isdisjoint(text)


def _without_marks(text: str) -> str:
    return "".join(
        character for character in unicodedata.normalize("NFD", text) if not unicodedata.combining(character)
    )
