"""Objects that could not be read, and what people decided about them; see `reconciling` for decisions."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import Conflict, NotFound
from storage.index import schema
from storage.index.reconciling import decide
from storage.index.rows import mine
from storage.index.types import clean, now_ms
from storage.model.archive import Scope
from storage.model.reconcile import DELETE, LINK, Decision, QuarantineEntry

_TABLE, _DECISION = schema.quarantine, schema.decision


def one(db: Connection, scope: Scope, entry_id: int) -> QuarantineEntry:
    """One quarantined object; held until the end of a transaction that writes."""
    statement = sa.select(_TABLE).where(_TABLE.c.id == entry_id, mine(_TABLE.c.hospital_id, scope.hospital_ids))
    row = db.execute(statement.with_for_update()).first()
    if row is None:
        raise NotFound(f"there is no quarantined object with the id {entry_id}")
    return QuarantineEntry(**row._mapping)


def link(db: Connection, entry: QuarantineEntry, study_instance_uid: str, actor: str, reason: str) -> None:
    """Say that the object belongs to this study; it stays in quarantine, as evidence."""
    _expect_not_deleted(entry)
    study = schema.study.c
    known = sa.select(study.id).where(study.hospital_id == entry.hospital_id, study.uid == study_instance_uid)
    if db.execute(known).first() is None:
        raise NotFound(f"there is no study {study_instance_uid}")
    _note(db, entry, LINK, study_instance_uid, actor, reason)


def delete(db: Connection, entry: QuarantineEntry, actor: str, reason: str) -> None:
    """Mark the object for deletion; its bytes stay until the sweeper's time has come, and it can be taken back."""
    _expect_not_deleted(entry)
    _note(db, entry, DELETE, entry.target, actor, reason)


def restore(db: Connection, entry: QuarantineEntry) -> None:
    """Take linking or deleting back."""
    if not entry.action:
        raise Conflict("nothing was decided about this object")
    _forget_decision(db, entry)
    _set(db, entry, action="", target="", decided_at=None)


def note_reason(db: Connection, entry: QuarantineEntry, reason: str) -> None:
    """Why it still cannot be read."""
    db.execute(_TABLE.update().where(_TABLE.c.id == entry.id).values(reason=clean(reason)[:1000]))


def remove(db: Connection, entry: QuarantineEntry) -> None:
    """The object is no longer quarantined: it was read after all, or its bytes are gone."""
    _forget_decision(db, entry)
    db.execute(_TABLE.delete().where(_TABLE.c.id == entry.id))


def due(db: Connection, before: int, limit: int = 500) -> list[QuarantineEntry]:
    """What was marked for deletion before this instant."""
    statement = sa.select(_TABLE).where(_TABLE.c.action == DELETE, _TABLE.c.decided_at < before)
    return [QuarantineEntry(**row._mapping) for row in db.execute(statement.order_by(_TABLE.c.id).limit(limit))]


def _note(db: Connection, entry: QuarantineEntry, action: str, target: str, actor: str, reason: str) -> None:
    now = now_ms()
    decide(db, entry.hospital_id, Decision("quarantine", entry.sha256, action, target, actor, reason, now))
    _set(db, entry, action=action, target=target, decided_at=now)


def _set(db: Connection, entry: QuarantineEntry, *, action: str, target: str, decided_at: int | None) -> None:
    values = {"action": action, "target": target, "decided_at": decided_at}
    db.execute(_TABLE.update().where(_TABLE.c.id == entry.id).values(values))


def _forget_decision(db: Connection, entry: QuarantineEntry) -> None:
    column = _DECISION.c
    about = column.hospital_id == entry.hospital_id, column.kind == "quarantine", column.identity == entry.sha256
    db.execute(_DECISION.delete().where(*about))


def _expect_not_deleted(entry: QuarantineEntry) -> None:
    if entry.action == DELETE:
        raise Conflict("this object is marked for deletion; restore it first")
