"""Peers and those we turned away: /api/admin/peers, /api/admin/refusals."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from pacs.association.tls import credentials_of
from pacs.config import PEER_RIGHTS, Config
from pacs.dimse import reasons
from pacs.dimse.admission import LIMITS, check_ae_title, check_certificate, check_host, check_limit, network_of
from pacs.errors import ConfigError, PeerUnreachable
from pacs.send.dicom import echo
from storage.errors import NotFound
from storage.index import peers
from storage.index.database import Connection
from storage.model.people import CHARSETS, Peer, Refusal
from viewer import bodies
from viewer.access.guard import Guard, acts
from viewer.access.rights import ADMIN_PEERS
from viewer.errors import InvalidRequest

ECHO_SECONDS = 5.0
_FIELDS: dict[str, bodies.Kind] = {
    "host": str,
    "port": bodies.OPTIONAL_INT,
    "allow": list,
    "hospital": str,
    "description": str,
    "charset": str,
    "certificate": str,
    "plain": bool,
    "tls": bool,
    **dict.fromkeys(LIMITS, bodies.OPTIONAL_INT),
}


def blueprint(archive: Archive, guard: Guard, config: Config) -> Blueprint:
    """The register of DICOM application entities, for the hospitals the caller administers."""
    routes = Blueprint("peers", __name__, url_prefix="/api/admin")
    database = archive.database

    def own(ae_title: str) -> Peer:
        with database.reading() as db:
            peer = peers.get(db, ae_title)
        if peer.hospital_id not in guard.caller().scope.hospital_ids:
            raise NotFound(f"there is no peer {ae_title!r}")
        return peer

    def foreign(db: Connection) -> set[str]:
        """AE titles of peers of other hospitals: that they were refused concerns those alone."""
        mine = guard.caller().scope.hospital_ids
        return {peer.ae_title for peer in peers.all(db) if peer.hospital_id not in mine}

    @routes.get("/peers")
    @guard.needs(ADMIN_PEERS)
    def list_peers() -> Response:
        with database.reading() as db:
            mine = [peer for peer in peers.all(db) if peer.hospital_id in guard.caller().scope.hospital_ids]
        return jsonify(peers=[_peer(peer) for peer in mine])

    @routes.post("/peers")
    @guard.needs(ADMIN_PEERS)
    @acts("peer.create")
    def add_peer() -> tuple[Response, int]:
        given = bodies.optional(ae_title=str, **_FIELDS)
        hospital = guard.sessions.hospital_in(guard.caller().scope, given.pop("hospital", ""))
        blank = Peer(check_ae_title(given.pop("ae_title", "")), hospital.id, hospital.code, "", None, frozenset())
        with database.writing() as db:
            peer = peers.add(db, _changed(blank, given))
            guard.record(db, {peer.hospital_id}, "peer.create", peer.ae_title, **_told(peer, given))
        return jsonify(_peer(peer)), 201

    @routes.patch("/peers/<ae_title>")
    @guard.needs(ADMIN_PEERS)
    @acts("peer.change")
    def change_peer(ae_title: str) -> Response:
        given = bodies.optional(**_FIELDS)
        peer = own(ae_title)
        if given.get("hospital"):
            hospital = guard.sessions.hospital_in(guard.caller().scope, given["hospital"])
            peer = replace(peer, hospital_id=hospital.id, hospital_code=hospital.code)
        given.pop("hospital", None)
        with database.writing() as db:
            at = {peers.get(db, peer.ae_title).hospital_id, peer.hospital_id}
            peer = peers.update(db, _changed(peer, given))
            guard.record(db, at, "peer.change", peer.ae_title, **_told(peer, given))
        return jsonify(_peer(peer))

    @routes.delete("/peers/<ae_title>")
    @guard.needs(ADMIN_PEERS)
    @acts("peer.remove")
    def remove_peer(ae_title: str) -> Response:
        peer = own(ae_title)
        with database.writing() as db:
            peers.remove(db, peer.ae_title)
            guard.record(db, {peer.hospital_id}, "peer.remove", peer.ae_title)
        return Response(status=204)

    @routes.post("/peers/<ae_title>/echo")
    @guard.needs(ADMIN_PEERS)
    @acts("peer.echo")
    def echo_peer(ae_title: str) -> Response:
        peer = own(ae_title)
        with database.writing() as db:
            guard.record(db, {peer.hospital_id}, "peer.echo", peer.ae_title)
        if peer.port is None or _is_many(peer.host):
            return jsonify(ok=False, ms=None, detail="the peer has no port, or its host is a network, not one address")
        try:
            took = echo(peer, config.dicom.ae_title, ECHO_SECONDS, credentials_of(config.dicom))
            return jsonify(ok=True, ms=round(took, 1), detail="")
        except (PeerUnreachable, ConfigError) as error:
            return jsonify(ok=False, ms=None, detail=str(error))

    @routes.get("/refusals")
    @guard.needs(ADMIN_PEERS)
    def list_refusals() -> Response:
        with database.reading() as db:
            others = foreign(db)
            found = [refusal for refusal in peers.refusals(db) if refusal.ae_title not in others]
        return jsonify(refusals=[_refusal(refusal) for refusal in found])

    @routes.delete("/refusals")
    @guard.needs(ADMIN_PEERS)
    @acts("peer.forget")
    def forget_refusals() -> Response:
        """Of one AE title ("" for those who did not say one), from one address or any, for one reason or any."""
        ae_title = request.args.get("ae_title", "")
        with database.writing() as db:
            if ae_title in foreign(db):
                raise NotFound(f"there are no refusals of {ae_title!r}")
            peers.forget_refusals(db, ae_title, request.args.get("address"), request.args.get("reason"))
            guard.record(db, guard.caller().scope.hospital_ids, "peer.forget", ae_title)
        return Response(status=204)

    return routes


def _changed(peer: Peer, given: dict[str, Any]) -> Peer:
    """The peer with what was given, checked."""
    if "host" in given or not peer.host:
        peer = replace(peer, host=check_host(given.get("host", "")))
    if "port" in given:
        if given["port"] is not None and not 1 <= given["port"] <= 65535:
            raise InvalidRequest("port must be between 1 and 65535")
        peer = replace(peer, port=given["port"])
    if "allow" in given:
        allow = frozenset(str(right) for right in given["allow"])
        if allow - PEER_RIGHTS:
            raise InvalidRequest(f"allow takes {', '.join(sorted(PEER_RIGHTS))}")
        peer = replace(peer, allow=allow)
    if "description" in given:
        peer = replace(peer, description=given["description"].strip()[:200])
    if "charset" in given:
        if given["charset"] not in ("", *CHARSETS):
            raise InvalidRequest(f"charset takes {', '.join(CHARSETS)}, or nothing for UTF-8")
        peer = replace(peer, charset=given["charset"])
    if "certificate" in given:
        peer = replace(peer, certificate=check_certificate(given["certificate"]))
    own: dict[str, Any] = {name: check_limit(name, given[name]) for name in LIMITS if name in given}
    switches: dict[str, Any] = {name: given[name] for name in ("plain", "tls") if name in given}
    return replace(peer, **own, **switches)


def _told(peer: Peer, given: dict[str, Any]) -> dict[str, Any]:
    """What was set, as it now is."""
    said = _peer(peer)
    return {name: said[name] for name in given if name in said}


def _is_many(host: str) -> bool:
    network = network_of(host)
    return network is not None and network.num_addresses > 1


def _peer(peer: Peer) -> dict[str, Any]:
    return {
        "ae_title": peer.ae_title,
        "hospital": peer.hospital_code,
        "host": peer.host,
        "port": peer.port,
        "allow": sorted(peer.allow),
        "description": peer.description,
        "charset": peer.charset,
        "certificate": peer.certificate,
        "plain": peer.plain,
        "tls": peer.tls,
        **{name: getattr(peer, name) for name in LIMITS},
        "created_at": peer.created_at,
        "last_association_at": peer.last_association_at,
        "last_stored_at": peer.last_stored_at,
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "ae_title": refusal.ae_title,
        "called_ae_title": refusal.called_ae_title,
        "address": refusal.address,
        "reason": refusal.reason,
        "count": refusal.count,
        "first_at": refusal.first_at,
        "last_at": refusal.last_at,
        "certificate": refusal.certificate,
        "can_be_added": refusal.reason in reasons.BY_PEERS and bool(refusal.ae_title),
    }
