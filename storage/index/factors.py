"""The second factor of accounts: the secret of the one-time passwords, the last step used, and recovery codes.

Recovery codes come here hashed (SHA-256), the secret sealed: the server computes with it.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.accounts import end_sessions

_USER = schema.user
_SESSION = schema.session
_CODE = schema.recovery_code


def secret(db: Connection, user_id: int) -> str:
    """The shared secret as it is kept, sealed; "" when the account has no second factor."""
    return str(db.execute(sa.select(_USER.c.totp_secret).where(_USER.c.id == user_id)).scalar() or "")


def secrets(db: Connection) -> dict[int, str]:
    """What is kept for every account that has a second factor."""
    rows = db.execute(sa.select(_USER.c.id, _USER.c.totp_secret).where(_USER.c.totp_secret != ""))
    return {row.id: row.totp_secret for row in rows}


def reseal(db: Connection, user_id: int, shared: str) -> None:
    """Keep the same secret in another form."""
    db.execute(_USER.update().where(_USER.c.id == user_id).values(totp_secret=shared))


def enable(db: Connection, user_id: int, shared: str, step: int, codes: Collection[str]) -> None:
    """From now on this account needs one-time passwords of this secret, later ones than that of `step`. Its sessions
    end, and so do the recovery codes of before."""
    db.execute(_USER.update().where(_USER.c.id == user_id).values(totp_secret=shared, totp_step=step))
    db.execute(_CODE.delete().where(_CODE.c.user_id == user_id))
    if codes:
        db.execute(_CODE.insert(), [{"user_id": user_id, "code_sha256": code} for code in sorted(codes)])
    end_sessions(db, user_id)


def disable(db: Connection, user_id: int) -> None:
    """The account has no second factor any more, and its sessions end."""
    db.execute(_USER.update().where(_USER.c.id == user_id).values(totp_secret="", totp_step=0))
    db.execute(_CODE.delete().where(_CODE.c.user_id == user_id))
    end_sessions(db, user_id)


def use_step(db: Connection, user_id: int, step: int) -> bool:
    """Use up the one-time password of this step; False when it or a later one was used: nothing is good twice."""
    statement = _USER.update().where(_USER.c.id == user_id, _USER.c.totp_step < step, _USER.c.totp_secret != "")
    return db.execute(statement.values(totp_step=step)).rowcount == 1


def use_code(db: Connection, user_id: int, code_sha256: str) -> bool:
    """Use up a recovery code; False when there is no such code."""
    statement = _CODE.delete().where(_CODE.c.user_id == user_id, _CODE.c.code_sha256 == code_sha256)
    return db.execute(statement).rowcount == 1


def codes_left(db: Connection, user_id: int) -> int:
    """How many recovery codes are left."""
    return int(db.execute(sa.select(sa.func.count()).where(_CODE.c.user_id == user_id)).scalar_one())


def put_pending(db: Connection, session_id: str, shared: str) -> None:
    """The secret this session shows, until a one-time password proves that it was taken."""
    db.execute(_SESSION.update().where(_SESSION.c.id == session_id).values(pending=shared))


def pending(db: Connection, session_id: str) -> str:
    """The secret this session was shown last, or ""."""
    return str(db.execute(sa.select(_SESSION.c.pending).where(_SESSION.c.id == session_id)).scalar() or "")
