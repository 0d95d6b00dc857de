"""Patients, studies and series that new instances need: found, made or told better, and held until the commit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import prepared, schema
from storage.index.bulk import insert_many
from storage.index.rows import patient_key, patient_values, series_values, split, study_values
from storage.index.types import among, clean
from storage.model.archive import Description, Origin, StoredObject
from storage.model.text import name_tokens, tokens

Item = tuple[Description, StoredObject, Origin]
Teller = tuple[int, bytes]  # the instance that tells the facts: when it was stored, and its SHA-256
PatientIdentity = tuple[str, int, str]  # key, hospital, issuer
StudyIdentity = tuple[int, str]  # hospital, UID
SeriesIdentity = tuple[int, str]  # study row, UID


@dataclass(slots=True)
class HeldStudy:
    """A study row that this transaction holds, and how it grows."""

    id: int
    patient_id: int
    patient: PatientIdentity
    patient_teller: Teller
    teller: Teller
    modalities: set[str]
    sop_classes: set[str]
    received_at: int
    arrived_earlier: bool = False  # than the row says
    known_series: dict[str, tuple[int, Teller]] = field(default_factory=dict)  # those asked for: row, who told
    new_series: int = 0
    new_instances: int = 0
    new_bytes: int = 0
    new_conflicts: int = 0


def study_identity(item: Item) -> StudyIdentity:
    return item[2].hospital_id, clean(item[0].study.study_instance_uid)


def patient_identity(item: Item) -> PatientIdentity:
    facts = item[0].patient
    return patient_key(facts, clean(item[0].study.study_instance_uid)), item[2].hospital_id, clean(facts.issuer)


def series_identity(item: Item, studies: Mapping[StudyIdentity, HeldStudy]) -> SeriesIdentity:
    return studies[study_identity(item)].id, clean(item[0].series.series_instance_uid)


def teller(item: Item) -> Teller:
    return item[1].stored_at, bytes.fromhex(item[1].sha256)


def same_patient(one: PatientIdentity, other: PatientIdentity) -> bool:
    """A missing issuer contradicts nobody."""
    return one[0] == other[0] and (one[2] == other[2] or not one[2] or not other[2])


def ensure_studies(db: Connection, items: Sequence[Item], now: int) -> dict[StudyIdentity, HeldStudy]:
    """The studies of these items (earliest first), made where they are new, locked until the transaction ends."""
    first: dict[StudyIdentity, Item] = {}
    for item in items:
        first.setdefault(study_identity(item), item)
    studies = _lock_studies(db, first, {clean(item[0].series.series_instance_uid) for item in items})
    for identity, study in studies.items():
        _retell(db, study, first[identity])
    missing = sorted(identity for identity in first if identity not in studies)
    if missing:
        studies |= _make_studies(db, {identity: first[identity] for identity in missing}, now)
    return studies


def ensure_series(
    db: Connection, items: Sequence[Item], studies: dict[StudyIdentity, HeldStudy]
) -> dict[SeriesIdentity, int]:
    """The row ids of the series of these items; the studies' lists learn of new ones."""
    first: dict[SeriesIdentity, Item] = {}
    for item in items:
        first.setdefault(series_identity(item, studies), item)
    held = {study.id: study.known_series for study in studies.values()}
    known = {identity: held[identity[0]][identity[1]] for identity in first if identity[1] in held[identity[0]]}
    if len(known) < len(first):  # new; or made by another process while we waited for the study
        known |= _find_series(db, [identity for identity in first if identity not in known])
    for identity, (series_id, told) in known.items():
        if teller(first[identity]) < told:
            _update(db, schema.series, series_id, series_values(first[identity][0].series), teller(first[identity]))
            studies[study_identity(first[identity])].modalities.add(clean(first[identity][0].series.modality))
    missing = sorted(identity for identity in first if identity not in known)
    if missing:
        rows = []
        for identity in missing:
            description, _, origin = first[identity]
            study = studies[study_identity(first[identity])]
            study.new_series += 1
            study.modalities.add(clean(description.series.modality))
            own = {"study_id": study.id, "uid": identity[1], "door": clean(origin.door), "source": clean(origin.source)}
            rows.append(own | series_values(description.series) | told_values(teller(first[identity])))
        insert_many(db, schema.series, rows)  # the study is locked: nobody else makes its series
        known |= _find_series(db, missing)
    return {identity: series_id for identity, (series_id, _) in known.items()}


