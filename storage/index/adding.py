"""Adding instances to the index: a batch in one transaction, a handful of statements whatever its size.

Two processes that add to the same study or patient take turns (turns.py), so they wait for each other and never block
each other for good. SQLite writers are alone anyway (BEGIN IMMEDIATE).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import changes, prepared, schema, turns
from storage.index.bulk import insert_new_instances
from storage.index.noted import decision
from storage.index.parents import (
    HeldStudy,
    Item,
    SeriesIdentity,
    StudyIdentity,
    ensure_series,
    ensure_studies,
    patient_identity,
    same_patient,
    series_identity,
    study_identity,
    teller,
)
from storage.index.rows import INSTANCE_COLUMNS, INSTANCE_TABLES, instance_of, instance_values, joined
from storage.index.types import among, clean, inserted, now_ms
from storage.model.archive import ALREADY_STORED, STORED, Description, Instance, Origin, StoredObject
from storage.model.work import ChangeKind

DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one item: STORED, ALREADY_STORED (same bytes) or DIFFERS (same UID, other bytes; nothing was
    written). `existing` is the instance that was there before, None for STORED."""

    kind: str
    existing: Instance | None = None


def add(db: Connection, items: Sequence[Item]) -> list[Added]:
    """Index these instances. One answer for each, in their order; the caller owns the transaction.

    Within the batch the earliest stored comes first, so that what is canonical depends on the objects alone."""
    answers: dict[int, Added] = {}
    earliest = sorted(range(len(items)), key=lambda position: teller(items[position]))
    positions = _settle_known(db, items, answers, earliest)
    if positions:
        now = now_ms()
        fresh = [items[position] for position in positions]
        take_turns(db, fresh)
        studies = ensure_studies(db, fresh, now)
        series = ensure_series(db, fresh, studies)
        kept = _insert_instances(db, items, positions, studies, series)
        if len(kept) < len(positions):  # another process was quicker; what it stored is what the others meet
            others = [position for position in earliest if position not in kept]
            if _settle_known(db, items, answers, others):
                raise AssertionError("an instance was neither inserted nor found")
        _count(db, [items[position] for position in positions if position in kept], studies, series, now)
        answers |= {position: Added(STORED) for position in kept}
    return [answers[position] for position in range(len(items))]


def take_turns(db: Connection, items: Sequence[Item], held: Iterable[Instance] = ()) -> None:
    """Wait until nobody else adds to the studies and patients of these items; `held` are instances at whose studies the
    transaction changes something as well. `add` does so itself: who changes such a study first calls this before."""
    studies = {study_identity(item) for item in items}
    studies |= {(instance.hospital_id, clean(instance.key.study_instance_uid)) for instance in held}
    turns.take(db, studies, map(patient_identity, items))


def known_instances(db: Connection, hospital_ids: Iterable[int], uids: Iterable[str]) -> dict[StudyIdentity, Instance]:
    """The instances of these hospitals that have one of these SOP Instance UIDs."""
    given = {"uids": sorted(set(uids)), "hospitals": sorted(set(hospital_ids))}
    found = (instance_of(row) for row in prepared.rows(db, _KNOWN_INSTANCES, given))
    return {(instance.hospital_id, instance.key.sop_instance_uid): instance for instance in found}


def _settle_known(
    db: Connection, items: Sequence[Item], answers: dict[int, Added], positions: Sequence[int]
) -> list[int]:
    """Answer those that are there already, or twice in the batch; the positions of the others."""
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


def _insert_instances(
    db: Connection,
    items: Sequence[Item],
    positions: Sequence[int],
    studies: dict[StudyIdentity, HeldStudy],
    series: dict[SeriesIdentity, int],
) -> set[int]:
    """The positions whose rows were inserted, all but those another process inserted in the same moment."""
    rows = []
    for position in positions:
        description, stored, origin = items[position]
        series_id = series[series_identity(items[position], studies)]
        rows.append(instance_values(description.instance, stored, series_id, origin.hospital_id))
    in_order = sorted(rows, key=lambda row: (row["uid"], row["hospital_id"]))
    new = insert_new_instances(db, schema.instance, in_order)
    return {position for position, row in zip(positions, rows, strict=True) if (row["hospital_id"], row["uid"]) in new}


