"""What people decide about contradictions and unreadable objects.

Every decision is also a row of `decision`, which a rebuild of the index preserves and obeys: what objects cannot tell
is not lost with the index. Functions write; the caller owns the transaction and records the act in the audit log.
"""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import Conflict, NotFound
from storage.index import changes, schema
from storage.index.adding import known_instances, newcomer
from storage.index.parents import Item
from storage.index.replacing import Read, assign_study, lock_studies, replace_instance
from storage.index.rows import mine
from storage.index.types import now_ms, upsert
from storage.model.archive import Hospital, Instance, Origin, Scope, StoredObject
from storage.model.reconcile import ASSIGN, KEEP, REPLACE, ConflictEntry, Decision
from storage.model.work import ChangeKind

_CONFLICT, _DECISION = schema.conflict, schema.decision
CONFLICT_COLUMNS = [column for column in _CONFLICT.c if column.name not in ("identity", "before")]


def conflict(db: Connection, scope: Scope, conflict_id: int) -> ConflictEntry:
    """One contradiction; held until the end of a transaction that writes."""
    statement = sa.select(*CONFLICT_COLUMNS).where(_CONFLICT.c.id == conflict_id)
    row = db.execute(statement.where(mine(_CONFLICT.c.hospital_id, scope.hospital_ids)).with_for_update()).first()
    if row is None:
        raise NotFound(f"there is no conflict with the id {conflict_id}")
    return ConflictEntry(**row._mapping)


def shown(db: Connection, entry: ConflictEntry) -> Instance:
    """The instance that is canonical under the SOP Instance UID of this conflict."""
    found = known_instances(db, [entry.hospital_id], [entry.sop_instance_uid])
    for instance in found.values():
        return instance
    raise NotFound(f"there is no instance {entry.sop_instance_uid}")


def brought(db: Connection, instance: Instance) -> tuple[str, str]:
    """Door and source of whoever brought the first instance of this instance's series."""
    series, study = schema.series, schema.study
    row = db.execute(
        sa.select(series.c.door, series.c.source)
        .join(study, series.c.study_id == study.c.id)
        .where(study.c.hospital_id == instance.hospital_id, study.c.uid == instance.key.study_instance_uid)
        .where(series.c.uid == instance.key.series_instance_uid)
    ).first()
    return ("", "") if row is None else (row.door, row.source)


def keep(db: Connection, entry: ConflictEntry, actor: str, reason: str) -> None:
    """What is shown stays; the other object stays kept beside it."""
    _expect_open(entry)
    _decide(db, entry, entry.kind, _identity(db, entry), KEEP, "", actor, reason)
    _set(db, entry, resolved=True, action=KEEP)
    recount(db, entry.hospital_id, _studies_of(db, entry))


def replace(db: Connection, entry: ConflictEntry, hospital: Hospital, read: Read, actor: str, reason: str) -> None:
    """Make the other object canonical; the one that was shown takes its place in the conflict."""
    if entry.kind != "instance":
        raise Conflict("only an instance can be replaced by another object")
    _expect_open(entry)
    _decide(db, entry, "canonical", entry.sop_instance_uid, REPLACE, entry.sha256, actor, reason)
    _exchange(db, entry, hospital, read, resolved=True)


def assign(db: Connection, entry: ConflictEntry, hospital: Hospital, read: Read, actor: str, reason: str) -> None:
    """Give the study to the patient whom the newcomer names."""
    if entry.kind != "patient":
        raise Conflict("only a study with two patients can be assigned")
    _expect_open(entry)
    _decide(db, entry, "assign", entry.study_instance_uid, ASSIGN, entry.sha256, actor, reason)
    _decide(db, entry, "patient", _identity(db, entry), ASSIGN, entry.sha256, actor, reason)
    _assign(db, entry, hospital, read)


