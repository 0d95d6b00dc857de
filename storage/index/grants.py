"""Grants on single studies: given with a consultation or a link, ended by revoking or by time.

Giving and ending are lines of the change log, so that open viewers hear of them. The detail of such a line says whom
it concerns: ``{"user": id, "hospital": id, "link": id, "ended": bool}``.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import changes, schema
from storage.index.clauses import Clause, all_of, among, any_of, select
from storage.index.types import clean, now_ms
from storage.model.grants import Granted, Grantee
from storage.model.work import ChangeKind

_TABLE = schema.study_grant


def give(
    db: Connection,
    hospital_id: int,
    study_instance_uid: str,
    to: Grantee,
    *,
    consult_id: int | None = None,
    expires_at: int | None = None,
) -> int:
    """Let them see this study of the hospital until `expires_at` (UTC milliseconds; None: until ended). The id."""
    row: dict[str, Any] = {
        "consult_id": consult_id,
        "link_id": to.link_id,
        "hospital_id": hospital_id,
        "study_instance_uid": clean(study_instance_uid),
        "to_user_id": to.user_id,
        "to_hospital_id": to.hospital_id,
        "created_at": now_ms(),
        "expires_at": expires_at,
    }
    made = db.execute(_TABLE.insert().values(row).returning(_TABLE)).one()
    _tell(db, made, ended=False)
    return int(made.id)


def revoke(
    db: Connection, *, consult_id: int | None = None, link_id: int | None = None, study_instance_uid: str = ""
) -> int:
    """End the grants of a consultation or a link now, of one study or of all; how many."""
    column = _TABLE.c
    of = column.consult_id == consult_id if consult_id is not None else column.link_id == link_id
    if study_instance_uid:
        of = sa.and_(of, column.study_instance_uid == study_instance_uid)
    return _end(db, of, now_ms())


def limit(db: Connection, consult_id: int, expires_at: int) -> None:
    """Let the grants of a consultation end then (UTC milliseconds) at the latest."""
    column = _TABLE.c
    later = sa.or_(column.expires_at.is_(None), column.expires_at > expires_at)
    db.execute(
        _TABLE.update()
        .where(column.consult_id == consult_id, column.revoked_at.is_(None), later)
        .values(expires_at=expires_at)
    )


def expire(db: Connection, now: int) -> int:
    """Mark as ended what time has ended by `now`, so that open viewers hear of it; how many. Nobody needs to wait for
    it: from its moment on a grant counts no more."""
    return _end(db, _TABLE.c.expires_at <= now, now)


def next_end(db: Connection) -> int | None:
    """When the first of the grants that stand ends by itself."""
    column = _TABLE.c
    found = db.execute(sa.select(sa.func.min(column.expires_at)).where(column.revoked_at.is_(None))).scalar()
    return None if found is None else int(found)


def of_user(db: Connection, user_id: int, hospital_ids: Iterable[int], now: int) -> frozenset[tuple[int, str]]:
    """What is granted at `now` to this account, or to those who answer for one of these hospitals."""
    return held(db, user_id, hospital_ids, now).studies


def held(db: Connection, user_id: int, hospital_ids: Iterable[int], now: int) -> Granted:
    """The same, with the moment at which the first of it ends by itself."""
    mine = [among("to_user_id", [user_id])]
    hospitals = sorted(hospital_ids)
    if hospitals:
        mine.append(among("to_hospital_id", hospitals))
    return _held(db, any_of(mine), now)


def of_link(db: Connection, link_id: int, now: int) -> Granted:
    """What the guests of a link may see at `now`."""
    return _held(db, among("link_id", [link_id]), now)


def _held(db: Connection, mine: Clause, now: int) -> Granted:
    stands = Clause("revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", (now,))
    where = all_of((mine, stands))
    sql = f"SELECT hospital_id, study_instance_uid, expires_at FROM study_grant WHERE {where.sql}"
    rows = select(db, sql, where.values)
    if not rows:
        return Granted()
    ends = [int(row[2]) for row in rows if row[2] is not None]
    return Granted(frozenset((int(row[0]), str(row[1])) for row in rows), min(ends, default=None))


def _end(db: Connection, which: "sa.ColumnElement[bool]", now: int) -> int:
    ended: Sequence[Any] = db.execute(
        _TABLE.update().where(which, _TABLE.c.revoked_at.is_(None)).values(revoked_at=now).returning(_TABLE)
    ).all()
    for row in ended:
        _tell(db, row, ended=True)
    return len(ended)


def _tell(db: Connection, row: Any, *, ended: bool) -> None:
    whom = {"user": row.to_user_id, "hospital": row.to_hospital_id, "link": row.link_id, "ended": ended}
    changes.append(
        db,
        row.hospital_id,
        ChangeKind.GRANT_CHANGED,
        study_instance_uid=row.study_instance_uid,
        detail=json.dumps({name: value for name, value in whom.items() if value is not None}),
    )
