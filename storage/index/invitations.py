"""Invitations: an account without a password, and the link with which its owner gives it one. The link's secret is kept
as SHA-256 and made anew each time it is sent."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.types import now_ms, upsert
from storage.model.consult import Invitation

LASTS_MS = 14 * 24 * 3600 * 1000
_TABLE = schema.invitation


def invite(db: Connection, user_id: int, hospital_id: int, invited_by: int) -> None:
    """Invite, or invite again; nothing changes for who has accepted before."""
    now = now_ms()
    row = {
        "user_id": user_id, "hospital_id": hospital_id, "invited_by": invited_by, "created_at": now,
        "expires_at": now + LASTS_MS,
    }  # fmt: skip
    statement = upsert(db, _TABLE).values(row)
    renewed = {name: row[name] for name in ("hospital_id", "invited_by", "expires_at")}
    db.execute(
        statement.on_conflict_do_update(index_elements=["user_id"], set_=renewed, where=_TABLE.c.used_at.is_(None))
    )


def waiting(db: Connection, user_id: int) -> Invitation | None:
    """The invitation of this account that is still to be accepted."""
    return _one(db, _TABLE.c.user_id == user_id)


def set_secret(db: Connection, user_id: int, secret_sha256: str) -> None:
    """From now on this link is the one, until it ends anew."""
    db.execute(
        _TABLE.update()
        .where(_TABLE.c.user_id == user_id, _TABLE.c.used_at.is_(None))
        .values(secret_sha256=secret_sha256, expires_at=now_ms() + LASTS_MS)
    )


def by_secret(db: Connection, secret_sha256: str, now: int) -> Invitation | None:
    """What a link stands for while it is good."""
    found = _one(db, _TABLE.c.secret_sha256 == secret_sha256)
    return found if found is not None and secret_sha256 and found.expires_at > now else None


def use(db: Connection, secret_sha256: str, now: int) -> bool:
    """Accept the invitation; whether it was good, which it is once."""
    done = db.execute(
        _TABLE.update()
        .where(_TABLE.c.secret_sha256 == secret_sha256, _TABLE.c.secret_sha256 != "")
        .where(_TABLE.c.used_at.is_(None), _TABLE.c.expires_at > now)
        .values(used_at=now, secret_sha256="")
    )
    return done.rowcount == 1


def _one(db: Connection, which: "sa.ColumnElement[bool]") -> Invitation | None:
    columns = [column for column in _TABLE.c if column.name != "secret_sha256"]
    row = db.execute(sa.select(*columns).where(which, _TABLE.c.used_at.is_(None))).first()
    return None if row is None else Invitation(**row._mapping)
