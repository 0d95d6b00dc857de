"""Live rooms: /api/rooms and, for sockets, /ws."""

import contextlib
import json
import secrets
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from pacs.config import Config
from pacs.live import handover
from pacs.live.joining import new_ticket
from pacs.live.room import told
from pacs.live.states import UIDS, State, difference, merged, within
from storage.errors import Conflict, NotFound, NotPermitted
from storage.index import audit, consults, hospitals, instances, links, notices, rooms
from storage.index.database import Connection
from storage.model.archive import Scope
from storage.model.audit import AuditEvent
from storage.model.consult import Consult, Kind, NewEvent, Party
from storage.model.live import CASE, Holder, Room
from viewer import bodies
from viewer.access.caller import Caller
from viewer.access.guard import Guard, acts
from viewer.access.rights import CONSULT_ASK, STUDY_READ, answers_for, hospitals_with
from viewer.errors import InvalidRequest
from viewer.live.door import FOREIGN
from viewer.live.seeing import Seen, number
from viewer.live.standing import key_of
from viewer.live.turn import ice_servers

MOST_CASES = 50
LONGEST_TITLE = 200
PAGE = 500


def blueprint(archive: Archive, guard: Guard, config: Config) -> Blueprint:
    """Opening rooms, coming in, and reading afterwards what happened."""
    routes = Blueprint("live", __name__)

    @routes.get("/ws")
    @guard.signed_in
    def socket() -> Response:
        if request.environ.get(FOREIGN):
            raise NotPermitted("this request was made by a page of another site")
        answer = Response(status=426)
        answer.headers["Upgrade"] = "websocket"
        return answer

    @routes.post("/api/rooms")
    @guard.needs(STUDY_READ)
    @acts("room.open")
    def open_room() -> tuple[Response, int]:
        given = bodies.optional(studies=list, title=str, consult=str)
        studies, title = _studies(given.get("studies")), _title(given.get("title", ""))
        caller = guard.caller()
        with archive.database.writing() as db:
            consult = _consult(db, caller, given["consult"]) if given.get("consult") else None
            originals = _originals(db, consult)
            cases = [
                originals.get(uid) or _case(db, caller.scope, uid, number) for number, uid in enumerate(studies, 1)
            ]
            opened = rooms.open_room(db, cases[0][0], title, _account(caller), cases, consult.id if consult else None)
            if consult is not None:
                _tell_consult(db, caller, consult, opened)
            _note(db, guard, opened, "room.open", [uid for _, uid, _ in cases])
            seen = Seen.of(db, caller, opened.code)
        return jsonify(seen.as_json()), 201

    @routes.get("/api/rooms")
    @guard.needs(STUDY_READ)
    def on_study() -> Response:
        caller, study = guard.caller(), request.args.get("study", "")
        listed = []
        with archive.database.reading() as db:
            if caller.link is not None:
                study = links.exchange(db, caller.link.id).originals.get(study, study)
            ended = request.args.get("ended") == "true"
            found = rooms.on_study(db, study, ended=ended) if study else rooms.led_by(db, key_of(caller))
            for one in found:
                with contextlib.suppress(NotFound):
                    seen = Seen.of(db, caller, one.code)
                    if not study or seen.is_about(caller.scope, study):
                        listed.append(seen.as_json())
        return jsonify(rooms=listed)

    @routes.get("/api/rooms/<room>")
    @guard.needs(STUDY_READ)
    def one_room(room: str) -> Response:
        with archive.database.reading() as db:
            seen = Seen.of(db, guard.caller(), room)
            people = rooms.members(db, seen.room.id)
            hospital = hospitals.by_id(db, seen.room.hospital_id).name
        described = {**seen.as_json(), "hospital": hospital}
        described["people"] = [{"key": one.key, "name": one.name, "colour": one.colour} for one in people]
        return jsonify(described)

    @routes.post("/api/rooms/<room>/ticket")
    @guard.needs(STUDY_READ)
    @acts("room.enter")
    def ticket(room: str) -> Response:
        caller = guard.caller()
        with archive.database.writing() as db:
            seen = Seen.of(db, caller, room)
            if seen.room.ended_at is not None:
                raise Conflict("this room is over")
            secret = new_ticket(db, Holder(seen.room.id, seen.member.key, caller.session_id))
            _note(db, guard, seen.room, "room.enter", [])
        return jsonify(ticket=secret, ice=ice_servers(config.live, seen.member.key), relay_only=config.live.relay_only)

    @routes.post("/api/rooms/<room>/cases")
    @guard.needs(STUDY_READ)
    @acts("room.case")
    def add_case(room: str) -> tuple[Response, int]:
        given = bodies.optional(StudyInstanceUID=str, hospital=str)
        if "StudyInstanceUID" not in given:
            raise InvalidRequest("missing: StudyInstanceUID")
        caller, uid = guard.caller(), given["StudyInstanceUID"]
        scope = guard.within(caller.scope, given.get("hospital", ""))
        with archive.database.writing() as db:
            seen = Seen.of(db, caller, room)
            found = seen.room
            at = scope.at(uid)
            there = [one for one in seen.cases if one.study_instance_uid == uid and one.hospital_id in at]
            if there:
                return jsonify(position=there[0].position), 200
            if found.ended_at is not None or len(seen.cases) >= MOST_CASES:
                raise Conflict("this room takes no more cases")
            owner, study, label = _case(db, scope, uid, len(seen.cases) + 1)
            position = rooms.add_case(db, found.id, owner, study, label)
            body = {"case": position}
            rooms.append(db, found.id, _account(caller), f"case-{secrets.token_hex(8)}", CASE, body)
            _note(db, guard, found, "room.case", [study])
            notices.tell(db, notices.ROOMS, str(found.id))
        handover.poke(config.live_socket, found.id)
        return jsonify(position=position), 201

    @routes.get("/api/rooms/<room>/events")
    @guard.needs(STUDY_READ)
    def events(room: str) -> Response:
        with archive.database.reading() as db:
            seen = Seen.of(db, guard.caller(), room)
            page = rooms.events(db, seen.room.id, number("after"), PAGE)
        return jsonify(
            events=[message for one in page if (message := told(one, seen.member, seen.positions)) is not None],
            last=page[-1].sequence if page else number("after"),
            complete=len(page) < PAGE,
        )

    @routes.get("/api/rooms/<room>/track")
    @guard.needs(STUDY_READ)
    def track(room: str) -> Response:
        with archive.database.reading() as db:
            seen = Seen.of(db, guard.caller(), room)
            page = rooms.tracks(db, seen.room.id, number("after"), 50)
        return jsonify(
            stretches=[{"number": one.number, "at": one.began_at, "moves": _moves(one.moves, seen)} for one in page],
            complete=len(page) < 50,
        )

    return routes


