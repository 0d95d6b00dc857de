"""Share links in the index: made, tried, opened, ended; the guests' sessions; which object is whose copy.

Secrets come here hashed. Whether a try is allowed is for the caller to say; that a link is opened at most as often as
it may be is decided here, in one UPDATE. Instants are UTC milliseconds.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import NotFound
from storage.index import grants, schema
from storage.index.bulk import insert_many
from storage.index.types import clean, upsert
from storage.model.grants import Grantee
from storage.model.links import (
    PREPARING,
    READY,
    Copied,
    Exchange,
    Guest,
    LinkSecrets,
    LinkTerms,
    SharedSeries,
    SharedStudy,
    ShareLink,
)

_LINK = schema.share_link
_STUDY = schema.share_study
_SERIES = schema.share_series
_COPY = schema.share_copy
_GUEST = schema.guest_session
_TERMS = (
    "hospital_id", "maker_id", "purpose", "recipient", "expires_at", "max_opens", "download", "anonymise", "dates",
    "characteristics", "consult_id",
)  # fmt: skip
_STATE = (
    "opens", "tries", "locked_at", "revoked_at", "purged_at", "state", "done", "total", "left",
)  # fmt: skip


def add(
    db: Connection,
    terms: LinkTerms,
    secrets: LinkSecrets,
    studies: Sequence[SharedStudy],
    now: int,
    *,
    code: str | None,
    total: int = 0,
) -> ShareLink:
    """A new link to these studies; with `code` None a set of copies that nobody comes to by a link."""
    row: dict[str, Any] = {name: getattr(terms, name) for name in _TERMS}
    row |= {"purpose": clean(terms.purpose), "recipient": clean(terms.recipient), "code": code, "created_at": now}
    row |= {"secret_sha256": secrets.secret_sha256, "pin_hash": secrets.pin_hash, "key": secrets.key}
    row |= {"state": PREPARING if terms.anonymise else READY, "total": total}
    made = db.execute(_LINK.insert().values(row).returning(_LINK)).one()
    rows = [
        {"link_id": made.id, "hospital_id": s.hospital_id, "study_instance_uid": s.study_instance_uid,
         "copy_uid": s.copy_uid}
        for s in studies
    ]  # fmt: skip
    insert_many(db, _STUDY, rows)
    return _link(made)


def by_code(db: Connection, code: str) -> tuple[ShareLink, LinkSecrets] | None:
    """The link of this public name, with what is kept of its secrets."""
    row = db.execute(sa.select(_LINK).where(_LINK.c.code == code)).first()
    return None if row is None else (_link(row), LinkSecrets(row.secret_sha256, row.pin_hash, row.key))


def by_id(db: Connection, link_id: int) -> ShareLink:
    """The link of this id. Raises NotFound."""
    return _link(_row(db, link_id))


def key(db: Connection, link_id: int) -> str:
    """The key of the link's pseudonyms; "" when it is gone."""
    return str(_row(db, link_id).key)


def listed(
    db: Connection, hospital_ids: Iterable[int], maker_id: int | None = None, limit: int = 500
) -> list[ShareLink]:
    """Links of these hospitals, the newest first; or those of one maker, and copies made for their consultations."""
    chosen = sa.select(_LINK).where(_LINK.c.hospital_id.in_(sorted(hospital_ids)))
    if maker_id is not None:
        chosen = chosen.where(_LINK.c.maker_id == maker_id)
    else:
        chosen = chosen.where(_LINK.c.code.is_not(None))
    return [_link(row) for row in db.execute(chosen.order_by(_LINK.c.id.desc()).limit(limit))]


def of_consult(db: Connection, consult_id: int) -> ShareLink | None:
    """The anonymised copies made for a consultation."""
    found = sa.select(_LINK).where(_LINK.c.consult_id == consult_id, _LINK.c.code.is_(None))
    row = db.execute(found.order_by(_LINK.c.id.desc()).limit(1)).first()
    return None if row is None else _link(row)


def studies(db: Connection, link_id: int) -> list[SharedStudy]:
    """What the link shows."""
    found = db.execute(sa.select(_STUDY).where(_STUDY.c.link_id == link_id).order_by(_STUDY.c.study_instance_uid))
    return [SharedStudy(int(row.hospital_id), row.study_instance_uid, row.copy_uid) for row in found]


def wrong_pin(db: Connection, link_id: int, most: int, now: int) -> int:
    """Count a wrong PIN; how many are left. With the last one the link is locked."""
    tries = db.execute(
        _LINK.update().where(_LINK.c.id == link_id).values(tries=_LINK.c.tries + 1).returning(_LINK.c.tries)
    ).scalar_one()
    if tries >= most:
        db.execute(_LINK.update().where(_LINK.c.id == link_id, _LINK.c.locked_at.is_(None)).values(locked_at=now))
        _end_guests(db, link_id, now)
        grants.revoke(db, link_id=link_id)
    return max(0, most - int(tries))


