"""Adding instances to the index: a batch in one transaction, a handful of statements whatever its size.

Rows are inserted and locked in one order everywhere (patient, study, series, instance, each by key), so two
processes that add to the same study wait for each other and never block each other for good. SQLite writers are
alone anyway (BEGIN IMMEDIATE).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import changes, schema
from storage.index.rows import (
    INSTANCE_COLUMNS,
    INSTANCE_TABLES,
    instance_of,
    instance_values,
    joined,
    patient_key,
    patient_values,
    series_values,
    split,
    study_values,
)
from storage.index.types import POSTGRESQL, clean, insert_new, now_ms
from storage.model.archive import ALREADY_STORED, STORED, Description, Instance, Origin, StoredObject
from storage.model.text import tokens
from storage.model.work import ChangeKind

DIFFERS = "differs"

Item = tuple[Description, StoredObject, Origin]
_Key = tuple[int, str]  # hospital and UID


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one item: STORED, ALREADY_STORED (same bytes) or DIFFERS (same UID, other bytes; nothing was
    written). `existing` is the instance that was there before, None for STORED."""

    kind: str
    existing: Instance | None = None


@dataclass(slots=True)
class _Study:
    """A study row that this transaction holds."""

    id: int
    patient_key: str
    issuer: str
    modalities: set[str]
    sop_classes: set[str]
    received_at: int
    new_series: int = 0
    new_instances: int = 0
    new_bytes: int = 0
    new_conflicts: int = 0


def add(db: Connection, items: Sequence[Item]) -> list[Added]:
    """Index these instances. One answer for each, in their order; the caller owns the transaction."""
    answers: list[Added | None] = [None] * len(items)
    positions = _settle_known(db, items, answers, range(len(items)))
    if positions:
        now = now_ms()
        studies = _ensure_studies(db, [items[position] for position in positions], now)
        series = _ensure_series(db, [items[position] for position in positions], studies)
        kept = _insert_instances(db, items, positions, studies, series)
        lost = [position for position in positions if position not in kept]
        if lost and _settle_known(db, items, answers, lost):
            raise AssertionError("an instance was neither inserted nor found")
        _count(db, [items[position] for position in positions if position in kept], studies, series, now)
        for position in kept:
            answers[position] = Added(STORED)
    return [answer for answer in answers if answer is not None]


def known_instances(db: Connection, hospital_ids: Iterable[int], uids: Iterable[str]) -> dict[_Key, Instance]:
    """The instances of these hospitals that have one of these SOP Instance UIDs."""
    statement = (
        sa.select(*INSTANCE_COLUMNS)
        .select_from(INSTANCE_TABLES)
        .where(schema.instance.c.uid.in_(sorted(set(uids))), schema.instance.c.hospital_id.in_(sorted(set(hospital_ids))))
    )
    found = (instance_of(row) for row in db.execute(statement))
    return {(instance.hospital_id, instance.key.sop_instance_uid): instance for instance in found}


def _settle_known(
    db: Connection, items: Sequence[Item], answers: list[Added | None], positions: Iterable[int]
) -> list[int]:
    """Answer those that are there already, or twice in the batch; the positions of the others."""
    positions = list(positions)
    known = known_instances(
        db,
        {items[position][2].hospital_id for position in positions},
        {clean(items[position][0].instance.sop_instance_uid) for position in positions},
    )
    fresh = []
    for position in positions:
        description, stored, origin = items[position]
        key = (origin.hospital_id, clean(description.instance.sop_instance_uid))
        existing = known.get(key)
        if existing is None:
            fresh.append(position)
            known[key] = Instance(
                origin.hospital_id, description.key, description.instance, stored, description.series.modality
            )
        else:
            same = existing.stored.sha256 == stored.sha256
            answers[position] = Added(ALREADY_STORED if same else DIFFERS, existing)
    return fresh


