"""Damaged and missing objects: noted when reading back finds them, forgotten when the right bytes are there again.

The table outlives a rebuild of the index, which cannot know what is missing. The mark at the instance is there for
those who read or store it: they must not look elsewhere for each object.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import changes, schema
from storage.index.rows import INSTANCE_TABLES, lengthened, mine, shortened
from storage.index.types import now_ms, upsert
from storage.model.archive import Scope
from storage.model.damage import MISSING, Damage, Referenced
from storage.model.work import ChangeKind

_TABLE, _INSTANCE = schema.damage, schema.instance


def note(db: Connection, found: Referenced, kind: str, aside_key: str = "") -> str:
    """This object is CORRUPT or MISSING; which it is called from now on. One whose corrupt bytes were moved aside is
    missing from its place and stays CORRUPT."""
    known = db.execute(sa.select(_TABLE.c.kind).where(_TABLE.c.object_key == found.object_key)).scalar()
    if known is not None and (kind == MISSING or known == kind) and not aside_key:
        return str(known)
    row = {
        "object_key": found.object_key,
        "hospital_id": found.hospital_id,
        "kind": kind,
        "aside_key": aside_key,
        "size": found.size,
        "found_at": now_ms(),
        "study_instance_uid": found.study_instance_uid,
        "series_instance_uid": found.series_instance_uid,
        "sop_instance_uid": found.sop_instance_uid,
    }
    changed = {"kind": kind, "aside_key": aside_key}
    db.execute(upsert(db, _TABLE).values(row).on_conflict_do_update(index_elements=["object_key"], set_=changed))
    _mark(db, found.hospital_id, found.object_key, kind)
    return kind


def repaired(db: Connection, object_key: str) -> bool:
    """The right bytes are there again; False when nothing was noted of this object."""
    row = db.execute(sa.select(_TABLE).where(_TABLE.c.object_key == object_key)).first()
    if row is None:
        return False
    _mark(db, row.hospital_id, object_key, "")
    db.execute(_TABLE.delete().where(_TABLE.c.object_key == object_key))
    if row.series_instance_uid:  # what was summarised meanwhile lacks it
        changes.append(
            db,
            row.hospital_id,
            ChangeKind.SERIES_CHANGED,
            study_instance_uid=row.study_instance_uid,
            series_instance_uid=row.series_instance_uid,
        )
    return True


def all(db: Connection, scope: Scope | None = None, limit: int = 1000, after: str = "") -> list[Damage]:
    """What is damaged, by object key, from after `after` on."""
    statement = sa.select(_TABLE).where(_TABLE.c.object_key > after)
    if scope is not None:
        statement = statement.where(mine(_TABLE.c.hospital_id, scope.hospital_ids))
    return [Damage(**row._mapping) for row in db.execute(statement.order_by(_TABLE.c.object_key).limit(limit))]


def counts(db: Connection, scope: Scope) -> dict[str, int]:
    """How many objects are damaged, by kind."""
    counted = sa.select(_TABLE.c.kind, sa.func.count().label("n")).where(mine(_TABLE.c.hospital_id, scope.hospital_ids))
    return {row.kind: int(row.n) for row in db.execute(counted.group_by(_TABLE.c.kind))}


def mark_again(db: Connection, damaged: Damage) -> None:
    """The mark at the instance, after the index was made anew or another object became canonical."""
    _mark(db, damaged.hospital_id, damaged.object_key, damaged.kind)


def referenced_instances(
    db: Connection, after: tuple[int, str], limit: int
) -> list[tuple[tuple[int, str], Referenced]]:
    """Objects of instances and their place in the order of all, from after this place on."""
    statement = (
        sa.select(*_REFERENCED, _INSTANCE.c.series_id)
        .select_from(INSTANCE_TABLES)
        .where(sa.tuple_(_INSTANCE.c.series_id, _INSTANCE.c.uid) > after)
        .order_by(_INSTANCE.c.series_id, _INSTANCE.c.uid)
        .limit(limit)
    )
    return [((int(row.series_id), row.uid), _referenced(row)) for row in db.execute(statement)]


def referenced_by_uid(db: Connection, uids: Collection[str]) -> list[Referenced]:
    """Objects of the instances of these SOP Instance UIDs."""
    statement = sa.select(*_REFERENCED).select_from(INSTANCE_TABLES).where(_INSTANCE.c.uid.in_(sorted(uids)))
    return [_referenced(row) for row in db.execute(statement)]


def referenced_beside(db: Connection, name: str, after: int, limit: int) -> list[tuple[int, Referenced]]:
    """Objects of conflicts, quarantined or rejected ones (`name` of the table) that are kept, and their place."""
    table = {"conflict": schema.conflict, "quarantine": schema.quarantine, "rejected": schema.rejected}[name]
    kept = (table.c.id > after) & (table.c.object_key != "")
    if table is schema.conflict:
        kept &= table.c.kind != "patient"  # that is the object of an instance
    elif table is schema.quarantine:
        kept &= table.c.action != "delete"  # a person had that deleted
    statement = sa.select(table).where(kept).order_by(table.c.id).limit(limit)
    found = []
    for row in db.execute(statement):
        values = row._mapping
        uids = [values.get(f"{level}_instance_uid", "") for level in ("study", "series", "sop")]
        found.append((int(row.id), Referenced(row.hospital_id, row.object_key, int(row.size), *uids)))
    return found


def keys_between(db: Connection, low: str, high: str) -> set[bytes]:
    """Every object the index points to whose SHA-256 begins between these (`high` not included), as `packed`."""
    bounds = (bytes.fromhex(low.ljust(64, "0")), bytes.fromhex(high.ljust(64, "0")) if high else None)
    instances = sa.select(_INSTANCE.c.object_key, _INSTANCE.c.sha256).where(_INSTANCE.c.sha256 >= bounds[0])
    if bounds[1] is not None:
        instances = instances.where(_INSTANCE.c.sha256 < bounds[1])
    rows = db.execute(instances.execution_options(yield_per=5000))
    found = {packed(lengthened(row.object_key, row.sha256.hex())) for row in rows}
    for table in (schema.conflict, schema.quarantine, schema.rejected):
        kept = sa.select(table.c.object_key).where(table.c.sha256 >= low, table.c.object_key != "")
        if high:
            kept = kept.where(table.c.sha256 < high)
        found |= {packed(key) for key in db.execute(kept).scalars()}
    return found


def derived_keys(db: Connection) -> set[bytes]:
    """Every manifest and thumbnail a series points to, as `packed`."""
    series = schema.series.c
    rows = db.execute(sa.select(series.manifest_key, series.thumbnail_key).execution_options(yield_per=5000))
    return {packed(key) for row in rows for key in row if key}


def packed(object_key: str) -> bytes:
    """A key in little room: there may be very many."""
    folder, _, name = object_key.rpartition("/")
    sha256 = _sha256_of(object_key)
    return folder.encode() + bytes.fromhex(sha256) if sha256 else folder.encode() + name.encode()


def instances_in_all(db: Connection) -> int:
    """How many instances there are."""
    return int(db.execute(sa.select(sa.func.coalesce(sa.func.sum(schema.study.c.instances), 0))).scalar_one())


def _mark(db: Connection, hospital_id: int, object_key: str, kind: str) -> None:
    sha256 = _sha256_of(object_key)
    uids = sa.select(_TABLE.c.sop_instance_uid).where(_TABLE.c.object_key == object_key)
    known = [uid for uid in db.execute(uids).scalars() if uid]
    condition = (_INSTANCE.c.hospital_id == hospital_id) & (_INSTANCE.c.object_key == shortened(object_key, sha256))
    if known:
        condition &= _INSTANCE.c.uid.in_(known)  # else the whole table is looked through, which is rare
    db.execute(_INSTANCE.update().where(condition, _INSTANCE.c.sha256 == bytes.fromhex(sha256)).values(damage=kind))


def _sha256_of(object_key: str) -> str:
    """The SHA-256 a content-addressed key ends with, or ""."""
    last = object_key.rpartition("/")[2]
    return last if len(last) == 64 else ""


_REFERENCED = (
    _INSTANCE.c.uid,
    _INSTANCE.c.hospital_id,
    _INSTANCE.c.object_key,
    _INSTANCE.c.sha256,
    _INSTANCE.c.size,
    schema.study.c.uid.label("study_uid"),
    schema.series.c.uid.label("series_uid"),
)


def _referenced(row: Any) -> Referenced:
    key = lengthened(row.object_key, row.sha256.hex())
    return Referenced(row.hospital_id, key, int(row.size), row.study_uid, row.series_uid, row.uid)
