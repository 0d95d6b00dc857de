"""Sessions: begun with a password, kept in the database, over when idle or old; and the CSRF token of each."""

import ipaddress
import json
from collections.abc import Sequence
from typing import Any

from flask import Request, Response, jsonify, request

from pacs.config import Config
from pacs.errors import NotSignedIn
from storage.errors import NotFound, NotPermitted
from storage.index import accounts as store
from storage.index import audit, hospitals
from storage.index.database import Connection, Database
from storage.index.types import now_ms
from storage.model.archive import Hospital, Scope
from storage.model.audit import DONE, REFUSED, Actor
from storage.model.links import Guest
from storage.model.people import Session, User
from viewer.access import cookies, throttle
from viewer.access.passwords import check_password, hash_password, outdated, verify_password
from viewer.access.rights import ADMIN, PLATFORM, STUDY_READ, hospitals_with, may_give, rights_of, spread
from viewer.access.secrets import kept, keyed, new_secret, same
from viewer.version import VERSION

TOUCH_MS = 60_000
DEVICE_COOKIE = "hoichan_device"
DEVICE_DAYS = 365


class Sessions:
    """The sessions of people; the only place that reads and writes their cookies."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._config = config
        self.idle_ms = config.web.session_idle_minutes * 60_000
        self._absolute_ms = config.web.session_absolute_hours * 3_600_000

    def current(self, asked: Request = request) -> tuple[Session, User] | None:
        """The session and user of a request, by default the one at hand, or None."""
        found = self.begun(asked)
        return None if found is None or found[0].stage else found

    def begun(self, asked: Request = request) -> tuple[Session, User] | None:
        """The same for a session that still owes the second factor, too."""
        secret = cookies.read(asked)
        return self.of(kept(secret)) if secret else None

    def stands(self, session: Session) -> bool:
        """Whether it is neither idle nor old."""
        return min(session.seen_at + self.idle_ms, session.created_at + self._absolute_ms) > now_ms()

    def needs_factor(self, user: User, address: str) -> bool:
        """Whether this account may sign in from there only with a second factor."""
        if user.second_factor or user.invited:
            return True
        web = self._config.web
        administers = any(role in (ADMIN, PLATFORM) for _, role in user.roles)
        return (administers and web.second_factor_for_admins) or not _within(address, web.trusted_networks)

    def of(self, session_id: str, *, use: bool = True) -> tuple[Session, User] | None:
        """The session of this id and its user while it lasts; counts as use of it unless told otherwise."""
        with self._database.reading() as db:
            found = store.session(db, session_id, idle_ms=self.idle_ms, absolute_ms=self._absolute_ms)
        if use and found is not None and now_ms() - found[0].seen_at > TOUCH_MS:
            with self._database.writing() as db:
                store.touch_session(db, session_id)
        return found

    def unchanged_until(self, session: Session) -> int:
        """Until when (UTC milliseconds) the session neither ends nor has to be noted as used again."""
        return min(session.seen_at + TOUCH_MS, session.seen_at + self.idle_ms, session.created_at + self._absolute_ms)

    def sign_in(self, name: str, password: str) -> User:
        """The user of this name and password, or one generic error after the same time."""
        with self._database.reading() as db:
            found = store.credentials(db, name)
        account = self._throttled_as(name, found)
        throttle.begin(self._database, account, self.address())
        good = verify_password(password, found[1] if found else None)
        if found is None or not good or found[0].disabled or not found[0].roles:
            self.failed(found[0] if found else None, "password" if found and not good else "account")
            raise NotSignedIn("the name or the password is wrong")
        throttle.succeeded(self._database, account, self.address())
        user, password_hash = found
        fresh = hash_password(password) if outdated(password_hash) else None
        with self._database.writing() as db:
            return store.update_user(db, user.id, last_sign_in_at=now_ms(), password_hash=fresh)

    def change_password(self, user: User, current: str, new: str) -> User:
        """Another password for somebody who knows the one they have; every session of theirs ends."""
        self.check_password(user, current)
        check_password(new, user.name, user.display_name)
        password_hash = hash_password(new)
        with self._database.writing() as db:
            self.record(db, user, "account.password", user.name)
            return store.update_user(db, user.id, password_hash=password_hash)

    def check_password(self, user: User, current: str) -> None:
        """Let somebody who is signed in show again that they know the password; raises NotPermitted."""
        with self._database.reading() as db:
            found = store.credentials(db, user.name)
        throttle.begin(self._database, f"change {user.id}", self.address())
        if not verify_password(current, found[1] if found else None):
            self.failed(user, "password")
            raise NotPermitted("the current password is wrong")
        throttle.succeeded(self._database, f"change {user.id}", self.address())

    def answer_to_sign_in(self, user: User, *, passed: bool = False) -> Response:
        """Begin a new session (never an old one again) and say who it is for; or, unless the second factor was
        `passed`, what is still owed."""
        owes = (
            "" if passed or not self.needs_factor(user, self.address()) else "code" if user.second_factor else "enrol"
        )
        old, secret, csrf = cookies.read(), new_secret(), new_secret()
        agent = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
        with self._database.writing() as db:
            if old:
                store.end_session(db, kept(old))
            store.sweep_sessions(db, idle_ms=self.idle_ms, absolute_ms=self._absolute_ms)
            session = store.add_session(
                db, kept(secret), user.id, csrf, address=self.address(), agent=agent, stage=owes
            )
            found = store.credentials(db, user.name)
            if not owes:
                self.record(db, user, "session.begin", session.id[:16], second_factor=passed)
        known = {"needs": owes, "csrf": session.csrf} if owes else self.described(user, session.csrf)
        response = jsonify(known)
        cookies.write(response, secret, self._config.web.session_absolute_hours)
        if found is not None and not owes:
            self._remember_device(response, *found)
        return response

    def with_codes(self, answer: Response, codes: Sequence[str]) -> str:
        """The answer to a sign-in with recovery codes, which are shown this once."""
        return json.dumps({"session": answer.get_json(), "codes": list(codes)}, ensure_ascii=False)

    def sign_out(self, session_id: str, user: User | None) -> Response:
        """End the session."""
        with self._database.writing() as db:
            store.end_session(db, session_id)
            self.record(db, user, "session.end", session_id[:16])
        response = Response(status=204)
        cookies.clear(response)
        return response

    def failed(self, user: User | None, why: str) -> None:
        """Write down that a sign-in or its second step failed. A name that no account has is not written: it may be a
        password that was typed into the wrong field."""
        request.environ["hoichan.recorded"] = True
        with self._database.writing() as db:
            self.record(db, user, "session.fail", user.name if user else "", result=REFUSED, why=why)

    def record(
        self, db: Connection, user: User | None, action: str, object: str = "", *, result: str = DONE, **detail: Any
    ) -> None:
        """Write in this transaction what somebody did with their own account, for each hospital where they are."""
        roles = user.roles if user else ()
        actor = Actor(user.name if user else "", ",".join(sorted({role for _, role in roles})), self.address())
        audit.note(
            db, actor, {hospital for hospital, _ in roles}, action, object, result=result,
            detail=json.dumps(detail, sort_keys=True),
        )  # fmt: skip

    def described(self, user: User, csrf: str) -> dict[str, Any]:
        """What a page must know about who is signed in (GET /api/session)."""
        with self._database.reading() as db:
            known = {hospital.id: hospital for hospital in hospitals.all(db)}
        roles = [(known[hospital], role) for hospital, role in user.roles if hospital in known]
        held = spread(user.roles, known)
        gives = {hospital.id: sorted(may_give(held, hospital.id)) for hospital in known.values()}
        mine = hospitals_with("", user.roles)
        administered = [hospital for hospital in known.values() if gives[hospital.id]]
        own = {hospital for hospital, _ in user.roles}
        administered.sort(key=lambda hospital: hospital.id not in own)  # where one works comes first
        return {
            "user": {
                "id": user.id,
                "name": user.name,
                "display_name": user.display_name,
                "language": user.language,
                "second_factor": user.second_factor,
                "email": user.email,
                "mail": user.mail,
                "specialties": list(user.specialties),
                "invited": user.invited,
                "roles": [{"hospital": hospital.code, "role": role} for hospital, role in roles],
            },
            "rights": sorted(rights_of(user.roles)),
            "csrf": csrf,
            "hospitals": [{"code": h.code, "name": h.name} for h in known.values() if h.id in mine],
            "administers": [{"code": h.code, "name": h.name, "gives": gives[h.id]} for h in administered],
            "version": VERSION,
            "dicom": {
                "ae_title": self._config.dicom.ae_title,
                "host": self._config.dicom.host,
                "port": self._config.dicom.port,
            },
        }

    def described_guest(self, guest: Guest, link: str) -> dict[str, Any]:
        """The same of who came by a link, with its public name: the page to go back to."""
        person = {"id": "guest", "name": guest.name, "display_name": guest.name, "language": "", "second_factor": False}
        return {
            "user": {**person, "roles": []},
            "guest": {"name": guest.name, "institution": guest.institution, "link": link},
            "rights": [STUDY_READ],
            "csrf": guest.csrf,
            "hospitals": [],
            "administers": [],
            "version": VERSION,
            "dicom": {"ae_title": "", "host": "", "port": 0},
        }

    def check_csrf(self, csrf: str) -> None:
        """Refuse a state change that does not carry the session's token."""
        if not csrf or not same(request.headers.get("X-CSRF-Token", ""), csrf):
            raise NotPermitted("the header X-CSRF-Token is missing or not this session's")

    def hospital_in(self, scope: Scope, code: str = "") -> Hospital:
        """The hospital of this code in the scope; without a code the first one in it."""
        with self._database.reading() as db:
            mine = [hospital for hospital in hospitals.all(db) if hospital.id in scope.hospital_ids]
        for hospital in sorted(mine, key=lambda hospital: hospital.id):
            if not code or hospital.code == code:
                return hospital
        raise NotFound("there is no such hospital")

    def address(self, asked: Request = request) -> str:
        """Where a request comes from. A proxy on this machine is believed when a public URL says there is one."""
        address = asked.remote_addr or ""
        if self._config.web.public_url and _is_loopback(address):
            reported = asked.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
            return reported if _is_address(reported) else address
        return address

    def _throttled_as(self, name: str, found: tuple[User, str] | None) -> str:
        """The name failures are counted under: a browser this user signed in with before has its own count, so that
        a stranger who guesses cannot lock the user out."""
        device = request.cookies.get(DEVICE_COOKIE, "")
        if found is not None and device and same(device, _device(*found)):
            return f"device {device[:32]}"
        return name[:256]

    def _remember_device(self, response: Response, user: User, password_hash: str) -> None:
        response.set_cookie(
            DEVICE_COOKIE, _device(user, password_hash), max_age=DEVICE_DAYS * 86400, path="/api/session",
            secure=request.is_secure, httponly=True, samesite="Strict",
        )  # fmt: skip


def _device(user: User, password_hash: str) -> str:
    """Proof that this user signed in here before; only the server can make it, and a new password voids it."""
    return keyed(password_hash, "device", str(user.id))


def _within(address: str, networks: Sequence[str]) -> bool:
    if not _is_address(address):
        return False
    known = ipaddress.ip_address(address)
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped:
        known = known.ipv4_mapped
    return any(known in ipaddress.ip_network(network, strict=False) for network in networks)


def _is_loopback(address: str) -> bool:
    return _is_address(address) and ipaddress.ip_address(address).is_loopback


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
