"""One matching key as SQL. What SQL can only narrow, `residual` makes exact afterwards."""

import re
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import InvalidQuery
from storage.index import schema
from storage.index.patterns import begins, glob, holds, literal_prefix
from storage.index.residual import attribute_of, canonical, is_universal, name_patterns
from storage.index.rows import normal_patient_id
from storage.index.types import clean
from storage.index.words import MANY_WORDS, narrowed, patients_with
from storage.model.attributes import Attribute
from storage.model.query import Match, Matching
from storage.model.text import has_wildcards, tokens

# Combined matching of date and time (PS3.4 C.2.2.2.5.4): a RANGE of yyyymmdd[hh[mm[ss[.f]]]], either end may be open.
COMBINED = "StudyDateAndStudyTime"
_UNCHANGED = re.compile(r"[0-9A-Za-z]+")
_DATE = re.compile(r"[0-9]{8}")
_MOMENT = re.compile(r"([0-9]{8})([0-9]{0,6}(?:\.[0-9]{1,6})?)")
_INTEGER = re.compile(r" *[+-]?[0-9]{1,15} *")

Clause = sa.ColumnElement[bool]


class Condition(NamedTuple):
    """`clause` is None when SQL cannot narrow at all; unless `exact`, Python must look again."""

    clause: Clause | None
    exact: bool


EVERYTHING = Condition(None, True)
UNNARROWED = Condition(None, False)


def condition(db: Connection, match: Match) -> Condition:
    """What this key means for a query of the tables."""
    if match.keyword == COMBINED:
        return Condition(_combined(match), True)
    attribute = attribute_of(match.keyword)
    if not attribute.matchable or is_universal(match):
        return EVERYTHING
    if attribute.column is None or match.matching is Matching.SEQUENCE:
        return UNNARROWED
    dialect = db.dialect.name
    table, name = attribute.column.split(".")
    column = schema.metadata.tables[table].c[name]
    if name in ("modalities", "sop_classes"):
        return _listed(dialect, column, match)
    if attribute.vr == "PN":
        return _name(db, column, match)
    if attribute.vr == "DA":
        return Condition(_date(column, match), True)
    if attribute.vr == "TM":
        return Condition(_time(column, match), True)
    if attribute.vr in ("IS", "US"):
        return _number(column, match)
    return _text(db, attribute, column, match)


def _text(db: Connection, attribute: Attribute, column: "sa.Column[str]", match: Match) -> Condition:
    values = [clean(value) for value in match.values]
    if match.matching is Matching.FUZZY:
        return _fuzzy_text(db.dialect.name, column, values[0])
    if match.matching is Matching.RANGE:
        return UNNARROWED
    if match.matching is Matching.WILDCARD and has_wildcards(values[0]):
        return Condition(_wildcard_text(db, attribute, column, values[0]), True)
    equal: Clause = column == values[0] if len(values) == 1 else column.in_(sorted(set(values)))
    if attribute.keyword == "PatientID":
        keys = sorted({f"id:{normal_patient_id(value)}" for value in values if normal_patient_id(value)})
        return Condition(sa.and_(schema.patient.c.patient_key.in_(keys), equal), True)
    return Condition(equal, True)


def _wildcard_text(db: Connection, attribute: Attribute, column: "sa.Column[str]", pattern: str) -> Clause:
    clause = glob(db.dialect.name, column, pattern)
    prefix = literal_prefix(pattern)
    if attribute.keyword == "AccessionNumber" and prefix:
        return sa.and_(narrowed(db, schema.study.c.accession_number, prefix), clause)
    # The index is on the normalised Patient ID: use it as far as normalising does not change what was typed.
    start = _UNCHANGED.match(prefix)
    if attribute.keyword == "PatientID" and start:
        return sa.and_(narrowed(db, schema.patient.c.patient_key, f"id:{start.group()}"), clause)
    return clause


def _fuzzy_text(dialect: str, column: "sa.Column[str]", value: str) -> Condition:
    folded = column.table.c.get(f"{column.name}_fold")
    words = tokens(value.replace("*", " ").replace("?", " "))
    if folded is None:
        return UNNARROWED
    return Condition(_all_words(dialect, folded, words), True) if words else EVERYTHING


def _listed(dialect: str, column: "sa.Column[str]", match: Match) -> Condition:
    """A column of values between backslashes."""
    values = [value for given in match.values for value in clean(given).split("\\") if value]
    if match.matching is Matching.WILDCARD and any(has_wildcards(value) for value in values):
        return UNNARROWED
    return Condition(sa.or_(*(holds(dialect, column, f"\\{value}\\") for value in values)), True)