def opened(db: Connection, link_id: int, guest: Guest) -> bool:
    """Let this guest in: one open more, and a session. False when the link is over or was opened often enough."""
    column = _LINK.c
    stands = (
        column.revoked_at.is_(None) & column.locked_at.is_(None) & (column.expires_at > guest.created_at)
        & (column.opens < column.max_opens)
    )  # fmt: skip
    done = db.execute(_LINK.update().where(column.id == link_id, stands).values(opens=column.opens + 1, tries=0))
    if done.rowcount != 1:
        return False
    db.execute(
        _GUEST.insert().values(
            id=guest.session_id, link_id=link_id, csrf=guest.csrf, name=clean(guest.name),
            institution=clean(guest.institution), created_at=guest.created_at, seen_at=guest.seen_at,
            address=guest.address[:64], agent=clean(guest.agent)[:256],
        )
    )  # fmt: skip
    return True


def guest(db: Connection, session_id: str, now: int, idle_ms: int) -> tuple[Guest, ShareLink] | None:
    """Whose session this is, while it and the link stand."""
    row = db.execute(sa.select(_GUEST).where(_GUEST.c.id == session_id)).first()
    if row is None or row.ended_at is not None or row.seen_at + idle_ms <= now:
        return None
    link = by_id(db, int(row.link_id))
    return (_guest(row), link) if link.stands(now) else None


def touch_guest(db: Connection, session_id: str, now: int) -> None:
    """The session is used."""
    db.execute(_GUEST.update().where(_GUEST.c.id == session_id).values(seen_at=now))


def end_guest(db: Connection, session_id: str, now: int) -> None:
    """The guest leaves."""
    db.execute(_GUEST.update().where(_GUEST.c.id == session_id, _GUEST.c.ended_at.is_(None)).values(ended_at=now))


def guests(db: Connection, link_id: int) -> list[Guest]:
    """Everybody who came by the link, the last one first."""
    return [
        _guest(row)
        for row in db.execute(sa.select(_GUEST).where(_GUEST.c.link_id == link_id).order_by(_GUEST.c.created_at.desc()))
    ]


def revoke(db: Connection, link_id: int, now: int) -> bool:
    """End the link now: its grants and the guests' sessions with it. False when it was over before."""
    done = db.execute(_LINK.update().where(_LINK.c.id == link_id, _LINK.c.revoked_at.is_(None)).values(revoked_at=now))
    _end_guests(db, link_id, now)
    grants.revoke(db, link_id=link_id)
    return done.rowcount == 1


def give(db: Connection, link: ShareLink, hospital_id: int, to: Grantee | None = None) -> None:
    """Grant what the link shows: studies of `hospital_id` under their copies' UIDs, or with 0 the originals."""
    for one in studies(db, link.id):
        grants.give(
            db, hospital_id or one.hospital_id, one.copy_uid, to or Grantee(link_id=link.id),
            consult_id=link.terms.consult_id, expires_at=link.terms.expires_at,
        )  # fmt: skip


def put_series(db: Connection, link_id: int, found: Iterable[SharedSeries]) -> None:
    """What screening found about these series; a confirmation stays."""
    for one in found:
        values = {
            "verdict": one.verdict, "reason": one.reason, "instances": one.instances, "copied": one.copied,
            "left": one.left,
        }  # fmt: skip
        statement = upsert(db, _SERIES).values(
            link_id=link_id, hospital_id=one.hospital_id, study_instance_uid=one.study_instance_uid,
            series_instance_uid=one.series_instance_uid, **values,
        )  # fmt: skip
        db.execute(
            statement.on_conflict_do_update(
                index_elements=["link_id", "hospital_id", "series_instance_uid"], set_=values
            )
        )


def series(db: Connection, link_id: int) -> list[SharedSeries]:
    """The series of an anonymised link."""
    names = ("hospital_id", "study_instance_uid", "series_instance_uid", "verdict", "reason", "instances", "copied",
             "left", "confirmed_at")  # fmt: skip
    chosen = sa.select(*(_SERIES.c[name] for name in names)).where(_SERIES.c.link_id == link_id)
    rows = db.execute(chosen.order_by(_SERIES.c.study_instance_uid, _SERIES.c.series_instance_uid))
    return [SharedSeries(**row._mapping) for row in rows]


