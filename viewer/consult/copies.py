"""The copies of an anonymised consultation, as those who ask have them: /api/consults/<code>/copies. What may show text
waits until one of them has looked."""

from typing import Any

from flask import Blueprint, Response, jsonify

from pacs import sharing
from pacs.archive import Archive
from storage.errors import NotFound
from storage.index import consults, links
from storage.index.database import Connection
from storage.index.types import now_ms
from storage.model.consult import Party, Side
from storage.model.links import CONFIRM, SharedSeries, ShareLink
from viewer import bodies
from viewer.access.guard import Guard, acts
from viewer.consult.taking_part import party_of
from viewer.links.terms import names_of, told_series


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Looking at what waits, and confirming it."""
    routes = Blueprint("copies", __name__)
    database = archive.database

    @routes.get("/api/consults/<code>/copies")
    @guard.signed_in
    def copies(code: str) -> Response:
        with database.reading() as db:
            link = _link(db, code, party_of(guard.caller()))
            found = links.series(db, link.id)
            names = names_of(db, link) if any(map(_waits, found)) else {}
        series = [told_series(one, *names.get(one.series_instance_uid, ("", ""))) for one in found]
        return jsonify(images={"done": link.done, "total": link.total, "left": link.left}, series=series)

    @routes.post("/api/consults/<code>/copies")
    @guard.signed_in
    @acts("link.confirm")
    def confirm(code: str) -> Response:
        """One of those who ask has looked at a series: its pictures show nothing of the patient."""
        series, party = bodies.fields(SeriesInstanceUID=str)["SeriesInstanceUID"], party_of(guard.caller())
        with database.writing() as db:
            link, now = _link(db, code, party), now_ms()
            if not link.stands(now) or not links.confirm(db, link.id, series, party.user_id, now):
                raise NotFound("there is no such series that waits to be confirmed")
            sharing.prepare_again(db, link.id)
            guard.record(db, {link.terms.hospital_id}, "link.confirm", f"link-{link.id}", series=series)
        return Response(status=204)

    return routes


def waiting(db: Connection, consult_id: int) -> dict[str, Any] | None:
    """How many images of a consultation's copies wait for a person, and how many cannot be copied; None without."""
    link = links.of_consult(db, consult_id)
    if link is None or not link.stands(now_ms()):
        return None
    found = links.series(db, link.id)
    waits = sum(one.left for one in found if _waits(one))
    return {"waiting": waits, "never": sum(one.left for one in found) - waits}


def _waits(one: SharedSeries) -> bool:
    return one.verdict == CONFIRM and one.confirmed_at is None and one.left > 0


def _link(db: Connection, code: str, party: Party) -> ShareLink:
    """The copies of this consultation, for the side that asks; raises NotFound."""
    found = consults.get(db, code, party)
    link = links.of_consult(db, found.id) if found.anonymise and Side.FROM in found.sides(party) else None
    if link is None:
        raise NotFound("there are no copies of this consultation")
    return link
