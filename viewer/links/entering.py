"""Guests: from the secret in the address and the PIN to a session, what they then see, and taking it along.

Whatever is wrong with a link (it never was, the secret is another one, it is over, withdrawn, locked or was opened
often enough) is one answer after the same work, so that nobody learns which it is. Only who has the secret can try a
PIN.
"""

import json
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs import sharing
from pacs.archive import Archive
from storage.errors import NotFound, NotPermitted
from storage.index import audit, grants, hospitals, instances, links
from storage.index.database import Connection
from storage.index.types import now_ms
from storage.model.archive import Hospital, Scope
from storage.model.audit import DONE, REFUSED, Actor
from storage.model.links import Guest, LinkSecrets, ShareLink
from viewer import bodies
from viewer.access import cookies, throttle
from viewer.access.guard import Guard, acts
from viewer.access.passwords import verify_password
from viewer.access.secrets import kept, new_secret, same
from viewer.display import clean, display_name
from viewer.errors import InvalidRequest
from viewer.links.packing import packed
from viewer.links.terms import check_guest

NOT_IN_FORCE = "this link is not in force: it is over or was withdrawn, or the address is not whole"
LONGEST = 256


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """What the landing page asks for."""
    routes = Blueprint("guests", __name__, url_prefix="/api/guest")

    @routes.post("/look")
    @guard.open
    @acts("link.look")
    def look() -> Response:
        """For who has the secret: whose link it is and what it allows; nothing of a patient, and not what it is for."""
        given = bodies.fields(code=str, secret=str)
        throttle.begin(guard.database, _count(given["code"]), guard.address())
        found = _found(archive, given["code"], given["secret"])
        verify_password("", None)  # the work of a try with a PIN, whatever was found
        if found is None:
            raise NotFound(NOT_IN_FORCE)
        throttle.succeeded(guard.database, _count(given["code"]), guard.address())
        link, _, hospital = found
        with archive.database.writing() as db:
            _record(db, hospital, Actor(f"link-{link.id}", "guest", guard.address()), "link.look", link, DONE)
        return jsonify(
            hospital=hospital.name,
            expires_at=link.terms.expires_at,
            anonymise=link.terms.anonymise,
            download=link.terms.download,
        )

    @routes.post("")
    @guard.open
    @acts("link.open", "link.refuse", "link.lock")
    def enter() -> Response:
        given = bodies.fields(code=str, secret=str, pin=str, name=str, institution=str, agree=bool)
        name, institution = check_guest(given["name"], given["institution"])
        if not given["agree"]:
            raise InvalidRequest("what is looked at is recorded; who does not agree cannot look")
        return _enter(archive, guard, given, name, institution)

    @routes.get("")
    @guard.signed_in
    def here() -> Response:
        """Who came, by which link, and what it shows; asked again and again while it is open."""
        guest, link = _guest(guard)
        with archive.database.reading() as db:
            return jsonify(_described(db, guest, links.by_id(db, link.id), guard.caller().scope))

    @routes.delete("")
    @guard.signed_in
    @acts("link.leave")
    def leave() -> Response:
        guest, link = _guest(guard)
        with archive.database.writing() as db:
            links.end_guest(db, guest.session_id, now_ms())
            guard.record(db, {link.terms.hospital_id}, "link.leave", f"link-{link.id}")
        response = Response(status=204)
        cookies.clear_guest(response)
        return response

    @routes.get("/studies/<study>.zip")
    @guard.signed_in
    def download(study: str) -> Response:
        """The images of a study as a ZIP file, when the link says so."""
        _, link = _guest(guard)
        found = archive.instances(guard.caller().scope, study)
        archive.acts.exported(guard.actor(), link.terms.hospital_id, study, "link", len(found))
        return packed(archive, found, f"hoichan-{link.id}.zip")

    return routes


