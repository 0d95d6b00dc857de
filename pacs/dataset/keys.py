"""Identifiers of queries as most clients send them, read without pydicom: short texts in ASCII or UTF-8, ascending.

Each element is as much of pydicom's as a query asks of it, under the same names. Whatever is not so plain (sequences,
numbers, other character sets, private elements, mistakes) is not read here; a test compares what is.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from pydicom.datadict import keyword_for_tag

from pacs.dataset.scan import vr_of

_TEXTS = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "PN", "SH", "TM", "UI"})  # several values between backslashes
_EMPTY = _TEXTS | {"DS", "IS", "LT", "ST"}  # … and those that are read when they are empty
_VRS = {vr.encode(): vr for vr in _EMPTY}
_CHARACTER_SETS = {b"": "ascii", b"ISO_IR 6": "ascii", b"ISO_IR 192": "utf-8"}
_CHARACTER_SET, _FIRST = 0x00080005, 0x00080000
_EXPLICIT, _IMPLICIT = struct.Struct("<HH2sH").unpack_from, struct.Struct("<HHL").unpack_from
Value = str | list[str] | None


class Key(NamedTuple):
    """One element: None when it is empty, a list when it has several values."""

    tag: int
    keyword: str
    VR: str
    value: Value

    @property
    def is_empty(self) -> bool:
        """Whether there is no value."""
        return self.value is None


class Keys:
    """An identifier."""

    __slots__ = ("_keys",)

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def get(self, keyword: str, default: Value = None) -> Value:
        """The value of an element, or the default when there is no such element."""
        for key in self._keys:
            if key.keyword == keyword:
                return key.value
        return default


def plain_keys(data: bytes, *, implicit: bool) -> Keys | None:
    """The elements of a little endian dataset; None unless all of it is plain."""
    found: list[Key] = []
    position, end, last, encoding = 0, len(data), _FIRST, "ascii"
    while position < end:
        if position + 8 > end:
            return None
        if implicit:
            group, number, length = _IMPLICIT(data, position)
            keyword, vr = _known(group << 16 | number)
        else:
            group, number, raw, length = _EXPLICIT(data, position)
            keyword, vr = _known(group << 16 | number)[0], _VRS.get(raw, "")
        tag, begin, position = group << 16 | number, position + 8, position + 8 + length
        if tag <= last or not keyword or vr not in _EMPTY or position > end:
            return None
        value = data[begin:position]
        if tag == _CHARACTER_SET:
            given = _CHARACTER_SETS.get(value.strip(b" \0"))
            if given is None:
                return None
            encoding = given
        if not value:
            found.append(Key(tag, keyword, vr, None))
        else:
            text = _text(value, vr, encoding)
            if text is None:
                return None
            found.append(Key(tag, keyword, vr, text))
        last = tag
    return Keys(found)


def _text(value: bytes, vr: str, encoding: str) -> Value:
    """The value of an element that is not empty; None when pydicom must look at it."""
    if vr not in _TEXTS or (vr == "PN" and b"=" in value) or b"\x1b" in value:
        return None
    try:
        text = value.decode(encoding).rstrip(" \0")
    except UnicodeDecodeError:
        return None
    if not text:
        return None
    return text.split("\\") if "\\" in text else text


@lru_cache(maxsize=1024)
def _known(tag: int) -> tuple[str, str]:
    """The keyword and VR of a tag; "" for those that are not in the dictionary under one number."""
    return ("", "") if tag >> 16 & 1 else (keyword_for_tag(tag), vr_of(tag))
