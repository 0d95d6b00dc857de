"""Minutes of a consultation: /api/consults/<code>/minutes. Both sides write the draft; each signs with its second
factor; the first signature freezes the text."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from pacs.archive import Archive
from pacs.consult.acting import spoken_for
from pacs.consult.bodies import text as text_of
from pacs.errors import InvalidConsult
from pacs.minutes import body as bodies
from pacs.minutes import filing
from pacs.minutes.pdf import pdf_of
from storage.errors import Conflict, NotFound, NotPermitted
from storage.index import consults, factors, hospitals
from storage.index import minutes as store
from storage.index.database import Connection
from storage.index.types import now_ms
from storage.model.consult import Consult, Kind, NewEvent, Party, Side, State
from storage.model.minutes import Addendum, Minutes, Signature, hash_of
from storage.model.people import User
from viewer import bodies as requests
from viewer.access import throttle
from viewer.access.factors import passes
from viewer.access.guard import Guard, acts
from viewer.consult.prefilling import draft_of
from viewer.consult.taking_part import party_of

WRITTEN = frozenset({State.ACCEPTED, State.ANSWERED, State.CONCLUDED, State.CLOSED})
SIGNED = frozenset({State.CONCLUDED, State.CLOSED})
MOST_ADDENDA = 50


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Reading, writing, signing and adding."""
    routes = Blueprint("minutes", __name__)
    _reading(routes, archive, guard)
    _writing(routes, archive, guard)
    return routes


