"""From the row of a query to the DICOM JSON of its answer: the kept attributes of all levels, merged, and what is
computed (PS3.4 C.3.4, PS3.18 F.2)."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import orjson
from sqlalchemy.engine import Connection

from storage.index.clauses import all_of, among, column, permitted, select
from storage.index.rows import split
from storage.model.archive import Scope
from storage.model.attributes import BY_KEYWORD, LEVELS, Attribute, at_level
from storage.model.query import Level

Attributes = dict[str, dict[str, Any]]

_TABLES = {Level.PATIENT: "patient", Level.STUDY: "study", Level.SERIES: "series", Level.IMAGE: "instance"}
_AVAILABILITY = BY_KEYWORD["InstanceAvailability"].tag
_ONLINE = {"vr": "CS", "Value": ["ONLINE"]}
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_PATIENT_COUNTS = ("NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances")
_COUNTS = {
    Level.STUDY: (
        (BY_KEYWORD["NumberOfStudyRelatedSeries"].tag, "series"),
        (BY_KEYWORD["NumberOfStudyRelatedInstances"].tag, "instances"),
    ),
    Level.SERIES: ((BY_KEYWORD["NumberOfSeriesRelatedInstances"].tag, "instances"),),
}
_LISTS = (
    (BY_KEYWORD["ModalitiesInStudy"].tag, "CS", "modalities"),
    (BY_KEYWORD["SOPClassesInStudy"].tag, "UI", "sop_classes"),
)
_COLUMNS = {
    level: tuple(
        (attribute, attribute.column.split(".")[1])
        for attribute in at_level(level)
        if attribute.column is not None and attribute.column.split(".")[1] not in ("modalities", "sop_classes")
    )
    for level in LEVELS
}


def _selected(level: Level) -> tuple[str, ...]:
    """The columns of the tables of this level that are needed to merge; the first is what a row is known by."""
    names = {"attributes"} | {name for _, name in _COLUMNS[level]} | {name for _, name in _COUNTS.get(level, ())}
    if level is Level.STUDY:
        names |= {"modalities", "sop_classes"}
    return ("uid" if level is Level.IMAGE else "id", *sorted(names - {"uid"} if level is Level.IMAGE else names))


_SELECTED = {level: _selected(level) for level in LEVELS}


_INDEX = {level: {name: place for place, name in enumerate(names)} for level, names in _SELECTED.items()}
REMEMBERED = 2048  # rows of one level


@lru_cache(maxsize=len(LEVELS))
def selected_columns(level: Level) -> str:
    """What `Merger` needs of each row at this level, after the keys of its order."""
    upper = LEVELS[: LEVELS.index(level) + 1]
    return ", ".join(("h.code", *(column(f"{_TABLES[one]}.{name}") for one in upper for name in _SELECTED[one])))


class Merger:
    """Merges rows. The columns begin after so many `keys`; what follows them does not matter."""

    def __init__(self, db: Connection, level: Level, returns: Sequence[str], keys: int, scope: Scope) -> None:
        self._db = db
        self._level = level
        self._keys = keys
        self._scope = scope
        self.counts_patients = level is Level.PATIENT or not set(_PATIENT_COUNTS).isdisjoint(returns)
        self._places = _places(level, keys + 1)

    def merged(self, rows: Sequence[Any]) -> Iterator[tuple[Any, tuple[Any, ...], Callable[[], Attributes]]]:
        """Each row with the values its attributes are made of, of which the first is the code of its hospital and which
        alone say nothing of attributes that are counted; and what makes the attributes, which few need: a row that was
        answered before is known by its values."""
        counts = self._patient_counts(rows) if self.counts_patients and rows else {}
        end = self._places[-1][2]
        for row in rows:
            yield row, tuple(row[self._keys : end]), partial(self._attributes, row, counts)

    def _attributes(self, row: Any, counts: dict[int, tuple[int, int, int]]) -> Attributes:
        attributes: Attributes = {}
        for level, first, end in self._places:
            attributes |= _level_attributes(level, tuple(row[first:end]))
        if counts:
            numbers = counts.get(row[self._places[0][1]], (0, 0, 0))
            for keyword, number in zip(_PATIENT_COUNTS, numbers, strict=True):
                attributes[BY_KEYWORD[keyword].tag] = {"vr": "IS", "Value": [number]}
        if self._level is not Level.PATIENT:
            attributes[_AVAILABILITY] = _ONLINE
        return attributes

    def patient_name(self, row: Any) -> str:
        """As the patient of the row has it."""
        return str(row[self._keys + 1 + _INDEX[Level.PATIENT]["name"]])

    def _patient_counts(self, rows: Sequence[Any]) -> dict[int, tuple[int, int, int]]:
        place = self._places[0][1]
        mine = among("s.patient_id", sorted({row[place] for row in rows}))
        if self._scope.studies:
            mine = all_of((mine, permitted("s", self._scope)))
        sql = (
            "SELECT s.patient_id, count(*), sum(s.series), sum(s.instances) "
            f"FROM study s WHERE {mine.sql} GROUP BY s.patient_id"
        )
        return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in select(self._db, sql, mine.values)}


@lru_cache(maxsize=16)
def _places(level: Level, place: int) -> tuple[tuple[Level, int, int], ...]:
    """Where the columns of this level and those above begin and end in a row."""
    places = []
    for upper in LEVELS[: LEVELS.index(level) + 1]:
        end = place + len(_SELECTED[upper])
        places.append((upper, place, end))
        place = end
    return tuple(places)


@lru_cache(maxsize=REMEMBERED)
def _level_attributes(level: Level, values: tuple[Any, ...]) -> Attributes:
    """What the columns of one level say. It is known again by all their values, so that what changed is made anew;
    nobody may change what is given here."""
    names = _INDEX[level]
    attributes: Attributes = orjson.loads(values[names["attributes"]])
    for attribute, name in _COLUMNS[level]:
        if attribute.tag not in attributes:
            value = _value(attribute, values[names[name]])
            attributes[attribute.tag] = (
                {"vr": attribute.vr} if value is None else {"vr": attribute.vr, "Value": [value]}
            )
    for tag, name in _COUNTS.get(level, ()):
        attributes[tag] = {"vr": "IS", "Value": [values[names[name]]]}
    if level is Level.STUDY:
        for tag, vr, name in _LISTS:
            listed = split(values[names[name]])
            attributes[tag] = {"vr": vr, "Value": list(listed)} if listed else {"vr": vr}
    return attributes


def _value(attribute: Attribute, value: Any) -> Any:
    """A column's value as DICOM JSON has it; None when there is nothing to say."""
    if value is None or value == "":
        return None
    if attribute.vr == "PN":
        groups = zip(_GROUPS, str(value).split("="), strict=False)
        return {name: group for name, group in groups if group}
    if attribute.vr == "DA":
        return f"{value:08d}" if value else None
    if attribute.keyword == "NumberOfFrames":
        return value or None
    return value