def _make_studies(db: Connection, first: dict[StudyIdentity, Item], now: int) -> dict[StudyIdentity, HeldStudy]:
    patients = ensure_patients(db, list(first.values()), retell=False)
    marks = _marks(db, first)
    rows = []
    for identity, item in first.items():
        own = {
            "hospital_id": identity[0],
            "uid": identity[1],
            "patient_id": patients[patient_identity(item)],
            "status": marks.get(identity, "unread"),
            "received_at": item[1].stored_at,
            "changed_at": now,
        }
        rows.append(own | study_values(item[0].study) | told_values(teller(item)))
    insert_many(db, schema.study, rows, ignore=True)
    made = _lock_studies(db, first)
    # Only now: who has a study asks for its patient, so nobody who has a patient may wait for a study.
    ensure_patients(db, [first[identity] for identity in sorted(first)])
    add_tokens(db, [(made[identity].id, item[0]) for identity, item in first.items()])
    return made


def _lock_studies(
    db: Connection, identities: Iterable[StudyIdentity], series: Iterable[str] = ()
) -> dict[StudyIdentity, HeldStudy]:
    """The studies that are there, locked; with those of the series asked for that were there when the question was
    put. A series keeps its row and its study, so what is found here is true after waiting for the lock as well."""
    wanted = set(identities)
    given = {
        "uids": sorted({uid for _, uid in wanted}),
        "hospitals": sorted({hospital for hospital, _ in wanted}),
        "series": sorted(series),
    }
    studies: dict[StudyIdentity, HeldStudy] = {}
    for row in prepared.rows(db, _LOCK_STUDIES, given):
        identity = row.hospital_id, row.uid
        if identity not in wanted:
            continue
        study = studies.get(identity)
        if study is None:
            study = studies[identity] = HeldStudy(
                id=row.id,
                patient_id=row.patient_id,
                patient=(row.patient_key, row.hospital_id, row.issuer),
                patient_teller=(row.patient_told_at, row.patient_told_by),
                teller=(row.told_at, row.told_by),
                modalities=set(split(row.modalities)),
                sop_classes=set(split(row.sop_classes)),
                received_at=row.received_at,
            )
        if row.series_id is not None:
            study.known_series[row.series_uid] = row.series_id, (row.series_told_at, row.series_told_by)
    return studies


def _marks(db: Connection, identities: Iterable[StudyIdentity]) -> dict[StudyIdentity, str]:
    rows = prepared.rows(db, _MARKS, {"uids": sorted({uid for _, uid in identities})})
    return {(row.hospital_id, row.study_instance_uid): row.status for row in rows}


def ensure_patients(db: Connection, items: Sequence[Item], *, retell: bool = True) -> dict[PatientIdentity, int]:
    """The row ids of the patients of these items, made where they are new; with `retell` an item that was stored
    earlier than what they are known from tells of them, for which their rows are held."""
    wanted: dict[PatientIdentity, Item] = {}
    for item in sorted(items, key=teller):
        wanted.setdefault(patient_identity(item), item)
    known = _find_patients(db, wanted)
    for identity, (patient_id, told) in known.items():
        if retell and teller(wanted[identity]) < told:
            _retell_patient(db, patient_id, wanted[identity])
    missing = sorted(identity for identity in wanted if identity not in known)
    if missing:
        rows: list[dict[str, Any]] = [
            {"hospital_id": identity[1], "patient_key": identity[0]}
            | patient_values(wanted[identity][0].patient)
            | told_values(teller(wanted[identity]))
            for identity in missing
        ]
        insert_many(db, schema.patient, rows, ignore=True)
        made = _find_patients(db, missing)
        _add_names(db, [(made[identity][0], row["name"]) for identity, row in zip(missing, rows, strict=True)])
        known |= made
    return {identity: patient_id for identity, (patient_id, _) in known.items()}


def _find_patients(db: Connection, identities: Iterable[PatientIdentity]) -> dict[PatientIdentity, tuple[int, Teller]]:
    wanted = set(identities)
    given = {
        "keys": sorted({key for key, _, _ in wanted}),
        "hospitals": sorted({hospital for _, hospital, _ in wanted}),
    }
    rows = prepared.rows(db, _FIND_PATIENTS, given)
    found = {(row.patient_key, row.hospital_id, row.issuer): (int(row.id), (row.told_at, row.told_by)) for row in rows}
    return {identity: value for identity, value in found.items() if identity in wanted}