def _ensure_studies(db: Connection, items: Sequence[Item], now: int) -> dict[_Key, _Study]:
    """The studies of these items, made where they are new, locked until the transaction ends."""
    first: dict[_Key, Item] = {}
    for item in items:
        first.setdefault(_study_key(item), item)
    studies = _lock_studies(db, first)
    missing = sorted(key for key in first if key not in studies)
    if missing:
        patients = _ensure_patients(db, [first[key] for key in missing])
        rows = []
        for key in missing:
            description, stored, origin = first[key]
            patient = patients[_patient_identity(first[key])]
            rows.append(study_values(description.study, origin.hospital_id, patient, stored.stored_at, now))
        db.execute(insert_new(db, schema.study), rows)
        made = _lock_studies(db, missing)
        _add_study_tokens(db, [(made[key].id, first[key][0]) for key in missing])
        studies |= made
    return studies


def _lock_studies(db: Connection, keys: Iterable[_Key]) -> dict[_Key, _Study]:
    wanted = set(keys)
    study, patient = schema.study.c, schema.patient.c
    statement = (
        sa.select(
            study.id, study.hospital_id, study.uid, study.modalities, study.sop_classes, study.received_at,
            patient.patient_key, patient.issuer,
        )
        .select_from(schema.study.join(schema.patient, study.patient_id == patient.id))
        .where(study.uid.in_(sorted({uid for _, uid in wanted})))
        .where(study.hospital_id.in_(sorted({hospital for hospital, _ in wanted})))
        .order_by(study.uid, study.hospital_id)
    )
    if db.dialect.name == POSTGRESQL:
        statement = statement.with_for_update(of=schema.study)
    return {
        (row.hospital_id, row.uid): _Study(
            row.id, row.patient_key, row.issuer, set(split(row.modalities)), set(split(row.sop_classes)),
            row.received_at,
        )
        for row in db.execute(statement)
        if (row.hospital_id, row.uid) in wanted
    }


def _ensure_patients(db: Connection, items: Sequence[Item]) -> dict[tuple[str, int, str], int]:
    """The ids of the patients of these items, made where they are new."""
    wanted = {_patient_identity(item): item for item in reversed(items)}
    known = _find_patients(db, wanted)
    missing = sorted(identity for identity in wanted if identity not in known)
    if missing:
        rows = [
            patient_values(wanted[identity][0].patient, wanted[identity][2].hospital_id, identity[0])
            for identity in missing
        ]
        db.execute(insert_new(db, schema.patient), rows)
        made = _find_patients(db, missing)
        words = [
            {"token": word, "patient_id": made[identity]}
            for identity, row in zip(missing, rows, strict=True)
            for word in tokens(row["name_fold"])
        ]
        if words:
            db.execute(insert_new(db, schema.name_token), words)
        known |= made
    return known


def _find_patients(db: Connection, identities: Iterable[tuple[str, int, str]]) -> dict[tuple[str, int, str], int]:
    wanted = set(identities)
    table = schema.patient.c
    rows = db.execute(
        sa.select(table.id, table.patient_key, table.hospital_id, table.issuer)
        .where(table.patient_key.in_(sorted({key for key, _, _ in wanted})))
        .where(table.hospital_id.in_(sorted({hospital for _, hospital, _ in wanted})))
    )
    found = {(row.patient_key, row.hospital_id, row.issuer): int(row.id) for row in rows}
    return {identity: id for identity, id in found.items() if identity in wanted}


def _add_study_tokens(db: Connection, studies: Iterable[tuple[int, Description]]) -> None:
    """What the search of the worklist finds a study by, besides the names of its patient."""
    words = [
        {"token": word, "study_id": study_id}
        for study_id, description in studies
        for word in dict.fromkeys(
            (
                *tokens(description.study.description),
                *tokens(description.study.accession_number),
                *tokens(description.patient.patient_id),
            )
        )
    ]
    if words:
        db.execute(insert_new(db, schema.study_token), words)


