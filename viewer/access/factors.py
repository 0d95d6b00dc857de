"""The second factor: one-time passwords (RFC 6238), recovery codes, and the pages' way through both.

Who signed in with a password and still owes the factor has a session of a stage: "code" or "enrol". Such a session is
good for the three routes here and for nothing else.
"""

import secrets
import time
from typing import Any

import pyotp
import segno
from flask import Blueprint, Response, jsonify, request

from pacs.errors import NotSignedIn
from pacs.keyfile import of_account
from storage.errors import NotPermitted
from storage.index import accounts
from storage.index import factors as store
from storage.model.people import Session, User
from viewer import bodies
from viewer.access import throttle
from viewer.access.guard import Guard, acts
from viewer.access.secrets import kept, same
from viewer.errors import InvalidRequest

STEP_SECONDS = 30
AROUND = (0, -1, 1)  # clocks of telephones are a little off
CODES = 10
ISSUER = "Hoi Chan"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that can be mistaken for another


def blueprint(guard: Guard) -> Blueprint:
    """POST /api/session/code; POST and PUT /api/session/enrolment."""
    routes = Blueprint("factor", __name__, url_prefix="/api/session")

    @routes.post("/code")
    @guard.open
    @acts("session.begin", "session.fail")
    def code() -> Response:
        """The second step of signing in, with a one-time password or a recovery code."""
        _, user = _staged(guard, ("code",))
        given = bodies.fields(code=str)["code"]
        throttle.begin(guard.database, f"code {user.id}", guard.address())
        if not passes(guard, user.id, given):
            guard.sessions.failed(user, "code")
            raise NotPermitted("this code is wrong or was used")
        throttle.succeeded(guard.database, f"code {user.id}", guard.address())
        return guard.sessions.answer_to_sign_in(user, passed=True)

    @routes.route("/enrolment", methods=["POST", "PUT"])
    @guard.open
    @acts("factor.set")
    def enrol() -> Response:
        """POST shows a new secret, PUT takes it into use with a one-time password of it."""
        session, user = _staged(guard, ("enrol", ""))
        if request.method == "POST":
            if not session.stage:  # a browser left open must not be enough
                guard.sessions.check_password(user, bodies.fields(current_password=str)["current_password"])
            return _shown(guard, session, user)
        codes = _enrolled(guard, session, user, bodies.fields(code=str)["code"])
        with guard.database.reading() as db:
            user = accounts.user(db, user.id)
        answer = guard.sessions.answer_to_sign_in(user, passed=True)
        answer.set_data(guard.sessions.with_codes(answer, codes))
        return answer

    return routes


def passes(guard: Guard, user_id: int, given: str) -> bool:
    """Whether this is the account's one-time password of now, or one of its recovery codes; it is used up."""
    given = "".join(given.split()).casefold()
    with guard.database.writing() as db:
        step = step_of(guard.sealing.open(store.secret(db, user_id), of_account(user_id)), given)
        if step is not None:
            return store.use_step(db, user_id, step)
        return store.use_code(db, user_id, kept(given.replace("-", "")))


def step_of(secret: str, given: str) -> int | None:
    """The step whose one-time password this is, one before and after now included."""
    if not secret or not (len(given) == 6 and given.isascii() and given.isdigit()):
        return None
    now, totp = int(time.time()) // STEP_SECONDS, pyotp.TOTP(secret)
    return next((now + off for off in AROUND if same(totp.at((now + off) * STEP_SECONDS), given)), None)


def _staged(guard: Guard, stages: tuple[str, ...]) -> tuple[Session, User]:
    found = guard.sessions.begun()
    if found is None or found[0].stage not in stages:
        raise NotSignedIn("sign in first")
    guard.sessions.check_csrf(found[0].csrf)
    return found


def _shown(guard: Guard, session: Session, user: User) -> Response:
    shared = pyotp.random_base32()
    address = pyotp.TOTP(shared).provisioning_uri(name=user.name, issuer_name=ISSUER)
    with guard.database.writing() as db:
        store.put_pending(db, session.id, guard.sealing.seal(shared, of_account(user.id)))
    return jsonify(secret=shared, address=address, picture=_picture(address))


def _picture(address: str) -> dict[str, Any]:
    """A QR code as the path of an SVG of so many units; nobody but this server sees the secret."""
    rows = [bytes(row) for row in segno.make(address, micro=False, error="m").matrix]
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return {"size": len(rows), "path": path}


def _enrolled(guard: Guard, session: Session, user: User, given: str) -> list[str]:
    """The recovery codes, which are shown this once."""
    throttle.begin(guard.database, f"code {user.id}", guard.address())
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(12)) for _ in range(CODES)]
    with guard.database.writing() as db:
        shared = store.pending(db, session.id)
        step = step_of(guard.sealing.open(shared, of_account(user.id)), "".join(given.split()))
        if step is None:
            raise InvalidRequest("this code is not one of the secret that was shown")
        guard.sessions.record(db, user, "factor.set", user.name)
        store.enable(db, user.id, shared, step, [kept(code) for code in codes])
    throttle.succeeded(guard.database, f"code {user.id}", guard.address())
    return ["-".join(code[at : at + 4] for at in (0, 4, 8)) for code in codes]
