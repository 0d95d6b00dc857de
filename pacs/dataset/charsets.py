"""Text of data elements: Specific Character Set (0008,0005) decoded to NFC."""

import unicodedata
import warnings
from functools import lru_cache

from pydicom.charset import convert_encodings, decode_bytes

from pacs.dataset.vietnamese import recognised
from storage.model.text import ascii_of

ESCAPE = 0x1B
TEXT_DELIMITERS = frozenset({0x0A, 0x0C, 0x0D, 0x09, 0x5C})
NAME_DELIMITERS = TEXT_DELIMITERS | {0x5E, 0x3D}
# How we write them: Python's codec by defined term; anything else is written in UTF-8.
_WRITTEN = {"ISO_IR 6": "ascii", "ISO_IR 100": "latin-1", "GB18030": "gb18030"}
DEFAULT: tuple[str, ...] = ()
# Declared where the text is often UTF-8 in truth: consoles that pass on what a worklist gave them.
_OFTEN_UTF_8 = frozenset({"", "ISO_IR 6", "ISO_IR 100", "ISO_IR 192", "ISO 2022 IR 6", "ISO 2022 IR 100"})


@lru_cache(maxsize=256)
def encodings(terms: tuple[str, ...]) -> tuple[str, ...]:
    """Python's names for the defined terms; unknown terms read as Latin-1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return tuple(convert_encodings(list(terms) or [""]))
        except (LookupError, ValueError):
            return ("iso8859",)


def decode(raw: bytes, terms: tuple[str, ...], *, name: bool = False) -> str:
    """The text of `raw` as NFC, without NUL.

    Text that is undeclared, or declared Latin-1, and is valid UTF-8 beyond ASCII is read as UTF-8: Latin-1 text that
    happens to be so does not occur in practice, UTF-8 under a wrong declaration does. Old Vietnamese encodings under
    such a declaration are recognised too.
    """
    if raw.isascii() and ESCAPE not in raw:
        text = raw.decode("ascii")
    else:
        text = unicodedata.normalize("NFC", _decode_beyond_ascii(raw, terms, name))
    return text.replace("\0", "") if "\0" in text else text


def _decode_beyond_ascii(raw: bytes, terms: tuple[str, ...], name: bool) -> str:
    if _OFTEN_UTF_8.issuperset(terms) and ESCAPE not in raw:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            old = recognised(raw, name=name)
            if old is not None:
                return old
            if terms == ("ISO_IR 192",):
                return raw.decode("latin-1")
    delimiters = NAME_DELIMITERS if name else TEXT_DELIMITERS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return decode_bytes(raw, encodings(terms), set(delimiters))
        except (LookupError, ValueError):
            return raw.decode("latin-1")


def encode(text: str, term: str) -> bytes:
    """`text` in the character set of the defined term; letters it does not have are written without their marks."""
    codec = _WRITTEN.get(term, "utf-8")
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        if codec == "utf-8":  # half of a surrogate pair
            return text.encode(codec, "replace")
        return b"".join(_encoded(character, codec) for character in text)


def _encoded(character: str, codec: str) -> bytes:
    try:
        return character.encode(codec)
    except UnicodeEncodeError:
        return ascii_of(character).encode("ascii")
