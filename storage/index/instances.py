"""Instances, series and studies: adding them, getting them by their UIDs, and what is out of the ordinary."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import InvalidQuery, NotFound
from storage.index import changes, prepared, schema
from storage.index.adding import DIFFERS, Added, add, bytes_of, newcomer, receipt, take_turns
from storage.index.documents import documents_of
from storage.index.noted import decision
from storage.index.reconciling import CONFLICT_COLUMNS
from storage.index.rows import (
    INSTANCE_COLUMNS,
    INSTANCE_TABLES,
    SERIES_COLUMNS,
    SERIES_TABLES,
    STUDY_COLUMNS,
    STUDY_TABLES,
    instance_of,
    mine,
    study_of,
    visible,
)
from storage.index.rows import series_of as _series_value
from storage.index.types import among, clean, inserted, now_ms, upsert
from storage.model.archive import Description, Instance, InstanceKey, Origin, Scope, Series, StoredObject, Study
from storage.model.reconcile import ConflictEntry, QuarantineEntry
from storage.model.work import ChangeKind

STATUSES = ("unread", "reading", "read")

__all__ = [
    "DIFFERS", "STATUSES", "Added", "Listed", "add", "add_conflict", "add_quarantine", "conflicts", "find_by_uid",
    "get", "holding", "listed", "of_series", "of_study", "quarantined", "series", "series_of", "set_series_summary",
    "set_status", "study", "take_turns", "waiting",
]  # fmt: skip


def get(db: Connection, scope: Scope, key: InstanceKey) -> Instance:
    """The instance of exactly this study, series and UID."""
    given = {
        "sop": key.sop_instance_uid,
        "series": key.series_instance_uid,
        "study": key.study_instance_uid,
        "hospitals": holding(db, scope, key.study_instance_uid),
    }
    found = prepared.rows(db, _ONE, given)
    if not found:
        raise NotFound(f"there is no instance {key.sop_instance_uid}")
    return instance_of(found[0])


def holding(db: Connection, scope: Scope, study_instance_uid: str) -> list[int]:
    """The one hospital whose study of this UID is meant (its id), or none. A UID alone may name studies of several:
    then one of the scope's own hospitals comes before one that granted it, and the first of these before the others.
    Who means another says so by a scope that is `within` it."""
    places = sorted(scope.at(study_instance_uid))
    if len(places) < 2:
        return places
    found = prepared.rows(db, _HOLDING, {"study": study_instance_uid, "hospitals": places})
    ids = sorted((row.hospital_id for row in found), key=lambda one: (one not in scope.hospital_ids, one))
    return ids[:1]


def find_by_uid(db: Connection, scope: Scope, sop_instance_uid: str) -> Instance:
    """The instance of this UID, wherever it is; the first hospital's when several have it."""
    statement = _instances(visible(scope)).where(schema.instance.c.uid == sop_instance_uid)
    row = db.execute(statement.order_by(schema.instance.c.hospital_id)).first()
    if row is None:
        raise NotFound(f"there is no instance {sop_instance_uid}")
    return instance_of(row)


def of_series(db: Connection, scope: Scope, study_instance_uid: str, series_instance_uid: str) -> list[Instance]:
    """The instances of a series by Instance Number, then UID; none when there is no such series."""
    hospitals = holding(db, scope, study_instance_uid)
    given = {"series": series_instance_uid, "study": study_instance_uid, "hospitals": hospitals}
    return [instance_of(row) for row in prepared.rows(db, _OF_SERIES, given)]


class Listed(NamedTuple):
    """An instance of a list: its UID, the SHA-256 of its object, and what is wrong with that."""

    uid: str
    sha256: bytes
    damage: str


def listed(db: Connection, hospital_id: int, study_instance_uid: str, series_instance_uid: str) -> list[Listed]:
    """The instances of a series in the order of `of_series`, without their facts."""
    given = {"series": series_instance_uid, "study": study_instance_uid, "hospitals": [hospital_id]}
    return [Listed(*row) for row in prepared.rows(db, _LISTED, given)]


def of_study(db: Connection, scope: Scope, study_instance_uid: str) -> list[Instance]:
    """The instances of a study, series by series; none when there is no such study."""
    statement = (
        _instances(schema.study.c.hospital_id.in_(holding(db, scope, study_instance_uid)))
        .where(schema.study.c.uid == study_instance_uid)
        .order_by(*_SERIES_ORDER, *_BY_NUMBER)
    )
    return [instance_of(row) for row in db.execute(statement)]


