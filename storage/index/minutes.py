"""Minutes of consultations: drafts, the text that was frozen, signatures and addenda."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import Conflict
from storage.index import schema
from storage.index.types import now_ms
from storage.model.minutes import Addendum, Minutes, Signature

_MINUTES, _SIGNATURE, _ADDENDUM = schema.minutes, schema.minutes_signature, schema.minutes_addendum


def get(db: Connection, consult_id: int) -> Minutes | None:
    """The minutes of this consultation; None when nobody has written any."""
    row = db.execute(sa.select(_MINUTES).where(_MINUTES.c.consult_id == consult_id)).first()
    return None if row is None else Minutes(**{**row._mapping, "body": json.loads(row.body)})


def put(db: Connection, consult_id: int, body: Mapping[str, Any], version: int, user_id: int) -> Minutes:
    """Keep a draft that follows `version` (0: the first). Raises Conflict when another one does already, or when the
    text is frozen."""
    values = {
        "version": version + 1,
        "body": json.dumps(dict(body), ensure_ascii=False, sort_keys=True),
        "changed_at": now_ms(),
        "changed_by": user_id,
    }
    before = get(db, consult_id)
    if before is not None and before.frozen_at is not None:
        raise Conflict("these minutes are signed; what is to be added is an addendum")
    if version != (before.version if before else 0):
        raise Conflict("somebody else has changed these minutes meanwhile")
    if before is None:
        db.execute(_MINUTES.insert().values(consult_id=consult_id, **values))
    else:
        db.execute(_MINUTES.update().where(_MINUTES.c.consult_id == consult_id).values(values))
    made = get(db, consult_id)
    assert made is not None
    return made


def freeze(db: Connection, consult_id: int, hospital_id: int, sha256: str) -> Minutes:
    """From now on the text stays as it is, under the next number of its hospital's year."""
    now = now_ms()
    year = datetime.fromtimestamp(now / 1000, UTC).year
    begin = int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)
    there = sa.select(sa.func.count()).select_from(
        _MINUTES.join(schema.consult, schema.consult.c.id == _MINUTES.c.consult_id)
    )
    count = db.execute(there.where(schema.consult.c.hospital_id == hospital_id, _MINUTES.c.frozen_at >= begin)).scalar()
    number = f"{int(count or 0) + 1:02}/{year}/BBHC"
    db.execute(
        _MINUTES.update().where(_MINUTES.c.consult_id == consult_id).values(frozen_at=now, number=number, sha256=sha256)
    )
    frozen = get(db, consult_id)
    assert frozen is not None
    return frozen


def sign(db: Connection, consult_id: int, signature: Signature) -> None:
    """Keep a signature; each side signs each part once."""
    values = {name: getattr(signature, name) for name in Signature.__slots__}
    db.execute(_SIGNATURE.insert().values(consult_id=consult_id, **values))


def signatures(db: Connection, consult_id: int) -> list[Signature]:
    """The signatures in the order they were made."""
    statement = sa.select(_SIGNATURE).where(_SIGNATURE.c.consult_id == consult_id)
    rows = db.execute(statement.order_by(_SIGNATURE.c.part, _SIGNATURE.c.at, _SIGNATURE.c.side))
    return [Signature(**{name: row._mapping[name] for name in Signature.__slots__}) for row in rows]


def add(db: Connection, consult_id: int, addendum: Addendum) -> None:
    """Keep an addendum."""
    values = {name: getattr(addendum, name) for name in Addendum.__slots__}
    db.execute(_ADDENDUM.insert().values(consult_id=consult_id, **values))


def addenda(db: Connection, consult_id: int) -> list[Addendum]:
    """The addenda in their order."""
    statement = sa.select(_ADDENDUM).where(_ADDENDUM.c.consult_id == consult_id).order_by(_ADDENDUM.c.number)
    return [Addendum(**{name: row._mapping[name] for name in Addendum.__slots__}) for row in db.execute(statement)]
