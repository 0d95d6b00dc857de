"""Users, their roles and sessions, bearer tokens, the set-up secret, and failed sign-ins.

Secrets come here hashed: passwords as the text argon2 made, everything else as SHA-256. How long sessions live and
when a sign-in is throttled is for the caller to say. Instants are UTC milliseconds.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import Conflict, NotFound
from storage.index import prepared, schema
from storage.index.types import clean, inserted, now_ms
from storage.model.people import Session, Token, User

_USER = schema.user
_SESSION = schema.session
_TOKEN = schema.token
_FAILURE = schema.sign_in_failure
_STANDING = sa.select(*_TOKEN.c).where(_TOKEN.c.secret_sha256 == sa.bindparam("secret"), ~_TOKEN.c.revoked)


def add_user(
    db: Connection,
    name: str,
    display_name: str,
    password_hash: str,
    *,
    language: str = "vi",
    roles: Collection[tuple[int, str]] = (),
    email: str = "",
    invited: bool = False,
) -> User:
    """A new account; Conflict when the name, without regard to case, is taken."""
    row = {
        "name": clean(name),
        "name_key": _name_key(name),
        "display_name": clean(display_name),
        "password_hash": password_hash,
        "language": language,
        "created_at": now_ms(),
        "email": email,
        "invited": invited,
    }
    if not inserted(db, _USER, row):
        raise Conflict("there is already a user of this name")
    user_id = int(db.execute(sa.select(_USER.c.id).where(_USER.c.name_key == row["name_key"])).scalar_one())
    set_roles(db, user_id, roles)
    return user(db, user_id)


def user(db: Connection, user_id: int) -> User:
    """The account of this id."""
    found = _users(db, _USER.c.id == user_id)
    if not found:
        raise NotFound(f"there is no user with the id {user_id}")
    return found[0]


def users(db: Connection) -> list[User]:
    """All accounts, by name."""
    return _users(db, sa.true())


def users_of(db: Connection, ids: Collection[int]) -> list[User]:
    """The accounts of these ids."""
    return _users(db, _USER.c.id.in_(sorted(ids)))


def credentials(db: Connection, name: str) -> tuple[User, str] | None:
    """The account of this name (any case) and the hash of its password."""
    row = db.execute(sa.select(_USER.c.id, _USER.c.password_hash).where(_USER.c.name_key == _name_key(name))).first()
    return None if row is None else (user(db, row.id), row.password_hash)


def update_user(
    db: Connection,
    user_id: int,
    *,
    display_name: str | None = None,
    language: str | None = None,
    disabled: bool | None = None,
    password_hash: str | None = None,
    last_sign_in_at: int | None = None,
    email: str | None = None,
    mail: bool | None = None,
    specialties: Collection[str] | None = None,
) -> User:
    """Change what is given. A disabled account and one with a new password lose their sessions."""
    given = {
        "display_name": None if display_name is None else clean(display_name),
        "language": language,
        "disabled": disabled,
        "password_hash": password_hash,
        "last_sign_in_at": last_sign_in_at,
        "email": email,
        "mail": mail,
        "specialties": None if specialties is None else ",".join(specialties),
    }
    values = {name: value for name, value in given.items() if value is not None}
    if values:
        db.execute(_USER.update().where(_USER.c.id == user_id).values(values))
    if disabled or password_hash is not None:
        end_sessions(db, user_id)
    return user(db, user_id)


def set_roles(db: Connection, user_id: int, roles: Collection[tuple[int, str]]) -> None:
    """Give exactly these (hospital id, role) pairs."""
    db.execute(schema.role.delete().where(schema.role.c.user_id == user_id))
    rows = [{"user_id": user_id, "hospital_id": hospital, "role": role} for hospital, role in sorted(set(roles))]
    if rows:
        db.execute(schema.role.insert(), rows)


def add_session(
    db: Connection,
    secret_sha256: str,
    user_id: int,
    csrf: str,
    *,
    address: str = "",
    agent: str = "",
    stage: str = "",
    now: int | None = None,
) -> Session:
    """A new session; `stage` is what is still owed, see Session."""
    at = now_ms() if now is None else now
    made = Session(secret_sha256, user_id, csrf, at, at, clean(address), clean(agent)[:300], stage)
    db.execute(
        _SESSION.insert().values(
            id=made.id,
            user_id=user_id,
            csrf=csrf,
            created_at=at,
            seen_at=at,
            address=made.address,
            agent=made.agent,
            stage=stage,
        )
    )
    return made


def session(
    db: Connection, secret_sha256: str, *, idle_ms: int, absolute_ms: int, now: int | None = None
) -> tuple[Session, User] | None:
    """The session of this secret and its user, unless it is over or the account is disabled."""
    at = now_ms() if now is None else now
    row = db.execute(sa.select(_SESSION).where(_SESSION.c.id == secret_sha256)).first()
    if row is None or row.seen_at + idle_ms <= at or row.created_at + absolute_ms <= at:
        return None
    owner = user(db, row.user_id)
    return None if owner.disabled else (_session(row), owner)


def touch_session(db: Connection, secret_sha256: str, now: int | None = None) -> None:
    """Note that the session was used; callers do this once a minute, not with every request."""
    at = now_ms() if now is None else now
    db.execute(_SESSION.update().where(_SESSION.c.id == secret_sha256, _SESSION.c.seen_at < at).values(seen_at=at))


def end_session(db: Connection, secret_sha256: str) -> None:
    """Sign out."""
    db.execute(_SESSION.delete().where(_SESSION.c.id == secret_sha256))


def end_sessions(db: Connection, user_id: int, keep: str = "") -> int:
    """Sign this user out everywhere, but for the session `keep`; how many ended."""
    statement = _SESSION.delete().where(_SESSION.c.user_id == user_id, _SESSION.c.id != keep)
    return db.execute(statement).rowcount


def sessions(db: Connection, user_id: int) -> list[Session]:
    """The sessions of this user, the latest used first."""
    rows = db.execute(sa.select(_SESSION).where(_SESSION.c.user_id == user_id).order_by(_SESSION.c.seen_at.desc()))
    return [_session(row) for row in rows]


def sweep_sessions(db: Connection, *, idle_ms: int, absolute_ms: int, now: int | None = None) -> int:
    """Forget the sessions that are over; how many went."""
    at = now_ms() if now is None else now
    over = sa.or_(_SESSION.c.seen_at <= at - idle_ms, _SESSION.c.created_at <= at - absolute_ms)
    return db.execute(_SESSION.delete().where(over)).rowcount


def add_token(db: Connection, name: str, scope: str, hospital_id: int, secret_sha256: str) -> Token:
    """A new bearer token."""
    statement = _TOKEN.insert().values(
        name=clean(name), scope=clean(scope), hospital_id=hospital_id, secret_sha256=secret_sha256, created_at=now_ms()
    )
    return _token(db.execute(statement.returning(*_TOKEN.c)).one())


def token(db: Connection, secret_sha256: str) -> Token | None:
    """The token of this secret unless it is revoked."""
    found = prepared.rows(db, _STANDING, {"secret": secret_sha256})
    return _token(found[0]) if found else None


def tokens(db: Connection) -> list[Token]:
    """All tokens, the newest first, the revoked too."""
    return [_token(row) for row in db.execute(sa.select(_TOKEN).order_by(_TOKEN.c.id.desc()))]


def touch_token(db: Connection, token_id: int, now: int | None = None) -> None:
    """Note that the token was used."""
    db.execute(_TOKEN.update().where(_TOKEN.c.id == token_id).values(used_at=now_ms() if now is None else now))


def revoke_token(db: Connection, token_id: int) -> None:
    """This token is good for nothing any more."""
    if db.execute(_TOKEN.update().where(_TOKEN.c.id == token_id).values(revoked=True)).rowcount == 0:
        raise NotFound(f"there is no token with the id {token_id}")


def put_setup_secret(db: Connection, secret_sha256: str, expires_at: int) -> None:
    """The secret of the one-time set-up link; earlier ones that were not used are void."""
    table = schema.setup_secret
    db.execute(table.delete().where(table.c.used_at.is_(None)))
    db.execute(table.insert().values(secret_sha256=secret_sha256, created_at=now_ms(), expires_at=expires_at))


def use_setup_secret(db: Connection, secret_sha256: str, now: int | None = None) -> bool:
    """Use it up; False when it is unknown, expired or used."""
    at, table = now_ms() if now is None else now, schema.setup_secret
    done = db.execute(
        table.update()
        .where(table.c.secret_sha256 == secret_sha256, table.c.used_at.is_(None), table.c.expires_at > at)
        .values(used_at=at)
    )
    return done.rowcount == 1


def needs_setup(db: Connection) -> bool:
    """Whether there is no account yet."""
    return db.execute(sa.select(_USER.c.id).limit(1)).first() is None


def add_sign_in_failure(db: Connection, name: str, address: str, now: int | None = None) -> None:
    """Note a failed sign-in for this name (known or not) from this address."""
    at = now_ms() if now is None else now
    db.execute(_FAILURE.insert().values(name_key=_name_key(name), address=clean(address), at=at))


def sign_in_failures(db: Connection, name: str, address: str, since: int) -> tuple[int, int]:
    """How many failures since then: for the account from anywhere, and from the address for any account."""
    count = sa.select(sa.func.count()).select_from(_FAILURE).where(_FAILURE.c.at > since)
    of_account = db.execute(count.where(_FAILURE.c.name_key == _name_key(name))).scalar_one()
    of_address = db.execute(count.where(_FAILURE.c.address == clean(address))).scalar_one()
    return int(of_account), int(of_address)


def clear_sign_in_failures(db: Connection, name: str, address: str) -> None:
    """The account was signed in to from this address: its failures from there are forgotten."""
    db.execute(_FAILURE.delete().where(_FAILURE.c.name_key == _name_key(name), _FAILURE.c.address == clean(address)))


def sweep_sign_in_failures(db: Connection, before: int) -> int:
    """Forget old failures; how many went."""
    return db.execute(_FAILURE.delete().where(_FAILURE.c.at < before)).rowcount


def _users(db: Connection, condition: "sa.ColumnElement[bool]") -> list[User]:
    rows = db.execute(sa.select(_USER).where(condition).order_by(_USER.c.name_key)).all()
    given: dict[int, list[tuple[int, str]]] = {row.id: [] for row in rows}
    roles = schema.role.c
    for role in db.execute(sa.select(schema.role).where(roles.user_id.in_(given)).order_by(*schema.role.c)):
        given[role.user_id].append((role.hospital_id, role.role))
    return [
        User(
            id=row.id,
            name=row.name,
            display_name=row.display_name,
            language=row.language,
            disabled=row.disabled,
            roles=tuple(given[row.id]),
            created_at=row.created_at,
            last_sign_in_at=row.last_sign_in_at,
            second_factor=row.totp_secret != "",
            email=row.email,
            mail=row.mail,
            specialties=tuple(filter(None, row.specialties.split(","))),
            invited=row.invited,
        )
        for row in rows
    ]


def _name_key(name: str) -> str:
    return clean(name).casefold()


def _session(row: Any) -> Session:
    return Session(row.id, row.user_id, row.csrf, row.created_at, row.seen_at, row.address, row.agent, row.stage)


def _token(row: Any) -> Token:
    return Token(row.id, row.name, row.scope, row.hospital_id, row.created_at, row.used_at, bool(row.revoked))
