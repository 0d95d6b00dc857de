"""Requests for storage commitment: kept from the N-ACTION until the peer has heard the result, and a while longer.

Who may report is settled by a claim with a token and a lease: the association that asked, while it is open, or the
worker on a new one. A claim whose holder died runs out.
"""

import hashlib
import json
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import NotFound
from storage.index import schema, tasks
from storage.index.adding import known_instances
from storage.index.rows import mine
from storage.index.types import clean, inserted, now_ms
from storage.model.archive import Origin, Scope
from storage.model.commitment import (
    CHECKED,
    GIVEN_UP,
    REPORTED,
    REQUESTED,
    Commitment,
    CommitmentState,
    FailureReason,
    Reference,
)

TASK, PRIORITY = "commitment", 10
_TABLE = schema.commitment
_OPEN = (REQUESTED, CHECKED)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept under one SOP Instance UID: the canonical object, and those that contradict it."""

    sop_class_uid: str
    object_keys: tuple[str, ...]


def request(db: Connection, origin: Origin, transaction_uid: str, references: Sequence[Reference]) -> int:
    """Note what a peer asks for, and the task to do it; the id.

    The very same request again is the same one, and is reported once more, also when a report is under way that the
    peer has not answered: who was reporting holds it no longer. The Transaction UID of another request of this peer
    makes a request that has failed already: 0131 for all of it.
    """
    told = json.dumps([[one.sop_class_uid, one.sop_instance_uid] for one in references], separators=(",", ":"))
    row: dict[str, Any] = {
        "hospital_id": origin.hospital_id,
        "ae_title": clean(origin.source),
        "address": clean(origin.address),
        "transaction_uid": clean(transaction_uid),
        "identity": hashlib.sha256(told.encode()).hexdigest(),
        "state": REQUESTED,
        "requested_at": now_ms(),
        "instances": len(references),
    }
    same_uid = [_TABLE.c[name] == row[name] for name in ("hospital_id", "ae_title", "transaction_uid")]
    taken = db.execute(sa.select(_TABLE.c.identity).where(*same_uid)).scalars().all()
    if taken and row["identity"] not in taken:
        references = [_failed(one, FailureReason.DUPLICATE_TRANSACTION_UID) for one in references]
        row |= {"state": CHECKED, "checked_at": row["requested_at"], "failed": len(references)}
    row["refs"] = _packed(references)
    inserted(db, _TABLE, row)
    same = sa.and_(*same_uid, _TABLE.c.identity == row["identity"])
    again = {"state": CHECKED, "tries": 0, "error": "", "address": row["address"], "token": "", "lease_until": None}
    under_way = sa.and_(_TABLE.c.state == CHECKED, _TABLE.c.token != "")
    db.execute(_TABLE.update().where(same, _TABLE.c.state.in_((REPORTED, GIVEN_UP)) | under_way).values(again))
    commitment_id = int(db.execute(sa.select(_TABLE.c.id).where(same)).scalar_one())
    ask(db, commitment_id)
    return commitment_id


def ask(db: Connection, commitment_id: int, delay: float = 0) -> None:
    """Have the worker do what is to be done next for this request, `delay` seconds from now."""
    tasks.enqueue(db, TASK, {"commitment": commitment_id}, f"{TASK} {commitment_id}", delay, PRIORITY)


def get(db: Connection, commitment_id: int) -> Commitment:
    """The whole request."""
    row = db.execute(sa.select(_TABLE).where(_TABLE.c.id == commitment_id)).first()
    if row is None:
        raise NotFound(f"there is no request for storage commitment {commitment_id}")
    return Commitment(
        id=int(row.id),
        hospital_id=row.hospital_id,
        ae_title=row.ae_title,
        address=row.address,
        transaction_uid=row.transaction_uid,
        references=tuple(Reference(*one) for one in json.loads(row.refs)),
        state=row.state,
        requested_at=int(row.requested_at),
        checked_at=row.checked_at,
        reported_at=row.reported_at,
        tries=int(row.tries),
        error=row.error,
    )


def kept(db: Connection, hospital_id: int, uids: Collection[str]) -> dict[str, Kept]:
    """What this hospital keeps under these SOP Instance UIDs. All of a conflict counts: one of them is what the peer
    sent."""
    table = schema.conflict
    others: dict[str, list[str]] = {}
    rows = db.execute(
        sa.select(table.c.sop_instance_uid, table.c.object_key)
        .where(table.c.hospital_id == hospital_id, table.c.kind == "instance")
        .where(table.c.sop_instance_uid.in_(sorted(uids)))
    )
    for row in rows:
        others.setdefault(row.sop_instance_uid, []).append(row.object_key)
    found = {uid: instance for (_, uid), instance in known_instances(db, [hospital_id], uids).items()}
    return _notes(db, hospital_id, uids) | {
        uid: Kept(instance.facts.sop_class_uid, (instance.stored.key, *others.get(uid, ())))
        for uid, instance in found.items()
    }


def _notes(db: Connection, hospital_id: int, uids: Collection[str]) -> dict[str, Kept]:
    """Rejection notes are kept for good. For what they reject we answer no longer: it may be purged."""
    column = schema.rejected.c
    rows = db.execute(
        sa.select(column.sop_instance_uid, column.sop_class_uid, column.object_key).where(
            column.hospital_id == hospital_id, column.note == sa.true(), column.sop_instance_uid.in_(sorted(uids))
        )
    )
    found: dict[str, Kept] = {}
    for row in rows:
        keys = found[row.sop_instance_uid].object_keys if row.sop_instance_uid in found else ()
        found[row.sop_instance_uid] = Kept(row.sop_class_uid, (*keys, row.object_key))
    return found


def checked(db: Connection, commitment_id: int, references: Sequence[Reference]) -> bool:
    """Note the result; False when it was noted before."""
    values = {
        "state": CHECKED,
        "checked_at": now_ms(),
        "tries": 0,
        "error": "",
        "refs": _packed(references),
        "failed": sum(1 for one in references if one.reason),
    }
    done = db.execute(_TABLE.update().where(_TABLE.c.id == commitment_id, _TABLE.c.state == REQUESTED).values(values))
    return done.rowcount == 1


def not_checked(db: Connection, commitment_id: int, error: str) -> None:
    """The store or the index did not answer."""
    values = {"tries": _TABLE.c.tries + 1, "error": clean(error)[:500]}
    db.execute(_TABLE.update().where(_TABLE.c.id == commitment_id).values(values))


def ready(db: Connection, ids: Collection[int]) -> list[int]:
    """Those of these requests whose result can be reported."""
    found = sa.select(_TABLE.c.id).where(_TABLE.c.id.in_(sorted(ids)), _TABLE.c.state == CHECKED).order_by(_TABLE.c.id)
    return [int(one) for one in db.execute(found).scalars()]


def open_of(db: Connection, ids: Collection[int]) -> set[int]:
    """Those of these requests that are not reported yet."""
    found = sa.select(_TABLE.c.id).where(_TABLE.c.id.in_(sorted(ids)), _TABLE.c.state.in_(_OPEN))
    return {int(one) for one in db.execute(found).scalars()}


def claim(db: Connection, commitment_id: int, lease_s: float) -> str:
    """The right to report this result for `lease_s` seconds: a token, "" when another holds it or it is reported."""
    now, token = now_ms(), uuid.uuid4().hex
    free = sa.or_(_TABLE.c.token == "", _TABLE.c.lease_until < now)
    done = db.execute(
        _TABLE.update()
        .where(_TABLE.c.id == commitment_id, _TABLE.c.state == CHECKED, free)
        .values(token=token, lease_until=now + int(lease_s * 1000))
    )
    return token if done.rowcount == 1 else ""


def reported(db: Connection, commitment_id: int, token: str) -> None:
    """The peer has heard it."""
    done = {"state": REPORTED, "reported_at": now_ms(), "token": "", "lease_until": None, "error": ""}
    db.execute(_held(commitment_id, token).values(done))


def not_reported(db: Connection, commitment_id: int, token: str, error: str, *, give_up: bool = False) -> None:
    """The peer could not be told: the right to report is free again, or nobody tries any more."""
    values: dict[str, Any] = {
        "token": "",
        "lease_until": None,
        "error": clean(error)[:500],
        "tries": _TABLE.c.tries + 1,
    }
    if give_up:
        values["state"] = GIVEN_UP
    db.execute(_held(commitment_id, token).values(values))


def unfinished(db: Connection) -> list[int]:
    """Requests that are not reported."""
    found = db.execute(sa.select(_TABLE.c.id).where(_TABLE.c.state.in_(_OPEN)).order_by(_TABLE.c.id))
    return [int(one) for one in found.scalars()]


def all(db: Connection, scope: Scope, limit: int = 200) -> list[CommitmentState]:
    """The requests to these hospitals, the newest first."""
    columns = [_TABLE.c[name] for name in CommitmentState.__dataclass_fields__]
    statement = sa.select(*columns).where(mine(_TABLE.c.hospital_id, scope.hospital_ids))
    rows = db.execute(statement.order_by(_TABLE.c.id.desc()).limit(limit))
    return [CommitmentState(**row._mapping) for row in rows]


def sweep(db: Connection, before: int) -> int:
    """Forget the requests made before this instant that are over; how many went."""
    over = _TABLE.c.state.in_((REPORTED, GIVEN_UP)) & (_TABLE.c.requested_at < before)
    return db.execute(_TABLE.delete().where(over)).rowcount


def _held(commitment_id: int, token: str) -> "sa.Update":
    return _TABLE.update().where(_TABLE.c.id == commitment_id, _TABLE.c.token == token, _TABLE.c.state == CHECKED)


def _failed(reference: Reference, reason: FailureReason) -> Reference:
    return Reference(reference.sop_class_uid, reference.sop_instance_uid, int(reason))


def _packed(references: Iterable[Reference]) -> str:
    told = [[one.sop_class_uid, one.sop_instance_uid, one.reason] for one in references]
    return clean(json.dumps(told, separators=(",", ":")))
