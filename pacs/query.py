"""Matching keys → Query: one builder for the identifiers of C-FIND, one for the parameters of QIDO-RS.

Both mean the same by a key (PS3.4 C.2.2.2). Values of keys may be patient data, so no error message repeats one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pacs.dataset.answers import DEFAULTS
from pacs.dataset.keys import Keys
from storage.errors import InvalidQuery
from storage.model.archive import Scope
from storage.model.attributes import BY_KEYWORD, COMBINED, LEVELS, Attribute
from storage.model.query import Level, Match, Matching, Query
from storage.model.text import nfc

Model = Literal["PATIENT", "STUDY"]
Identifier = Dataset | Keys

# Attributes of an identifier that say how to read it or where to go; they are not matched.
_ABOUT = frozenset({"QueryRetrieveLevel", "SpecificCharacterSet", "TimezoneOffsetFromUTC", "RetrieveAETitle"})
_UNIQUE = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}
_PARAMETERS = frozenset({"includefield", "limit", "offset", "after", "fuzzymatching", "accept", "charset", "_"})
_NUMBERS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"})
_LISTS = frozenset({"UI", "CS"})  # several values mean any of them
_FUZZY = frozenset({"PN", "LO", "SH", "ST", "LT", "UT", "UC"})
_WILD = frozenset("*?")
_MOST_VALUES = 10_000
_LONGEST = 1024  # characters of one value of a key; no attribute that is matched is longer

_TIMEZONE = "TimezoneOffsetFromUTC"
_OFFSET = re.compile(r"[+-][0-9]{4}")
_UID = re.compile(r"[0-9.]{1,64}")
_DATE = r"(?:\d{8}|\d{4}\.\d{2}\.\d{2})"
_TIME = r"(?:\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)?)"
_MOMENT = r"(?:\d{4}(?:\d{2}(?:\d{2}(?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?)?)?(?:[+-]\d{4})?)"
_ONE = {"DA": re.compile(_DATE), "TM": re.compile(_TIME), "DT": re.compile(_MOMENT)}
_TWO = {vr: re.compile(f"({one.pattern})?-({one.pattern})?") for vr, one in _ONE.items()}
_SAID = {"DA": "a date or a range of dates", "TM": "a time or a range of times", "DT": "a moment or a range of moments"}


def study_query(
    scope: Scope,
    identifier: Identifier,
    model: Model = "STUDY",
    relational: bool = False,
    fuzzy: bool = False,
    combined: bool = False,
    timezone: bool = False,
) -> Query:
    """The query of a C-FIND identifier in the Patient Root or Study Root model (PS3.4 C.4.1, C.6.1, C.6.2).

    Keys below the level and keys we cannot match are not matched on (`not_supported` tells whether there are any).
    `returns` are the keywords of the identifier that we can answer. `combined` and `timezone` are what was negotiated:
    date and time as one moment, and Timezone Offset From UTC as that of the keys. Raises InvalidQuery.
    """
    level = query_level(identifier, model)
    if not relational:
        _check_hierarchy(identifier, level, model)
    matches: list[Match] = []
    returns: list[str] = []
    for element in identifier:
        keyword = element.keyword
        if not keyword or keyword in _ABOUT:
            continue
        if not answered(keyword, level):
            continue
        returns.append(keyword)
        attribute = _matchable(keyword, level)
        if attribute is None:
            continue
        if isinstance(element, DataElement) and element.VR == "SQ":
            match = _sequence_match(attribute, element.value)
        else:
            match = _match(attribute, _texts(element.value), fuzzy)
        if match is not None:
            matches.append(match)
    if timezone:
        returns.append(_TIMEZONE)
        matches = _in_timezone(matches, str(identifier.get(_TIMEZONE, "") or "").strip())
    elif combined:
        matches = _as_moments(matches)
    return Query(level, scope, tuple(matches), tuple(returns))


@lru_cache(maxsize=1024)
def answered(keyword: str, level: Level) -> bool:
    """Whether an answer at this level has the attribute; Modality of a study means those of its series."""
    attribute = BY_KEYWORD.get(keyword)
    if keyword == "Modality" and level is Level.STUDY:
        return True
    return attribute is not None and LEVELS.index(attribute.level) <= LEVELS.index(level)


def not_supported(identifier: Identifier, level: Level) -> bool:
    """Whether a key is one we do not answer at this level, or do not match although it has a value: then the answers
    come with a warning (PS3.4 C.2.2.1.3, C.4.1.1.4)."""
    for element in identifier:
        if element.keyword in _ABOUT or element.tag & 0xFFFF == 0:
            continue
        if not answered(element.keyword, level):
            return True
        if not element.is_empty and _matchable(element.keyword, level) is None:
            return True
    return False


def query_level(identifier: Identifier, model: Model = "STUDY") -> Level:
    """The Query/Retrieve Level of an identifier, checked against the model."""
    text = str(identifier.get("QueryRetrieveLevel", "") or "").strip()
    if not text:
        raise InvalidQuery("there is no Query/Retrieve Level")
    try:
        level = Level(text)
    except ValueError:
        raise InvalidQuery("the Query/Retrieve Level is none of PATIENT, STUDY, SERIES, IMAGE") from None
    if level is Level.PATIENT and model == "STUDY":
        raise InvalidQuery("there is no PATIENT level in the Study Root model")
    return level


def qido_query(
    scope: Scope, level: Level, arguments: Iterable[tuple[str, str]], path: Mapping[str, str] | None = None
) -> Query:
    """The query of QIDO-RS parameters (PS3.18 8.3.4, 10.6), given as pairs since they may repeat.

    `path` has the UIDs of the resource: {"StudyInstanceUID": …}. `returns` are the keywords to answer beside the
    defaults of the level, or "all". Raises InvalidQuery.
    """
    path = path or {}
    single, given = _split(arguments)
    fuzzy = _boolean(single.get("fuzzymatching", "false"))
    matches = [_path_match(keyword, uid) for keyword, uid in path.items()]
    nested: dict[str, list[Match]] = {}
    returns = _included(single.get("includefield", ""))
    for name, values in given.items():
        keywords = _keywords(name)
        attribute = _matchable(keywords[0], level)
        if attribute is None:
            continue
        if len(keywords) > 1:
            inner = _inner_match(attribute, keywords[1:], values, fuzzy)
            if inner is not None:
                nested.setdefault(attribute.keyword, []).append(inner)
        else:
            match = _match(attribute, _listed(attribute, values), fuzzy)
            if match is not None:
                matches.append(match)
        returns.append(keywords[0])
    matches = _as_moments(matches)  # always, PS3.18 8.3.4.1
    matches += [Match(keyword, Matching.SEQUENCE, items=tuple(items)) for keyword, items in nested.items()]
    returns += _defaults_above(level, path)
    return Query(
        level,
        scope,
        tuple(matches),
        tuple(dict.fromkeys(returns)),
        limit=_count(single["limit"], "limit") if "limit" in single else None,
        offset=_count(single.get("offset", "0"), "offset"),
        after=single.get("after", ""),
    )


def unsupported(keywords: Iterable[str], level: Level) -> tuple[str, ...]:
    """Those of the keywords with a value that are not matched at this level: for a pending warning or a Warning."""
    return tuple(k for k in keywords if k not in _ABOUT and k not in _PARAMETERS and _matchable(k, level) is None)


def _check_hierarchy(identifier: Identifier, level: Level, model: Model) -> None:
    """Without relational queries, each level above is named by one unique key (PS3.4 C.4.1.2.1)."""
    above = LEVELS[: LEVELS.index(level)]
    for upper in above if model == "PATIENT" else above[1:]:
        keyword = _UNIQUE[upper]
        values = _texts(identifier.get(keyword))
        if len(values) != 1 or not _WILD.isdisjoint(values[0]):
            raise InvalidQuery(f"a query at the {level} level needs one {keyword}")


@lru_cache(maxsize=1024)
def _matchable(keyword: str, level: Level) -> Attribute | None:
    """The attribute a key matches on; Modality above the series means the modalities of the study."""
    if keyword == "Modality" and level in (Level.PATIENT, Level.STUDY):
        keyword = "ModalitiesInStudy"
    attribute = BY_KEYWORD.get(keyword)
    if attribute is None or not attribute.matchable or keyword in _ABOUT:
        return None
    return attribute if LEVELS.index(attribute.level) <= LEVELS.index(level) else None


def _texts(value: object) -> tuple[str, ...]:
    """The values of a key as text, without padding; none when it is empty."""
    if value is None:
        return ()
    several = isinstance(value, (list, tuple)) or (isinstance(value, Sequence) and not isinstance(value, (str, bytes)))
    values = list(value) if several else [value]  # type: ignore[call-overload]
    if len(values) > _MOST_VALUES:
        raise InvalidQuery(f"a key with more than {_MOST_VALUES} values")
    return tuple(text for text in (nfc(str(one)).strip(" \0") for one in values if one is not None) if text)


def _match(attribute: Attribute, values: Sequence[str], fuzzy: bool) -> Match | None:
    """What a key with these values selects; None when it selects everything (universal matching)."""
    values = [value for value in values if value.strip("* ")] if len(values) < 2 else list(values)
    if attribute.vr in _ONE and list(values) == ["-"]:  # a range without ends
        return None
    if not values or any(not value.strip("*") for value in values):
        return None
    if any(len(value) > _LONGEST for value in values):
        raise InvalidQuery(f"{attribute.keyword} is longer than {_LONGEST} characters")
    keyword, vr = attribute.keyword, attribute.vr
    if vr == "SQ":
        raise InvalidQuery(f"{keyword} is matched by an item, not by a value")
    if vr == "UI":
        _check(all(_UID.fullmatch(value) for value in values), keyword, "a UID or a list of UIDs")
        return Match(keyword, Matching.SINGLE if len(values) == 1 else Matching.UID_LIST, tuple(values))
    if vr in _ONE:
        _check(len(values) == 1, keyword, _SAID[vr])
        return _moment_match(keyword, vr, values[0])
    if vr in _NUMBERS:
        _check(len(values) == 1 and _is_number(values[0]), keyword, "a number")
        return Match(keyword, Matching.SINGLE, (values[0],))
    if fuzzy and vr in _FUZZY and len(values) == 1:
        return Match(keyword, Matching.FUZZY, (values[0],))
    wild = any(not _WILD.isdisjoint(value) for value in values)
    if wild and len(values) > 1:
        raise InvalidQuery(f"{keyword} has several values and wildcards")
    return Match(keyword, Matching.WILDCARD if wild else Matching.SINGLE, tuple(values))


def _moment_match(keyword: str, vr: str, value: str) -> Match:
    if _ONE[vr].fullmatch(value):
        return Match(keyword, Matching.SINGLE, (value,))
    found = _TWO[vr].fullmatch(value.replace(" ", ""))
    if found is None:
        raise InvalidQuery(f"{keyword} is not {_SAID[vr]}")
    return Match(keyword, Matching.RANGE, (found.group(1) or "", found.group(2) or ""))


def _as_moments(matches: list[Match], offset: str = "") -> list[Match]:
    """Ranges of a date and of its time that have the same ends become one range of moments (PS3.4 C.2.2.2.5.4)."""
    given = {match.keyword: match for match in matches if match.matching is Matching.RANGE}
    kept = list(matches)
    for keyword, (date, time) in COMBINED.items():
        if date not in given or time not in given:
            continue
        days, times = given[date].values, given[time].values
        if [bool(end) for end in days] != [bool(end) for end in times]:
            continue
        ends = tuple(
            day.replace(".", "") + clock.replace(":", "") + offset if day else ""
            for day, clock in zip(days, times, strict=True)
        )
        kept = [match for match in kept if match.keyword not in (date, time)]
        kept.append(Match(keyword, Matching.RANGE, ends))
    return kept


def _in_timezone(matches: list[Match], offset: str) -> list[Match]:
    """Pairs of date and time as moments of the time zone the identifier names; a date alone cannot be moved."""
    if not offset:
        return matches
    _check(_OFFSET.fullmatch(offset) is not None, _TIMEZONE, "an offset from UTC")
    single = {match.keyword: match for match in matches if match.matching is Matching.SINGLE}
    pairs = [pair for pair in COMBINED.values() if pair[0] in single and pair[1] in single]
    as_ranges = {keyword for pair in pairs for keyword in pair}
    ranges = [
        replace(match, matching=Matching.RANGE, values=match.values * 2) if match.keyword in as_ranges else match
        for match in matches
    ]
    return _as_moments(ranges, offset)


def _sequence_match(attribute: Attribute, items: Sequence[Dataset]) -> Match | None:
    """Sequence matching: one item, whose keys all match inside one item (PS3.4 C.2.2.2.6)."""
    if len(items) > 1:
        raise InvalidQuery(f"{attribute.keyword} has more than one item")
    inside = {inner.keyword: inner for inner in attribute.items}
    found = []
    for element in items[0] if items else ():
        inner = inside.get(element.keyword)
        if inner is not None:
            match = _match(inner, _texts(element.value), False)
            if match is not None:
                found.append(match)
    return Match(attribute.keyword, Matching.SEQUENCE, items=tuple(found)) if found else None


def _split(arguments: Iterable[tuple[str, str]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Parameters of the query itself, and matching keys with their values."""
    single: dict[str, str] = {}
    given: dict[str, list[str]] = {}
    for name, value in arguments:
        if name == "includefield":
            single[name] = f"{single[name]},{value}" if name in single else value
        elif name in _PARAMETERS:
            single[name] = value
        else:
            given.setdefault(name, []).append(value)
    return single, given


