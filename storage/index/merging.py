"""From the row of a query to the DICOM JSON of its answer: the kept attributes of all levels, merged, and what is
computed (PS3.4 C.3.4, PS3.18 F.2)."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.rows import split
from storage.model.attributes import BY_KEYWORD, LEVELS, Attribute, at_level
from storage.model.query import Level

Attributes = dict[str, dict[str, Any]]

_TABLES = {
    Level.PATIENT: schema.patient,
    Level.STUDY: schema.study,
    Level.SERIES: schema.series,
    Level.IMAGE: schema.instance,
}
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_PATIENT_COUNTS = ("NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances")
_COUNTS = {
    Level.STUDY: (("NumberOfStudyRelatedSeries", "series"), ("NumberOfStudyRelatedInstances", "instances")),
    Level.SERIES: (("NumberOfSeriesRelatedInstances", "instances"),),
}
_COLUMNS = {
    level: tuple(
        (attribute, attribute.column.split(".")[1])
        for attribute in at_level(level)
        if attribute.column is not None and attribute.column.split(".")[1] not in ("modalities", "sop_classes")
    )
    for level in LEVELS
}


def selected_columns(level: Level) -> "list[sa.Label[Any]]":
    """What `Merger` needs of each row at this level; names are "<level>__<column>"."""
    columns: list[sa.Label[Any]] = [schema.hospital.c.code.label("hospital_code")]
    for upper in LEVELS[: LEVELS.index(level) + 1]:
        table = _TABLES[upper]
        names = {"attributes"} | {name for _, name in _COLUMNS[upper]} | {name for _, name in _COUNTS.get(upper, ())}
        if upper is not Level.IMAGE:
            names.add("id")
        if upper is Level.STUDY:
            names |= {"modalities", "sop_classes"}
        columns.extend(table.c[name].label(f"{upper.value}__{name}") for name in sorted(names))
    return columns


class Merger:
    """Merges rows; what neighbouring rows share is parsed once."""

    def __init__(self, db: Connection, level: Level, returns: Sequence[str]) -> None:
        self._db = db
        self._levels = LEVELS[: LEVELS.index(level) + 1]
        self._level = level
        self._counts_patients = level is Level.PATIENT or not set(_PATIENT_COUNTS).isdisjoint(returns)
        self._last: dict[Level, tuple[int, Attributes]] = {}

    def merged(self, rows: Sequence[Any]) -> Iterator[tuple[Any, Attributes]]:
        """Each row with its attributes."""
        counts = self._patient_counts(rows) if self._counts_patients and rows else {}
        for row in rows:
            values = row._mapping
            attributes: Attributes = {}
            for level in self._levels:
                attributes.update(self._of_level(level, values))
            if counts:
                numbers = counts.get(values[f"{Level.PATIENT.value}__id"], (0, 0, 0))
                for keyword, number in zip(_PATIENT_COUNTS, numbers, strict=True):
                    attributes.update(_element(BY_KEYWORD[keyword], number))
            if self._level is not Level.PATIENT:
                attributes.update(_element(BY_KEYWORD["InstanceAvailability"], "ONLINE"))
            yield row, attributes

    def _of_level(self, level: Level, values: Any) -> Attributes:
        if level is Level.IMAGE:
            return _level_attributes(level, values)
        row_id = values[f"{level.value}__id"]
        last = self._last.get(level)
        if last is None or last[0] != row_id:
            last = self._last[level] = (row_id, _level_attributes(level, values))
        return last[1]

    def _patient_counts(self, rows: Sequence[Any]) -> dict[int, tuple[int, int, int]]:
        study = schema.study.c
        ids = sorted({row._mapping[f"{Level.PATIENT.value}__id"] for row in rows})
        statement = (
            sa.select(
                study.patient_id,
                sa.func.count().label("studies"),
                sa.func.sum(study.series).label("series"),
                sa.func.sum(study.instances).label("instances"),
            )
            .where(study.patient_id.in_(ids))
            .group_by(study.patient_id)
        )
        return {
            row.patient_id: (int(row.studies), int(row.series), int(row.instances))
            for row in self._db.execute(statement)
        }


def _level_attributes(level: Level, values: Any) -> Attributes:
    attributes: Attributes = json.loads(values[f"{level.value}__attributes"])
    for attribute, name in _COLUMNS[level]:
        if attribute.tag not in attributes:
            attributes.update(_element(attribute, _value(attribute, values[f"{level.value}__{name}"])))
    for keyword, name in _COUNTS.get(level, ()):
        attributes.update(_element(BY_KEYWORD[keyword], values[f"{level.value}__{name}"]))
    if level is Level.STUDY:
        for keyword, name in (("ModalitiesInStudy", "modalities"), ("SOPClassesInStudy", "sop_classes")):
            attributes.update(_element(BY_KEYWORD[keyword], *split(values[f"{level.value}__{name}"])))
    return attributes


def _element(attribute: Attribute, *values: Any) -> Attributes:
    kept = [value for value in values if value is not None]
    return {attribute.tag: {"vr": attribute.vr, "Value": kept} if kept else {"vr": attribute.vr}}


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