def _studies(given: object) -> list[str]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_CASES or len(set(map(str, given))) != len(given):
        raise InvalidRequest(f"studies must be a list of 1 to {MOST_CASES} different UIDs")
    return [str(uid) for uid in given]


def _title(given: str) -> str:
    if len(given) > LONGEST_TITLE or not all(c.isprintable() for c in given):
        raise InvalidRequest(f"title has at most {LONGEST_TITLE} characters")
    return given


def _case(db: Connection, scope: Scope, uid: str, number: int) -> tuple[int, str, str]:
    """A case of the agenda; raises NotFound when the scope does not see the study."""
    study = instances.study(db, scope, uid)
    modalities = "/".join(study.modalities)
    return study.hospital_id, study.facts.study_instance_uid, f"{number} · {modalities}" if modalities else str(number)


def _account(caller: Caller) -> str:
    """The key of somebody with an account: guests and programs open no rooms."""
    if caller.user is None or not caller.session_id:
        raise NotPermitted("only people with an account open rooms")
    return key_of(caller)


def _consult(db: Connection, caller: Caller, code: str) -> Consult:
    """The consultation of this code, of which the caller must be a party. Raises NotFound."""
    if caller.user is None:
        raise NotFound("there is no such consultation")
    asks_at = hospitals_with(CONSULT_ASK, caller.roles)
    return consults.get(db, code, Party(caller.user.id, asks_at, answers_for(caller.user, caller.roles)))


def _originals(db: Connection, consult: Consult | None) -> dict[str, tuple[int, str, str]]:
    """The studies of a consultation as cases, by the UID its parties know them by: a copy stands for its original."""
    found = consults.studies(db, [consult.id])[consult.id] if consult else []
    cases: dict[str, tuple[int, str, str]] = {}
    for nth, one in enumerate(found, 1):
        label = " · ".join(filter(None, (str(nth), "/".join(one.modalities))))
        cases[one.shown_study_instance_uid or one.study_instance_uid] = one.hospital_id, one.study_instance_uid, label
        cases[one.study_instance_uid] = one.hospital_id, one.study_instance_uid, label
    return cases


def _tell_consult(db: Connection, caller: Caller, consult: Consult, room: Room) -> None:
    """The parties learn of the room where they look for the consultation."""
    assert caller.user is not None
    body = json.dumps({"room": room.code})
    event = NewEvent(f"room-{room.code}", Kind.ROOM_OPENED, body, caller.user.id, None)
    consults.append(db, consult, event, {})


def _moves(text: str, seen: Seen) -> list[Any]:
    """Moves over cases that the caller may see, in their UIDs; a move without a case goes on with the one before of its
    member."""
    at: dict[str, State] = {}
    told: dict[str, State] = {}
    kept = []
    for moment, member, changed in json.loads(text):
        at[member] = merged(at.get(member, {}), changed)
        state = at[member]
        if state.get("c", 0) in seen.positions:
            may = within(state, seen.positions)
            shown = {name: seen.member.outward(value) if name in UIDS else value for name, value in may.items()}
            kept.append([moment, member, difference(told.get(member, {}), shown)])
            told[member] = shown
    return kept


def _note(db: Connection, guard: Guard, room: Room, action: str, studies: list[str]) -> None:
    actor = guard.actor()
    hospital = hospitals.by_id(db, room.hospital_id).code
    detail = json.dumps({"studies": studies}) if studies else "{}"
    audit.append(
        db,
        AuditEvent(
            room.hospital_id, hospital, actor.name, action, room.code, role=actor.role, address=actor.address,
            detail=detail,
        ),
    )  # fmt: skip
