"""From rows to values and back."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from storage.index import schema
from storage.index.frame_table import pack, unpack
from storage.index.types import clean
from storage.model.archive import (
    Instance,
    InstanceFacts,
    InstanceKey,
    PatientFacts,
    Scope,
    Series,
    SeriesFacts,
    StoredObject,
    Study,
    StudyFacts,
)
from storage.model.text import FOLD_VERSION, nfc

_PUNCTUATION = " \t.,;:-_/\\'\"*#"

# In the order in which `instance_of` takes them: names would cost it more than all the rest.
INSTANCE_COLUMNS = (
    schema.instance.c.uid,
    schema.instance.c.sop_class_uid,
    schema.instance.c.transfer_syntax_uid,
    schema.instance.c.number,
    schema.instance.c.rows,
    schema.instance.c.columns,
    schema.instance.c.bits_allocated,
    schema.instance.c.frames,
    schema.instance.c.dataset_offset,
    schema.instance.c.pixel_offset,
    schema.instance.c.pixel_length,
    schema.instance.c.frame_length,
    schema.instance.c.frame_table,
    schema.instance.c.attributes,
    schema.instance.c.object_key,
    schema.instance.c.size,
    schema.instance.c.sha256,
    schema.instance.c.stored_at,
    schema.instance.c.hospital_id,
    schema.study.c.uid.label("study_uid"),
    schema.series.c.uid.label("series_uid"),
    schema.series.c.modality.label("series_modality"),
    schema.instance.c.damage,
)
SERIES_COLUMNS = (
    *schema.series.c,
    schema.study.c.uid.label("study_uid"),
    schema.study.c.hospital_id.label("hospital_id"),
)
PATIENT_FACTS = ("patient_id", "issuer", "name", "name_fold", "birth_date", "sex", "attributes")
PATIENT_COLUMNS = tuple(schema.patient.c[name].label(f"patient__{name}") for name in PATIENT_FACTS)
STUDY_COLUMNS = (
    *schema.study.c,
    *PATIENT_COLUMNS,
    schema.hospital.c.code.label("hospital_code"),
    schema.hospital.c.name.label("hospital_name"),
)
STUDY_TABLES = schema.study.join(schema.patient, schema.study.c.patient_id == schema.patient.c.id).join(
    schema.hospital, schema.study.c.hospital_id == schema.hospital.c.id
)
SERIES_TABLES = schema.series.join(schema.study, schema.series.c.study_id == schema.study.c.id)
INSTANCE_TABLES = schema.instance.join(schema.series, schema.instance.c.series_id == schema.series.c.id).join(
    schema.study, schema.series.c.study_id == schema.study.c.id
)


def patient_key(facts: PatientFacts, study_instance_uid: str) -> str:
    """What makes two patients of one hospital and issuer the same. Leading zeros count; blanks and punctuation
    around the Patient ID do not. Without a Patient ID every study has a patient of its own."""
    raw = clean(facts.patient_id)
    normal = normal_patient_id(raw)
    return f"id:{normal}" if normal else f"study:{study_instance_uid}"


def normal_patient_id(raw: str) -> str:
    """The Patient ID as it is compared."""
    return "".join(raw.strip(_PUNCTUATION).split()) or "".join(raw.split())


def joined(values: Iterable[str]) -> str:
    """Values as one text in which each can be searched by its delimiters; "" when there are none."""
    ordered = sorted({value for value in values if value})
    return "\\" + "\\".join(ordered) + "\\" if ordered else ""


def split(text: str) -> tuple[str, ...]:
    """The values that `joined` put together."""
    return tuple(value for value in text.split("\\") if value)


def patient_values(facts: PatientFacts) -> dict[str, Any]:
    """The columns that one instance's facts fill."""
    return {
        "issuer": clean(facts.issuer),
        "patient_id": clean(facts.patient_id),
        "name": clean(facts.name),
        "name_fold": clean(facts.name_fold),
        "fold_version": FOLD_VERSION,
        "birth_date": facts.birth_date,
        "sex": clean(facts.sex),
        "attributes": nfc(facts.attributes),
    }


def study_values(facts: StudyFacts) -> dict[str, Any]:
    """The columns that one instance's facts fill."""
    return {
        "study_id": clean(facts.study_id),
        "study_date": facts.study_date or 0,
        "study_time": clean(facts.study_time),
        "accession_number": clean(facts.accession_number),
        "accession_issuer": clean(facts.accession_issuer),
        "description": clean(facts.description),
        "description_fold": clean(facts.description_fold),
        "referring": clean(facts.referring),
        "referring_fold": clean(facts.referring_fold),
        "institution": clean(facts.institution),
        "fold_version": FOLD_VERSION,
        "attributes": nfc(facts.attributes),
    }