def _enter(archive: Archive, guard: Guard, given: dict[str, Any], name: str, institution: str) -> Response:
    code, address = given["code"], guard.address()
    throttle.begin(guard.database, _count(code), address)
    found = _found(archive, code, given["secret"])
    good = verify_password(given["pin"].strip()[:LONGEST], found[1].pin_hash if found else None)
    if found is None:
        raise NotFound(NOT_IN_FORCE)
    link, _, hospital = found
    actor = Actor(f"link-{link.id} ({name}, {institution})", "guest", address)
    if not good:
        left = _wrong(archive, link, hospital, actor)
        if left:
            raise NotPermitted(f"the PIN is wrong; {left} more tries")
        raise NotFound(NOT_IN_FORCE)
    agent = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
    secret, csrf, now = new_secret(), new_secret(), now_ms()
    guest = Guest(kept(secret), link.id, csrf, name, institution, now, now, address, agent)
    with archive.database.writing() as db:
        if not links.opened(db, link.id, guest):
            raise NotFound(NOT_IN_FORCE)
        _record(db, hospital, actor, "link.open", link, DONE, name=name, institution=institution, agreed=True)
    throttle.succeeded(guard.database, _count(code), address)
    with archive.database.reading() as db:
        scope = Scope(frozenset(), grants.of_link(db, link.id, now).studies)
        response = jsonify(_described(db, guest, links.by_id(db, link.id), scope))
    cookies.write_guest(response, secret, max(60, (link.terms.expires_at - now) // 1000))
    return response


def _found(archive: Archive, code: str, secret: str) -> tuple[ShareLink, LinkSecrets, Hospital] | None:
    """The link in force whose secret this is."""
    with archive.database.reading() as db:
        found = links.by_code(db, code[:LONGEST])
        right = same(kept(secret[:LONGEST]), found[1].secret_sha256 if found else kept(""))
        if found is None or not right or not found[0].stands(now_ms()):
            return None
        if found[0].opens >= found[0].terms.max_opens:
            return None
        return found[0], found[1], hospitals.by_id(db, found[0].terms.hospital_id)


def _wrong(archive: Archive, link: ShareLink, hospital: Hospital, actor: Actor) -> int:
    with archive.database.writing() as db:
        now = now_ms()
        left = links.wrong_pin(db, link.id, sharing.PINS, now)
        action = "link.refuse" if left else "link.lock"
        _record(db, hospital, actor, action, link, REFUSED, why="wrong PIN", left=left)
        if not left:
            sharing.end(db, link.id, now)
    return left


def _record(
    db: Connection, hospital: Hospital, actor: Actor, action: str, link: ShareLink, result: str, **detail: object
) -> None:
    said = json.dumps(detail, ensure_ascii=False, sort_keys=True)
    audit.note(db, actor, {hospital.id}, action, f"link-{link.id}", result=result, detail=said)


def _guest(guard: Guard) -> tuple[Guest, ShareLink]:
    caller = guard.caller()
    if caller.guest is None or caller.link is None:
        raise NotFound("nobody came by a link here")
    return caller.guest, caller.link


def _described(db: Connection, guest: Guest, link: ShareLink, scope: Scope) -> dict[str, Any]:
    """What the landing page and the lite viewer show."""
    terms = link.terms
    return {
        "code": link.code,
        "csrf": guest.csrf,
        "guest": {"name": guest.name, "institution": guest.institution},
        "hospital": hospitals.by_id(db, terms.hospital_id).name,
        "purpose": terms.purpose,
        "expires_at": terms.expires_at,
        "anonymise": terms.anonymise,
        "download": terms.download,
        "state": link.state,
        "images": {"done": link.done, "total": link.total - link.left, "left": link.left},
        "studies": [_study(db, scope, uid) for _, uid in sorted(scope.studies)],
    }


def _study(db: Connection, scope: Scope, uid: str) -> dict[str, Any]:
    """A study as guests read it; of copies that are not there yet only the UID."""
    try:
        study = instances.study(db, scope, uid)
    except NotFound:
        return {"StudyInstanceUID": uid, "images": 0}
    return {
        "StudyInstanceUID": uid,
        "PatientName": display_name(study.patient.name),
        "StudyDate": f"{study.facts.study_date:08}" if study.facts.study_date else "",
        "StudyDescription": clean(study.facts.description),
        "modalities": list(study.modalities),
        "images": study.images,
    }


def _count(code: str) -> str:
    """Under what name tries of this link are counted."""
    return f"link {code[:64]}"
