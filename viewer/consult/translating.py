"""Asking a machine for a translation, where the installation has one: /api/consult/translation and
/api/consults/<code>/translations."""

from flask import Blueprint, Response, jsonify

from pacs.archive import Archive
from pacs.config import ConsultConfig
from pacs.consult import bodies as checked
from pacs.consult import rules, translating
from storage.errors import NotFound
from storage.index import consults
from storage.model.consult import Kind
from viewer import bodies
from viewer.access.guard import Guard, acts
from viewer.consult.taking_part import party_of


def blueprint(archive: Archive, guard: Guard, config: ConsultConfig) -> Blueprint:
    """Whether there is a machine, and asking it; its answer comes as an event of the consultation."""
    routes = Blueprint("translating", __name__)

    @routes.get("/api/consult/translation")
    @guard.signed_in
    def translation() -> Response:
        return jsonify(on=bool(config.translator))

    @routes.post("/api/consults/<code>/translations")
    @guard.signed_in
    @acts("consult.translation")
    def translate(code: str) -> tuple[Response, int]:
        party = party_of(guard.caller())
        given = bodies.fields(of=int, language=str)
        with archive.database.writing() as db:
            found = consults.get(db, code, party)
            rules.check(found, party, Kind.TRANSLATION)
            if not config.translator:
                raise NotFound("no machine translates here")
            translating.ask(db, found, given["of"], checked.language(given))
        return jsonify(asked=True), 202

    return routes