def _reading(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    database = archive.database

    @routes.get("/api/consults/<code>/minutes")
    @guard.signed_in
    def read(code: str) -> Response:
        party = party_of(guard.caller())
        with database.reading() as db:
            consult = _written_about(consults.get(db, code, party))
            return jsonify(_told(db, consult, party, _user(guard)))

    @routes.get("/api/consults/<code>/minutes.pdf")
    @guard.signed_in
    def as_pdf(code: str) -> Response:
        party = party_of(guard.caller())
        with database.reading() as db:
            consult = consults.get(db, code, party)
            named = Side.FROM in consult.sides(party) or not consult.anonymise
            paper = filing.paper_of(db, consult, named=named)
        drawn = pdf_of(paper)
        with database.writing() as db:
            guard.record(db, _concerned(consult), "minutes.read", code)
        response = Response(drawn, content_type="application/pdf")
        response.headers["Content-Disposition"] = f'inline; filename="bien-ban-{code[:8]}.pdf"'
        response.headers["Cache-Control"] = "private, no-store"
        return response


def _writing(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    database = archive.database

    @routes.put("/api/consults/<code>/minutes")
    @guard.signed_in
    @acts("minutes.write")
    def write(code: str) -> Response:
        given = requests.fields(version=int, body=dict)
        party, user = party_of(guard.caller()), _user(guard)
        with database.writing() as db:
            consult = _written_about(consults.get(db, code, party, locked=True))
            body = bodies.kept(given["body"])
            if not _sees_patient(consult, party):
                body |= _patient_before(db, consult)
            store.put(db, consult.id, body, given["version"], user.id)
            guard.record(db, _concerned(consult), "minutes.write", code, version=given["version"] + 1)
            consults.tell(db, consult, consult.sequence)
            return jsonify(_told(db, consult, party, user))

    @routes.post("/api/consults/<code>/minutes/signature")
    @guard.signed_in
    @acts("minutes.sign")
    def sign(code: str) -> Response:
        """Sign the minutes (part 0) or an addendum as they were shown: `sha256` says which text that was."""
        given = requests.fields(part=int, sha256=str, code=str)
        party, user = party_of(guard.caller()), _user(guard)
        with database.reading() as db:
            consults.get(db, code, party)
        _check_factor(guard, user, given["code"])
        with database.writing() as db:
            consult = consults.get(db, code, party, locked=True)
            _sign(db, consult, party, user, given["part"], given["sha256"])
            guard.record(db, _concerned(consult), "minutes.sign", code, part=given["part"], sha256=given["sha256"])
            return jsonify(_told(db, consults.get(db, code, party), party, user))

    @routes.post("/api/consults/<code>/minutes/addenda")
    @guard.signed_in
    @acts("minutes.addendum")
    def add(code: str) -> tuple[Response, int]:
        """Write something beside signed minutes, and sign it."""
        given = requests.fields(text=str, language=str, code=str)
        party, user = party_of(guard.caller()), _user(guard)
        with database.reading() as db:
            consults.get(db, code, party)
        text, language = text_of(given, "text", needed=True), given["language"]
        bodies.check_letters(text)
        _check_factor(guard, user, given["code"])
        with database.writing() as db:
            consult = consults.get(db, code, party, locked=True)
            made = _add(db, consult, text, "en" if language == "en" else "vi")
            _sign(db, consult, party, user, made.number, made.sha256)
            guard.record(db, _concerned(consult), "minutes.addendum", code, number=made.number, sha256=made.sha256)
            return jsonify(_told(db, consults.get(db, code, party), party, user)), 201


def _user(guard: Guard) -> User:
    user = guard.caller().user
    if user is None:
        raise NotPermitted("only people take part in consultations")
    return user


def _check_factor(guard: Guard, user: User, code: str) -> None:
    """Signing takes a code of the second factor, whoever sits at the browser. Raises NotPermitted, Conflict."""
    with guard.database.reading() as db:
        if not factors.secret(db, user.id):
            raise Conflict("signing needs a second factor: set one up under My account")
    throttle.begin(guard.database, f"code {user.id}", guard.address())
    if not passes(guard, user.id, code):
        guard.sessions.failed(user, "code")
        raise NotPermitted("this code is wrong or was used")
    throttle.succeeded(guard.database, f"code {user.id}", guard.address())


def _sign(db: Connection, consult: Consult, party: Party, user: User, part: int, sha256: str) -> None:
    if consult.state not in SIGNED:
        raise Conflict("minutes are signed when the consultation is concluded")
    found = store.get(db, consult.id)
    if found is None:
        raise NotFound("there are no minutes yet")
    before = store.signatures(db, consult.id)
    expected = _hash(db, consult, found, part)
    if sha256 != expected:
        raise Conflict("the text has changed since it was shown; read it again before signing")
    side = _side(consult, party, user, before, part)
    if not found.body["conclusion"]:
        raise InvalidConsult("minutes without a conclusion are not signed")
    if found.frozen_at is None:
        found = store.freeze(db, consult.id, consult.hospital_id, sha256)
    name, title, hospital = _signer(db, consult, user, side, found.body)
    store.sign(db, consult.id, Signature(part, side, user.id, name, title, hospital, now_ms(), sha256))
    kind = Kind.SIGNED if part == 0 else Kind.ADDENDUM
    said = json.dumps({"part": part, "side": side, "sha256": sha256, "number": found.number}, sort_keys=True)
    consults.append(db, consult, NewEvent(str(uuid.uuid4()), kind, said, user.id, spoken_for(consult, Side(side))), {})
    if filing.complete(store.signatures(db, consult.id), part):
        filing.ask(db, consult.id, part)


def _side(consult: Consult, party: Party, user: User, before: list[Signature], part: int) -> str:
    """The side this person signs for: one of theirs that has not signed this part; nobody signs for both."""
    done = {one.side: one.user_id for one in before if one.part == part}
    if user.id in done.values():
        raise Conflict("you have signed this")
    left = sorted(side.value for side in consult.sides(party) if side.value not in done)
    if not left:
        raise Conflict("your side has signed this")
    return left[-1]  # who is on both sides answers rather than asks


def _signer(db: Connection, consult: Consult, user: User, side: str, body: Mapping[str, Any]) -> tuple[str, str, str]:
    name = user.display_name or user.name
    title = next((str(one["title"]) for one in body["participants"] if one["name"] == name), "")
    asks = hospitals.by_id(db, consult.hospital_id).name
    return name, title, asks if side == "from" else filing.answering(db, consult)


def _hash(db: Connection, consult: Consult, found: Minutes, part: int) -> str:
    """What is to be signed, or is signed."""
    if part == 0:
        return found.sha256 or hash_of(found.body)
    addendum = next((one for one in store.addenda(db, consult.id) if one.number == part), None)
    if addendum is None:
        raise NotFound(f"there is no addendum {part}")
    return addendum.sha256


def _add(db: Connection, consult: Consult, text: str, language: str) -> Addendum:
    found, there = store.get(db, consult.id), store.addenda(db, consult.id)
    if found is None or found.frozen_at is None:
        raise Conflict("these minutes are not signed yet: change the text itself")
    if len(there) >= MOST_ADDENDA:
        raise Conflict(f"minutes have at most {MOST_ADDENDA} addenda")
    before = there[-1].sha256 if there else found.sha256
    number = len(there) + 1
    sha256 = hash_of({"number": number, "text": text, "language": language}, before)
    made = Addendum(number, text, language, now_ms(), sha256)
    store.add(db, consult.id, made)
    return made


def _written_about(consult: Consult) -> Consult:
    if consult.state not in WRITTEN:
        raise Conflict(f"this consultation is {consult.state}: there is nothing to write down")
    return consult


def _told(db: Connection, consult: Consult, party: Party, user: User) -> dict[str, Any]:
    found = store.get(db, consult.id)
    signatures, addenda = store.signatures(db, consult.id), store.addenda(db, consult.id)
    body = found.body if found else draft_of(db, consult)
    if not _sees_patient(consult, party):
        body = {**body, **_HIDDEN}
    return {
        "code": consult.code,
        "version": found.version if found else 0,
        "body": body,
        "frozen": found is not None and found.frozen_at is not None,
        "number": found.number if found else "",
        "sha256": _hash(db, consult, found, 0) if found else "",
        "changed_at": found.changed_at if found else None,
        "hospital": hospitals.by_id(db, consult.hospital_id).name,
        "other": filing.answering(db, consult),
        "anonymise": consult.anonymise,
        "signatures": [_signature(one) for one in signatures],
        "addenda": [
            {"number": one.number, "text": one.text, "language": one.language, "at": one.at, "sha256": one.sha256}
            for one in addenda
        ],
        "may": {
            "sign": consult.state in SIGNED,
            "sides": sorted(consult.sides(party)),
            "signed": sorted(one.part for one in signatures if one.user_id == user.id),
            "second_factor": user.second_factor,
        },
    }


def _signature(one: Signature) -> dict[str, Any]:
    return {"part": one.part, "side": one.side, "name": one.name, "title": one.title, "hospital": one.hospital,
            "at": one.at}  # fmt: skip


_HIDDEN = {"patient_name": "", "patient_id": ""}


def _sees_patient(consult: Consult, party: Party) -> bool:
    return Side.FROM in consult.sides(party) or not consult.anonymise


def _patient_before(db: Connection, consult: Consult) -> dict[str, str]:
    """What a side that may not know the patient leaves as it was."""
    found = store.get(db, consult.id)
    before = found.body if found else draft_of(db, consult)
    return {name: before[name] for name in _HIDDEN}


def _concerned(consult: Consult) -> set[int]:
    return {consult.hospital_id} | ({consult.to_hospital_id} if consult.to_hospital_id is not None else set())