def _ensure_series(db: Connection, items: Sequence[Item], studies: dict[_Key, _Study]) -> dict[_Key, int]:
    """The ids of the series of these items by (study id, series UID); the studies' lists learn of new ones."""
    first: dict[_Key, Item] = {}
    for item in items:
        first.setdefault(_series_key(item, studies), item)
    known = _find_series(db, first)
    missing = sorted(key for key in first if key not in known)
    if missing:
        rows = []
        for key in missing:
            description, _, origin = first[key]
            study = studies[_study_key(first[key])]
            study.new_series += 1
            study.modalities.add(clean(description.series.modality))
            rows.append(series_values(description.series, study.id, origin.door, origin.source))
        db.execute(schema.series.insert(), rows)  # the study is locked: nobody else makes its series
        known |= _find_series(db, missing)
    return known


def _find_series(db: Connection, keys: Iterable[_Key]) -> dict[_Key, int]:
    wanted = set(keys)
    table = schema.series.c
    rows = db.execute(
        sa.select(table.id, table.study_id, table.uid)
        .where(table.study_id.in_(sorted({study for study, _ in wanted})))
        .where(table.uid.in_(sorted({uid for _, uid in wanted})))
    )
    return {(row.study_id, row.uid): int(row.id) for row in rows}


def _insert_instances(
    db: Connection,
    items: Sequence[Item],
    positions: Sequence[int],
    studies: dict[_Key, _Study],
    series: dict[_Key, int],
) -> list[int]:
    """The positions whose rows were inserted, all but those another process inserted in the same moment."""
    rows = []
    for position in positions:
        description, stored, origin = items[position]
        series_id = series[_series_key(items[position], studies)]
        rows.append(instance_values(description.instance, stored, series_id, origin.hospital_id))
    if db.dialect.name != POSTGRESQL:
        db.execute(schema.instance.insert(), rows)
        return list(positions)
    in_order = sorted(rows, key=lambda row: (row["uid"], row["hospital_id"]))
    returned = db.execute(
        insert_new(db, schema.instance).returning(schema.instance.c.uid, schema.instance.c.hospital_id), in_order
    )
    inserted = {(row.hospital_id, row.uid) for row in returned}
    return [
        position
        for position, row in zip(positions, rows, strict=True)
        if (row["hospital_id"], row["uid"]) in inserted
    ]


def _count(
    db: Connection, kept: Sequence[Item], studies: dict[_Key, _Study], series: dict[_Key, int], now: int
) -> None:
    """Counters, lists and the change log, once for the whole batch."""
    grown: dict[int, list[int]] = {}
    for item in kept:
        description, stored, origin = item
        study = studies[_study_key(item)]
        counters = grown.setdefault(series[_series_key(item, studies)], [0, 0])
        counters[0] += 1
        counters[1] += stored.size
        study.new_instances += 1
        study.new_bytes += stored.size
        study.sop_classes.add(clean(description.instance.sop_class_uid))
        study.received_at = min(study.received_at, stored.stored_at)
        changes.append(
            db,
            origin.hospital_id,
            ChangeKind.INSTANCE_STORED,
            study_instance_uid=description.study.study_instance_uid,
            series_instance_uid=description.series.series_instance_uid,
            sop_instance_uid=description.instance.sop_instance_uid,
            at=now,
        )
    _note_other_patients(db, kept, studies, now)
    if grown:
        db.execute(_GROW_SERIES, [{"b_id": id, "b_n": n, "b_bytes": size} for id, (n, size) in sorted(grown.items())])
    touched = sorted(studies.values(), key=lambda study: study.id)
    db.execute(_GROW_STUDY, [_study_growth(study, now) for study in touched if study.new_series or study.new_instances])


