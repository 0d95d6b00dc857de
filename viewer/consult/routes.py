"""Consultations: /api/consults, and what is needed to ask: /api/consult/vocabulary, /api/consult/addressees."""

from dataclasses import asdict, replace

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from pacs.consult import acting, addressing, bodies
from pacs.consult.rules import RULES
from pacs.consult.vocabulary import ALL, URGENCY_MINUTES
from pacs.errors import InvalidConsult
from storage.index import changes, consults, instances
from storage.index.database import Connection
from storage.index.types import now_ms
from storage.model.archive import Scope
from storage.model.consult import Consult, Kind, Side
from viewer import bodies as requests
from viewer.access.guard import Guard, acts
from viewer.access.rights import CONSULT_ASK, STUDY_READ
from viewer.consult.copies import waiting as copies_of
from viewer.consult.taking_part import party_of, telling
from viewer.errors import InvalidRequest

_QUESTION: dict[str, requests.Kind] = {
    "client_id": str, "study": str, "priors": list, "to": dict, "specialty": str, "urgency": str,
    "due_at": int, "chips": list, "question": str, "language": str, "anonymise": bool, "informed_how": str,
    "informed_at": requests.OPTIONAL_INT, "images": list,
}  # fmt: skip


def blueprint(archive: Archive, guard: Guard, *, invites: bool) -> Blueprint:
    """Asking, answering and the inbox. `invites`: there is a mail server, so that people can be invited by e-mail."""
    routes = Blueprint("consult", __name__)
    _asking(routes, archive, guard, invites=invites)
    _reading(routes, archive, guard)
    _acting(routes, archive, guard)
    return routes


def _asking(routes: Blueprint, archive: Archive, guard: Guard, *, invites: bool) -> None:
    database = archive.database

    @routes.get("/api/consult/vocabulary")
    @guard.signed_in
    def vocabulary() -> Response:
        terms = {name: [asdict(term) for term in table] for name, table in ALL.items()}
        return jsonify(**terms, urgency_minutes=dict(URGENCY_MINUTES))

    @routes.get("/api/consult/forgotten")
    @guard.signed_in
    def forgotten() -> Response:
        """Lets the browser forget what it keeps of us, when a study may not be seen any more."""
        response = Response(status=204)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    @routes.get("/api/consult/addressees")
    @guard.needs(CONSULT_ASK)
    def addressees() -> Response:
        with database.reading() as db:
            found = addressing.addressees(db, guard.caller().scope.hospital_ids)
        return jsonify(hospitals=found, invites=invites)

    @routes.post("/api/consults")
    @guard.needs(CONSULT_ASK)
    @acts("consult.asked")
    def ask() -> tuple[Response, int]:
        given = requests.optional(**_QUESTION)
        caller = guard.caller()
        party, client_id = party_of(caller), bodies.client_id(given.get("client_id"))
        if "invite" in given.get("to", {}) and not invites:
            raise InvalidRequest("nobody can be invited: no mail server is configured")
        uids = [given.get("study", ""), *given.get("priors", [])]
        if not all(isinstance(uid, str) for uid in uids):
            raise InvalidRequest("priors must be a list of Study Instance UIDs")
        question = acting.question_of(given, now_ms())
        images = bodies.images(given)

        def asked(db: Connection) -> Consult:
            before = consults.asked_before(db, party.user_id, client_id)
            if before is not None:
                return before
            hospital_id = instances.study(db, Scope(caller.scope.hospital_ids), uids[0]).hospital_id
            to = addressing.resolve(db, given.get("to", {}), hospital_id, party.user_id)
            whole = replace(
                question, hospital_id=hospital_id, requester_id=party.user_id, to_hospital_id=to.hospital_id,
                to_user_id=to.user_id,
            )  # fmt: skip
            made, _ = acting.ask(db, whole, uids, client_id, guard.actor(), images)
            consults.set_seen(db, made.id, party.user_id, made.sequence)
            return made

        made = database.transact(asked)
        return jsonify(code=made.code, sequence=made.sequence), 201


