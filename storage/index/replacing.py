"""Another object in the place of a canonical one, a study given to another patient, and instances taken out.

Afterwards the index is as if only what is now canonical had ever arrived: counters, lists and facts are told anew
where the instance that told them is no longer there. So a rebuild that does the same comes to the same index.
"""

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import NotFound
from storage.index import changes, schema, turns
from storage.index.adding import add, known_instances
from storage.index.bulk import insert_many
from storage.index.parents import Item, add_tokens, ensure_patients, patient_identity, teller, told_values
from storage.index.rows import (
    INSTANCE_COLUMNS,
    INSTANCE_TABLES,
    instance_of,
    joined,
    patient_values,
    series_values,
    study_values,
)
from storage.index.types import now_ms
from storage.model.archive import STORED, Description, Instance, Origin, StoredObject
from storage.model.text import tokens
from storage.model.work import ChangeKind

Read = Callable[[StoredObject], Description]
_PATIENT, _STUDY, _SERIES, _INSTANCE = schema.patient, schema.study, schema.series, schema.instance
_TRIES = 20  # how many instances are asked whether they name the patient whose facts must be told anew


def replace_instance(db: Connection, existing: Instance, item: Item, read: Read) -> None:
    """Index `item` in the place of `existing`, which has the same SOP Instance UID."""
    uids = {existing.key.study_instance_uid, item[0].key.study_instance_uid}
    lock_studies(db, existing.hospital_id, uids)
    series = db.execute(
        sa.select(_SERIES.c.id, _SERIES.c.study_id)
        .join(_STUDY, _SERIES.c.study_id == _STUDY.c.id)
        .where(_STUDY.c.hospital_id == existing.hospital_id, _STUDY.c.uid == existing.key.study_instance_uid)
        .where(_SERIES.c.uid == existing.key.series_instance_uid)
    ).one()
    db.execute(
        _INSTANCE.delete().where(_INSTANCE.c.series_id == series.id, _INSTANCE.c.uid == existing.key.sop_instance_uid)
    )
    for table, row_id in ((_SERIES, series.id), (_STUDY, series.study_id)):
        shrunk = {
            "instances": table.c.instances - 1,
            "bytes": table.c.bytes - existing.stored.size,
            "revision": table.c.revision + 1,
        }
        db.execute(table.update().where(table.c.id == row_id).values(shrunk))
    if add(db, [item])[0].kind != STORED:
        raise AssertionError("the place of the instance was not free")
    _tidy(db, {bytes.fromhex(existing.stored.sha256)}, [series.id], series.study_id, item[2], read)
    for uid in uids:
        _settle_patients(db, existing.hospital_id, uid)
    for key in {(one.study_instance_uid, one.series_instance_uid) for one in (existing.key, item[0].key)}:
        changes.append(
            db,
            existing.hospital_id,
            ChangeKind.SERIES_CHANGED,
            study_instance_uid=key[0],
            series_instance_uid=key[1],
            sop_instance_uid=existing.key.sop_instance_uid,
        )


def assign_study(db: Connection, hospital_id: int, study_instance_uid: str, item: Item) -> str:
    """Give the study to the patient whom `item` names; the SHA-256 of the object that told the patient it had."""
    lock_studies(db, hospital_id, {study_instance_uid})
    study = db.execute(
        sa.select(_STUDY.c.id, _STUDY.c.description, _STUDY.c.accession_number, _STUDY.c.patient_id, _PATIENT.c.told_by)
        .join(_PATIENT, _STUDY.c.patient_id == _PATIENT.c.id)
        .where(_STUDY.c.hospital_id == hospital_id, _STUDY.c.uid == study_instance_uid)
    ).first()
    if study is None:
        raise NotFound(f"there is no study {study_instance_uid}")
    turns.take(db, patients=[patient_identity(item)])
    (patient_id,) = ensure_patients(db, [item]).values()
    changed = {"patient_id": patient_id, "revision": _STUDY.c.revision + 1, "changed_at": now_ms()}
    db.execute(_STUDY.update().where(_STUDY.c.id == study.id).values(changed))
    db.execute(schema.study_token.delete().where(schema.study_token.c.study_id == study.id))
    texts = (study.description, study.accession_number, item[0].patient.patient_id)
    words = {word for text in texts for word in tokens(text)}
    insert_many(db, schema.study_token, [{"token": word, "study_id": study.id} for word in sorted(words)], ignore=True)
    _drop_patient(db, study.patient_id)
    return str(study.told_by.hex())