def _keywords(name: str) -> list[str]:
    """The attribute path of a parameter: keywords or tags with dots between them (PS3.18 8.3.4.1)."""
    return [_keyword(part) for part in name.split(".")]


def _keyword(part: str) -> str:
    if re.fullmatch(r"[0-9A-Fa-f]{8}", part):
        return keyword_for_tag(int(part, 16)) or part.upper()
    if tag_for_keyword(part) is None:
        raise InvalidQuery(f"{part[:64]!r} is neither an attribute nor a parameter of a query")
    return part


def _included(text: str) -> list[str]:
    """The keywords of includefield, those of a path with dots between them; what we do not know is ignored."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        path = ["all"] if part.lower() == "all" else [_known(one) for one in part.split(".")]
        if all(path):
            found.append(".".join(path))
    return found


def _known(part: str) -> str:
    if re.fullmatch(r"[0-9A-Fa-f]{8}", part):
        return keyword_for_tag(int(part, 16))
    return part if tag_for_keyword(part) is not None else ""


def _defaults_above(level: Level, path: Mapping[str, str]) -> list[str]:
    """Across studies or series, their attributes are answered too (PS3.18 10.6.3.3)."""
    found: list[str] = []
    if level in (Level.SERIES, Level.IMAGE) and "StudyInstanceUID" not in path:
        found += DEFAULTS[Level.STUDY]
    if level is Level.IMAGE and "SeriesInstanceUID" not in path:
        found += DEFAULTS[Level.SERIES]
    return found


def _listed(attribute: Attribute, given: Sequence[str]) -> list[str]:
    """The values of a parameter: lists of UIDs and codes are separated by comma or backslash."""
    if attribute.vr in _LISTS:
        values = [part for value in given for part in re.split(r"[,\\]", value)]
    elif len(given) > 1:
        raise InvalidQuery(f"{attribute.keyword} is given more than once")
    else:
        values = list(given)
    return list(_texts(values))


def _inner_match(attribute: Attribute, keywords: Sequence[str], given: Sequence[str], fuzzy: bool) -> Match | None:
    inside = {inner.keyword: inner for inner in attribute.items}
    inner = inside.get(keywords[0])
    if inner is None or len(keywords) > 1:
        return None
    return _match(inner, _listed(inner, given), fuzzy)


def _path_match(keyword: str, uid: str) -> Match:
    _check(_UID.fullmatch(uid) is not None, keyword, "a UID")
    return Match(keyword, Matching.SINGLE, (uid,))


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise InvalidQuery("fuzzymatching is neither true nor false")
    return text.lower() == "true"


def _count(text: str, what: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise InvalidQuery(f"{what} is not a number of answers")
    return int(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check(right: bool, keyword: str, what: str) -> None:
    if not right:
        raise InvalidQuery(f"{keyword} is not {what}")
