"""Studies that leave the index wholly, with no trace but their lines in the change log: copies whose link is over."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.rows import lengthened

_STUDY, _SERIES, _INSTANCE, _PATIENT = schema.study, schema.series, schema.instance, schema.patient


def remove(db: Connection, hospital_id: int, study_instance_uids: Collection[str]) -> list[tuple[str, str]]:
    """Forget these studies of the hospital; (object key, SHA-256) of what they were made of, and of what was derived,
    with "" for the hash. The caller deletes the objects afterwards: what it cannot, a sweep of the store finds."""
    wanted = (_STUDY.c.hospital_id == hospital_id) & _STUDY.c.uid.in_(sorted(study_instance_uids))
    found = db.execute(sa.select(_STUDY.c.id, _STUDY.c.patient_id).where(wanted)).all()
    ids, patients = [int(row.id) for row in found], {int(row.patient_id) for row in found}
    series = sa.select(_SERIES.c.id).where(_SERIES.c.study_id.in_(ids))
    objects = [
        (lengthened(row.object_key, row.sha256.hex()), row.sha256.hex())
        for row in db.execute(
            sa.select(_INSTANCE.c.object_key, _INSTANCE.c.sha256).where(_INSTANCE.c.series_id.in_(series))
        )
    ]
    for row in db.execute(
        sa.select(_SERIES.c.manifest_key, _SERIES.c.thumbnail_key).where(_SERIES.c.study_id.in_(ids))
    ):
        objects += [(key, "") for key in (row.manifest_key, row.thumbnail_key) if key]
    db.execute(_INSTANCE.delete().where(_INSTANCE.c.series_id.in_(series)))
    db.execute(_SERIES.delete().where(_SERIES.c.study_id.in_(ids)))
    db.execute(schema.study_token.delete().where(schema.study_token.c.study_id.in_(ids)))
    db.execute(_STUDY.delete().where(_STUDY.c.id.in_(ids)))
    still = set(db.execute(sa.select(_STUDY.c.patient_id).where(_STUDY.c.patient_id.in_(sorted(patients)))).scalars())
    gone = sorted(patients - still)
    db.execute(schema.name_token.delete().where(schema.name_token.c.patient_id.in_(gone)))
    db.execute(_PATIENT.delete().where(_PATIENT.c.id.in_(gone)))
    return objects
