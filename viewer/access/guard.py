"""The guard at every route: who asks, what they may do, and whether the request is one of ours.

A route without `@guard.needs(…)`, `@guard.signed_in` or `@guard.open` stops the application from being built.
"""

import functools
import hashlib
import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Request, Response, request
from werkzeug.exceptions import MethodNotAllowed

from pacs import keyfile
from pacs.acts import Acts
from pacs.config import Config
from pacs.errors import NotSignedIn
from pacs.sealing import Sealing
from storage.errors import ArchiveError, NotFound, NotPermitted
from storage.index import audit, grants, hospitals, links
from storage.index.database import Connection, Database
from storage.index.remembered import Remembered, Stamp
from storage.index.types import now_ms
from storage.model.archive import Instance, Origin, Scope
from storage.model.audit import DONE, Actor
from storage.model.grants import Granted
from storage.model.people import User
from viewer.access import cookies, guests
from viewer.access import rights as table
from viewer.access.caller import Caller
from viewer.access.narrowing import Narrowing, narrowed
from viewer.access.programs import Programs
from viewer.access.secrets import kept
from viewer.access.sessions import TOUCH_MS, Sessions
from viewer.journal import safe_path

P = ParamSpec("P")
R = TypeVar("R")

REMEMBERED = 512  # callers whose account was read just now
REMEMBERED_SECONDS = 60.0  # … and how long they may go without being read again, though nothing was committed
IDENTIFIED = "hoichan.identified"  # in the environ: the caller, when it was told without asking the index
STAMP = "hoichan.stamp"  # in the environ: which state of the index the caller was found in
PROGRAMS_PATH = "/dicom-web"  # where Authorization headers count; everywhere else only a session does
REFUSALS = {403: "not permitted", 429: "too many tries"}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