def series_values(facts: SeriesFacts) -> dict[str, Any]:
    """The columns that one instance's facts fill."""
    return {
        "modality": clean(facts.modality),
        "number": facts.number,
        "description": clean(facts.description),
        "body_part": clean(facts.body_part),
        "station": clean(facts.station),
        "attributes": nfc(facts.attributes),
    }


def instance_values(facts: InstanceFacts, stored: StoredObject, series_id: int, hospital_id: int) -> dict[str, Any]:
    """The row of a new instance."""
    return {
        "series_id": series_id,
        "uid": clean(facts.sop_instance_uid),
        "hospital_id": hospital_id,
        "sop_class_uid": clean(facts.sop_class_uid),
        "transfer_syntax_uid": clean(facts.transfer_syntax_uid),
        "number": facts.number,
        "rows": facts.rows,
        "columns": facts.columns,
        "bits_allocated": facts.bits_allocated,
        "frames": facts.frames,
        "dataset_offset": facts.dataset_offset,
        "pixel_offset": facts.pixel_offset,
        "pixel_length": facts.pixel_length,
        "frame_length": facts.frame_length,
        "frame_table": pack(facts.frame_table),
        "attributes": nfc(facts.attributes),
        "object_key": shortened(stored.key, stored.sha256),
        "size": stored.size,
        "sha256": bytes.fromhex(stored.sha256),
        "stored_at": stored.stored_at,
    }


def instance_of(row: Any) -> Instance:
    """From a row of INSTANCE_COLUMNS."""
    values: list[Any] = list(row)
    object_key, size, sha256, stored_at, hospital_id, study_uid, series_uid, modality, damage = values[14:]
    digest = sha256.hex()
    values[12] = unpack(values[12])
    facts = InstanceFacts(*values[:14])
    stored = StoredObject(lengthened(object_key, digest), size, digest, stored_at)
    key = InstanceKey(study_uid, series_uid, facts.sop_instance_uid)
    return Instance(hospital_id, key, facts, stored, modality, damage)


def series_of(row: Any) -> Series:
    """From a row of SERIES_COLUMNS."""
    facts = SeriesFacts(
        series_instance_uid=row.uid,
        modality=row.modality,
        number=row.number,
        description=row.description,
        body_part=row.body_part,
        station=row.station,
        attributes=row.attributes,
    )
    return Series(
        hospital_id=row.hospital_id,
        study_instance_uid=row.study_uid,
        facts=facts,
        instances=row.instances,
        bytes=row.bytes,
        revision=row.revision,
        manifest_key=row.manifest_key,
        manifest_revision=row.manifest_revision,
        thumbnail_key=row.thumbnail_key,
    )


def study_of(row: Any, documents: int) -> Study:
    """From a row of STUDY_COLUMNS and the count of its documents (documents.py)."""
    patient = PatientFacts(
        patient_id=row.patient__patient_id,
        issuer=row.patient__issuer,
        name=row.patient__name,
        name_fold=row.patient__name_fold,
        birth_date=row.patient__birth_date,
        sex=row.patient__sex,
        attributes=row.patient__attributes,
    )
    facts = StudyFacts(
        study_instance_uid=row.uid,
        study_id=row.study_id,
        study_date=row.study_date or None,
        study_time=row.study_time,
        accession_number=row.accession_number,
        accession_issuer=row.accession_issuer,
        description=row.description,
        description_fold=row.description_fold,
        referring=row.referring,
        referring_fold=row.referring_fold,
        institution=row.institution,
        attributes=row.attributes,
    )
    return Study(
        hospital_id=row.hospital_id,
        hospital_code=row.hospital_code,
        hospital_name=row.hospital_name,
        patient=patient,
        facts=facts,
        modalities=split(row.modalities),
        series=row.series,
        instances=row.instances,
        bytes=row.bytes,
        status=row.status,
        conflicts=row.conflicts,
        received_at=row.received_at,
        changed_at=row.changed_at,
        revision=row.revision,
        documents=documents,
    )


def mine(column: "sa.ColumnElement[int]", hospital_ids: Iterable[int]) -> "sa.ColumnElement[bool]":
    """The rows of these hospitals; a single one as an equality, which indexes serve best."""
    ids = sorted(hospital_ids)
    return column == ids[0] if len(ids) == 1 else column.in_(ids)


def visible(scope: Scope) -> "sa.ColumnElement[bool]":
    """The rows of studies that the scope shows, for statements that do not name the study."""
    study = schema.study.c
    permitted = mine(study.hospital_id, scope.hospital_ids)
    if not scope.studies:
        return permitted
    return sa.or_(permitted, sa.tuple_(study.hospital_id, study.uid).in_(sorted(scope.studies)))


def shortened(key: str, sha256: str) -> str:
    """The key as the instance table keeps it: its SHA-256 stands there already."""
    return key.replace(f"{sha256[:2]}/{sha256}", "*", 1)


def lengthened(key: str, sha256: str) -> str:
    """The key that `shortened` made short."""
    return key.replace("*", f"{sha256[:2]}/{sha256}", 1)