def reopen(db: Connection, entry: ConflictEntry, hospital: Hospital, read: Read, actor: str, reason: str) -> None:
    """Take the decision back: what was shown, or whose study it was, is so again, and the question is open."""
    if not entry.resolved:
        raise Conflict("this conflict is open")
    if entry.action == REPLACE:
        _decide(db, entry, "canonical", entry.sop_instance_uid, REPLACE, entry.sha256, actor, reason)
        _exchange(db, entry, hospital, read, resolved=False)
        return
    if entry.action == ASSIGN:
        former = str(_before(db, entry)["sha256"])
        key = entry.object_key.removesuffix(f"{entry.sha256[:2]}/{entry.sha256}") + f"{former[:2]}/{former}"
        assign_study(
            db, entry.hospital_id, entry.study_instance_uid, _item(hospital, read, StoredObject(key, 0, former, 0))
        )
        _forget(db, entry.hospital_id, "assign", entry.study_instance_uid)
    _forget(db, entry.hospital_id, entry.kind, _identity(db, entry))
    _set(db, entry, resolved=False, action="")
    recount(db, entry.hospital_id, _studies_of(db, entry))


def decided(db: Connection, kinds: Iterable[str]) -> list[tuple[int, Decision]]:
    """The decisions of these kinds that stand, oldest first, each with its hospital's id."""
    statement = sa.select(_DECISION).where(_DECISION.c.kind.in_(sorted(kinds)))
    rows = db.execute(statement.order_by(_DECISION.c.at, _DECISION.c.kind, _DECISION.c.identity)).all()
    names = ("kind", "identity", "action", "target", "actor", "reason", "at")
    return [(row.hospital_id, Decision(*(row._mapping[name] for name in names))) for row in rows]


def obey(db: Connection, hospital: Hospital, decision: Decision, read: Read) -> None:
    """Do again, on an index made anew, what a person decided; nothing when there is nothing to do."""
    identity = f"{decision.identity} {decision.target}"
    condition = (
        (_CONFLICT.c.kind == "instance") & (_CONFLICT.c.identity == identity)
        if decision.kind == "canonical"
        else (_CONFLICT.c.kind == "patient") & (_CONFLICT.c.sha256 == decision.target)
        & (_CONFLICT.c.study_instance_uid == decision.identity)
    )  # fmt: skip
    statement = sa.select(*CONFLICT_COLUMNS).where(_CONFLICT.c.hospital_id == hospital.id, condition)
    row = db.execute(statement).first()
    if row is None:
        return
    entry = ConflictEntry(**row._mapping)
    if decision.kind == "canonical":
        _exchange(db, entry, hospital, read, resolved=True)
    else:
        _assign(db, entry, hospital, read)


def _assign(db: Connection, entry: ConflictEntry, hospital: Hospital, read: Read) -> None:
    stored = StoredObject(entry.object_key, entry.size, entry.sha256, entry.stored_at)
    former = assign_study(db, entry.hospital_id, entry.study_instance_uid, _item(hospital, read, stored))
    _set(db, entry, resolved=True, action=ASSIGN, before=json.dumps({"sha256": former}))
    recount(db, entry.hospital_id, {entry.study_instance_uid})


def _exchange(db: Connection, entry: ConflictEntry, hospital: Hospital, read: Read, *, resolved: bool) -> None:
    """The object of the conflict becomes canonical, the canonical one becomes that of the conflict."""
    canonical = shown(db, entry)
    known_of_series = [*brought(db, canonical), ""]
    stored = StoredObject(entry.object_key, entry.size, entry.sha256, entry.stored_at)
    origin = Origin(hospital.id, hospital.code, entry.door, entry.source, entry.address)
    replace_instance(db, canonical, (read(stored), stored, origin), read)
    bringers = _before(db, entry)
    bringers[entry.sha256] = [entry.door, entry.source, entry.address]
    door, source, address = bringers.pop(canonical.stored.sha256, known_of_series)
    former = Origin(hospital.id, hospital.code, door, source, address)
    values = {
        **newcomer(read(canonical.stored), canonical.stored, former),
        "identity": f"{entry.sop_instance_uid} {canonical.stored.sha256}",
        "before": json.dumps(bringers),
        "resolved": resolved,
        "action": REPLACE if resolved else "",
    }
    _set(db, entry, **values)
    db.execute(
        _CONFLICT.update()
        .where(_CONFLICT.c.hospital_id == entry.hospital_id, _CONFLICT.c.kind == "instance")
        .where(_CONFLICT.c.sop_instance_uid == entry.sop_instance_uid)
        .values(kept_sha256=entry.sha256)
    )
    recount(db, entry.hospital_id, {canonical.key.study_instance_uid} | _studies_of(db, entry))