def _study_growth(study: _Study, now: int) -> dict[str, Any]:
    return {
        "b_id": study.id,
        "b_series": study.new_series,
        "b_n": study.new_instances,
        "b_bytes": study.new_bytes,
        "b_modalities": joined(study.modalities),
        "b_sop_classes": joined(study.sop_classes),
        "b_received_at": study.received_at,
        "b_conflicts": study.new_conflicts,
        "b_now": now,
    }


def _note_other_patients(db: Connection, kept: Sequence[Item], studies: dict[_Key, _Study], now: int) -> None:
    """An instance that names another patient than its study stays there, and a person is told once."""
    noted: dict[tuple[int, str], tuple[dict[str, Any], _Study]] = {}
    for item in kept:
        description, stored, origin = item
        study = studies[_study_key(item)]
        key, hospital_id, issuer = _patient_identity(item)
        if key == study.patient_key and (issuer == study.issuer or not issuer or not study.issuer):
            continue
        row = {
            "hospital_id": hospital_id,
            "kind": "patient",
            "identity": f"{clean(description.study.study_instance_uid)} {issuer} {key}",
            "kept_sha256": "",
            "at": now,
        }
        noted.setdefault((hospital_id, row["identity"]), (row | newcomer(description, stored, origin), study))
    for _, (row, study) in sorted(noted.items()):
        study.new_conflicts += db.execute(insert_new(db, schema.conflict).values(row)).rowcount


def newcomer(description: Description, stored: StoredObject, origin: Origin) -> dict[str, Any]:
    """The columns of a conflict row that tell of the newcomer."""
    return {
        "study_instance_uid": clean(description.study.study_instance_uid),
        "series_instance_uid": clean(description.series.series_instance_uid),
        "sop_instance_uid": clean(description.instance.sop_instance_uid),
        "patient_id": clean(description.patient.patient_id),
        "issuer": clean(description.patient.issuer),
        "patient_name": clean(description.patient.name),
        **bytes_of(stored, origin),
    }


def bytes_of(stored: StoredObject, origin: Origin) -> dict[str, Any]:
    """The columns that tell of the bytes and who brought them."""
    return {
        "sha256": stored.sha256,
        "object_key": stored.key,
        "size": stored.size,
        "stored_at": stored.stored_at,
        "door": clean(origin.door),
        "source": clean(origin.source),
        "address": clean(origin.address),
    }


def _study_key(item: Item) -> _Key:
    return item[2].hospital_id, clean(item[0].study.study_instance_uid)


def _series_key(item: Item, studies: dict[_Key, _Study]) -> _Key:
    return studies[_study_key(item)].id, clean(item[0].series.series_instance_uid)


def _patient_identity(item: Item) -> tuple[str, int, str]:
    facts = item[0].patient
    return patient_key(facts, clean(item[0].study.study_instance_uid)), item[2].hospital_id, clean(facts.issuer)


_GROW_SERIES = (
    schema.series.update()
    .where(schema.series.c.id == sa.bindparam("b_id"))
    .values(
        instances=schema.series.c.instances + sa.bindparam("b_n"),
        bytes=schema.series.c.bytes + sa.bindparam("b_bytes"),
        revision=schema.series.c.revision + sa.bindparam("b_n"),
    )
)
_GROW_STUDY = (
    schema.study.update()
    .where(schema.study.c.id == sa.bindparam("b_id"))
    .values(
        series=schema.study.c.series + sa.bindparam("b_series"),
        instances=schema.study.c.instances + sa.bindparam("b_n"),
        bytes=schema.study.c.bytes + sa.bindparam("b_bytes"),
        revision=schema.study.c.revision + sa.bindparam("b_n"),
        conflicts=schema.study.c.conflicts + sa.bindparam("b_conflicts"),
        modalities=sa.bindparam("b_modalities"),
        sop_classes=sa.bindparam("b_sop_classes"),
        received_at=sa.bindparam("b_received_at"),
        changed_at=sa.bindparam("b_now"),
    )
)