def _name(db: Connection, column: "sa.Column[str]", match: Match) -> Condition:
    folded = column.table.c[f"{column.name}_fold"]
    dialect, of_patient = db.dialect.name, column.table is schema.patient
    if match.matching is Matching.WILDCARD:
        return Condition(_name_like(db, column, folded, match.values[0]), False)
    words = tokens(match.values[0].replace("*", " ").replace("?", " "))[:MANY_WORDS]
    if not words:
        return EVERYTHING
    if match.matching is Matching.FUZZY:
        return Condition(patients_with(db, words) if of_patient else _all_words(dialect, folded, words), True)
    if len(match.values) > 1:
        return UNNARROWED
    if of_patient:
        return Condition(patients_with(db, words, whole=True), False)
    return Condition(sa.and_(*(holds(dialect, folded, word) for word in words)), False)


def _name_like(db: Connection, column: "sa.Column[str]", folded: "sa.Column[str]", key: str) -> Clause | None:
    groups = [patterns for patterns in (name_patterns(group) for group in key.split("=")) if patterns]
    if not groups:
        return None
    # A name with several component groups is folded into one text: those few are left to Python.
    dialect = db.dialect.name
    clauses = [sa.or_(*(glob(dialect, folded, pattern) for pattern in groups[0]), holds(dialect, column, "="))]
    prefix = literal_prefix(min(groups[0], key=lambda pattern: len(literal_prefix(pattern))))
    first = prefix.split(" ", 1)[0]
    if first and column.table is schema.patient:
        clauses.append(patients_with(db, [first], whole=" " in prefix))
    return sa.and_(*clauses)


def _all_words(dialect: str, folded: "sa.Column[str]", words: tuple[str, ...]) -> Clause:
    return sa.and_(*(sa.or_(begins(folded, word), holds(dialect, folded, f" {word}")) for word in words[:MANY_WORDS]))


def _date(column: "sa.Column[int]", match: Match) -> Clause:
    days = [_day(value) for value in match.values]
    if match.matching is Matching.RANGE:
        clauses = [column > 0]
        if days[0] is not None:
            clauses.append(column >= days[0])
        if days[1] is not None:
            clauses.append(column <= days[1])
        return sa.and_(*clauses)
    return column.in_([day for day in days if day is not None])


def _day(value: str) -> int | None:
    text = canonical("DA", value)
    if not text:
        return None
    if not _DATE.fullmatch(text):
        raise InvalidQuery("a date or range of dates is not of the form yyyymmdd")
    return int(text)


def _time(column: "sa.Column[str]", match: Match) -> Clause:
    keys = [canonical("TM", value) for value in match.values]
    if any(re.search(r"[^0-9.*?]", key) for key in keys):
        raise InvalidQuery("a time or range of times is not of the form hhmmss")
    if match.matching is Matching.RANGE:
        clauses = [column != ""]
        if keys[0]:
            clauses.append(column >= keys[0])
        if keys[1]:
            clauses.append(column < _end(keys[1]))
        return sa.and_(*clauses)
    return sa.or_(*(begins(column, key) for key in keys if key))


def _end(time: str) -> str:
    """What sorts after every time that begins so: the bound 1015 means the whole minute."""
    return time + ":"


def _combined(match: Match) -> Clause:
    if match.matching is not Matching.RANGE or len(match.values) != 2:
        raise InvalidQuery(f"{COMBINED} takes a range")
    both = sa.tuple_(schema.study.c.study_date, schema.study.c.study_time)
    clauses: list[Clause] = [schema.study.c.study_date > 0]
    for value, is_end in zip(match.values, (False, True), strict=True):
        if not value:
            continue
        found = _MOMENT.fullmatch(canonical("DT", value))
        if found is None:
            raise InvalidQuery("a range of moments is not of the form yyyymmddhhmmss")
        day, time = int(found.group(1)), found.group(2)
        place = sa.tuple_(sa.literal(day), sa.literal(_end(time) if is_end else time, schema.study.c.study_time.type))
        clauses.append(both < place if is_end else both >= place)
    return sa.and_(*clauses)


def _number(column: "sa.Column[int]", match: Match) -> Condition:
    if match.matching not in (Matching.SINGLE, Matching.UID_LIST):
        return UNNARROWED
    if not all(_INTEGER.fullmatch(value) for value in match.values):
        return Condition(sa.false(), True)
    return Condition(column.in_([int(value) for value in match.values]), True)
