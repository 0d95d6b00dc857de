"""The audit log: who did what to which object, appended in the transaction that does it, chained by hashes.

`append` notes the event; `Database.writing` puts all noted events into the chain just before the commit. On PostgreSQL
this happens under a lock held until then, on SQLite writers are alone: the chain has no forks and no holes. Triggers
refuse UPDATE, DELETE and TRUNCATE; who gets around them is found by `storage.model.audit.Chain`.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import hospitals, schema
from storage.index.bulk import insert_many
from storage.index.rows import mine
from storage.index.types import POSTGRESQL, now_ms
from storage.model.archive import Scope
from storage.model.audit import DONE, GENESIS, Actor, AuditEvent, AuditFilter, AuditRecord, as_object, hash_of
from storage.model.text import nfc

_PENDING = "hoichan_audit"
_LOCK = 0x486F6961  # any number; the same in every process
_LONGEST = 2000
_AT_ONCE = 1000
_MOST_MARKS = 500  # asked for at once
LONGEST_MARK_MS = 3600 * 1000
_TABLE = schema.audit
_MARKS = schema.audit_mark
_TAKE_LOCK = sa.select(sa.func.pg_advisory_xact_lock(_LOCK))
_HEAD = sa.select(_TABLE.c.sequence, _TABLE.c.hash).order_by(_TABLE.c.sequence.desc()).limit(1)


def append(db: Connection, event: AuditEvent, at: int | None = None) -> None:
    """Write this event when the transaction commits, or not at all when it does not."""
    _pending(db).append((event, now_ms() if at is None else at))


def note(
    db: Connection,
    actor: Actor,
    hospital_ids: Collection[int],
    action: str,
    object: str = "",
    *,
    patient: str = "",
    reason: str = "",
    result: str = DONE,
    detail: str = "{}",
    at: int | None = None,
    known: Mapping[int, str] | None = None,
) -> None:
    """`append`, once for each of these hospitals, so that each sees what concerns it; of what concerns none, for the
    first one, whose installation this is. `known` are the codes of all hospitals, where the caller has them."""
    known = known or codes(db)
    for hospital_id in sorted(known.keys() & set(hospital_ids)) or sorted(known)[:1]:
        event = AuditEvent(
            hospital_id, known[hospital_id], actor.name, action, object, actor.role, actor.address, patient, reason,
            result, detail,
        )  # fmt: skip
        append(db, event, at)


def mark(db: Connection, marks: Mapping[str, int], at: int) -> dict[str, int]:
    """Set each of these marks until an instant (UTC ms, an hour ahead at most); those that are set already, and until
    when. Who sets a mark notes what it stands for in the same transaction: of all processes exactly one does."""
    if db.dialect.name == POSTGRESQL:
        db.execute(_TAKE_LOCK)  # from here on to the commit, as for the chain itself
    until, names, held = _MARKS.c.until, list(marks), dict[str, int]()
    # One that lies further ahead was set by a clock that has been set back since.
    db.execute(_MARKS.delete().where((until <= at) | (until > at + LONGEST_MARK_MS)))
    for first in range(0, len(names), _MOST_MARKS):
        asked = sa.select(_MARKS).where(_MARKS.c.mark.in_(names[first : first + _MOST_MARKS]))
        held |= {str(row.mark): int(row.until) for row in db.execute(asked)}
    insert_many(db, _MARKS, [{"mark": name, "until": marks[name]} for name in names if name not in held])
    return held


def codes(db: Connection) -> dict[int, str]:
    """The codes of all hospitals by their ids."""
    return {hospital.id: hospital.code for hospital in hospitals.all(db)}


def start(db: Connection) -> None:
    """Forget events of an earlier transaction on this connection that was rolled back."""
    db.info[_PENDING] = []


def flush(db: Connection) -> None:
    """Put the noted events into the chain; called once, before the change log."""
    events = _pending(db)
    if not events:
        return
    if db.dialect.name == POSTGRESQL:
        db.execute(_TAKE_LOCK)
    sequence, last = head(db)
    rows = []
    for event, at in events:
        sequence += 1
        row = _row(event, at, sequence, last)
        last = row["hash"]
        rows.append(row)
    insert_many(db, _TABLE, rows)
    db.info[_PENDING] = []


def head(db: Connection) -> tuple[int, str]:
    """Sequence and hash of the newest record; 0 and GENESIS when there is none."""
    row = db.execute(_HEAD).first()
    return (0, GENESIS) if row is None else (int(row.sequence), str(row.hash))


def began(db: Connection, otherwise: int) -> int:
    """When the oldest record was written (UTC ms); `otherwise` when there is none."""
    found = db.execute(sa.select(_TABLE.c.at).order_by(_TABLE.c.sequence).limit(1)).scalar()
    return otherwise if found is None else int(found)


def records(db: Connection, after: int = 0) -> Iterator[AuditRecord]:
    """Every record after this one, oldest first, whoever's it is; for checking and exporting."""
    while True:
        statement = sa.select(_TABLE).where(_TABLE.c.sequence > after).order_by(_TABLE.c.sequence).limit(_AT_ONCE)
        rows = db.execute(statement).all()
        for row in rows:
            yield AuditRecord(**row._mapping)
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].sequence


def find(db: Connection, scope: Scope, wanted: AuditFilter) -> list[AuditRecord]:
    """The records of these hospitals that match, newest first, at most `wanted.limit`."""
    column = _TABLE.c
    statement = sa.select(_TABLE).where(mine(column.hospital_id, scope.hospital_ids))
    if wanted.before is not None:
        statement = statement.where(column.sequence < wanted.before)
    if wanted.since is not None:
        statement = statement.where(column.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(column.at < wanted.until)
    if wanted.actor:
        statement = statement.where(column.actor == nfc(wanted.actor))
    if wanted.action:
        begins = [
            sa.or_(column.action == word, sa.and_(column.action >= word + ".", column.action < word + "/"))
            for word in wanted.action.split(",")
        ]
        statement = statement.where(sa.or_(*begins))
    if wanted.objects:
        texts = [nfc(text) for text in wanted.objects]
        statement = statement.where(sa.or_(column.object.in_(texts), column.patient.in_(texts)))
    rows = db.execute(statement.order_by(column.sequence.desc()).limit(wanted.limit))
    return [AuditRecord(**row._mapping) for row in rows]


def _row(event: AuditEvent, at: int, sequence: int, previous: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "sequence": sequence,
        "at": at,
        "hospital_id": event.hospital_id,
        **{
            name: nfc(str(getattr(event, name)))[:_LONGEST]
            for name in ("hospital", "actor", "role", "address", "action", "object", "patient", "reason", "result")
        },
        "detail": nfc(event.detail),
        "previous": previous,
    }
    row["hash"] = hash_of(as_object(AuditRecord(**row, hash="")))
    return row


def _pending(db: Connection) -> list[tuple[AuditEvent, int]]:
    return cast("list[tuple[AuditEvent, int]]", db.info.setdefault(_PENDING, []))
