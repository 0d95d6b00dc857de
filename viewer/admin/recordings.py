"""Recorded sound of live rooms, for who may delete it: /api/admin/recordings. /api/rooms/<room>/sound deletes it."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from pacs.live import sound
from storage.index import rooms, sounds
from storage.index.database import Connection
from storage.model.live import RoomSound
from viewer.access.guard import Guard
from viewer.access.rights import ADMIN_DELETE
from viewer.admin.numbers import number

PAGE, MOST = 50, 200


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Which rooms there is sound of; nobody hears it here."""
    routes = Blueprint("recordings", __name__)

    @routes.get("/api/admin/recordings")
    @guard.needs(ADMIN_DELETE)
    def recordings() -> Response:
        limit, before = number(request.args, "limit", MOST) or PAGE, number(request.args, "before")
        with archive.database.reading() as db:
            found = sounds.of_hospitals(db, guard.caller().scope, limit + 1, before)
            page = [_recording(db, one) for one in found[:limit]]
        return jsonify(recordings=page, next=page[-1]["id"] if len(found) > limit else None)

    return routes


def _recording(db: Connection, one: RoomSound) -> dict[str, Any]:
    room = one.room
    running = room.ended_at is None and bool(sound.standing(rooms.events_of(db, room.id, sound.KINDS)).asked)
    return {
        "id": room.id, "room": room.code, "title": room.title, "hospital": one.hospital_code,
        "speakers": one.speakers, "first_at": one.first_at, "pieces": one.pieces, "ms": one.duration_ms,
        "bytes": one.bytes, "running": running,
    }  # fmt: skip
