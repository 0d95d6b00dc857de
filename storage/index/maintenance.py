"""What is done to the whole index now and then."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.types import BIG
from storage.model.text import FOLD_VERSION, fold, name_tokens, tokens

_OF_OBJECTS = (
    schema.rejection,
    schema.rejected,
    schema.conflict,
    schema.quarantine,
    schema.instance,
    schema.series,
    schema.study_token,
    schema.study,
    schema.name_token,
    schema.patient,
)


def clear(db: Connection) -> None:
    """Forget everything that the objects can tell again. Hospitals, people, peers, tasks, the change log and what
    people said of studies stay."""
    for table in _OF_OBJECTS:
        db.execute(table.delete())


def counts(db: Connection) -> dict[str, int]:
    """How many rows the large tables have; the instances and bytes are sums the studies keep."""
    study = schema.study.c
    sums = db.execute(
        sa.select(
            sa.func.count().label("studies"),
            sa.cast(sa.func.coalesce(sa.func.sum(study.series), 0), BIG).label("series"),
            sa.cast(sa.func.coalesce(sa.func.sum(study.instances), 0), BIG).label("instances"),
            sa.cast(sa.func.coalesce(sa.func.sum(study.bytes), 0), BIG).label("bytes"),
        )
    ).one()
    counted = {name: int(value) for name, value in sums._mapping.items()}
    for name, table in (
        ("patients", schema.patient),
        ("conflicts", schema.conflict),
        ("quarantined", schema.quarantine),
        ("rejected", schema.rejected),
    ):
        counted[name] = int(db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
    return counted


def refold(db: Connection, limit: int = 500) -> int:
    """Fold again up to `limit` patients and studies that an older version folded; 0 when none are left."""
    patient, study = schema.patient, schema.study
    old_patients = db.execute(
        sa.select(patient.c.id, patient.c.name).where(patient.c.fold_version < FOLD_VERSION).limit(limit)
    ).all()
    for row in old_patients:
        folded = fold(row.name)
        db.execute(patient.update().where(patient.c.id == row.id).values(name_fold=folded, fold_version=FOLD_VERSION))
        db.execute(schema.name_token.delete().where(schema.name_token.c.patient_id == row.id))
        words = [{"token": word, "patient_id": row.id} for word in name_tokens(row.name)]
        if words:
            db.execute(schema.name_token.insert(), words)
    old_studies = db.execute(
        sa.select(study, patient.c.patient_id.label("patient__patient_id"))
        .join(patient, study.c.patient_id == patient.c.id)
        .where(study.c.fold_version < FOLD_VERSION)
        .limit(limit)
    ).all()
    for row in old_studies:
        db.execute(
            study.update()
            .where(study.c.id == row.id)
            .values(
                description_fold=fold(row.description), referring_fold=fold(row.referring), fold_version=FOLD_VERSION
            )
        )
        db.execute(schema.study_token.delete().where(schema.study_token.c.study_id == row.id))
        texts = (row.description, row.accession_number, row.patient__patient_id)
        words = [{"token": word, "study_id": row.id} for word in {word for text in texts for word in tokens(text)}]
        if words:
            db.execute(schema.study_token.insert(), words)
    return len(old_patients) + len(old_studies)
