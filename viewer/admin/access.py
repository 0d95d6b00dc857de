"""Accounts and tokens: /api/admin/users, /tokens."""

from collections.abc import Collection
from typing import Any

from flask import Blueprint, Response, jsonify

from pacs.archive import Archive
from storage.errors import NotFound, NotPermitted
from storage.index import accounts as store
from storage.index import factors, hospitals
from storage.index.database import Connection
from storage.model.archive import Hospital, Scope
from storage.model.people import Token, User
from viewer import bodies
from viewer.access import accounts, rights
from viewer.access.guard import Guard, acts
from viewer.access.rights import ADMIN_TOKENS, ADMIN_USERS


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Who may come in, for the hospitals the caller administers."""
    routes = Blueprint("admin", __name__, url_prefix="/api/admin")

    def record(db: Connection, at: Collection[int], action: str, object: str, detail: dict[str, Any]) -> None:
        guard.record(db, at, action, object, **detail)

    _users(routes, archive, guard, record)
    _tokens(routes, archive, guard, record)
    return routes


def _users(routes: Blueprint, archive: Archive, guard: Guard, record: accounts.Recorder) -> None:
    database = archive.database

    def visible(user: User) -> bool:
        mine = guard.caller().scope.hospital_ids
        return not user.roles or any(hospital in mine for hospital, _ in user.roles)

    def told(user: User, known: list[Hospital]) -> dict[str, Any]:
        return {**_user(user, known), "managed": rights.may_manage(guard.caller().roles, user.roles)}

    def given_at(hospital: Hospital, roles: list[Any], before: User | None = None) -> list[str]:
        """The roles the account is to have there: what is asked for, and what it has that is not ours to take."""
        ours = rights.may_give(guard.caller().roles, hospital.id)
        held = {role for where, role in before.roles if where == hospital.id} if before else set()
        asked = set(accounts.check_roles([str(role) for role in roles]))
        if asked - ours - held:
            raise NotPermitted(f"you may not give the role {', '.join(sorted(asked - ours - held))}")
        return sorted(asked | (held - ours))

    @routes.get("/users")
    @guard.needs(ADMIN_USERS)
    def list_users() -> Response:
        with database.reading() as db:
            known = hospitals.all(db)
            return jsonify(users=[told(user, known) for user in store.users(db) if visible(user)])

    @routes.post("/users")
    @guard.needs(ADMIN_USERS)
    @acts("user.create")
    def add_user() -> tuple[Response, int]:
        given = bodies.optional(
            name=str, display_name=str, password=str, roles=list, hospital=str, email=str, language=str,
            specialties=list,
        )  # fmt: skip
        about: dict[str, Any] = {name: given[name] for name in ("email", "language", "specialties") if name in given}
        hospital = guard.sessions.hospital_in(guard.caller().scope, given.get("hospital", ""))
        user = accounts.add_user(
            database,
            given.get("name", ""),
            given.get("display_name", ""),
            given_at(hospital, given.get("roles") or ["none"]),
            given.get("password", ""),
            hospital.code,
            record,
            accounts.check_details(about),
        )
        return jsonify(told(user, [hospital])), 201

    @routes.patch("/users/<int:user_id>")
    @guard.needs(ADMIN_USERS)
    @acts("user.roles", "user.disable", "user.enable", "user.password", "user.details")
    def change_user(user_id: int) -> Response:
        given = bodies.optional(
            disabled=bool, roles=list, password=str, hospital=str, display_name=str, email=str, language=str,
            specialties=list,
        )  # fmt: skip
        details = accounts.check_details(given)
        hospital = guard.sessions.hospital_in(guard.caller().scope, given.get("hospital", ""))
        with database.reading() as db:
            known, before = hospitals.all(db), store.user(db, user_id)
        if not visible(before):
            raise NotFound(f"there is no user with the id {user_id}")
        own = given.keys() - {"roles", "hospital"}
        if own and not rights.may_manage(guard.caller().roles, before.roles):
            raise NotPermitted("this account also has roles you may not give; you may change those you may")
        roles = (hospital.id, given_at(hospital, given["roles"], before)) if "roles" in given else None
        user = accounts.change_user(
            database, user_id, disabled=given.get("disabled"), roles=roles, password=given.get("password"),
            record=record,
        )  # fmt: skip
        if details != accounts.NOTHING:
            user = accounts.describe_user(database, user_id, details, record)
        return jsonify(told(user, known))

    def managed(user_id: int) -> User:
        with database.reading() as db:
            user = store.user(db, user_id)
        if not visible(user):
            raise NotFound(f"there is no user with the id {user_id}")
        if not rights.may_manage(guard.caller().roles, user.roles):
            raise NotPermitted("this account also has roles you may not give")
        return user

    @routes.delete("/users/<int:user_id>/factor")
    @guard.needs(ADMIN_USERS)
    @acts("factor.reset")
    def reset_factor(user_id: int) -> Response:
        """For somebody who lost telephone and recovery codes; the next sign-in makes a new factor when one is due."""
        user = managed(user_id)
        with database.writing() as db:
            factors.disable(db, user.id)
            guard.record(db, {hospital for hospital, _ in user.roles}, "factor.reset", user.name)
        return Response(status=204)

    @routes.delete("/users/<int:user_id>/sessions")
    @guard.needs(ADMIN_USERS)
    @acts("user.sign-out")
    def end_sessions(user_id: int) -> Response:
        user = managed(user_id)
        with database.writing() as db:
            ended = store.end_sessions(db, user.id)
            guard.record(db, {hospital for hospital, _ in user.roles}, "user.sign-out", user.name, sessions=ended)
        return Response(status=204)

    @routes.get("/roles")
    @guard.needs(ADMIN_USERS)
    def list_roles() -> Response:
        """The table of rights.py, as it is."""
        roles = {**rights.ROLES, **{f"token.{scope}": held for scope, held in rights.TOKEN_SCOPES.items()}}
        return jsonify(
            rights=rights.ALL_RIGHTS, roles=[{"role": role, "rights": sorted(roles[role])} for role in roles]
        )


def _tokens(routes: Blueprint, archive: Archive, guard: Guard, record: accounts.Recorder) -> None:
    database = archive.database

    @routes.get("/tokens")
    @guard.needs(ADMIN_TOKENS)
    def list_tokens() -> Response:
        with database.reading() as db:
            known = hospitals.all(db)
            return jsonify(tokens=[_token(token, known) for token in _mine(store.tokens(db), guard.caller().scope)])

    @routes.post("/tokens")
    @guard.needs(ADMIN_TOKENS)
    @acts("token.create")
    def add_token() -> tuple[Response, int]:
        given = bodies.optional(name=str, scope=str, hospital=str)
        hospital = guard.sessions.hospital_in(guard.caller().scope, given.get("hospital", ""))
        secret = accounts.add_token(database, given.get("name", ""), given.get("scope", ""), hospital.id, record)
        return jsonify(secret=secret), 201

    @routes.delete("/tokens/<int:token_id>")
    @guard.needs(ADMIN_TOKENS)
    @acts("token.revoke")
    def revoke_token(token_id: int) -> Response:
        with database.writing() as db:
            known = {token.id: token for token in _mine(store.tokens(db), guard.caller().scope)}
            if token_id not in known:
                raise NotFound(f"there is no token with the id {token_id}")
            store.revoke_token(db, token_id)
            guard.record(db, {known[token_id].hospital_id}, "token.revoke", known[token_id].name)
        return Response(status=204)


def _mine(tokens: list[Token], scope: Scope) -> list[Token]:
    return [token for token in tokens if token.hospital_id in scope.hospital_ids]


def _user(user: User, known: list[Hospital]) -> dict[str, Any]:
    codes = {hospital.id: hospital.code for hospital in known}
    return {
        "id": user.id,
        "name": user.name,
        "display_name": user.display_name,
        "language": user.language,
        "disabled": user.disabled,
        "second_factor": user.second_factor,
        "email": user.email,
        "specialties": list(user.specialties),
        "invited": user.invited,
        "awaited": user.awaited,
        "roles": [{"hospital": codes[hospital], "role": role} for hospital, role in user.roles if hospital in codes],
        "created_at": user.created_at,
        "last_sign_in_at": user.last_sign_in_at,
    }


def _token(token: Token, known: list[Hospital]) -> dict[str, Any]:
    codes = {hospital.id: hospital.code for hospital in known}
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope,
        "hospital": codes.get(token.hospital_id, ""),
        "created_at": token.created_at,
        "used_at": token.used_at,
        "revoked": token.revoked,
    }
