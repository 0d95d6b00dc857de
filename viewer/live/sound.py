"""Recorded voices of a room: /api/rooms/<room>/sound. Each browser brings its own, who may replay hears all."""

from flask import Blueprint, Response, jsonify

from pacs.acts import Act
from pacs.archive import Archive
from pacs.live import rules, voices
from pacs.live.states import Malformed
from storage.errors import NotFound
from storage.index import rooms, sounds
from storage.index.database import Connection
from storage.model.live import SOUND_DELETED, Room, SoundPiece
from viewer import bodies
from viewer.access.caller import Caller
from viewer.access.guard import Guard, acts
from viewer.access.rights import ADMIN_DELETE, STUDY_READ, hospitals_with
from viewer.errors import InvalidRequest
from viewer.live.seeing import Seen, number
from viewer.live.standing import key_of

LISTEN_SECONDS = 3600.0  # one record of listening to a room within this
LONGEST_REASON = 500


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Bringing, hearing and deleting what was recorded."""
    routes = Blueprint("sound", __name__)

    @routes.put("/api/rooms/<room>/sound/<name>")
    @guard.needs(STUDY_READ)
    @acts("room.sound-keep")
    def keep(room: str, name: str) -> tuple[Response, int]:
        with archive.database.reading() as db:
            seen = Seen.of(db, guard.caller(), room)
        try:
            identity = rules.client_id(name)
        except Malformed as error:
            raise InvalidRequest(str(error)) from error
        data = b"".join(bodies.pieces(voices.MOST_BYTES))
        offered = voices.Offered(identity, number("take"), number("at"), number("ms"), data)
        new = voices.keep(archive.database, archive.objects, seen.room, seen.member.key, offered, guard.actor())
        return jsonify(kept=True), 201 if new else 200

    @routes.get("/api/rooms/<room>/sound")
    @guard.needs(STUDY_READ)
    def pieces(room: str) -> Response:
        caller = guard.caller()
        with archive.database.reading() as db:
            seen = Seen.of(db, caller, room)
            heard = [one for one in sounds.of_room(db, seen.room.id) if _hears(db, seen, one)]
            gone = rooms.events_of(db, seen.room.id, [SOUND_DELETED])
        return jsonify(
            pieces=[_described(one) for one in heard],
            deletable=bool(heard) and (_leads(caller, seen.room) or _administers(caller, seen.room)),
            deleted_at=gone[-1].at if gone else None,
        )

    @routes.get("/api/rooms/<room>/sound/<name>")
    @guard.needs(STUDY_READ)
    def piece(room: str, name: str) -> Response:
        with archive.database.reading() as db:
            seen = Seen.of(db, guard.caller(), room)
            found = sounds.get(db, seen.room.id, name)
            if not _hears(db, seen, found):
                raise NotFound("there is no such piece of sound")
        caller = guard.caller()
        act = Act(guard.actor(), frozenset({seen.room.hospital_id}), "room.sound-listen", room)
        archive.acts.once_anywhere((caller.session_id or caller.label, "listen", room), LISTEN_SECONDS, lambda: act)
        response = Response(archive.objects.get(found.object_key), content_type=found.type)
        response.headers["Content-Disposition"] = "attachment"
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response.headers["Cache-Control"] = "private, no-store"
        return response

    @routes.delete("/api/rooms/<room>/sound")
    @guard.signed_in
    @acts("room.sound-delete")
    def delete(room: str) -> Response:
        reason = bodies.fields(reason=str)["reason"].strip()
        if not reason or len(reason) > LONGEST_REASON:
            raise InvalidRequest(f"a reason has 1 to {LONGEST_REASON} characters")
        caller = guard.caller()
        with archive.database.reading() as db:
            found = rooms.by_code(db, room)
        if not (_leads(caller, found) or _administers(caller, found)):
            raise NotFound("there is no such room")
        return jsonify(pieces=voices.delete(archive.database, found, key_of(caller), guard.actor(), reason))

    return routes


def _hears(db: Connection, seen: Seen, piece: SoundPiece) -> bool:
    """Who sees the case that was spoken of; who sees it without the name only when they were in the room themselves."""
    if piece.position not in seen.positions:
        return False
    return not seen.member.exchange.copies or any(one.key == seen.member.key for one in rooms.members(db, seen.room.id))


def _leads(caller: Caller, room: Room) -> bool:
    return caller.guest is None and key_of(caller) in (room.created_by, room.presenter)


def _administers(caller: Caller, room: Room) -> bool:
    return room.hospital_id in hospitals_with(ADMIN_DELETE, caller.roles)


def _described(piece: SoundPiece) -> dict[str, object]:
    return {"id": piece.client_id, "by": piece.member, "at": piece.at, "ms": piece.duration_ms, "case": piece.position}
