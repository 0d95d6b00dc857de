"""The first account: made by whoever holds the one-time link that the program printed. There is no default user."""

from flask import Blueprint, Response, jsonify, request

from storage.index import accounts as store
from storage.index.database import Database
from storage.index.types import now_ms
from storage.model.people import User
from viewer import bodies
from viewer.access import throttle
from viewer.access.accounts import check_display_name, check_name, find_hospital
from viewer.access.guard import Guard, acts
from viewer.access.passwords import check_password, hash_password
from viewer.access.rights import FIRST_ROLES
from viewer.access.secrets import kept, new_secret
from viewer.errors import LinkSpent

HOURS = 24


def create_setup_link(database: Database, base_url: str) -> str | None:
    """A one-time link that makes the first administrator, good for 24 hours; None when there is an account already.
    Links made before are void."""
    secret = new_secret()
    with database.writing() as db:
        if not store.needs_setup(db):
            return None
        store.put_setup_secret(db, kept(secret), now_ms() + HOURS * 3600 * 1000)
    return f"{base_url.rstrip('/')}/#/setup/{secret}"


def blueprint(guard: Guard) -> Blueprint:
    """GET and POST /api/setup."""
    routes = Blueprint("setup", __name__)

    @routes.route("/api/setup", methods=["GET", "POST"])
    @guard.open
    @acts("account.setup")
    def setup() -> Response:
        if request.method == "POST":
            return _create(guard)
        with guard.database.reading() as db:
            return jsonify(needed=store.needs_setup(db))

    return routes


def _create(guard: Guard) -> Response:
    given = bodies.fields(secret=str, name=str, display_name=str, password=str)
    throttle.begin(guard.database, "set up", guard.address())
    name = check_name(given["name"])
    display_name = check_display_name(given["display_name"]) or name
    check_password(given["password"], name, display_name)
    user = _first_user(guard, given["secret"], name, display_name, given["password"])
    throttle.succeeded(guard.database, "set up", guard.address())
    return guard.sessions.answer_to_sign_in(user)


def _first_user(guard: Guard, secret: str, name: str, display_name: str, password: str) -> User:
    """Use up the secret and make the administrator, both or neither."""
    hospital = find_hospital(guard.database, None)
    password_hash = hash_password(password)
    with guard.database.writing() as db:
        if not store.needs_setup(db) or not store.use_setup_secret(db, kept(secret)):
            raise LinkSpent("this set-up link is not good any more; restart the program to get a new one")
        user = store.add_user(
            db, name, display_name, password_hash, roles=[(hospital.id, role) for role in FIRST_ROLES]
        )
        guard.sessions.record(db, user, "account.setup", user.name)
        return user