# All that answers without a session. tests/viewer/access/test_guard.py knows them by heart too.
OPEN = (
    "pages.page",  # GET / and /read/<study>: shells without data
    "pages.shared",  # GET /s/<code>: the shell of the page for guests
    "pages.asset",  # GET /static/…
    "health.healthz",  # GET /healthz: one word
    "problems.problem",  # GET /problems/<name>: what an error means
    "session.sign_in",  # POST /api/session
    "factor.code",  # POST /api/session/code: the second step, for a session that owes it
    "factor.enrol",  # POST and PUT /api/session/enrolment: the same, the first time
    "invitation.look",  # POST /api/invitation/look: who is invited by whom, for whoever holds the one-time link
    "invitation.accept",  # POST /api/invitation: giving the account its password, with the same link
    "setup.setup",  # GET and POST /api/setup: whether the first account is missing; making it with the secret
    "guests.look",  # POST /api/guest/look: whether a link is in force, for who has its secret
    "guests.enter",  # POST /api/guest: becoming a guest with secret and PIN
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A caller as the index has them, good until a moment of time.monotonic at most."""

    caller: Caller
    until: float


class Guard:
    """Knows the caller of the request at hand; see the module."""

    def __init__(self, database: Database, config: Config, acts: Acts | None = None) -> None:
        self.database = database
        self.acts = acts or Acts(database)
        self.sealing = Sealing(keyfile.derived(keyfile.load(config.data), keyfile.FACTORS))
        self.web = config.web
        self.sessions = Sessions(database, config)
        self.programs = Programs(database, self.sessions.needs_factor)
        self.narrowing = Narrowing(database)
        self._key = os.urandom(32)
        self._known: Remembered[bytes, _Known] = Remembered(database.stamp, REMEMBERED)
        self._public_host = urlsplit(config.web.public_url).netloc.casefold()

    def open(self, view: Callable[P, R]) -> Callable[P, R]:
        """This route answers anybody; it must be one of OPEN."""
        return _declared(view, "open")

    def signed_in(self, view: Callable[P, R]) -> Callable[P, R]:
        """This route answers whoever is signed in."""
        return self.needs("")(view)

    def needs(self, right: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """This route answers callers who have the right somewhere; `caller().scope` is then where."""
        if right and right not in table.RIGHTS:
            raise ValueError(f"there is no right {right!r}")

        def declare(view: Callable[P, R]) -> Callable[P, R]:
            @functools.wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                self._admit(right)
                return view(*args, **kwargs)

            return _declared(guarded, right or "signed in")

        return declare

    def caller(self) -> Caller:
        """Who asks; only inside a guarded route."""
        caller = request.environ.get("hoichan.caller")
        if not isinstance(caller, Caller):
            raise NotSignedIn("sign in first")
        return caller

    def origin(self, door: str, hospital_code: str = "") -> Origin:
        """Where bytes of this request come from: the named hospital of the caller's scope, or the only or first."""
        caller = self.caller()
        hospital = self.sessions.hospital_in(caller.scope, hospital_code)
        return Origin(hospital.id, hospital.code, door, caller.name, self.address())

    def actor(self) -> Actor:
        """The caller as the audit log names them: account or token, roles where the route's right counts, address."""
        return self.actor_of(self.caller(), request)

    def actor_of(self, caller: Caller, asked: Request) -> Actor:
        """The same of a request that is not Flask's."""
        where = caller.scope.hospital_ids
        roles = {role for hospital, role in caller.roles if hospital in where or caller.scope.studies}
        role = ",".join(sorted(roles)) or ("token" if caller.token else "guest" if caller.guest else "")
        return Actor(caller.name, role, self.sessions.address(asked))

    def record(
        self,
        db: Connection,
        at: Collection[int],
        action: str,
        object: str = "",
        *,
        patient: str = "",
        reason: str = "",
        result: str = DONE,
        **detail: Any,
    ) -> None:
        """Write in this transaction that the caller did this, for the hospitals (their ids) it concerns."""
        audit.note(
            db, self.actor(), at, action, object, patient=patient, reason=reason, result=result,
            detail=json.dumps(detail, ensure_ascii=False, sort_keys=True),
        )  # fmt: skip

    def viewed(self, study: str, hospital_id: Callable[[], int], how: str = "view") -> None:
        """Note that the caller opened a study (`view`) or saw what it is about (`details`)."""
        caller = self.caller()
        at = _of_link(caller, hospital_id)
        self.acts.viewed(caller.session_id or caller.label, study, self.actor, at, how, caller.at)

    def viewed_directly(self, caller: Caller, asked: Request, instance: Instance) -> None:
        """The same where Flask is not asked."""
        self.opened_directly(caller, asked, instance.key.study_instance_uid, lambda: instance.hospital_id)

    def opened_directly(self, caller: Caller, asked: Request, study: str, hospital_id: Callable[[], int]) -> None:
        """The same of a study whose instances were not read."""
        self.acts.viewed(
            caller.session_id or caller.label, study, lambda: self.actor_of(caller, asked),
            _of_link(caller, hospital_id), at=caller.at,
        )  # fmt: skip

    def address(self) -> str:
        """The address the request comes from; behind our own proxy the one it reports."""
        return self.sessions.address()

    def install(self, app: Flask) -> None:
        """Check, before anything else, that the request is not made by somebody else's page."""

        @app.before_request
        def look() -> None:
            if request.method not in SAFE:
                self._check_origin()
            if isinstance(request.routing_exception, MethodNotAllowed):
                self._identify()

        @app.after_request
        def challenge(response: Response) -> Response:
            if response.status_code == 401:
                response.headers.add("WWW-Authenticate", 'Bearer realm="hoichan"')
                # A browser would ask for name and password in a window of its own; our pages ask better.
                if _for_programs(request) and "Sec-Fetch-Site" not in request.headers:
                    response.headers.add("WWW-Authenticate", 'Basic realm="hoichan", charset="UTF-8"')
            return response

        @app.after_request
        def unkept(response: Response) -> Response:
            caller = request.environ.get("hoichan.caller")
            if isinstance(caller, Caller) and caller.guest is not None and response.status_code < 400:
                response.headers["Cache-Control"] = guests.UNKEPT
            return response

        @app.after_request
        def refused(response: Response) -> Response:
            if response.status_code in REFUSALS and not request.environ.get("hoichan.recorded"):
                self._note_refusal(REFUSALS[response.status_code])
            return response

    def seal(self, app: Flask) -> None:
        """Refuse an application with a route nobody has decided about."""
        for endpoint, view in app.view_functions.items():
            right = getattr(view, "right", None)
            if right is None:
                raise RuntimeError(f"route {endpoint} does not say which right it needs")
            if (right == "open") != (endpoint in OPEN):
                raise RuntimeError(f"route {endpoint} is {'' if right == 'open' else 'not '}open; see OPEN in guard.py")

    def admitted(self, asked: Request, right: str, route: str = "") -> Caller:
        """Who asks, with the hospitals where they have the right. `route` is the endpoint that answers; where it is not
        named, guests are not admitted. Raises NotSignedIn or NotPermitted."""
        caller = self._identified(asked)
        if asked.method not in SAFE and caller.session_id:
            self.sessions.check_csrf(caller.csrf)
        if caller.link is not None and not guests.may(route, download=caller.link.terms.download):
            raise NotPermitted("a link shows its studies and nothing else")
        scope, at = self.scope(caller, right), self.narrowing.hospital_of(asked)
        if scope.is_empty:
            raise NotPermitted(f"this needs the right {right}")
        if at is not None:
            scope = narrowed(scope, at)
            seen = scope if right else narrowed(self.scope(caller, table.STUDY_READ), at)
            if scope.is_empty and seen.is_empty:  # the same words whether there is such a hospital or not
                raise NotFound("there is no such hospital, or nothing of it to be seen")
        return caller if caller.scope == scope and at is None else replace(caller, scope=scope, at=at)

    def scope(self, caller: Caller, right: str) -> Scope:
        """Where the caller has the right, and the single studies it counts for by a grant."""
        if caller.guest is not None:
            return narrowed(Scope(frozenset(), caller.granted), caller.at)
        where = table.hospitals_with(right, caller.roles)
        if caller.token is not None:
            where = caller.scope.hospital_ids if not right or right in caller.rights else frozenset()
        return narrowed(Scope(where, caller.granted if right in table.GRANTED else frozenset()), caller.at)

    def within(self, scope: Scope, code: str) -> Scope:
        """What of the scope is of the hospital of this code, where one is named."""
        return scope.within(self.narrowing.id_of(code)) if code else scope

    def regranted(self, caller: Caller) -> Caller:
        """The caller with what is granted to them now."""
        return replace(caller, granted=self._granted(caller, now_ms()).studies)

    def of_session(self, session_id: str, right: str, *, use: bool) -> Caller | None:
        """The caller of a session, with the hospitals where they have the right, for what outlives a request: a socket
        in a room. None when the session is over or the right is gone; `use` says that somebody is at work in it."""
        found = self.sessions.of(session_id, use=use)
        if found is None:
            return self._guest_of(session_id, use=use)
        if found[0].stage:
            return None
        try:
            caller = self._of_user(found[1])
        except NotSignedIn:
            return None
        caller = self.regranted(replace(caller, session_id=session_id))
        scope = self.scope(caller, right)
        return None if scope.is_empty else replace(caller, scope=scope)

    def _note_refusal(self, why: str) -> None:
        """Who was not permitted to do what, as far as we know who it is."""
        try:
            caller = self._identified(request)
        except ArchiveError:
            actor, hospitals_of = Actor("", "", self.address()), frozenset[int]()
        else:
            actor, hospitals_of = self.actor_of(caller, request), caller.scope.hospital_ids
        self.acts.refused(actor, hospitals_of, f"{request.method} {safe_path()}", why)

    def _admit(self, right: str) -> None:
        request.environ["hoichan.caller"] = self.admitted(request, right, request.endpoint or "")

    def _identify(self) -> None:
        request.environ["hoichan.caller"] = self._identified(request)

    def _identified(self, asked: Request) -> Caller:
        """The caller by bearer token or password (programs, under /dicom-web only) or by session cookie. The account
        is not read again while nothing was committed: a sign-out or a changed role is a commit."""
        if (identified := asked.environ.get(IDENTIFIED)) is not None:
            return cast(Caller, identified)
        refused = asked.environ.get("hoichan.refused")
        if refused is not None:
            raise refused
        authorization, secrets = _secrets_of(asked)
        if not secrets:
            raise NotSignedIn("sign in first")
        key, stamp, known = self._remembered(asked, authorization, secrets)
        if known is not None:
            return known
        try:
            read = self._program(asked, authorization) if authorization else self._first_of(asked, secrets)
        except ArchiveError as error:
            asked.environ["hoichan.refused"] = error  # asked again for the same request, an attempt counts once
            raise
        self._known.keep(key, read, stamp)
        return read.caller

    def _remembered(
        self, asked: Request, authorization: str, secrets: Sequence[str]
    ) -> tuple[bytes, Stamp, Caller | None]:
        """By what a caller is remembered, the state of the index, and the caller when nothing was committed since."""
        stamp = asked.environ[STAMP] = self.database.stamp()
        said = f"{bool(authorization)} {' '.join(secrets)}".encode(errors="surrogatepass")
        key = hashlib.blake2b(said, key=self._key, digest_size=32).digest()
        known = self._known.known(key, stamp)
        return key, stamp, known.caller if known is not None and time.monotonic() < known.until else None

    def knows(self, asked: Request) -> bool:
        """Whether `admitted` can tell who asks without waiting for the index or anybody else."""
        authorization, secrets = _secrets_of(asked)
        if not secrets:
            return False
        caller = asked.environ[IDENTIFIED] = self._remembered(asked, authorization, secrets)[2]
        return caller is not None

    def _first_of(self, asked: Request, secrets: Sequence[str]) -> _Known:
        """Whose session stands: the first of these that does."""
        for secret in secrets:
            if secret.startswith(cookies.GUEST):
                caller = self._guest_of(kept(secret.removeprefix(cookies.GUEST)))
                if caller is not None and caller.guest is not None and caller.link is not None:
                    ends = min(caller.guest.seen_at + TOUCH_MS, caller.link.terms.expires_at)
                    return _Known(caller, time.monotonic() + max(0, ends - now_ms()) / 1000)
                continue
            try:
                return self._person(asked)
            except NotSignedIn:
                continue
        raise NotSignedIn("sign in first")

    def _guest_of(self, session_id: str, *, use: bool = True) -> Caller | None:
        """The guest of this session while it and the link stand; counts as use of it."""
        now = now_ms()
        with self.database.reading() as db:
            found = links.guest(db, session_id, now, self.sessions.idle_ms)
            if found is None:
                return None
            granted = grants.of_link(db, found[1].id, now).studies
        guest, link = found
        if use and now - guest.seen_at > TOUCH_MS:
            with self.database.writing() as db:
                links.touch_guest(db, session_id, now)
        rights = frozenset({table.STUDY_READ})
        scope = Scope(frozenset(), granted)
        return Caller(None, None, (), rights, scope, guest.csrf, session_id, granted, guest, link)

    def _program(self, asked: Request, authorization: str) -> _Known:
        user, token = self.programs.identify(authorization, self.sessions.address(asked))
        until = time.monotonic() + REMEMBERED_SECONDS
        if token is None:
            return _Known(self._of_user(user), until)
        rights = table.TOKEN_SCOPES.get(token.scope, frozenset())
        return _Known(Caller(None, token, (), rights, Scope(frozenset({token.hospital_id}))), until)

    def _person(self, asked: Request) -> _Known:
        signed_in = self.sessions.current(asked)
        if signed_in is None:
            raise NotSignedIn("sign in first")
        session, user = signed_in
        caller = replace(self._of_user(user), csrf=session.csrf, session_id=session.id)
        until, now = self.sessions.unchanged_until(session), now_ms()
        granted = self._granted(caller, now)
        if granted.studies:
            caller = replace(caller, granted=granted.studies)
            until = min(until, until if granted.until is None else granted.until)
        return _Known(caller, time.monotonic() + (until - now) / 1000)

    def _granted(self, caller: Caller, now: int) -> Granted:
        """What the person may see of other hospitals; programs never do."""
        if caller.guest is not None:
            with self.database.reading() as db:
                return grants.of_link(db, caller.guest.link_id, now)
        if caller.user is None:
            return Granted()
        answers_for = table.answers_for(caller.user, caller.roles)
        with self.database.reading() as db:
            return grants.held(db, caller.user.id, answers_for, now)

    def _of_user(self, user: User | None) -> Caller:
        if user is None or user.disabled:
            raise NotSignedIn("sign in first")
        roles = user.roles
        if table.on_platform(roles):
            with self.database.reading() as db:
                roles = table.spread(roles, [hospital.id for hospital in hospitals.all(db)])
        return Caller(user, None, roles, table.rights_of(roles), Scope(table.hospitals_with("", roles)))

    def _check_origin(self) -> None:
        """State changes come from our own pages, or from programs, which send no Origin."""
        origin = request.headers.get("Origin")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise NotPermitted("this request was made by a page of another site")
        if origin is None:
            return
        ours = {request.host.casefold(), self._public_host} - {""}
        if urlsplit(origin).netloc.casefold() not in ours:
            raise NotPermitted("this request was made by a page of another site")


def acts(*names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Says of a route that changes something which acts of the audit log it writes; a test asks every one."""

    def declare(view: Callable[P, R]) -> Callable[P, R]:
        view.acts = names  # type: ignore[attr-defined]
        return view

    return declare


def _of_link(caller: Caller, hospital_id: Callable[[], int]) -> Callable[[], int]:
    """Whose audit log a look belongs in: what guests see is their host's, also where it is a copy."""
    link = caller.link
    return hospital_id if link is None else lambda: link.terms.hospital_id


def _for_programs(asked: Request) -> bool:
    return asked.path == PROGRAMS_PATH or asked.path.startswith(PROGRAMS_PATH + "/")


def _secrets_of(asked: Request) -> tuple[str, Sequence[str]]:
    """The Authorization header where it counts, and what may say who asks: that, or the cookies."""
    authorization = asked.headers.get("Authorization", "") if _for_programs(asked) else ""
    return authorization, [authorization] if authorization else cookies.of(asked)


def _declared(view: Callable[P, R], right: str) -> Callable[P, R]:
    view.right = right  # type: ignore[attr-defined]
    return view