def recount(db: Connection, hospital_id: int, uids: set[str]) -> None:
    """Count the open conflicts of these studies again, and say that the studies have changed."""
    study, series, instance = schema.study, schema.series, schema.instance
    lock_studies(db, hospital_id, uids)
    of_study = sa.exists().where(
        instance.c.uid == _CONFLICT.c.sop_instance_uid,
        instance.c.hospital_id == _CONFLICT.c.hospital_id,
        instance.c.series_id == series.c.id,
        series.c.study_id == study.c.id,
    )
    here = sa.case((_CONFLICT.c.kind == "patient", _CONFLICT.c.study_instance_uid == study.c.uid), else_=of_study)
    count = (
        sa.select(sa.func.count())
        .select_from(_CONFLICT)
        .where(_CONFLICT.c.hospital_id == hospital_id, _CONFLICT.c.resolved == sa.false(), here)
        .correlate(study)
        .scalar_subquery()
    )
    now = now_ms()
    for uid in sorted(uids):
        values = {"conflicts": count, "changed_at": now}
        db.execute(study.update().where(study.c.hospital_id == hospital_id, study.c.uid == uid).values(values))
        changes.append(db, hospital_id, ChangeKind.STUDY_CHANGED, study_instance_uid=uid, at=now)


def _studies_of(db: Connection, entry: ConflictEntry) -> set[str]:
    """The study that counts this conflict."""
    if entry.kind == "patient":
        return {entry.study_instance_uid}
    return {shown(db, entry).key.study_instance_uid}


def _item(hospital: Hospital, read: Read, stored: StoredObject) -> Item:
    return read(stored), stored, Origin(hospital.id, hospital.code, "", "")


def _expect_open(entry: ConflictEntry) -> None:
    if entry.resolved:
        raise Conflict("this conflict was decided before; reopen it first")


def _identity(db: Connection, entry: ConflictEntry) -> str:
    return str(db.execute(sa.select(_CONFLICT.c.identity).where(_CONFLICT.c.id == entry.id)).scalar_one())


def _before(db: Connection, entry: ConflictEntry) -> dict[str, Any]:
    found = db.execute(sa.select(_CONFLICT.c.before).where(_CONFLICT.c.id == entry.id)).scalar_one()
    return dict(json.loads(found))


def _set(db: Connection, entry: ConflictEntry, **values: Any) -> None:
    db.execute(_CONFLICT.update().where(_CONFLICT.c.id == entry.id).values(values))


def _decide(
    db: Connection, entry: ConflictEntry, kind: str, identity: str, action: str, target: str, actor: str, reason: str
) -> None:
    decide(db, entry.hospital_id, Decision(kind, identity, action, target, actor, reason, now_ms()))


def decide(db: Connection, hospital_id: int, decision: Decision) -> None:
    """Write a decision down, in place of an earlier one about the same."""
    values = {
        "hospital_id": hospital_id,
        "kind": decision.kind,
        "identity": decision.identity,
        "action": decision.action,
        "target": decision.target,
        "actor": decision.actor,
        "reason": decision.reason,
        "at": decision.at,
    }
    keys = ["hospital_id", "kind", "identity"]
    changed = {name: value for name, value in values.items() if name not in keys}
    statement = upsert(db, _DECISION).values(values)
    db.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def _forget(db: Connection, hospital_id: int, kind: str, identity: str) -> None:
    column = _DECISION.c
    db.execute(
        _DECISION.delete().where(column.hospital_id == hospital_id, column.kind == kind, column.identity == identity)
    )
