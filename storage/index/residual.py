"""Matching in Python, on the DICOM JSON of a row: for attributes without a column, and to make exact what SQL could
only narrow (PS3.4 C.2.2.2)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from storage.errors import InvalidQuery
from storage.model.attributes import BY_KEYWORD, COMBINED, Attribute
from storage.model.query import Match, Matching
from storage.model.text import fold, nfc, tokens

Attributes = Mapping[str, Mapping[str, Any]]

OFFSET = re.compile(r"[+-][0-9]{4}$")  # of a moment, from UTC
_TIMEZONE = BY_KEYWORD["TimezoneOffsetFromUTC"].tag

_DATES_AND_TIMES = frozenset({"DA", "TM", "DT"})
_NUMBERS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "UV", "SV"})
_ALPHABETIC = {"Alphabetic"}
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def matches(match: Match, attributes: Attributes, items: Sequence[Attribute] = (), *, lone: bool = False) -> bool:
    """Whether the row with these attributes is selected. `items` are the attributes known inside a sequence; `lone`:
    SQL has already matched names of one component group."""
    if match.keyword in COMBINED:
        return _in_moments(match, attributes)
    attribute = attribute_of(match.keyword, items)
    values = attributes.get(attribute.tag, {}).get("Value") or []
    if match.matching is Matching.SEQUENCE:
        return not match.items or any(
            all(matches(inner, item, attribute.items) for inner in match.items) for item in values
        )
    if is_universal(match):
        return True
    if lone and len(values) == 1 and isinstance(values[0], Mapping) and values[0].keys() == _ALPHABETIC:
        return True
    return any(value is not None and _selects(match, attribute.vr, value) for value in values)


def is_universal(match: Match) -> bool:
    """Whether the key selects everything: no value, or only ``*``."""
    if match.matching is Matching.SEQUENCE:
        return all(is_universal(inner) for inner in match.items)
    if match.matching is Matching.WILDCARD:
        return not match.values or not match.values[0].strip(" *")
    return not any(value.strip(" \x00") for value in match.values)


def attribute_of(keyword: str, items: Sequence[Attribute] = ()) -> Attribute:
    """What is known of this keyword, inside a sequence first."""
    for attribute in items:
        if attribute.keyword == keyword:
            return attribute
    found = BY_KEYWORD.get(keyword)
    if found is None:
        raise InvalidQuery(f"{keyword} cannot be matched")
    return found


def same_name(key: str, name: str) -> bool:
    """Single value matching of names: the words of a component group in any order, without case and accents."""
    groups = [sorted(fold(group).split()) for group in name.split("=")]
    return all(sorted(fold(wanted).split()) in groups for wanted in key.split("=") if fold(wanted))


def like_name(key: str, name: str) -> bool:
    """Wildcard matching of names, group by group, without case and accents."""
    groups = [fold(group) for group in name.split("=")]
    wanted = [pattern for pattern in (name_patterns(group) for group in key.split("=")) if pattern]
    return all(
        any(wildcard(pattern).fullmatch(group) for pattern in patterns for group in groups) for patterns in wanted
    )


def name_patterns(key: str) -> tuple[str, ...]:
    """The folded patterns a wildcard key stands for: components that a ``*`` covers may also be missing."""
    folded = fold(key)
    if not folded.strip("* "):
        return ()
    forms = {folded, folded.replace(" * ", " ")}
    if folded.endswith(" *"):
        forms.add(folded[:-2])
    if folded.startswith("* "):
        forms.add(folded[2:])
    return tuple(sorted(forms))


def starts_words(key: str, text: str) -> bool:
    """Fuzzy matching: every word of the key begins some word of the text."""
    words = tokens(text)
    wanted = tokens(key.replace("*", " ").replace("?", " "))
    return all(any(word.startswith(start) for word in words) for start in wanted)


@lru_cache(maxsize=256)
def wildcard(pattern: str) -> "re.Pattern[str]":
    """The DICOM wildcard pattern as a regular expression for `fullmatch`. What stands between two ``*`` is taken where
    it first occurs and never looked for again, so that no pattern takes long."""
    first, *others = [
        "".join("." if character == "?" else re.escape(character) for character in part)
        for part in re.split(r"\*+", pattern)
    ]
    between = "".join(f"(?>.*?{part})" for part in others[:-1])
    last = f".*{others[-1]}" if others else ""
    return re.compile(f"{first}{between}{last}", re.DOTALL)


def canonical(vr: str, value: str) -> str:
    """Dates and times as they compare as text: without the punctuation of old standards, without idle zeros."""
    text = value.strip(" \x00")
    if vr == "DA":
        return text.replace(".", "")
    if vr == "TM":
        text = text.replace(":", "")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return text


def _selects(match: Match, vr: str, value: Any) -> bool:
    if vr == "PN":
        return _selects_name(match, value)
    if match.matching is Matching.FUZZY:
        return starts_words(match.values[0], str(value))
    if vr in _DATES_AND_TIMES:
        return _selects_time(match, vr, canonical(vr, str(value)))
    if match.matching is Matching.WILDCARD:
        return wildcard(nfc(match.values[0]).strip(" ")).fullmatch(nfc(str(value)).strip(" ")) is not None
    if match.matching is Matching.RANGE:
        return _in_range(match, value)
    if vr in _NUMBERS:
        return any(_number(wanted) == _number(value) for wanted in match.values)
    return nfc(str(value)).strip(" ") in {nfc(wanted).strip(" ") for wanted in match.values}


def _selects_name(match: Match, value: Any) -> bool:
    name = "=".join(str(value.get(group, "")) for group in _GROUPS) if isinstance(value, Mapping) else str(value)
    if match.matching is Matching.FUZZY:
        return starts_words(match.values[0], name)
    if match.matching is Matching.WILDCARD:
        return like_name(match.values[0], name)
    return any(same_name(wanted, name) for wanted in match.values)


def _selects_time(match: Match, vr: str, value: str) -> bool:
    keys = [canonical(vr, key) for key in match.values]
    if match.matching is Matching.RANGE:
        low, high = keys[0], keys[1]
        # An upper bound given to the minute means the whole minute.
        return (not low or value >= low) and (not high or value <= high or value.startswith(high))
    if match.matching is Matching.WILDCARD:
        return wildcard(keys[0]).fullmatch(value) is not None
    return any(value == key or (vr != "DA" and value.startswith(key)) for key in keys if key)


def _in_moments(match: Match, attributes: Attributes) -> bool:
    """Whether date and time, taken as one moment, lie in the range. Where the range has an offset from UTC, the moment
    is one in the time zone of the row, or of this archive when the row does not say."""
    date, time = (_first(attributes, BY_KEYWORD[keyword]) for keyword in COMBINED[match.keyword])
    if not date:
        return False
    moment = canonical("DA", date) + canonical("TM", time)
    zone = str((attributes.get(_TIMEZONE, {}).get("Value") or [""])[0] or "").strip()
    for key, is_end in zip(match.values, (False, True), strict=True):
        if not key:
            continue
        wanted, own = OFFSET.sub("", key), moment
        if OFFSET.search(key):
            wanted = _moved(wanted, key[-5:], zone, "235959" if is_end else "000000")
        if (own > wanted and not own.startswith(wanted)) if is_end else own < wanted:
            return False
    return True


def _first(attributes: Attributes, attribute: Attribute) -> str:
    values = attributes.get(attribute.tag, {}).get("Value") or [""]
    return str(values[0] or "")


def _moved(moment: str, offset: str, zone: str, rest: str) -> str:
    """A moment at `offset` from UTC as clocks show it in `zone`; what it does not say of the time is of `rest`."""
    digits, _, fraction = moment.partition(".")
    try:
        there = datetime.strptime(digits + rest[len(digits) - 8 :] + offset, "%Y%m%d%H%M%S%z")
        own = datetime.strptime(zone, "%z").tzinfo if OFFSET.fullmatch(zone) else None
    except ValueError:
        raise InvalidQuery("a range of moments is not of the form yyyymmddhhmmss") from None
    return there.astimezone(own).strftime("%Y%m%d%H%M%S") + (f".{fraction}" if fraction else "")


def _in_range(match: Match, value: Any) -> bool:
    number, low, high = _number(value), _number(match.values[0]), _number(match.values[1])
    return number is not None and (low is None or number >= low) and (high is None or number <= high)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
