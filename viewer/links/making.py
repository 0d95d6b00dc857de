"""Links as their makers and administrators have them: /api/links, /api/admin/links."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs import sharing
from pacs.archive import Archive
from storage.errors import NotFound, NotPermitted
from storage.index import accounts as people
from storage.index import consults, instances, links
from storage.index.database import Connection
from storage.index.types import now_ms
from storage.model.archive import Scope
from storage.model.links import ShareLink
from viewer import bodies
from viewer.access.guard import Guard, acts
from viewer.access.passwords import hash_password
from viewer.access.rights import ADMIN_LINKS, LINK_MAKE
from viewer.access.secrets import kept, new_secret
from viewer.links.terms import names_of, new_code, new_pin, studies_of, terms_of, told, told_guest, told_series


def blueprint(archive: Archive, guard: Guard, public_url: str) -> Blueprint:
    """Make, list, look at, end; confirm that pictures show no text."""
    routes = Blueprint("links", __name__)
    _making(routes, archive, guard, public_url)
    _own(routes, archive, guard)
    _administered(routes, archive, guard)
    return routes


def _making(routes: Blueprint, archive: Archive, guard: Guard, public_url: str) -> None:
    @routes.post("/api/links")
    @guard.needs(LINK_MAKE)
    @acts("link.make")
    def make() -> tuple[Response, int]:
        """The address with the secret, and the PIN: shown this once."""
        given = bodies.optional(
            studies=list, purpose=str, recipient=str, days=int, max_opens=int, download=bool, anonymise=bool, dates=str,
            characteristics=bool,
        )  # fmt: skip
        uids, scope, now = studies_of(given.get("studies", [])), Scope(guard.caller().scope.hospital_ids), now_ms()
        with archive.database.reading() as db:
            owners = {instances.study(db, scope, uid).hospital_id for uid in uids}
        if len(owners) != 1:
            raise NotFound("the studies of a link are of one hospital")
        terms = terms_of(given, owners.pop(), _maker(guard), now)
        secret, pin, code = new_secret(), new_pin(), new_code()
        pin_hash = hash_password(pin)
        with archive.database.writing() as db:
            link = sharing.make(db, terms, scope, uids, now, code=code, secret_sha256=kept(secret), pin_hash=pin_hash)
            guard.record(
                db, {terms.hospital_id}, "link.make", f"link-{link.id}", reason=terms.purpose, studies=uids,
                recipient=terms.recipient, expires_at=terms.expires_at, max_opens=terms.max_opens,
                download=terms.download, anonymise=terms.anonymise, dates=terms.dates,
            )  # fmt: skip
        base = (public_url or request.host_url).rstrip("/")
        return jsonify(link=told(link, now, len(uids)), url=f"{base}/s/{code}#{secret}", pin=pin), 201


def _own(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    @routes.get("/api/links")
    @guard.needs(LINK_MAKE)
    def own() -> Response:
        with archive.database.reading() as db:
            found = links.listed(db, guard.caller().scope.hospital_ids, _maker(guard))
            return jsonify(links=[_told(db, link) for link in found])

    @routes.get("/api/links/<int:link_id>")
    @guard.needs(LINK_MAKE)
    def one(link_id: int) -> Response:
        with archive.database.reading() as db:
            link = _mine(db, guard, link_id)
            names = names_of(db, link)
            series = [
                told_series(found, *names.get(found.series_instance_uid, ("", "")))
                for found in links.series(db, link.id)
            ]
            guests = [told_guest(guest) for guest in links.guests(db, link.id)]
            return jsonify({**_told(db, link), "series": series, "guests": guests})

    @routes.delete("/api/links/<int:link_id>")
    @guard.needs(LINK_MAKE)
    @acts("link.revoke")
    def revoke(link_id: int) -> Response:
        with archive.database.writing() as db:
            _end(db, guard, _mine(db, guard, link_id))
        return Response(status=204)

    @routes.post("/api/links/<int:link_id>/series")
    @guard.needs(LINK_MAKE)
    @acts("link.confirm")
    def confirm(link_id: int) -> Response:
        """The maker has looked at a series: its pictures show nothing of the patient."""
        series = bodies.fields(SeriesInstanceUID=str)["SeriesInstanceUID"]
        with archive.database.writing() as db:
            link, now = _mine(db, guard, link_id), now_ms()
            if not link.stands(now) or not links.confirm(db, link.id, series, _maker(guard), now):
                raise NotFound("there is no such series that waits to be confirmed")
            sharing.prepare_again(db, link.id)
            guard.record(db, {link.terms.hospital_id}, "link.confirm", f"link-{link.id}", series=series)
        return Response(status=204)


def _administered(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    @routes.get("/api/admin/links")
    @guard.needs(ADMIN_LINKS)
    def administered() -> Response:
        """All links of the hospitals; nothing of a patient."""
        with archive.database.reading() as db:
            names = {user.id: user.display_name or user.name for user in people.users(db)}
            listed = [
                {
                    **_told(db, link),
                    "maker": names.get(link.terms.maker_id, ""),
                    "guests": [told_guest(guest) for guest in links.guests(db, link.id)],
                }
                for link in links.listed(db, guard.caller().scope.hospital_ids)
            ]
        return jsonify(links=listed)

    @routes.delete("/api/admin/links/<int:link_id>")
    @guard.needs(ADMIN_LINKS)
    @acts("link.revoke")
    def revoke_any(link_id: int) -> Response:
        with archive.database.writing() as db:
            link = _within(db, guard, link_id)
            if not link.code:
                raise NotFound("there is no such link")
            _end(db, guard, link)
        return Response(status=204)


def _maker(guard: Guard) -> int:
    user = guard.caller().user
    if user is None:
        raise NotPermitted("only people make links")
    return user.id


def _within(db: Connection, guard: Guard, link_id: int) -> ShareLink:
    """A link of a hospital where the caller has the route's right."""
    link = links.by_id(db, link_id)
    if link.terms.hospital_id not in guard.caller().scope.hospital_ids:
        raise NotFound("there is no such link")
    return link


def _mine(db: Connection, guard: Guard, link_id: int) -> ShareLink:
    link = _within(db, guard, link_id)
    if link.terms.maker_id != _maker(guard):
        raise NotFound("there is no such link")
    return link


def _end(db: Connection, guard: Guard, link: ShareLink) -> None:
    """End it, its guests' sessions and its grants in one transaction; open viewers hear of it by that."""
    if sharing.end(db, link.id, now_ms()):
        guard.record(db, {link.terms.hospital_id}, "link.revoke", f"link-{link.id}")


def _told(db: Connection, link: ShareLink) -> dict[str, Any]:
    consult = "" if link.terms.consult_id is None else consults.by_id(db, link.terms.consult_id).code
    return told(link, now_ms(), len(links.studies(db, link.id)), consult)