def study(db: Connection, scope: Scope, study_instance_uid: str) -> Study:
    """The study of this UID; where several hospitals have it, that of `holding`."""
    statement = (
        sa.select(*STUDY_COLUMNS)
        .select_from(STUDY_TABLES)
        .where(schema.study.c.uid == study_instance_uid)
        .where(schema.study.c.hospital_id.in_(holding(db, scope, study_instance_uid)))
    )
    row = db.execute(statement).first()
    if row is None:
        raise NotFound(f"there is no study {study_instance_uid}")
    return study_of(row, documents_of(db, [row]).get(row.id, 0))


def series_of(db: Connection, scope: Scope, study_instance_uid: str) -> list[Series]:
    """The series of a study by Series Number, then UID; none when there is no such study."""
    given = {"study": study_instance_uid, "hospitals": holding(db, scope, study_instance_uid)}
    return [_series_value(row) for row in prepared.rows(db, _SERIES_OF, given)]


def series(db: Connection, scope: Scope, study_instance_uid: str, series_instance_uid: str) -> Series:
    """One series."""
    hospitals = holding(db, scope, study_instance_uid)
    found = prepared.rows(
        db, _ONE_SERIES, {"series": series_instance_uid, "study": study_instance_uid, "hospitals": hospitals}
    )
    if not found:
        raise NotFound(f"there is no series {series_instance_uid}")
    return _series_value(found[0])


def set_status(db: Connection, scope: Scope, study_instance_uid: str, status: str) -> None:
    """Note how far the reading of this study is: "unread", "reading" or "read"."""
    if status not in STATUSES:
        raise InvalidQuery(f"{status!r} is not one of {', '.join(STATUSES)}")
    found = study(db, scope, study_instance_uid)
    if found.status == status:
        return
    table, now = schema.study, now_ms()
    db.execute(
        table.update()
        .where(table.c.uid == study_instance_uid, table.c.hospital_id == found.hospital_id)
        .values(status=status, changed_at=now)
    )
    mark = upsert(db, schema.study_mark).values(
        hospital_id=found.hospital_id, study_instance_uid=study_instance_uid, status=status
    )
    db.execute(
        mark.on_conflict_do_update(index_elements=["hospital_id", "study_instance_uid"], set_={"status": status})
    )
    changes.append(db, found.hospital_id, ChangeKind.STUDY_CHANGED, study_instance_uid=study_instance_uid, at=now)


def set_series_summary(
    db: Connection,
    hospital_id: int,
    study_instance_uid: str,
    series_instance_uid: str,
    revision: int,
    manifest_key: str,
    thumbnail_key: str,
) -> bool:
    """Note the manifest and thumbnail of a revision; False, and nothing, when a newer one is already there."""
    table = schema.series
    of_study = (
        sa.select(schema.study.c.id)
        .where(schema.study.c.uid == study_instance_uid, schema.study.c.hospital_id == hospital_id)
        .scalar_subquery()
    )
    done = db.execute(
        table.update()
        .where(table.c.study_id == of_study, table.c.uid == series_instance_uid)
        .where(table.c.manifest_revision <= revision)
        .values(manifest_key=manifest_key, manifest_revision=revision, thumbnail_key=thumbnail_key)
    )
    if done.rowcount == 0:
        return False
    changes.append(
        db,
        hospital_id,
        ChangeKind.SERIES_SUMMARISED,
        study_instance_uid=study_instance_uid,
        series_instance_uid=series_instance_uid,
    )
    return True


def add_conflict(
    db: Connection, description: Description, stored: StoredObject, origin: Origin, existing: Instance
) -> bool:
    """Note other bytes under a known SOP Instance UID; False when these very bytes were noted before."""
    now = now_ms()
    sop_instance_uid = clean(description.instance.sop_instance_uid)
    action, _, _ = decision(db, origin.hospital_id, "instance", f"{sop_instance_uid} {stored.sha256}")
    row: dict[str, Any] = {
        "hospital_id": origin.hospital_id,
        "kind": "instance",
        "identity": f"{sop_instance_uid} {stored.sha256}",
        "kept_sha256": existing.stored.sha256,
        "at": now,
        "resolved": bool(action),
        "action": action,
        **newcomer(description, stored, origin),
    }
    if not inserted(db, schema.conflict, row):
        return False
    table = schema.study
    db.execute(
        table.update()
        .where(table.c.uid == existing.key.study_instance_uid, table.c.hospital_id == existing.hospital_id)
        .values(conflicts=table.c.conflicts + (0 if action else 1), changed_at=now)
    )
    changes.append(
        db,
        origin.hospital_id,
        ChangeKind.INSTANCE_CONFLICT,
        detail=receipt(stored, origin),
        study_instance_uid=existing.key.study_instance_uid,
        series_instance_uid=existing.key.series_instance_uid,
        sop_instance_uid=existing.key.sop_instance_uid,
        at=now,
    )
    return True


