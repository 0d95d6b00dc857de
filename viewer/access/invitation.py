"""Invitations: who holds the one-time link gives the account its password, and then owes a second factor."""

from flask import Blueprint, Response, jsonify

from storage.index import accounts as store
from storage.index import hospitals, invitations
from storage.index.types import now_ms
from storage.model.consult import Invitation
from storage.model.people import User
from viewer import bodies
from viewer.access import throttle
from viewer.access.accounts import LANGUAGES, check_display_name
from viewer.access.guard import Guard, acts
from viewer.access.passwords import check_password, hash_password
from viewer.access.secrets import kept
from viewer.errors import InvalidRequest, LinkSpent

_SPENT = "this invitation was used, or its time is over; ask for a new one"


def blueprint(guard: Guard) -> Blueprint:
    """POST /api/invitation/look and /api/invitation."""
    routes = Blueprint("invitation", __name__)

    @routes.post("/api/invitation/look")
    @guard.open
    @acts("account.invitation")
    def look() -> Response:
        """What the link is for. The secret travels in the body, never in an address."""
        given = bodies.fields(secret=str)
        invitation, user = _invited(guard, given["secret"])
        with guard.database.reading() as db:
            where = next(one for one in hospitals.all(db) if one.id == invitation.hospital_id)
            by = store.user(db, invitation.invited_by)
        return jsonify(
            name=user.name, display_name=user.display_name, language=user.language, hospital=where.name,
            by=by.display_name or by.name,
        )  # fmt: skip

    @routes.post("/api/invitation")
    @guard.open
    @acts("account.invitation")
    def accept() -> Response:
        given = bodies.fields(secret=str, display_name=str, language=str, password=str)
        _, user = _invited(guard, given["secret"])
        display_name = check_display_name(given["display_name"]) or user.name
        if given["language"] not in LANGUAGES:
            raise InvalidRequest(f"language must be one of {', '.join(LANGUAGES)}")
        check_password(given["password"], user.name, display_name)
        password_hash = hash_password(given["password"])
        with guard.database.writing() as db:
            if not invitations.use(db, kept(given["secret"]), now_ms()):
                raise LinkSpent(_SPENT)
            user = store.update_user(
                db, user.id, display_name=display_name, language=given["language"], password_hash=password_hash
            )
            guard.sessions.record(db, user, "account.invitation", user.name)
        throttle.succeeded(guard.database, "invitation", guard.address())
        return guard.sessions.answer_to_sign_in(user)

    return routes


def _invited(guard: Guard, secret: str) -> tuple[Invitation, User]:
    """The invitation a link stands for, and its account. Guessing is throttled. Raises LinkSpent."""
    throttle.begin(guard.database, "invitation", guard.address())
    with guard.database.reading() as db:
        found = invitations.by_secret(db, kept(secret), now_ms())
        user = store.user(db, found.user_id) if found else None
    if found is None or user is None or user.disabled:
        raise LinkSpent(_SPENT)
    throttle.succeeded(guard.database, "invitation", guard.address())
    return found, user