def remove_instances(
    db: Connection, hospital_id: int, uids: Collection[str], read: Read
) -> tuple[list[Instance], list[str]]:
    """Take the instances of these SOP Instance UIDs out of the index, as if they had never arrived. Those that were
    there; and the keys of manifests and thumbnails that showed them, which nothing points to any more."""
    there = known_instances(db, [hospital_id], uids).values()
    lock_studies(db, hospital_id, {one.key.study_instance_uid for one in there})
    found = list(known_instances(db, [hospital_id], uids).values())  # who held them may have moved them
    derived: list[str] = []
    for study_uid in sorted({one.key.study_instance_uid for one in found}):
        mine = [one for one in found if one.key.study_instance_uid == study_uid]
        rows = db.execute(
            sa.select(_SERIES.c.id, _SERIES.c.study_id, _SERIES.c.uid, _SERIES.c.manifest_key, _SERIES.c.thumbnail_key)
            .join(_STUDY, _SERIES.c.study_id == _STUDY.c.id)
            .where(_STUDY.c.hospital_id == hospital_id, _STUDY.c.uid == study_uid)
            .where(_SERIES.c.uid.in_(sorted({one.key.series_instance_uid for one in mine})))
        ).all()
        for row in rows:
            gone = [one for one in mine if one.key.series_instance_uid == row.uid]
            _take_out(db, gone, row.id, row.study_id)
            derived += [key for key in (row.manifest_key, row.thumbnail_key) if key]
        hashes = {bytes.fromhex(one.stored.sha256) for one in mine}
        origin = Origin(hospital_id, "", "", "")
        _tidy(db, hashes, [row.id for row in rows], rows[0].study_id, origin, read)
        _settle_patients(db, hospital_id, study_uid)
        for row in rows:
            changes.append(
                db,
                hospital_id,
                ChangeKind.SERIES_CHANGED,
                study_instance_uid=study_uid,
                series_instance_uid=row.uid,
            )
    return found, derived


def _take_out(db: Connection, gone: Collection[Instance], series_id: int, study_id: int) -> None:
    """Rows and counters of one series. Its summary shows what is gone: nobody is to find it, nor to note one that was
    being made."""
    uids = [one.key.sop_instance_uid for one in gone]
    db.execute(_INSTANCE.delete().where(_INSTANCE.c.series_id == series_id, _INSTANCE.c.uid.in_(uids)))
    size = sum(one.stored.size for one in gone)
    for table, row_id in ((_SERIES, series_id), (_STUDY, study_id)):
        shrunk = {
            "instances": table.c.instances - len(gone),
            "bytes": table.c.bytes - size,
            "revision": table.c.revision + 1,
        }
        db.execute(table.update().where(table.c.id == row_id).values(shrunk))
    blank = {"manifest_key": "", "thumbnail_key": "", "manifest_revision": _SERIES.c.revision}
    db.execute(_SERIES.update().where(_SERIES.c.id == series_id).values(blank))


def lock_studies(db: Connection, hospital_id: int, uids: set[str]) -> None:
    """Hold these studies, as adding holds them."""
    turns.take(db, ((hospital_id, uid) for uid in uids))
    statement = sa.select(_STUDY.c.id).where(_STUDY.c.hospital_id == hospital_id, _STUDY.c.uid.in_(sorted(uids)))
    db.execute(statement.order_by(_STUDY.c.uid).with_for_update()).all()


def _tidy(
    db: Connection, gone: Collection[bytes], series_ids: Collection[int], study_id: int, origin: Origin, read: Read
) -> None:
    """What was left: empty rows go, lists are made anew, facts that gone instances told are told by another."""
    patient_id = db.execute(sa.select(_STUDY.c.patient_id).where(_STUDY.c.id == study_id)).scalar_one()
    for series_id in sorted(series_ids):
        left = _SERIES.c.id == series_id, _SERIES.c.instances == 0
        if db.execute(_SERIES.delete().where(*left)).rowcount:
            db.execute(_STUDY.update().where(_STUDY.c.id == study_id).values(series=_STUDY.c.series - 1))
        else:
            _retell_series(db, series_id, gone, origin, read)
    if not db.execute(_STUDY.delete().where(_STUDY.c.id == study_id, _STUDY.c.instances == 0)).rowcount:
        _relist(db, study_id)
        _retell_study(db, study_id, gone, origin, read)
    if not _drop_patient(db, patient_id):
        _retell_patient(db, patient_id, gone, origin, read)


def _settle_patients(db: Connection, hospital_id: int, study_instance_uid: str) -> None:
    """Two patients in one study: no longer, when the study is the other one's now or the newcomer is not in it."""
    conflict = schema.conflict.c
    row = db.execute(
        sa.select(_STUDY.c.id, _PATIENT.c.patient_key, _PATIENT.c.issuer)
        .join(_PATIENT, _STUDY.c.patient_id == _PATIENT.c.id)
        .where(_STUDY.c.hospital_id == hospital_id, _STUDY.c.uid == study_instance_uid)
    ).first()
    gone = ~sa.exists().where(
        _INSTANCE.c.uid == conflict.sop_instance_uid,
        _INSTANCE.c.hospital_id == hospital_id,
        _INSTANCE.c.stored_at == conflict.stored_at,
        _INSTANCE.c.size == conflict.size,
    )
    settled = (
        gone
        if row is None
        else sa.or_(gone, conflict.identity == f"{study_instance_uid} {row.issuer} {row.patient_key}")
    )
    db.execute(
        schema.conflict.delete().where(
            conflict.hospital_id == hospital_id, conflict.kind == "patient",
            conflict.study_instance_uid == study_instance_uid, settled,
        )
    )  # fmt: skip


