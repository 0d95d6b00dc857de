"""Live rooms: /api/rooms and, for sockets, /ws."""

import json
import secrets
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from pacs.config import Config
from pacs.live import handover
from pacs.live.joining import new_ticket
from storage.errors import Conflict, NotFound, NotPermitted
from storage.index import audit, hospitals, instances, rooms
from storage.index.database import Connection
from storage.model.audit import AuditEvent
from storage.model.live import CASE, Holder, Room, RoomCase, RoomEvent
from viewer import bodies
from viewer.access.guard import Caller, Guard, acts
from viewer.access.rights import STUDY_READ
from viewer.errors import InvalidRequest
from viewer.live.door import FOREIGN
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
        given = bodies.optional(studies=list, title=str)
        studies, title = _studies(given.get("studies")), _title(given.get("title", ""))
        caller = guard.caller()
        with archive.database.writing() as db:
            cases = [_case(db, caller, uid, number) for number, uid in enumerate(studies, 1)]
            opened = rooms.open_room(db, cases[0][0], title, _member(caller), cases)
            _note(db, guard, opened, "room.open", [uid for _, uid, _ in cases])
            known = rooms.cases(db, opened.id)
        return jsonify(_as_json(opened, known, caller)), 201

    @routes.get("/api/rooms")
    @guard.needs(STUDY_READ)
    def on_study() -> Response:
        study, scope = request.args.get("study", ""), guard.caller().scope
        with archive.database.reading() as db:
            found = rooms.on_study(db, scope, study, ended=request.args.get("ended") == "true")
            listed = [_as_json(room, rooms.cases(db, room.id), guard.caller()) for room in found]
        return jsonify(rooms=listed)

    @routes.get("/api/rooms/<room>")
    @guard.needs(STUDY_READ)
    def one_room(room: str) -> Response:
        with archive.database.reading() as db:
            found, known = _seen(db, guard.caller(), room)
            people = rooms.members(db, found.id)
        described = _as_json(found, known, guard.caller())
        described["people"] = [{"key": one.key, "name": one.name, "colour": one.colour} for one in people]
        return jsonify(described)

    @routes.post("/api/rooms/<room>/ticket")
    @guard.needs(STUDY_READ)
    @acts("room.enter")
    def ticket(room: str) -> Response:
        caller = guard.caller()
        with archive.database.writing() as db:
            found, _ = _seen(db, caller, room)
            if found.ended_at is not None:
                raise Conflict("this room is over")
            secret = new_ticket(db, Holder(found.id, _member(caller), caller.session_id))
            _note(db, guard, found, "room.enter", [])
        return jsonify(ticket=secret, ice=ice_servers(config.live, _member(caller)))

    @routes.post("/api/rooms/<room>/cases")
    @guard.needs(STUDY_READ)
    @acts("room.case")
    def add_case(room: str) -> tuple[Response, int]:
        uid = bodies.fields(StudyInstanceUID=str)["StudyInstanceUID"]
        caller = guard.caller()
        with archive.database.writing() as db:
            found, _ = _seen(db, caller, room)
            if found.ended_at is not None or len(rooms.cases(db, found.id)) >= MOST_CASES:
                raise Conflict("this room takes no more cases")
            owner, study, label = _case(db, caller, uid, len(rooms.cases(db, found.id)) + 1)
            case = rooms.add_case(db, found.id, owner, study, label)
            body = {"case": case.position}
            rooms.append(db, found.id, _member(caller), f"case-{secrets.token_hex(8)}", CASE, body)
            _note(db, guard, found, "room.case", [study])
        handover.poke(config.live_socket, found.id)
        return jsonify(position=case.position), 201

    @routes.get("/api/rooms/<room>/events")
    @guard.needs(STUDY_READ)
    def events(room: str) -> Response:
        with archive.database.reading() as db:
            found, known = _seen(db, guard.caller(), room)
            page = rooms.events(db, found.id, _number("after"), PAGE)
        seen = {case.position for case in _visible(known, guard.caller())}
        return jsonify(
            events=[_event(one) for one in page if one.body.get("case", 0) in seen or "case" not in one.body],
            last=page[-1].sequence if page else _number("after"),
            complete=len(page) < PAGE,
        )

    @routes.get("/api/rooms/<room>/track")
    @guard.needs(STUDY_READ)
    def track(room: str) -> Response:
        with archive.database.reading() as db:
            found, known = _seen(db, guard.caller(), room)
            page = rooms.tracks(db, found.id, _number("after"), 50)
        seen = {case.position for case in _visible(known, guard.caller())}
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


def _case(db: Connection, caller: Caller, uid: str, number: int) -> tuple[int, str, str]:
    """A case of the agenda; raises NotFound when the caller does not see the study."""
    study = instances.study(db, caller.scope, uid)
    modalities = "/".join(study.modalities)
    return study.hospital_id, study.facts.study_instance_uid, f"{number} · {modalities}" if modalities else str(number)


def _member(caller: Caller) -> str:
    key = key_of(caller)
    if not key or not caller.session_id:
        raise NotFound("only people meet in rooms")
    return key


def _visible(cases: list[RoomCase], caller: Caller) -> list[RoomCase]:
    return [case for case in cases if rooms.sees(caller.scope, case.hospital_id, case.study_instance_uid)]


def _seen(db: Connection, caller: Caller, code: str) -> tuple[Room, list[RoomCase]]:
    """The room and its agenda; to who sees none of its studies there is no such room."""
    room = rooms.by_code(db, code)
    cases = rooms.cases(db, room.id)
    if not _visible(cases, caller):
        raise NotFound("there is no such room")
    return room, cases


def _as_json(room: Room, cases: list[RoomCase], caller: Caller) -> dict[str, Any]:
    seen = {case.position for case in _visible(cases, caller)}
    return {
        "code": room.code,
        "title": room.title,
        "created_by": room.created_by,
        "created_at": room.created_at,
        "ended_at": room.ended_at,
        "step": room.step,
        "presenter": room.presenter,
        "recording": room.recording,
        "cases": [
            {
                "position": case.position,
                "label": case.label if case.position in seen else "",
                "StudyInstanceUID": case.study_instance_uid if case.position in seen else None,
            }
            for case in cases
        ],
    }


def _event(event: RoomEvent) -> dict[str, Any]:
    return {
        "n": event.sequence, "at": event.at, "by": event.member, "kind": event.kind, "body": dict(event.body),
    }  # fmt: skip


def _moves(text: str, seen: set[int]) -> list[Any]:
    """Moves over cases that the caller may see; a move without a case goes on with the one before of its member."""
    at: dict[str, int] = {}
    kept = []
    for moment, member, changed in json.loads(text):
        at[member] = changed.get("c", at.get(member, 0))
        if at[member] in seen:
            kept.append([moment, member, changed])
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


def _number(name: str) -> int:
    text = request.args.get(name) or "-1"
    if not text.removeprefix("-").isdigit() or len(text) > 18:
        raise InvalidRequest(f"{name} must be a number")
    return int(text)
