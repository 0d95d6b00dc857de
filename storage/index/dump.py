"""The index as text, for comparing a rebuilt index with the original.

Left out is what neither the objects nor their receipts say: row numbers, when something was noted, what people set,
and derived objects that can be made again. Who brought an object only its receipt says; it can be left out too.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.rows import STUDY_TABLES

_NOT_TOLD = frozenset(
    {
        "id", "hospital_id", "patient_id", "study_id", "series_id", "fold_version", "told_at", "told_by",
        "changed_at", "at", "rejected_at", "beside", "status", "damage", "resolved", "before", "decided_at", "revision",
        "manifest_key", "manifest_revision", "thumbnail_key",
    }
)  # fmt: skip
_ORIGIN = frozenset({"door", "source", "address"})
_OF_PATIENT_CONFLICT = ("kind", "study_instance_uid", "patient_id", "issuer", "patient_name")
# What a list says of a rejected object is what its study said in that moment.
_OF_LIST = {("rejected", name) for name in ("patient_name", "study_description", "study_date")}
_CHUNK = 1000


def canonical(db: Connection, *, origins: bool = False) -> Iterator[str]:
    """One JSON line for each patient, study, series, instance, conflict, object in quarantine and rejected
    object, in a fixed order."""
    hospital, patient, study, series, instance = (
        schema.hospital, schema.patient, schema.study, schema.series, schema.instance
    )  # fmt: skip
    code = hospital.c.code.label("hospital")

    def told(table: sa.Table) -> list["sa.Column[Any]"]:
        left_out = _NOT_TOLD if origins else _NOT_TOLD | _ORIGIN
        return [column for column in table.c if column.name not in left_out]

    yield from _lines(
        db,
        "patient",
        sa.select(code, *told(patient), patient.c.patient_id.label("patient_id"))
        .join(hospital, hospital.c.id == patient.c.hospital_id)
        .where(sa.exists().where(study.c.patient_id == patient.c.id))
        .order_by(hospital.c.code, patient.c.patient_key, patient.c.issuer),
    )
    yield from _lines(
        db,
        "study",
        sa.select(code, *told(study), study.c.study_id.label("study_id"), patient.c.patient_key, patient.c.issuer)
        .select_from(STUDY_TABLES)
        .order_by(hospital.c.code, study.c.uid),
    )
    studies = STUDY_TABLES.join(series, series.c.study_id == study.c.id)
    yield from _lines(
        db,
        "series",
        sa.select(code, study.c.uid.label("study"), *told(series))
        .select_from(studies)
        .order_by(hospital.c.code, study.c.uid, series.c.uid),
    )
    yield from _lines(
        db,
        "instance",
        sa.select(code, study.c.uid.label("study"), series.c.uid.label("series_uid"), *told(instance))
        .select_from(studies.join(instance, instance.c.series_id == series.c.id))
        .order_by(hospital.c.code, study.c.uid, series.c.uid, instance.c.uid),
    )
    for table, order in (
        (schema.conflict, (schema.conflict.c.kind, schema.conflict.c.identity)),
        (schema.quarantine, (schema.quarantine.c.sha256,)),
        (schema.rejected, (schema.rejected.c.sha256,)),
        (schema.rejection, (schema.rejection.c.sop_instance_uid, schema.rejection.c.note_uid)),
    ):
        yield from _lines(
            db,
            table.name,
            sa.select(code, *(column for column in told(table) if (table.name, column.name) not in _OF_LIST))
            .join(hospital, hospital.c.id == table.c.hospital_id)
            .order_by(hospital.c.code, *order),
        )  # fmt: skip


def _lines(db: Connection, kind: str, statement: "sa.Select[Any]") -> Iterator[str]:
    for row in db.execute(statement.execution_options(yield_per=_CHUNK)):
        values = {name: value.hex() if isinstance(value, bytes) else value for name, value in row._mapping.items()}
        if values.get("kind") == "patient":  # which of the other patient's instances was noted is chance
            values = {name: values.get(name) for name in ("hospital", "identity", *_OF_PATIENT_CONFLICT)}
        yield json.dumps([kind, values], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
