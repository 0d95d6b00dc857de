"""The DICOM application entities we know, and those we turned away."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import Conflict, NotFound
from storage.index import changes, schema
from storage.index.types import clean, inserted, now_ms, upsert
from storage.model.people import Peer, Refusal
from storage.model.work import ChangeKind

_TABLE = schema.peer
_JOINED = (
    sa.select(_TABLE, schema.hospital.c.code.label("hospital_code"))
    .join(schema.hospital, schema.hospital.c.id == _TABLE.c.hospital_id)
    .order_by(_TABLE.c.ae_title)
)


def add(db: Connection, peer: Peer) -> Peer:
    """A new peer; Conflict when its AE title is known. `hospital_id` decides, `hospital_code` is ignored."""
    row = _row(peer) | {"created_at": peer.created_at or now_ms()}
    if not inserted(db, _TABLE, row):
        raise Conflict(f"there is already a peer {peer.ae_title!r}")
    return get(db, peer.ae_title)


def update(db: Connection, peer: Peer) -> Peer:
    """Change where the peer calls from, listens, and what it may do."""
    if db.execute(_TABLE.update().where(_TABLE.c.ae_title == peer.ae_title).values(_row(peer))).rowcount == 0:
        raise NotFound(f"there is no peer {peer.ae_title!r}")
    return get(db, peer.ae_title)


def remove(db: Connection, ae_title: str) -> None:
    """Forget this peer."""
    if db.execute(_TABLE.delete().where(_TABLE.c.ae_title == ae_title)).rowcount == 0:
        raise NotFound(f"there is no peer {ae_title!r}")


def all(db: Connection) -> list[Peer]:
    """Every peer, by AE title."""
    return [_peer(row) for row in db.execute(_JOINED)]


def get(db: Connection, ae_title: str) -> Peer:
    """The peer of this AE title."""
    row = db.execute(_JOINED.where(_TABLE.c.ae_title == ae_title)).first()
    if row is None:
        raise NotFound(f"there is no peer {ae_title!r}")
    return _peer(row)


def touch(db: Connection, ae_title: str, *, stored: bool = False, at: int | None = None) -> None:
    """Note that the peer has opened an association, or stored something."""
    now = now_ms() if at is None else at
    values = {"last_association_at": now} | ({"last_stored_at": now} if stored else {})
    db.execute(_TABLE.update().where(_TABLE.c.ae_title == ae_title).values(values))


def refused(
    db: Connection,
    ae_title: str,
    called_ae_title: str,
    address: str,
    reason: str,
    hospital_ids: frozenset[int] = frozenset(),
    at: int | None = None,
    *,
    count: int = 1,
    certificate: str = "",
) -> None:
    """Count refused associations or connections; the change log of the hospitals named hears of it."""
    now = now_ms() if at is None else at
    table = schema.refusal
    statement = upsert(db, table).values(
        ae_title=clean(ae_title),
        called_ae_title=clean(called_ae_title),
        address=clean(address),
        reason=clean(reason),
        count=count,
        first_at=now,
        last_at=now,
        certificate=clean(certificate),
    )
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["ae_title", "called_ae_title", "address", "reason"],
            set_={"count": table.c.count + count, "last_at": now, "certificate": clean(certificate)},
        )
    )
    for hospital_id in sorted(hospital_ids):
        changes.append(db, hospital_id, ChangeKind.ASSOCIATION_REFUSED, at=now)


def trim_refusals(db: Connection, most: int) -> int:
    """Keep the latest `most` rows, so that nobody can fill the index by being refused; how many went."""
    last_at = schema.refusal.c.last_at
    oldest = db.execute(sa.select(last_at).order_by(last_at.desc()).offset(most - 1).limit(1)).scalar()
    return 0 if oldest is None else db.execute(schema.refusal.delete().where(last_at < oldest)).rowcount


def refusals(db: Connection, limit: int = 500) -> list[Refusal]:
    """Who was turned away, the latest first."""
    rows = db.execute(sa.select(schema.refusal).order_by(schema.refusal.c.last_at.desc()).limit(limit))
    return [Refusal(**row._mapping) for row in rows]


def forget_refusals(db: Connection, ae_title: str, address: str | None = None, reason: str | None = None) -> int:
    """Forget the refusals of this AE title (from this address, for this reason); how many went."""
    statement = schema.refusal.delete().where(schema.refusal.c.ae_title == ae_title)
    if address is not None:
        statement = statement.where(schema.refusal.c.address == address)
    if reason is not None:
        statement = statement.where(schema.refusal.c.reason == reason)
    return db.execute(statement).rowcount


def _row(peer: Peer) -> dict[str, Any]:
    return {
        "ae_title": clean(peer.ae_title),
        "hospital_id": peer.hospital_id,
        "host": clean(peer.host),
        "port": peer.port,
        "allow": ",".join(sorted(peer.allow)),
        "description": clean(peer.description),
        "charset": clean(peer.charset),
        "certificate": clean(peer.certificate),
        "plain": peer.plain,
        "tls": peer.tls,
        "min_rate": peer.min_rate,
        "max_object_mb": peer.max_object_mb,
        "max_associations": peer.max_associations,
    }


def _peer(row: Any) -> Peer:
    values = dict(row._mapping)
    values["allow"] = frozenset(word for word in values["allow"].split(",") if word)
    return Peer(**values)