def _find_series(db: Connection, identities: Iterable[SeriesIdentity]) -> dict[SeriesIdentity, tuple[int, Teller]]:
    wanted = set(identities)
    given = {"studies": sorted({study for study, _ in wanted}), "uids": sorted({uid for _, uid in wanted})}
    rows = prepared.rows(db, _FIND_SERIES, given)
    found = {(row.study_id, row.uid): (int(row.id), (row.told_at, row.told_by)) for row in rows}
    return {identity: value for identity, value in found.items() if identity in wanted}


def _retell(db: Connection, study: HeldStudy, item: Item) -> None:
    """An instance that was stored earlier than the one the facts are from tells them; another patient's does not."""
    if not same_patient(patient_identity(item), study.patient):
        return
    if teller(item) < study.teller:
        _update(db, schema.study, study.id, study_values(item[0].study), teller(item))
        db.execute(schema.study_token.delete().where(schema.study_token.c.study_id == study.id))
        add_tokens(db, [(study.id, item[0])])
    if teller(item) < study.patient_teller and patient_identity(item) == study.patient:
        _retell_patient(db, study.patient_id, item)


def _retell_patient(db: Connection, patient_id: int, item: Item) -> None:
    values = patient_values(item[0].patient)
    _update(db, schema.patient, patient_id, values, teller(item))
    db.execute(schema.name_token.delete().where(schema.name_token.c.patient_id == patient_id))
    _add_names(db, [(patient_id, values["name"])])


def _update(db: Connection, table: sa.Table, row_id: int, values: dict[str, Any], told: Teller) -> None:
    """Replace the facts, unless somebody who was stored even earlier has told them meanwhile."""
    db.execute(
        table.update()
        .where(table.c.id == row_id)
        .where(sa.or_(table.c.told_at > told[0], (table.c.told_at == told[0]) & (table.c.told_by > told[1])))
        .values(values | told_values(told))
    )


def _add_names(db: Connection, patients: Iterable[tuple[int, str]]) -> None:
    words = [{"token": word, "patient_id": patient_id} for patient_id, name in patients for word in name_tokens(name)]
    insert_many(db, schema.name_token, words, ignore=True)


def add_tokens(db: Connection, studies: Iterable[tuple[int, Description]]) -> None:
    """What the search of the worklist finds a study by, besides the names of its patient."""
    words = [
        {"token": word, "study_id": study_id}
        for study_id, description in studies
        for text in (description.study.description, description.study.accession_number, description.patient.patient_id)
        for word in tokens(text)
    ]
    insert_many(db, schema.study_token, words, ignore=True)


def told_values(told: Teller) -> dict[str, Any]:
    return {"told_at": told[0], "told_by": told[1]}


# Made once: making a statement costs more than running it for a single instance. SQLite has no FOR UPDATE and needs
# none; SQLAlchemy leaves it out there.
_STUDY, _PATIENT, _SERIES = schema.study.c, schema.patient.c, schema.series.c
_LOCK_STUDIES = (
    sa.select(
        _STUDY.id, _STUDY.hospital_id, _STUDY.uid, _STUDY.modalities, _STUDY.sop_classes, _STUDY.received_at,
        _STUDY.told_at, _STUDY.told_by, _STUDY.patient_id, _PATIENT.patient_key, _PATIENT.issuer,
        _PATIENT.told_at.label("patient_told_at"), _PATIENT.told_by.label("patient_told_by"),
        _SERIES.id.label("series_id"), _SERIES.uid.label("series_uid"),
        _SERIES.told_at.label("series_told_at"), _SERIES.told_by.label("series_told_by"),
    )
    .select_from(
        schema.study.join(schema.patient, _STUDY.patient_id == _PATIENT.id)
        .outerjoin(schema.series, (_SERIES.study_id == _STUDY.id) & among(_SERIES.uid, "series"))
    )
    .where(among(_STUDY.uid, "uids"), among(_STUDY.hospital_id, "hospitals"))
    .order_by(_STUDY.uid, _STUDY.hospital_id)
    .with_for_update(of=schema.study)
)  # fmt: skip
_MARKS = sa.select(schema.study_mark).where(among(schema.study_mark.c.study_instance_uid, "uids"))
_FIND_PATIENTS = sa.select(
    _PATIENT.id, _PATIENT.patient_key, _PATIENT.hospital_id, _PATIENT.issuer, _PATIENT.told_at, _PATIENT.told_by
).where(among(_PATIENT.patient_key, "keys"), among(_PATIENT.hospital_id, "hospitals"))
_FIND_SERIES = sa.select(_SERIES.id, _SERIES.study_id, _SERIES.uid, _SERIES.told_at, _SERIES.told_by).where(
    among(_SERIES.study_id, "studies"), among(_SERIES.uid, "uids")
)