def _relist(db: Connection, study_id: int) -> None:
    """Modalities, SOP classes and the time of arrival, from what is there."""
    of_study = _SERIES.c.study_id == study_id
    within = sa.select(_INSTANCE.c.sop_class_uid).join(_SERIES, _INSTANCE.c.series_id == _SERIES.c.id).where(of_study)
    arrived = sa.select(sa.func.min(_INSTANCE.c.stored_at)).join(_SERIES, _INSTANCE.c.series_id == _SERIES.c.id)
    db.execute(
        _STUDY.update()
        .where(_STUDY.c.id == study_id)
        .values(
            modalities=joined(db.execute(sa.select(_SERIES.c.modality).where(of_study)).scalars()),
            sop_classes=joined(db.execute(within.distinct()).scalars()),
            received_at=db.execute(arrived.where(of_study)).scalar_one(),
        )
    )


def _retell_series(db: Connection, series_id: int, gone: Collection[bytes], origin: Origin, read: Read) -> None:
    if _told_by(db, _SERIES, series_id) not in gone:
        return
    item = next(iter(_earliest(db, _SERIES.c.id == series_id, 1, origin, read)))
    values = series_values(item[0].series) | told_values(teller(item))
    db.execute(_SERIES.update().where(_SERIES.c.id == series_id).values(values))
    study_id = db.execute(sa.select(_SERIES.c.study_id).where(_SERIES.c.id == series_id)).scalar_one()
    _relist(db, study_id)


def _retell_study(db: Connection, study_id: int, gone: Collection[bytes], origin: Origin, read: Read) -> None:
    """The study's facts, and whose it is unless a person decided that."""
    if _told_by(db, _STUDY, study_id) not in gone:
        return
    item = next(iter(_earliest(db, _STUDY.c.id == study_id, 1, origin, read)))
    values = study_values(item[0].study) | told_values(teller(item))
    decision = schema.decision.c
    assigned = sa.select(decision.target).where(
        decision.hospital_id == origin.hospital_id,
        decision.kind == "assign",
        decision.identity == item[0].study.study_instance_uid,
    )
    if db.execute(assigned).first() is None:
        turns.take(db, patients=[patient_identity(item)])
        (values["patient_id"],) = ensure_patients(db, [item]).values()
    db.execute(_STUDY.update().where(_STUDY.c.id == study_id).values(values))
    db.execute(schema.study_token.delete().where(schema.study_token.c.study_id == study_id))
    add_tokens(db, [(study_id, item[0])])


def _retell_patient(db: Connection, patient_id: int, gone: Collection[bytes], origin: Origin, read: Read) -> None:
    if _told_by(db, _PATIENT, patient_id) not in gone:
        return
    row = db.execute(sa.select(_PATIENT).where(_PATIENT.c.id == patient_id)).one()
    identity = (row.patient_key, row.hospital_id, row.issuer)
    for item in _earliest(db, _STUDY.c.patient_id == patient_id, _TRIES, origin, read):
        if patient_identity(item) == identity:
            values = patient_values(item[0].patient)
            db.execute(_PATIENT.update().where(_PATIENT.c.id == patient_id).values(values | told_values(teller(item))))
            db.execute(schema.name_token.delete().where(schema.name_token.c.patient_id == patient_id))
            words = [{"token": word, "patient_id": patient_id} for word in tokens(values["name_fold"])]
            insert_many(db, schema.name_token, words, ignore=True)
            return


def _earliest(
    db: Connection, condition: "sa.ColumnElement[bool]", count: int, origin: Origin, read: Read
) -> "list[Item]":
    statement = sa.select(*INSTANCE_COLUMNS).select_from(INSTANCE_TABLES).where(condition)
    rows = db.execute(statement.order_by(_INSTANCE.c.stored_at, _INSTANCE.c.sha256).limit(count)).all()
    return [(read(stored), stored, origin) for stored in (instance_of(row).stored for row in rows)]


def _told_by(db: Connection, table: sa.Table, row_id: int) -> Any:
    return db.execute(sa.select(table.c.told_by).where(table.c.id == row_id)).scalar()


def _drop_patient(db: Connection, patient_id: int) -> bool:
    """Forget a patient without studies."""
    none_left = ~sa.exists().where(_STUDY.c.patient_id == patient_id)
    return bool(db.execute(_PATIENT.delete().where(_PATIENT.c.id == patient_id, none_left)).rowcount)