def _count(
    db: Connection,
    kept: Sequence[Item],
    studies: dict[StudyIdentity, HeldStudy],
    series: dict[SeriesIdentity, int],
    now: int,
) -> None:
    """Counters, lists and the change log, once for the whole batch."""
    grown: dict[int, list[int]] = {}
    for item in kept:
        description, stored, origin = item
        study = studies[study_identity(item)]
        counters = grown.setdefault(series[series_identity(item, studies)], [0, 0])
        counters[0] += 1
        counters[1] += stored.size
        study.new_instances += 1
        study.new_bytes += stored.size
        study.sop_classes.add(clean(description.instance.sop_class_uid))
        if stored.stored_at < study.received_at:
            study.received_at, study.arrived_earlier = stored.stored_at, True
        changes.append(
            db,
            origin.hospital_id,
            ChangeKind.INSTANCE_STORED,
            study_instance_uid=description.study.study_instance_uid,
            series_instance_uid=description.series.series_instance_uid,
            sop_instance_uid=description.instance.sop_instance_uid,
            detail=receipt(stored, origin),
            at=now,
        )
    _note_other_patients(db, kept, studies, now)
    if grown:
        growth = [{"b_id": id, "b_n": n, "b_bytes": size} for id, (n, size) in sorted(grown.items())]
        prepared.each(db, _GROW_SERIES, growth)
    touched = [study for study in studies.values() if study.new_series or study.new_instances]
    if touched:
        in_order = sorted(touched, key=lambda study: study.id)
        prepared.each(db, _GROW_STUDY, [_study_growth(study, now) for study in in_order])
        earlier = [
            {"b_id": study.id, "b_received_at": study.received_at} for study in in_order if study.arrived_earlier
        ]
        if earlier:
            prepared.each(db, _ARRIVED_EARLIER, earlier)


def _study_growth(study: HeldStudy, now: int) -> dict[str, Any]:
    return {
        "b_id": study.id,
        "b_series": study.new_series,
        "b_n": study.new_instances,
        "b_bytes": study.new_bytes,
        "b_modalities": joined(study.modalities),
        "b_sop_classes": joined(study.sop_classes),
        "b_conflicts": study.new_conflicts,
        "b_now": now,
    }


def _note_other_patients(
    db: Connection, kept: Sequence[Item], studies: dict[StudyIdentity, HeldStudy], now: int
) -> None:
    """An instance that names another patient than its study stays there, and a person is told once."""
    noted: dict[tuple[int, str], tuple[dict[str, Any], HeldStudy]] = {}
    for item in kept:
        description, stored, origin = item
        study = studies[study_identity(item)]
        identity = patient_identity(item)
        if same_patient(identity, study.patient):
            continue
        key, hospital_id, issuer = identity
        row: dict[str, Any] = {
            "hospital_id": hospital_id,
            "kind": "patient",
            "identity": f"{clean(description.study.study_instance_uid)} {issuer} {key}",
            "kept_sha256": "",
            "at": now,
        }
        noted.setdefault((hospital_id, str(row["identity"])), (row | newcomer(description, stored, origin), study))
    for (hospital_id, name), (row, study) in sorted(noted.items()):
        action, _, _ = decision(db, hospital_id, "patient", name)
        new = inserted(db, schema.conflict, row | {"resolved": bool(action), "action": action})
        study.new_conflicts += new and not action


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


def receipt(stored: StoredObject, origin: Origin) -> str:
    """What an object cannot say of itself, for the change log: from there it is written beside the objects, so that an
    index that is made anew knows it again (pacs/receipts.py)."""
    told = [stored.key, stored.stored_at, origin.door, clean(origin.source), clean(origin.address)]
    return _json(told)


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


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # `dumps` makes one for every call

# Made once: making a statement costs more than running it for a single instance.
_KNOWN_INSTANCES = (
    sa.select(*INSTANCE_COLUMNS)
    .select_from(INSTANCE_TABLES)
    .where(among(schema.instance.c.uid, "uids"), among(schema.instance.c.hospital_id, "hospitals"))
)
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
        changed_at=sa.bindparam("b_now"),
    )
)
# Apart: naming the column makes SQLite write the index over it, whatever the value.
_ARRIVED_EARLIER = (
    schema.study.update()
    .where(schema.study.c.id == sa.bindparam("b_id"))
    .values(received_at=sa.bindparam("b_received_at"))
)
