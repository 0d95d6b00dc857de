"""One matching key as SQL. What SQL can only narrow, `residual` makes exact afterwards."""

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy.engine import Connection

from storage.errors import InvalidQuery
from storage.index.clauses import (
    NEVER,
    Clause,
    Value,
    all_of,
    among,
    any_of,
    begins,
    column,
    glob,
    holds,
    literal_prefix,
)
from storage.index.residual import OFFSET, attribute_of, canonical, is_universal, name_patterns
from storage.index.rows import normal_patient_id
from storage.index.types import clean
from storage.index.words import MANY_WORDS, narrowed, patients_named, patients_with
from storage.model.attributes import BY_KEYWORD, COMBINED, Attribute
from storage.model.query import Match, Matching
from storage.model.text import has_wildcards, spellings, tokens

_UNCHANGED = re.compile(r"[0-9A-Za-z]+")
_DATE = re.compile(r"[0-9]{8}")
_MOMENT = re.compile(r"([0-9]{8})([0-9]{0,6}(?:\.[0-9]{1,6})?)")
_INTEGER = re.compile(r" *[+-]?[0-9]{1,15} *")
_UNIQUE = frozenset({"StudyInstanceUID", "SOPInstanceUID", "PatientID", "AccessionNumber"})
_FOLDED = {
    "patient.name": "p.name_fold",
    "study.referring": "s.referring_fold",
    "study.description": "s.description_fold",
}


class Condition(NamedTuple):
    """`clause` is None when SQL cannot narrow at all; unless `exact`, Python must look again. `driven`: an index names
    the rows; `selective`: and they are few, whatever the hospital has. `lone`: it is exact for names of one component
    group, as nearly all are."""

    clause: Clause | None
    exact: bool
    driven: bool = False
    selective: bool = False
    lone: bool = False


EVERYTHING = Condition(None, True)
UNNARROWED = Condition(None, False)


def condition(db: Connection, match: Match, limit: int | None = None) -> Condition:
    """What this key means for a query of the tables, of which `limit` rows are wanted."""
    if match.keyword in COMBINED:
        return _combined(match)
    attribute = attribute_of(match.keyword)
    if not attribute.matchable or is_universal(match):
        return EVERYTHING
    if attribute.column is None or match.matching is Matching.SEQUENCE:
        return UNNARROWED
    dialect, name = db.dialect.name, column(attribute.column)
    if attribute.column in ("study.modalities", "study.sop_classes"):
        return _listed(dialect, name, match)
    if attribute.vr == "PN":
        return _name(db, attribute, name, match, limit)
    if attribute.vr == "DA":
        return Condition(_date(name, match), True)
    if attribute.vr == "TM":
        return Condition(_time(name, match), True)
    if attribute.vr in ("IS", "US"):
        return _number(name, match)
    return _text(db, attribute, name, match)


def marked(dialect: str, match: Match) -> Clause | None:
    """The patients whose names have the words of this key with the very marks they were typed with; None when none
    were typed."""
    if match.keyword != "PatientName" or not match.values:
        return None
    return spelled(dialect, match.values[0])


def spelled(dialect: str, typed: str) -> Clause | None:
    """Those words of what was typed that have marks begin words of the patient's name, marks and all."""
    words = _marked_words(typed)
    if not words:
        return None
    spaced = "' ' || replace(replace(p.name, '^', ' '), '=', ' ')"
    return all_of(any_of(holds(dialect, spaced, f" {form}") for form in forms) for forms in words)


def is_spelled(typed: str, name: str) -> bool:
    """The same of one name."""
    spaced = f" {name.replace('^', ' ').replace('=', ' ')}"
    return all(any(f" {form}" in spaced for form in forms) for forms in _marked_words(typed))


@lru_cache(maxsize=256)
def _marked_words(typed: str) -> tuple[tuple[str, ...], ...]:
    words = [found for word in re.split(r"[\s^=*?,]+", typed) if (found := spellings(word))]
    return tuple(words[:MANY_WORDS])