def add_quarantine(db: Connection, stored: StoredObject, origin: Origin, reason: str) -> bool:
    """Note bytes that could not be read; False when these very bytes were noted before."""
    now = now_ms()
    row = {"hospital_id": origin.hospital_id, "reason": clean(reason)[:1000], "at": now, **bytes_of(stored, origin)}
    action, target, decided_at = decision(db, origin.hospital_id, "quarantine", stored.sha256)
    row |= {"action": action, "target": target, "decided_at": decided_at}
    if not inserted(db, schema.quarantine, row):
        return False
    changes.append(db, origin.hospital_id, ChangeKind.OBJECT_QUARANTINED, detail=receipt(stored, origin), at=now)
    return True


def conflicts(
    db: Connection,
    scope: Scope,
    limit: int = 500,
    before: int | None = None,
    resolved: bool | None = None,
    study_instance_uid: str = "",
) -> list[ConflictEntry]:
    """What contradicts, newest first, of one study when it is named; `before` is the id of the last entry of the page
    before."""
    table = schema.conflict
    statement = sa.select(*CONFLICT_COLUMNS).where(mine(table.c.hospital_id, scope.hospital_ids))
    if before is not None:
        statement = statement.where(table.c.id < before)
    if resolved is not None:
        statement = statement.where(table.c.resolved == resolved)
    if study_instance_uid:
        statement = statement.where(table.c.study_instance_uid == study_instance_uid)
    rows = db.execute(statement.order_by(table.c.id.desc()).limit(limit))
    return [ConflictEntry(**row._mapping) for row in rows]


def quarantined(
    db: Connection, scope: Scope, limit: int = 500, before: int | None = None, decided: bool | None = None
) -> list[QuarantineEntry]:
    """What could not be read, newest first; `before` as for `conflicts`."""
    table = schema.quarantine
    statement = sa.select(table).where(mine(table.c.hospital_id, scope.hospital_ids))
    if before is not None:
        statement = statement.where(table.c.id < before)
    if decided is not None:
        statement = statement.where((table.c.action != "") == decided)
    rows = db.execute(statement.order_by(table.c.id.desc()).limit(limit))
    return [QuarantineEntry(**row._mapping) for row in rows]


def waiting(db: Connection, scope: Scope) -> tuple[int, int]:
    """How many conflicts and how many quarantined objects nobody has decided about."""
    conflict, quarantine = schema.conflict.c, schema.quarantine.c
    hospitals = scope.hospital_ids
    open_ = sa.select(sa.func.count()).where(mine(conflict.hospital_id, hospitals), conflict.resolved == sa.false())
    unread = sa.select(sa.func.count()).where(mine(quarantine.hospital_id, hospitals), quarantine.action == "")
    return int(db.execute(open_).scalar_one()), int(db.execute(unread).scalar_one())


_BY_NUMBER = (sa.func.coalesce(schema.instance.c.number, 1 << 40), schema.instance.c.uid)
_SERIES_ORDER = (sa.func.coalesce(schema.series.c.number, 1 << 40), schema.series.c.uid)

# Made once: making a statement costs more than running it for a single instance.
_MINE = sa.select(*INSTANCE_COLUMNS).select_from(INSTANCE_TABLES).where(among(schema.study.c.hospital_id, "hospitals"))
_OF_ONE_SERIES = _MINE.where(schema.study.c.uid == sa.bindparam("study"), schema.series.c.uid == sa.bindparam("series"))
_ONE = _OF_ONE_SERIES.where(schema.instance.c.uid == sa.bindparam("sop")).order_by(schema.study.c.hospital_id)
_HOLDING = (
    sa.select(schema.study.c.hospital_id)
    .where(schema.study.c.uid == sa.bindparam("study"))
    .where(among(schema.study.c.hospital_id, "hospitals"))
)
_LISTED = (
    sa.select(schema.instance.c.uid, schema.instance.c.sha256, schema.instance.c.damage)
    .select_from(INSTANCE_TABLES)
    .where(among(schema.study.c.hospital_id, "hospitals"))
    .where(schema.study.c.uid == sa.bindparam("study"), schema.series.c.uid == sa.bindparam("series"))
    .order_by(*_BY_NUMBER)
)
_OF_SERIES = _OF_ONE_SERIES.order_by(schema.study.c.hospital_id, *_BY_NUMBER)
_SERIES = (
    sa.select(*SERIES_COLUMNS)
    .select_from(SERIES_TABLES)
    .where(schema.study.c.uid == sa.bindparam("study"), among(schema.study.c.hospital_id, "hospitals"))
)
_SERIES_OF = _SERIES.order_by(schema.study.c.hospital_id, *_SERIES_ORDER)
_ONE_SERIES = _SERIES.where(schema.series.c.uid == sa.bindparam("series")).order_by(schema.study.c.hospital_id)


def _instances(permitted: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    return sa.select(*INSTANCE_COLUMNS).select_from(INSTANCE_TABLES).where(permitted)