def confirm(db: Connection, link_id: int, series_instance_uid: str, user_id: int, now: int) -> bool:
    """A person has seen that this series shows no text. False when there is no such series that waits for it."""
    column = _SERIES.c
    waiting = (column.link_id == link_id) & (column.series_instance_uid == series_instance_uid)
    done = db.execute(
        _SERIES.update()
        .where(waiting, column.verdict == "confirm", column.confirmed_at.is_(None))
        .values(confirmed_by=user_id, confirmed_at=now)
    )
    return done.rowcount > 0


def note_copies(db: Connection, link_id: int, copied: Sequence[Copied]) -> None:
    """Which object is whose copy; the same again is harmless."""
    rows = [
        {
            "link_id": link_id, "study_instance_uid": one.original[0], "series_instance_uid": one.original[1],
            "sop_instance_uid": one.original[2], "copy_study": one.copy[0], "copy_series": one.copy[1],
            "copy_sop": one.copy[2],
        }
        for one in copied
    ]  # fmt: skip
    insert_many(db, _COPY, rows, ignore=True)


def copied(db: Connection, link_id: int) -> frozenset[str]:
    """SOP Instance UIDs of what has a copy."""
    return frozenset(db.execute(sa.select(_COPY.c.sop_instance_uid).where(_COPY.c.link_id == link_id)).scalars())


def exchange(db: Connection, link_id: int) -> Exchange:
    """What stands for what in this link; empty when nothing is anonymised. Only rooms and annotations may know."""
    copies: dict[str, str] = {}
    for row in db.execute(sa.select(_COPY).where(_COPY.c.link_id == link_id)):
        copies[row.sop_instance_uid] = row.copy_sop
        copies[row.series_instance_uid] = row.copy_series
        copies[row.study_instance_uid] = row.copy_study
    return Exchange({copy: original for original, copy in copies.items()}, copies)


def progress(db: Connection, link_id: int, done: int, left: int, total: int, *, ready: bool) -> None:
    """How far the copies are."""
    state = READY if ready else PREPARING
    db.execute(_LINK.update().where(_LINK.c.id == link_id).values(done=done, left=left, total=total, state=state))


def unpurged(db: Connection, now: int) -> list[int]:
    """Anonymised links that are over and whose copies are still here."""
    column = _LINK.c
    over = column.revoked_at.is_not(None) | column.locked_at.is_not(None) | (column.expires_at <= now)
    chosen = sa.select(column.id).where(column.anonymise.is_(True), column.purged_at.is_(None), over)
    return [int(one) for one in db.execute(chosen.order_by(column.id)).scalars()]


def idle_copies(db: Connection, now: int) -> list[int]:
    """Copies of consultations that stand although nobody of the consultation is granted them any more."""
    grant, column = schema.study_grant.c, _LINK.c
    to_somebody = grant.to_user_id.is_not(None) | grant.to_hospital_id.is_not(None)
    standing = grant.revoked_at.is_(None) & (grant.expires_at.is_(None) | (grant.expires_at > now))
    shared = sa.select(_STUDY.c.link_id).join(
        schema.study_grant, (grant.study_instance_uid == _STUDY.c.copy_uid) & to_somebody & standing
    )
    made = column.code.is_(None) & column.consult_id.is_not(None) & column.revoked_at.is_(None)
    return [int(one) for one in db.execute(sa.select(column.id).where(made, column.id.not_in(shared))).scalars()]


def purged(db: Connection, link_id: int, now: int) -> None:
    """The copies are gone, and with them what stood for what."""
    db.execute(_COPY.delete().where(_COPY.c.link_id == link_id))
    db.execute(_LINK.update().where(_LINK.c.id == link_id).values(purged_at=now, key=""))


def _end_guests(db: Connection, link_id: int, now: int) -> None:
    db.execute(_GUEST.update().where(_GUEST.c.link_id == link_id, _GUEST.c.ended_at.is_(None)).values(ended_at=now))


def _row(db: Connection, link_id: int) -> Any:
    row = db.execute(sa.select(_LINK).where(_LINK.c.id == link_id)).first()
    if row is None:
        raise NotFound("there is no such link")
    return row


def _link(row: Any) -> ShareLink:
    terms = LinkTerms(**{name: getattr(row, name) for name in _TERMS})
    state = {name: getattr(row, name) for name in _STATE}
    return ShareLink(int(row.id), row.code or "", terms, int(row.created_at), **state)


def _guest(row: Any) -> Guest:
    return Guest(
        row.id, int(row.link_id), row.csrf, row.name, row.institution, int(row.created_at), int(row.seen_at),
        row.address, row.agent, row.ended_at,
    )  # fmt: skip
