"""Hospitals: the tenants that every row belongs to."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import NotFound
from storage.index import schema
from storage.index.types import clean, insert_new
from storage.model.archive import Hospital, Scope

_TABLE = schema.hospital
# Where anonymised copies live: no hospital of people. It has no roles and no peers, and is never listed; what is in it
# is reached by grants alone.
SHARED = "shared"


def ensure(db: Connection, code: str, name: str) -> Hospital:
    """The hospital of this code, made when it is new; a changed name is taken over."""
    code, name = clean(code), clean(name)
    found = _by_code(db, code)
    if found is None:
        db.execute(insert_new(db, _TABLE).values(code=code, name=name))
        found = _by_code(db, code)
        assert found is not None
    if name and found.name != name:
        db.execute(_TABLE.update().where(_TABLE.c.id == found.id).values(name=name))
        return Hospital(found.id, code, name)
    return found


def all(db: Connection) -> list[Hospital]:
    """Every hospital of people, by code."""
    return [hospital for hospital in every(db) if hospital.code != SHARED]


def every(db: Connection) -> list[Hospital]:
    """The same and where anonymised copies live: for the archive's own work."""
    return [Hospital(row.id, row.code, row.name) for row in db.execute(sa.select(_TABLE).order_by(_TABLE.c.code))]


def shared(db: Connection) -> Hospital:
    """Where anonymised copies live; made when it is first needed."""
    return _by_code(db, SHARED) or ensure(db, SHARED, "")


def by_code(db: Connection, code: str) -> Hospital:
    """The hospital of this code."""
    found = _by_code(db, code)
    if found is None:
        raise NotFound(f"there is no hospital {code!r}")
    return found


def by_id(db: Connection, hospital_id: int) -> Hospital:
    """The hospital of this id."""
    row = db.execute(sa.select(_TABLE).where(_TABLE.c.id == hospital_id)).first()
    if row is None:
        raise NotFound(f"there is no hospital with the id {hospital_id}")
    return Hospital(row.id, row.code, row.name)


def everywhere(db: Connection) -> Scope:
    """The scope of all hospitals, for the archive's own work."""
    return Scope(frozenset(db.execute(sa.select(_TABLE.c.id)).scalars()))


def _by_code(db: Connection, code: str) -> Hospital | None:
    row = db.execute(sa.select(_TABLE).where(_TABLE.c.code == code)).first()
    return None if row is None else Hospital(row.id, row.code, row.name)
