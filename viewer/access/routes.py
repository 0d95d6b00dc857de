"""Signing in and out: /api/session."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from storage.errors import NotPermitted
from storage.index import accounts as store
from storage.model.people import User
from viewer import bodies
from viewer.access.accounts import LANGUAGES, check_details
from viewer.access.guard import Guard, acts
from viewer.errors import InvalidRequest


def blueprint(guard: Guard) -> Blueprint:
    """The session of the browser."""
    routes = Blueprint("session", __name__, url_prefix="/api/session")

    @routes.get("")
    @guard.signed_in
    def session() -> Response:
        caller = guard.caller()
        if caller.guest is not None and caller.link is not None:
            return jsonify(guard.sessions.described_guest(caller.guest, caller.link.code))
        if caller.user is None:
            raise NotPermitted("only people have a session")
        return jsonify(guard.sessions.described(caller.user, caller.csrf))

    @routes.post("")
    @guard.open
    @acts("session.begin", "session.fail")
    def sign_in() -> Response:
        given = bodies.fields(name=str, password=str)
        return guard.sessions.answer_to_sign_in(guard.sessions.sign_in(given["name"], given["password"]))

    @routes.delete("")
    @guard.signed_in
    @acts("session.end")
    def sign_out() -> Response:
        return guard.sessions.sign_out(guard.caller().session_id, guard.caller().user)

    @routes.patch("")
    @guard.signed_in
    @acts("account.password", "account.language", "account.notices")
    def change() -> Response:
        user, csrf = guard.caller().user, guard.caller().csrf
        given = bodies.optional(
            language=str, current_password=str, password=str, email=str, mail=bool, specialties=list
        )
        if user is None:
            raise NotPermitted("only people have a session")
        if "password" in given:
            changed = guard.sessions.change_password(user, given.get("current_password", ""), given["password"])
            return guard.sessions.answer_to_sign_in(changed, passed=True)
        if given.keys() & {"email", "mail", "specialties"}:
            return jsonify(guard.sessions.described(_notices(guard, user, given), csrf))
        if given.get("language") not in LANGUAGES:
            raise InvalidRequest(f"language must be one of {', '.join(LANGUAGES)}")
        with guard.database.writing() as db:
            user = store.update_user(db, user.id, language=given["language"])
            guard.sessions.record(db, user, "account.language", user.name, language=user.language)
        return jsonify(guard.sessions.described(user, csrf))

    return routes


def _notices(guard: Guard, user: User, given: Mapping[str, Any]) -> User:
    """Where notices about consultations go, whether they do, and what one is asked about."""
    details = check_details({name: given[name] for name in ("email", "specialties") if name in given})
    if user.invited and details.email not in (None, user.email):
        raise NotPermitted("the address of an invitation stays")
    with guard.database.writing() as db:
        changed = store.update_user(
            db, user.id, email=details.email, mail=given.get("mail"), specialties=details.specialties
        )
        guard.sessions.record(db, changed, "account.notices", changed.name, mail=changed.mail)
    return changed
