"""Accounts and tokens as people make them: from the command line, the admin page and the set-up link."""

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pacs.consult.addressing import email_of
from pacs.consult.vocabulary import BY_CODE
from storage.errors import Conflict, NotFound, NotPermitted
from storage.index import accounts as store
from storage.index import audit, hospitals
from storage.index.database import Connection, Database
from storage.model.archive import Hospital
from storage.model.audit import Actor
from storage.model.people import User
from viewer.access.passwords import check_password, hash_password
from viewer.access.rights import ADMIN, GIVABLE, PLATFORM, TOKEN_SCOPES
from viewer.access.secrets import kept, new_secret
from viewer.errors import InvalidRequest

TOKEN_PREFIX = "hc_"
Recorder = Callable[[Connection, Collection[int], str, str, dict[str, Any]], None]
LANGUAGES = ("vi", "en")
_NAME = re.compile(r"[^\W_][\w.@+-]{0,62}[^\W_]")


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a person beside what they may do; None: as it is. `email` is where letters go, empty for none;
    `specialties` are codes of pacs/consult/vocabulary.py, none for all."""

    display_name: str | None = None
    email: str | None = None
    language: str | None = None
    specialties: tuple[str, ...] | None = None


NOTHING = Details()


def add_user(
    database: Database,
    name: str,
    display_name: str,
    roles: Collection[str],
    password: str,
    hospital_code: str | None = None,
    record: Recorder | None = None,
    details: Details = NOTHING,
) -> User:
    """A new account with these roles at one hospital (the first one when none is named). `record` writes the act, here
    as in what follows; without one it was done by the command."""
    name = check_name(name)
    roles = check_roles(roles)
    display_name = check_display_name(display_name) or name
    check_password(password, name, display_name)
    password_hash = hash_password(password)
    hospital = find_hospital(database, hospital_code)
    with database.writing() as db:
        user = store.add_user(
            db, name, display_name, password_hash, roles=[(hospital.id, role) for role in roles],
            language=details.language or LANGUAGES[0], email=details.email or "",
        )  # fmt: skip
        user = store.update_user(db, user.id, specialties=details.specialties)
        (record or by_command)(db, {hospital.id}, "user.create", user.name, {"roles": ",".join(roles)})
        return user


def disable_user(database: Database, name: str) -> User:
    """This account can no longer sign in, and its sessions end."""
    return change_user(database, named(database, name).id, disabled=True)


def list_users(database: Database) -> list[User]:
    """All accounts by name."""
    with database.reading() as db:
        return store.users(db)


def by_command(db: Connection, hospital_ids: Collection[int], action: str, object: str, detail: dict[str, Any]) -> None:
    """Record what somebody did with the command on the server."""
    said = json.dumps(detail, ensure_ascii=False, sort_keys=True)
    audit.note(db, Actor("hoichan", "command"), hospital_ids, action, object, detail=said)


def add_token(
    database: Database, name: str, scope: str, hospital_id: int | None = None, record: Recorder | None = None
) -> str:
    """A bearer token for a program; its secret, which is shown this once."""
    if scope not in TOKEN_SCOPES:
        raise InvalidRequest(f"scope must be one of {', '.join(TOKEN_SCOPES)}")
    label = check_display_name(name)
    if not label:
        raise InvalidRequest("the token needs a name")
    secret = new_secret(TOKEN_PREFIX)
    where = find_hospital(database, None).id if hospital_id is None else hospital_id
    with database.writing() as db:
        store.add_token(db, label, scope, where, kept(secret))
        (record or by_command)(db, {where}, "token.create", label, {"scope": scope})
    return secret


def change_user(
    database: Database,
    user_id: int,
    *,
    disabled: bool | None = None,
    roles: tuple[int, Collection[str]] | None = None,
    password: str | None = None,
    record: Recorder | None = None,
) -> User:
    """Disable or enable, give other roles at one hospital, or another password. Whose roles change is signed out. The
    last administrators stay: raises Conflict."""
    with database.reading() as db:
        before = store.user(db, user_id)
    password_hash = None
    if password is not None:
        check_password(password, before.name, before.display_name)
        password_hash = hash_password(password)
    with database.writing() as db:
        before = store.user(db, user_id)
        if roles is not None:
            elsewhere = [pair for pair in before.roles if pair[0] != roles[0]]
            store.set_roles(db, user_id, [*elsewhere, *((roles[0], role) for role in check_roles(roles[1]))])
        user = store.update_user(db, user_id, disabled=disabled, password_hash=password_hash)
        for role in (ADMIN, PLATFORM):
            if _has(before, role) and not any(_has(other, role) for other in store.users(db)):
                raise Conflict(f"this is the last administrator ({role}); make another one first")
        if user.roles != before.roles:
            store.end_sessions(db, user_id)
        write, at = record or by_command, {hospital for hospital, _ in (*before.roles, *user.roles)}
        if roles is not None:
            held = {"before": _said(before, roles[0]), "roles": _said(user, roles[0])}
            write(db, at, "user.roles", user.name, {"hospital_id": roles[0], **held})
        if disabled is not None:
            write(db, at, "user.disable" if disabled else "user.enable", user.name, {})
        if password is not None:
            write(db, at, "user.password", user.name, {})
        return user


def describe_user(database: Database, user_id: int, details: Details, record: Recorder | None = None) -> User:
    """Another name to be seen by, address of letters, language or specialties. Whoever was invited keeps the address
    that the invitation went to, which is who they are: raises NotPermitted."""
    with database.writing() as db:
        before = store.user(db, user_id)
        if before.invited and details.email not in (None, before.email):
            raise NotPermitted("the address of an invitation stays")
        user = store.update_user(
            db, user_id, display_name=details.display_name, email=details.email, language=details.language,
            specialties=details.specialties,
        )  # fmt: skip
        fields = ("display_name", "email", "language", "specialties")
        changed = [field for field in fields if getattr(user, field) != getattr(before, field)]
        if changed:
            at = {hospital for hospital, _ in user.roles}
            (record or by_command)(db, at, "user.details", user.name, {"fields": ",".join(changed)})
        return user


def named(database: Database, name: str) -> User:
    """The account of this name; raises NotFound."""
    with database.reading() as db:
        found = store.credentials(db, name)
    if found is None:
        raise NotFound(f"there is no user {name!r}")
    return found[0]


def find_hospital(database: Database, code: str | None) -> Hospital:
    """The hospital with this code, or the first one made; raises NotFound."""
    with database.reading() as db:
        if code:
            return hospitals.by_code(db, code)
        known = hospitals.all(db)
    if not known:
        raise NotFound("there is no hospital yet")
    return min(known, key=lambda hospital: hospital.id)


def check_name(name: str) -> str:
    """The name to sign in with, or InvalidRequest."""
    name = unicodedata.normalize("NFC", name).strip()
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            "a user name has 2 to 64 letters, digits or . _ - @ + and begins and ends with a letter or digit"
        )
    return name


def check_display_name(name: str) -> str:
    """The name people see, without control characters, or InvalidRequest."""
    name = " ".join("".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", name)).split())
    if len(name) > 128:
        raise InvalidRequest("a name has at most 128 characters")
    return name


def check_details(given: Mapping[str, Any]) -> Details:
    """What a body says of a person, each part if it is there; raises InvalidRequest or InvalidConsult."""
    display_name, email, language = given.get("display_name"), given.get("email"), given.get("language")
    if display_name is not None:
        display_name = check_display_name(display_name)
        if not display_name:
            raise InvalidRequest("a person needs a name")
    if language is not None and language not in LANGUAGES:
        raise InvalidRequest(f"language must be one of {', '.join(LANGUAGES)}")
    if email is not None:
        email = email_of(email) if email.strip() else ""
    return Details(display_name, email, language, check_specialties(given.get("specialties")))


def check_specialties(codes: Collection[Any] | None) -> tuple[str, ...] | None:
    """Codes of specialties, each once, or InvalidRequest; None stays None."""
    if codes is None:
        return None
    if not set(map(str, codes)) <= BY_CODE["specialties"].keys():
        raise InvalidRequest("specialties must be codes of the vocabulary")
    return tuple(dict.fromkeys(map(str, codes)))


def check_roles(roles: Collection[str]) -> tuple[str, ...]:
    """The roles an account has at one hospital, in order, or InvalidRequest; none is a way to take them all away."""
    for role in roles:
        if role not in GIVABLE:
            raise InvalidRequest(f"roles are {', '.join(sorted(GIVABLE))}")
    return tuple(sorted(set(roles)))


def _said(user: User, hospital_id: int) -> str:
    return ",".join(role for where, role in user.roles if where == hospital_id)


def _has(user: User, role: str) -> bool:
    return not user.disabled and any(held == role for _, held in user.roles)
