"""Codes (PS3.3 8.8) in a copy: those of terminologies we know, with the meaning their terminology gives them, not with
the words of whoever wrote them."""

from functools import cache
from typing import Any

from pacs.dataset.scan import Element
from pacs.dataset.values import Reader

_VALUE, _SCHEME, _MEANING = 0x00080100, 0x00080102, 0x00080104
# Units of real world values that the bundled tables lack (UCUM).
_UNITS = frozenset(
    {
        "1",
        "{ratio}",
        "g/ml{SUVbw}",
        "g/ml{SUVlbm}",
        "Bq/ml",
        "[hnsf'U]",
        "um2/s",
        "mm2/s",
        "10-6.mm2/s",
        "ml/min",
        "s",
        "ms",
    }
)
Written = tuple[int, str, str]


@cache
def _meanings() -> dict[tuple[str, str], str]:
    from pydicom.sr._concepts_dict import concepts

    found: dict[tuple[str, str], str] = {}
    tables: dict[str, dict[str, Any]] = concepts
    for scheme, names in tables.items():
        for codes in names.values():
            for value, (meaning, _) in codes.items():
                found[scheme, value] = meaning
    return found


@cache
def _from_snomed_rt() -> dict[str, str]:
    from pydicom.sr._snomed_dict import mapping

    return dict(mapping["SRT"])


def is_code(item: tuple[Element, ...]) -> bool:
    """Whether this item of a sequence is a code."""
    tags = {element.tag for element in item}
    return _SCHEME in tags or _MEANING in tags or _VALUE in tags


def known(reader: Reader, item: tuple[Element, ...]) -> tuple[Written, ...] | None:
    """The elements of the code as they are written; None when no terminology we know has it."""
    inside = {element.tag: element for element in item}
    value, scheme = reader.text(inside.get(_VALUE)), reader.text(inside.get(_SCHEME))
    meaning = meaning_of(scheme, value)
    if meaning is None:
        return None
    return ((_VALUE, "SH", value), (_SCHEME, "SH", scheme), (_MEANING, "LO", meaning[:64].strip()))


def meaning_of(scheme: str, value: str) -> str | None:
    """What the terminology calls this code; SNOMED in its older codes (SRT, SNM3, 99SDM) too."""
    if scheme == "UCUM" and value in _UNITS:
        return value
    if scheme in ("SRT", "SNM3", "99SDM"):
        scheme, value = "SCT", _from_snomed_rt().get(value, "")
    return _meanings().get((scheme, value))