def _text(db: Connection, attribute: Attribute, name: str, match: Match) -> Condition:
    values = [clean(value) for value in match.values]
    if match.matching is Matching.FUZZY:
        return _fuzzy_text(db.dialect.name, attribute, values[0])
    if match.matching is Matching.RANGE:
        return UNNARROWED
    if match.matching is Matching.WILDCARD and has_wildcards(values[0]):
        return _wildcard_text(db, attribute, name, values[0])
    unique = attribute.keyword in _UNIQUE
    equal = among(name, sorted(set(values)))
    if attribute.keyword == "PatientID":
        keys = sorted({f"id:{normal_patient_id(value)}" for value in values if normal_patient_id(value)})
        equal = all_of((among("p.patient_key", keys), equal))
    return Condition(equal, True, unique, unique)


def _wildcard_text(db: Connection, attribute: Attribute, name: str, pattern: str) -> Condition:
    clause = glob(db.dialect.name, name, pattern)
    prefix = literal_prefix(pattern)
    if attribute.keyword == "AccessionNumber" and prefix:
        chosen = narrowed(db, "study", "s", "accession_number", prefix)
        return Condition(all_of((chosen.clause, clause)), True, chosen.driven)
    # The index is on the normalised Patient ID: use it as far as normalising does not change what was typed.
    start = _UNCHANGED.match(prefix)
    if attribute.keyword == "PatientID" and start:
        chosen = narrowed(db, "patient", "p", "patient_key", f"id:{start.group()}")
        return Condition(all_of((chosen.clause, clause)), True, chosen.driven)
    return Condition(clause, True)


def _fuzzy_text(dialect: str, attribute: Attribute, value: str) -> Condition:
    folded = _FOLDED.get(attribute.column or "")
    words = tokens(value.replace("*", " ").replace("?", " "))
    if folded is None:
        return UNNARROWED
    return Condition(_all_words(dialect, folded, words), True) if words else EVERYTHING


def _listed(dialect: str, name: str, match: Match) -> Condition:
    """A column of values between backslashes."""
    values = [value for given in match.values for value in clean(given).split("\\") if value]
    if match.matching is Matching.WILDCARD and any(has_wildcards(value) for value in values):
        return UNNARROWED
    return Condition(any_of(holds(dialect, name, f"\\{value}\\") for value in values), True)


def _name(db: Connection, attribute: Attribute, name: str, match: Match, limit: int | None) -> Condition:
    folded, dialect = _FOLDED[attribute.column or ""], db.dialect.name
    of_patient = attribute.level.value == "PATIENT"
    if match.matching is Matching.WILDCARD:
        return _name_like(db, name, folded, match.values[0], of_patient, limit)
    words = tokens(match.values[0].replace("*", " ").replace("?", " "))[:MANY_WORDS]
    if not words:
        return EVERYTHING
    fuzzy = match.matching is Matching.FUZZY
    if len(match.values) > 1:
        return UNNARROWED
    if of_patient:
        chosen = patients_with(db, words, whole=not fuzzy, limit=limit)
        return Condition(chosen.clause, fuzzy, chosen.driven)
    if fuzzy:
        return Condition(_all_words(dialect, folded, words), True)
    return Condition(all_of(holds(dialect, folded, word) for word in words), False)


def _name_like(db: Connection, name: str, folded: str, key: str, of_patient: bool, limit: int | None) -> Condition:
    groups = [patterns for patterns in (name_patterns(group) for group in key.split("=")) if patterns]
    if not groups:
        return UNNARROWED
    # A name with several component groups is folded into one text: those few are left to Python.
    dialect = db.dialect.name
    like = any_of([*(glob(dialect, folded, pattern) for pattern in groups[0]), holds(dialect, name, "=")])
    prefix = literal_prefix(min(groups[0], key=lambda pattern: len(literal_prefix(pattern))))
    lone = len(groups) == 1 and "=" not in key
    if not prefix.strip() or not of_patient:
        return Condition(like, False, lone=lone)
    chosen = patients_named(db, prefix, limit)
    return Condition(all_of((chosen.clause, like)), False, chosen.driven, lone=lone)


def _all_words(dialect: str, folded: str, words: tuple[str, ...]) -> Clause:
    return all_of(any_of((begins(folded, word), holds(dialect, folded, f" {word}"))) for word in words[:MANY_WORDS])


