"""E-mail that is to be sent about consultations: one row and one task for each, however often it is asked for."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema, tasks
from storage.index.types import inserted, now_ms

MAIL, REMIND = "mail", "remind"  # kinds of tasks; arguments `key`, and `consult`
KEPT_MS = 90 * 24 * 3600 * 1000
_TABLE = schema.consult_notice


@dataclass(frozen=True, slots=True)
class Notice:
    """What one account is to be told; `kind` is "asked", "answered", "concluded" or "reminder"."""

    key: str
    consult_id: int
    user_id: int
    kind: str
    at: int
    sent_at: int | None
    outcome: str


def plan(db: Connection, consult_id: int, user_id: int, kind: str, event: int) -> bool:
    """Tell this account of an event; False when that was planned before."""
    key = f"{consult_id} {event} {kind} {user_id}"
    row = {"key": key, "consult_id": consult_id, "user_id": user_id, "kind": kind, "at": now_ms()}
    if not inserted(db, _TABLE, row):
        return False
    tasks.enqueue(db, MAIL, {"key": key}, f"{MAIL} {key}")
    return True


def remind(db: Connection, consult_id: int, delay: float) -> None:
    """Look again in so many seconds whether an answer is still due."""
    tasks.enqueue(db, REMIND, {"consult": consult_id}, f"{REMIND} {consult_id}", max(0.0, delay))


def waiting(db: Connection, key: str) -> Notice | None:
    """The notice of this key while it is not sent."""
    row = db.execute(sa.select(_TABLE).where(_TABLE.c.key == key, _TABLE.c.sent_at.is_(None))).first()
    return None if row is None else Notice(**row._mapping)


def done(db: Connection, key: str, outcome: str = "") -> None:
    """It was sent, or will not be, for this reason."""
    db.execute(_TABLE.update().where(_TABLE.c.key == key).values(sent_at=now_ms(), outcome=outcome))


def again(db: Connection, since: int, before: int) -> int:
    """Ask anew for what was planned after `since` and not sent by `before`, since a mail server was away for longer
    than a task tries; how many."""
    column = _TABLE.c
    keys = db.execute(
        sa.select(column.key).where(column.sent_at.is_(None), column.at >= since, column.at < before)
    ).scalars()
    return sum(1 for key in keys.all() if tasks.enqueue(db, MAIL, {"key": key}, f"{MAIL} {key}"))


def sweep(db: Connection, before: int) -> None:
    """Forget old ones."""
    db.execute(_TABLE.delete().where(_TABLE.c.at < before))
