"""Hospitals: /api/admin/hospitals. Who looks after the installation makes and names them."""

import re
from typing import Any

from flask import Blueprint, Response, jsonify

from pacs.archive import Archive
from storage.errors import Conflict
from storage.index import accounts, hospitals, peers
from storage.model.archive import Hospital
from viewer import bodies
from viewer.access.accounts import check_display_name
from viewer.access.guard import Guard, acts
from viewer.access.rights import ADMIN_HOSPITALS
from viewer.errors import InvalidRequest

_CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """List, make, rename. A hospital is never removed, and its code, which is part of object keys, never changes."""
    routes = Blueprint("hospitals", __name__, url_prefix="/api/admin/hospitals")
    database = archive.database

    @routes.get("")
    @guard.needs(ADMIN_HOSPITALS)
    def every() -> Response:
        with database.reading() as db:
            users, devices = accounts.users(db), peers.all(db)
            return jsonify(
                hospitals=[
                    {
                        **_hospital(one),
                        "users": sum(any(where == one.id for where, _ in user.roles) for user in users),
                        "peers": sum(peer.hospital_id == one.id for peer in devices),
                    }
                    for one in hospitals.all(db)
                ]
            )

    @routes.post("")
    @guard.needs(ADMIN_HOSPITALS)
    @acts("hospital.create")
    def create() -> tuple[Response, int]:
        given = bodies.fields(code=str, name=str)
        code, name = given["code"].strip(), _name(given["name"])
        if not _CODE.fullmatch(code):
            raise InvalidRequest("a code has 1 to 32 letters a to z, digits and hyphens, no hyphen at its ends")
        with database.writing() as db:
            if any(one.code == code for one in hospitals.all(db)):
                raise Conflict(f"there is already a hospital {code!r}")
            made = hospitals.ensure(db, code, name)
            guard.record(db, {made.id}, "hospital.create", code)
        return jsonify(_hospital(made)), 201

    @routes.patch("/<code>")
    @guard.needs(ADMIN_HOSPITALS)
    @acts("hospital.rename")
    def rename(code: str) -> Response:
        name = _name(bodies.fields(name=str)["name"])
        with database.writing() as db:
            found = hospitals.by_code(db, code)
            renamed = hospitals.ensure(db, found.code, name)
            guard.record(db, {found.id}, "hospital.rename", code, before=found.name, name=name)
        return jsonify(_hospital(renamed))

    return routes


def _name(text: str) -> str:
    name = check_display_name(text)
    if not name:
        raise InvalidRequest("a hospital needs a name")
    return name


def _hospital(one: Hospital) -> dict[str, Any]:
    return {"code": one.code, "name": one.name}
