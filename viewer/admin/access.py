"""Accounts and tokens: /api/admin/users, /tokens."""

from typing import Any

from flask import Blueprint, Response, jsonify

from pacs.archive import Archive
from storage.errors import NotFound, NotPermitted
from storage.index import accounts as store
from storage.index import factors, hospitals
from storage.model.archive import Hospital, Scope
from storage.model.people import Token, User
from viewer import bodies
from viewer.access import accounts, rights
from viewer.access.guard import Guard
from viewer.access.rights import ADMIN_TOKENS, ADMIN_USERS


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Who may come in, for the hospitals the caller administers."""
    routes = Blueprint("admin", __name__, url_prefix="/api/admin")
    _users(routes, archive, guard)
    _tokens(routes, archive, guard)

    return routes


def _users(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    database = archive.database

    def visible(user: User) -> bool:
        mine = guard.caller().scope.hospital_ids
        return not user.roles or any(hospital in mine for hospital, _ in user.roles)

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
            return jsonify(users=[_user(user, known) for user in store.users(db) if visible(user)])

    @routes.post("/users")
    @guard.needs(ADMIN_USERS)
    def add_user() -> tuple[Response, int]:
        given = bodies.optional(name=str, display_name=str, password=str, roles=list, hospital=str)
        hospital = guard.sessions.hospital_in(guard.caller().scope, given.get("hospital", ""))
        user = accounts.add_user(
            database,
            given.get("name", ""),
            given.get("display_name", ""),
            given_at(hospital, given.get("roles") or ["none"]),
            given.get("password", ""),
            hospital.code,
        )
        return jsonify(_user(user, [hospital])), 201

    @routes.patch("/users/<int:user_id>")
    @guard.needs(ADMIN_USERS)
    def change_user(user_id: int) -> Response:
        given = bodies.optional(disabled=bool, roles=list, password=str, hospital=str)
        hospital = guard.sessions.hospital_in(guard.caller().scope, given.get("hospital", ""))
        with database.reading() as db:
            known, before = hospitals.all(db), store.user(db, user_id)
        if not visible(before):
            raise NotFound(f"there is no user with the id {user_id}")
        if given.keys() & {"password", "disabled"} and not rights.may_manage(guard.caller().roles, before.roles):
            raise NotPermitted("this account also has roles you may not give; you may change those you may")
        roles = (hospital.id, given_at(hospital, given["roles"], before)) if "roles" in given else None
        user = accounts.change_user(
            database, user_id, disabled=given.get("disabled"), roles=roles, password=given.get("password")
        )
        return jsonify(_user(user, known))

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
    def reset_factor(user_id: int) -> Response:
        """For somebody who lost telephone and recovery codes; the next sign-in makes a new factor when one is due."""
        user = managed(user_id)
        with database.writing() as db:
            factors.disable(db, user.id)
        return Response(status=204)

    @routes.delete("/users/<int:user_id>/sessions")
    @guard.needs(ADMIN_USERS)
    def end_sessions(user_id: int) -> Response:
        user = managed(user_id)
        with database.writing() as db:
            store.end_sessions(db, user.id)
        return Response(status=204)

    @routes.get("/roles")
    @guard.needs(ADMIN_USERS)
    def list_roles() -> Response:
        """The table of rights.py, as it is."""
        roles = {**rights.ROLES, **{f"token.{scope}": held for scope, held in rights.TOKEN_SCOPES.items()}}
        return jsonify(
            rights=rights.ALL_RIGHTS, roles=[{"role": role, "rights": sorted(roles[role])} for role in roles]
        )


def _tokens(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    database = archive.database

    @routes.get("/tokens")
    @guard.needs(ADMIN_TOKENS)
    def list_tokens() -> Response:
        with database.reading() as db:
            known = hospitals.all(db)
            return jsonify(tokens=[_token(token, known) for token in _mine(store.tokens(db), guard.caller().scope)])

    @routes.post("/tokens")
    @guard.needs(ADMIN_TOKENS)
    def add_token() -> tuple[Response, int]:
        given = bodies.optional(name=str, scope=str, hospital=str)
        hospital = guard.sessions.hospital_in(guard.caller().scope, given.get("hospital", ""))
        secret = accounts.add_token(database, given.get("name", ""), given.get("scope", ""), hospital.id)
        return jsonify(secret=secret), 201

    @routes.delete("/tokens/<int:token_id>")
    @guard.needs(ADMIN_TOKENS)
    def revoke_token(token_id: int) -> Response:
        with database.writing() as db:
            if not any(token.id == token_id for token in _mine(store.tokens(db), guard.caller().scope)):
                raise NotFound(f"there is no token with the id {token_id}")
            store.revoke_token(db, token_id)
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