def _reading(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    database = archive.database

    @routes.get("/api/consults")
    @guard.signed_in
    def inbox() -> Response:
        """The boxes with their numbers, and what lies in one of them."""
        name, party = request.args.get("box", "waiting"), party_of(guard.caller())
        if name not in consults.BOXES:
            raise InvalidRequest(f"box must be one of {', '.join(consults.BOXES)}")
        with database.reading() as db:
            sequence = changes.last(db)  # before the page: what comes between is then told again, not missed
            counts, found = consults.counts(db, party), consults.box(db, party, name)
            told, studies = telling(db, party, found), consults.studies(db, [one.id for one in found])
        return jsonify(sequence=sequence, counts=counts, consults=[told.card(one, studies[one.id]) for one in found])

    @routes.get("/api/studies/<uid>/consults")
    @guard.signed_in
    def of_study(uid: str) -> Response:
        """The caller's consultations about a study they see."""
        caller = guard.caller()
        party, at = party_of(caller), guard.scope(caller, STUDY_READ).at(uid)
        with database.reading() as db:
            found = consults.about(db, party, uid, at)
            told, studies = telling(db, party, found), consults.studies(db, [one.id for one in found])
        return jsonify(consults=[told.card(one, studies[one.id]) for one in found])

    @routes.get("/api/consults/<code>")
    @guard.signed_in
    def consultation(code: str) -> Response:
        return _whole(code)

    def _whole(code: str) -> Response:
        party = party_of(guard.caller())
        with database.reading() as db:
            found = consults.get(db, code, party)
            told, studies = telling(db, party, [found]), consults.studies(db, [found.id])
            attached, events = consults.attachments(db, found.id), consults.events(db, found.id)
            asks = Side.FROM in found.sides(party)
            copies = copies_of(db, found.id) if found.anonymise and asks else None
        whole = told.whole(found, studies[found.id], attached)
        return jsonify(**whole, copies=copies, events=[told.event(one) for one in events])

    @routes.get("/api/consults/<code>/events")
    @guard.signed_in
    def events(code: str) -> Response:
        party, after = party_of(guard.caller()), _number(request.args.get("after", "0"))
        with database.reading() as db:
            found = consults.get(db, code, party)
            told, happened = telling(db, party, [found]), consults.events(db, found.id, after)
        return jsonify(sequence=found.sequence, state=found.state, events=[told.event(one) for one in happened])


def _acting(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    database = archive.database

    @routes.post("/api/consults/<code>/events")
    @guard.signed_in
    @acts(*(f"consult.{kind}" for kind in RULES))
    def act(code: str) -> tuple[Response, int]:
        given = requests.fields(client_id=str, kind=str, body=dict)
        party = party_of(guard.caller())
        with database.reading() as db:  # who takes no part learns nothing from what is wrong with an event
            consults.get(db, code, party)
        kind, client_id = _kind(given["kind"]), bodies.client_id(given["client_id"])
        found, event, new = acting.act(database, party, code, kind, given["body"], client_id, guard.actor())
        with database.reading() as db:
            told = telling(db, party, [found])
        return jsonify(event=told.event(event), state=found.state), 201 if new else 200

    @routes.post("/api/consults/<code>/seen")
    @guard.signed_in
    @acts("consult.read")
    def seen(code: str) -> Response:
        given = requests.fields(sequence=int)
        party = party_of(guard.caller())
        with database.writing() as db:
            found = consults.get(db, code, party)
            sequence = max(0, min(given["sequence"], found.sequence))
            if consults.set_seen(db, found.id, party.user_id, sequence):
                acting.note(db, found, "read", guard.actor(), sequence=sequence)
        return Response(status=204)


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise InvalidConsult(f"there is no event {text[:40]!r}") from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidRequest("after must be a sequence number")
    return int(text)
