"""Attachments of consultations: PUT and GET /api/consults/<code>/attachments/<id>.

They are handed out as files to save, of a type we decided ourselves, and run nowhere: an image may stand in a page of
ours, a PDF is opened by the reader's own program.
"""

from urllib.parse import quote

from flask import Blueprint, Response, jsonify

from pacs.archive import Archive
from pacs.consult import attaching
from pacs.consult.bodies import client_id
from storage.index import consults
from viewer import bodies
from viewer.access.guard import Guard, acts
from viewer.consult.taking_part import party_of
from viewer.errors import InvalidRequest

_SUFFIX = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "application/pdf": ".pdf"}


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Photos and PDFs."""
    routes = Blueprint("attachments", __name__)

    @routes.put("/api/consults/<code>/attachments/<name>")
    @guard.signed_in
    @acts("consult.attachment")
    def attach(code: str, name: str) -> tuple[Response, int]:
        party = party_of(guard.caller())
        with archive.database.reading() as db:  # who takes no part is not asked for the bytes
            consults.get(db, code, party)
        id, data = client_id(name), b"".join(bodies.pieces(attaching.MOST_BYTES))
        if not data:
            raise InvalidRequest("the body is empty")
        event, new = attaching.attach(
            archive.database, archive.objects, party, code, id, bodies.file_name(), data, guard.actor()
        )  # fmt: skip
        return jsonify(sequence=event.sequence, **event.body), 201 if new else 200

    @routes.get("/api/consults/<code>/attachments/<name>")
    @guard.signed_in
    def attachment(code: str, name: str) -> Response:
        found = attaching.get(archive.database, party_of(guard.caller()), code, name)
        response = Response(archive.objects.get(found.object_key), content_type=found.type)
        response.headers["Content-Disposition"] = _disposition(found.name, found.type)
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response.headers["Cache-Control"] = "private, max-age=300"
        return response

    return routes


def _disposition(name: str, type: str) -> str:
    """As a file to save, with an ending of our own choice."""
    suffix = _SUFFIX[type]
    stem = name.rsplit(".", 1)[0] or "attachment"
    return f"attachment; filename=\"attachment{suffix}\"; filename*=UTF-8''{quote(stem + suffix, safe='')}"