def _date(name: str, match: Match) -> Clause:
    days = [_day(value) for value in match.values]
    if match.matching is Matching.RANGE:
        clauses = [Clause(f"{name} > 0")]
        if days[0] is not None:
            clauses.append(Clause(f"{name} >= ?", (days[0],)))
        if days[1] is not None:
            clauses.append(Clause(f"{name} <= ?", (days[1],)))
        return all_of(clauses)
    return among(name, [day for day in days if day is not None])


def _day(value: str) -> int | None:
    text = canonical("DA", value)
    if not text:
        return None
    if not _DATE.fullmatch(text):
        raise InvalidQuery("a date or range of dates is not of the form yyyymmdd")
    return int(text)


def _time(name: str, match: Match) -> Clause:
    keys = [canonical("TM", value) for value in match.values]
    if any(re.search(r"[^0-9.*?]", key) for key in keys):
        raise InvalidQuery("a time or range of times is not of the form hhmmss")
    if match.matching is Matching.RANGE:
        clauses = [Clause(f"{name} <> ''")]
        if keys[0]:
            clauses.append(Clause(f"{name} >= ?", (keys[0],)))
        if keys[1]:
            clauses.append(Clause(f"{name} < ?", (_end(keys[1]),)))
        return all_of(clauses)
    return any_of(begins(name, key) for key in keys if key)


def _end(time: str) -> str:
    """What sorts after every time that begins so: the bound 1015 means the whole minute."""
    return time + ":"


def _combined(match: Match) -> Condition:
    """A pair of date and time as one moment (PS3.4 C.2.2.2.5.4); where the moments have an offset from UTC, or the pair
    has no columns, SQL narrows by the day at most."""
    if match.matching is not Matching.RANGE or len(match.values) != 2:
        raise InvalidQuery(f"{match.keyword} takes a range")
    day, time = (BY_KEYWORD[keyword] for keyword in COMBINED[match.keyword])
    moments: list[tuple[int, str] | None] = []
    for value in match.values:
        found = _MOMENT.fullmatch(OFFSET.sub("", canonical("DT", value))) if value else None
        if value and found is None:
            raise InvalidQuery("a range of moments is not of the form yyyymmddhhmmss")
        moments.append((int(found.group(1)), found.group(2)) if found else None)
    if any(OFFSET.search(value) for value in match.values) or day.column is None or time.column is None:
        return UNNARROWED if day.column is None else Condition(_days_around(column(day.column), moments), False)
    both = f"({column(day.column)}, {column(time.column)})"
    clauses = [Clause(f"{column(day.column)} > 0")]
    start, end = moments
    if start is not None:
        clauses.append(Clause(f"{both} >= (?, ?)", start))
    if end is not None:
        clauses.append(Clause(f"{both} < (?, ?)", (end[0], _end(end[1]))))
    return Condition(all_of(clauses), True)


def _days_around(name: str, moments: "list[tuple[int, str] | None]") -> Clause:
    """The days of the range and those beside them: no place is further from another than that."""
    start, end = moments
    clauses = [Clause(f"{name} > 0")]
    if start is not None:
        clauses.append(Clause(f"{name} >= ?", (_beside(start[0], -2),)))
    if end is not None:
        clauses.append(Clause(f"{name} <= ?", (_beside(end[0], 2),)))
    return all_of(clauses)


def _beside(day: int, days: int) -> int:
    """The day so many days earlier or later."""
    try:
        moved = date(day // 10_000, day // 100 % 100, day % 100) + timedelta(days=days)
    except (ValueError, OverflowError):
        raise InvalidQuery("a range of moments is not of the form yyyymmddhhmmss") from None
    return moved.year * 10_000 + moved.month * 100 + moved.day


def _number(name: str, match: Match) -> Condition:
    if match.matching not in (Matching.SINGLE, Matching.UID_LIST):
        return UNNARROWED
    if not all(_INTEGER.fullmatch(value) for value in match.values):
        return Condition(NEVER, True)
    values: list[Value] = [int(value) for value in match.values]
    return Condition(among(name, values), True)
