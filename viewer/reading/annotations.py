"""What people draw and write on the images of a study: GET and POST /api/studies/<uid>/annotations."""

import json
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs import annotating
from pacs.acts import Act
from pacs.annotating import Seat
from pacs.archive import Archive
from storage.model.annotation import ActKind, Annotation, Author
from storage.model.consult import Party
from viewer import bodies
from viewer.access.caller import Caller
from viewer.access.guard import Guard, acts
from viewer.access.rights import CONSULT_ASK, STUDY_READ, answers_for, hospitals_with
from viewer.errors import InvalidRequest


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Acts in, annotations out; who asks again with the sequence they have is told what is new."""
    routes = Blueprint("annotations", __name__)

    @routes.get("/api/studies/<uid>/annotations")
    @guard.needs(STUDY_READ)
    def annotations(uid: str) -> Response:
        caller = guard.caller()
        author = author_of(caller)
        seat, newest, found = annotating.read(archive.database, caller.scope, uid, _party(caller), _after())
        return jsonify(sequence=newest, annotations=[as_json(one, author, seat) for one in found])

    @routes.post("/api/studies/<uid>/annotations")
    @guard.needs(STUDY_READ)
    @acts("annotation.put", "annotation.delete", "annotation.restore")
    def annotate(uid: str) -> tuple[Response, int]:
        given = bodies.optional(client_id=str, annotation_id=str, version=int, kind=str, body=dict, consult=str)
        caller = guard.caller()
        archive.acts.must_write()
        act, author = annotating.act_of(given), author_of(caller)
        code = given.get("consult", "")
        done = annotating.write(archive.database, caller.scope, uid, _party(caller), author, act, code)
        if done.new:
            at, study = frozenset({done.seat.hospital_id}), done.seat.study_instance_uid
            archive.acts.note(Act(guard.actor(), at, f"annotation.{act.kind}", study), times=1)
        return jsonify(as_json(done.annotation, author, done.seat)), 201 if done.new else 200

    return routes


def author_of(caller: Caller) -> Author:
    """Who draws; a program draws nothing."""
    if caller.user is None:
        raise InvalidRequest("only people draw on images")
    return Author(caller.user.id, "", caller.user.display_name or caller.user.name)


def _party(caller: Caller) -> Party | None:
    """The party the caller is in consultations."""
    if caller.user is None:
        return None
    asks_at = hospitals_with(CONSULT_ASK, caller.roles)
    return Party(caller.user.id, asks_at, answers_for(caller.user, caller.roles))


def as_json(one: Annotation, reader: Author, seat: Seat) -> dict[str, Any]:
    """An annotation as the pages get it."""
    return {
        "sequence": one.sequence,
        "annotation_id": one.annotation_id,
        "version": one.version,
        "deleted": one.kind is ActKind.DELETE,
        "author": {"id": one.author.user_id or one.author.guest, "name": one.author.name},
        "mine": one.author.is_same(reader),
        "created_at": one.created_at,
        "at": one.at,
        "shared": one.consult_id is not None,
        "consult": next((code for code, id in seat.consults.items() if id == one.consult_id), ""),
        "client_id": one.client_id,
        "body": json.loads(one.body),
    }


def _after() -> int:
    text = request.args.get("after") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidRequest("after must be a sequence number")
    return int(text)
