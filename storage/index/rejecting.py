"""Rejected instances: taken out of the index, kept, restored or purged (IHE RAD TF, Imaging Object Change Management).

What is rejected stands in no table that a door reads: it is moved to `rejected`, so nothing that finds, shows, sends
or counts has to know of it. The notes' objects are the record: a rebuild reads them and comes to the same. That
somebody restored an instance is a decision, which a rebuild preserves and obeys.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import NotFound
from storage.index import noted, prepared, schema
from storage.index.adding import DIFFERS, add
from storage.index.bulk import insert_many
from storage.index.instances import add_conflict
from storage.index.parents import Item
from storage.index.reconciling import decide, recount
from storage.index.replacing import Read, remove_instances
from storage.index.rows import INSTANCE_TABLES, mine
from storage.index.types import POSTGRESQL, among, clean, now_ms, upsert
from storage.model.archive import Instance, Origin, Scope, StoredObject
from storage.model.reconcile import Decision
from storage.model.rejection import (
    KEY_OBJECT_SELECTION,
    RETENTION,
    TITLES,
    RejectedObject,
    RejectedStudy,
    RejectionNote,
)

_REJECTION, _REJECTED = schema.rejection, schema.rejected
_STUDY, _PATIENT, _INSTANCE = schema.study, schema.patient, schema.instance
_KIND, _RESTORE = "rejection", "restore"
_AT_ONCE = 1000
_COLUMNS = tuple(RejectedObject.__dataclass_fields__)


def hit(db: Connection, hospital_ids: Iterable[int], uids: Iterable[str]) -> set[tuple[int, str]]:
    """Those of these SOP Instance UIDs that a note rejects, with their hospital."""
    given = {"uids": sorted({clean(uid) for uid in uids}), "hospitals": sorted(set(hospital_ids))}
    return {(int(row.hospital_id), str(row.sop_instance_uid)) for row in prepared.rows(db, _HIT, given)}


def alone(db: Connection) -> bool:
    """Whether nobody else writes while this transaction does: then what it saw of the notes is true until its end."""
    return db.dialect.name != POSTGRESQL


def write_note(db: Connection, hospital_id: int, note: RejectionNote, source: str, at: int) -> list[str]:
    """Write down what a note rejects; the SOP Instance UIDs that it does reject. Those somebody has restored from this
    very note stay restored, however often it is sent."""
    note_uid = clean(note.sop_instance_uid)
    decision = schema.decision.c
    restored = set(
        db.execute(
            sa.select(decision.identity).where(
                decision.hospital_id == hospital_id, decision.kind == _KIND, decision.identity.endswith(f" {note_uid}")
            )
        ).scalars()
    )
    named = {clean(one.sop_instance_uid): clean(one.study_instance_uid) for one in note.references}
    rows = [
        {
            "hospital_id": hospital_id,
            "sop_instance_uid": uid,
            "note_uid": note_uid,
            "study_instance_uid": study,
            "title": note.title,
            "text": clean(note.text)[:1000],
            "source": clean(source),
            "at": at,
        }
        for uid, study in sorted(named.items())
        if uid and uid != note_uid and f"{uid} {note_uid}" not in restored
    ]
    insert_many(db, _REJECTION, rows, ignore=True)
    return [str(row["sop_instance_uid"]) for row in rows]


def expired_only(db: Connection, hospital_id: int, uids: Collection[str]) -> set[str]:
    """Those of these that are rejected for nothing but their age: when they come again, they are new."""
    column = _REJECTION.c
    rows = db.execute(
        sa.select(column.sop_instance_uid, column.title).where(
            column.hospital_id == hospital_id, column.sop_instance_uid.in_(sorted(uids))
        )
    ).all()
    stronger = {row.sop_instance_uid for row in rows if row.title != RETENTION}
    return {row.sop_instance_uid for row in rows} - stronger


def hide(
    db: Connection, hospital_id: int, uids: Collection[str], read: Read, *, notes: bool = False
) -> tuple[list[Instance], list[str]]:
    """Move the objects of these instances, and what contradicts them, out of everybody's sight; `notes` when they are
    rejection notes. Those that were there, and keys of derived objects nothing points to any more."""
    wanted, now = sorted({clean(uid) for uid in uids}), now_ms()
    hidden: list[Instance] = []
    derived: list[str] = []
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        seen = _seen(db, hospital_id, some)
        found, keys = remove_instances(db, hospital_id, some, read)
        rows = [_row(one, seen.get(one.key.sop_instance_uid, {}), now, notes=notes) for one in found]
        rows += _conflicting(db, hospital_id, some, seen, now)
        _keep(db, rows)
        hidden += found
        derived += keys
    recount(db, hospital_id, {one.key.study_instance_uid for one in hidden})
    return hidden, derived


def waiting_to_be_hidden(db: Connection, limit: int = _AT_ONCE) -> list[tuple[int, str]]:
    """Instances that are rejected and still seen: a process ended between the two."""
    join = _INSTANCE.join(
        _REJECTION,
        (_INSTANCE.c.uid == _REJECTION.c.sop_instance_uid) & (_INSTANCE.c.hospital_id == _REJECTION.c.hospital_id),
    )
    rows = db.execute(sa.select(_INSTANCE.c.hospital_id, _INSTANCE.c.uid).select_from(join).distinct().limit(limit))
    return [(int(row.hospital_id), str(row.uid)) for row in rows]


def key_objects(db: Connection, after: str, limit: int = _AT_ONCE) -> list[tuple[int, str]]:
    """Key Object Selections in the index by SOP Instance UID, after this one: hospital and UID."""
    found = sa.select(_INSTANCE.c.hospital_id, _INSTANCE.c.uid).where(
        _INSTANCE.c.sop_class_uid == KEY_OBJECT_SELECTION, _INSTANCE.c.uid > after
    )
    rows = db.execute(found.order_by(_INSTANCE.c.uid, _INSTANCE.c.hospital_id).limit(limit))
    return [(int(row.hospital_id), str(row.uid)) for row in rows]


def objects_of(
    db: Connection, scope: Scope, study: str, series: str = "", sop: str = "", *, notes: bool = False
) -> list[RejectedObject]:
    """The rejected objects of a study, a series or an instance, those that were canonical first, oldest first."""
    column = _REJECTED.c
    found = sa.select(*(column[name] for name in _COLUMNS)).where(
        mine(column.hospital_id, scope.hospital_ids), column.study_instance_uid == study, column.note == notes
    )
    if series:
        found = found.where(column.series_instance_uid == series)
    if sop:
        found = found.where(column.sop_instance_uid == sop)
    rows = db.execute(found.order_by(column.beside, column.stored_at, column.sha256))
    return [RejectedObject(**row._mapping) for row in rows]


def objects_by_uid(db: Connection, hospital_id: int, uids: Collection[str]) -> list[RejectedObject]:
    """The rejected objects under these SOP Instance UIDs, in the order of `objects_of`; notes are left out."""
    column = _REJECTED.c
    found = sa.select(*(column[name] for name in _COLUMNS)).where(
        column.hospital_id == hospital_id, column.sop_instance_uid.in_(sorted(uids)), column.note == sa.false()
    )
    rows = db.execute(found.order_by(column.beside, column.stored_at, column.sha256))
    return [RejectedObject(**row._mapping) for row in rows]


def titles(db: Connection, rejected: RejectedObject) -> set[str]:
    """What the notes about its instance are called."""
    column = _REJECTION.c
    about = column.hospital_id == rejected.hospital_id, column.sop_instance_uid == rejected.sop_instance_uid
    return set(db.execute(sa.select(column.title).where(*about)).scalars())


def forget_row(db: Connection, hospital_id: int, sha256: str) -> None:
    """These bytes are not there after all."""
    column = _REJECTED.c
    db.execute(_REJECTED.delete().where(column.hospital_id == hospital_id, column.sha256 == sha256))


def one(db: Connection, scope: Scope, rejected_id: int) -> RejectedObject:
    """One rejected object; held until the end of a transaction that writes."""
    column = _REJECTED.c
    found = sa.select(*(column[name] for name in _COLUMNS)).where(
        column.id == rejected_id, mine(column.hospital_id, scope.hospital_ids)
    )
    row = db.execute(found.with_for_update()).first()
    if row is None:
        raise NotFound(f"there is no rejected object with the id {rejected_id}")
    return RejectedObject(**row._mapping)


def restore(db: Connection, items: Sequence[tuple[RejectedObject, Item]], actor: str, reason: str) -> None:
    """Index these objects again, and write down that a person wanted it. `items` are all of their SOP Instance UIDs,
    those that were canonical first."""
    hospitals = {one.hospital_id for one, _ in items}
    for hospital_id in hospitals:
        uids = {one.sop_instance_uid for one, _ in items if one.hospital_id == hospital_id}
        revoke(db, hospital_id, uids, actor, reason)
    column = _REJECTED.c
    for start in range(0, len(items), _AT_ONCE):
        ids = [one.id for one, _ in items[start : start + _AT_ONCE]]
        db.execute(_REJECTED.delete().where(column.id.in_(ids)))
    plain = [item for _, item in items]
    for (description, stored, origin), added in zip(plain, add(db, plain), strict=True):
        if added.kind == DIFFERS and added.existing is not None:
            add_conflict(db, description, stored, origin, added.existing)


def revoke(db: Connection, hospital_id: int, uids: Collection[str], actor: str, reason: str) -> None:
    """No note rejects these instances any more, and a rebuild is told so."""
    column = _REJECTION.c
    now = now_ms()
    mine_ = column.hospital_id == hospital_id, column.sop_instance_uid.in_(sorted(uids))
    for row in db.execute(sa.select(column.sop_instance_uid, column.note_uid).where(*mine_)).all():
        identity = f"{row.sop_instance_uid} {row.note_uid}"
        decide(db, hospital_id, Decision(_KIND, identity, _RESTORE, "", actor, reason, now))
    db.execute(_REJECTION.delete().where(*mine_))


def forget(db: Connection, rejected: RejectedObject, before: int) -> bool:
    """Take the row of an object that was rejected before this instant; False when it is younger or gone, or when its
    bytes are somebody else's too. The caller deletes the bytes within this transaction."""
    noted.hold(db, [rejected.object_key])
    column = _REJECTED.c
    due = column.id == rejected.id, column.note == sa.false(), column.rejected_at < before
    if db.execute(sa.select(column.id).where(*due).with_for_update()).first() is None:
        return False
    here = rejected.hospital_id
    known = (
        sa.select(_INSTANCE.c.uid).where(
            _INSTANCE.c.uid == rejected.sop_instance_uid, _INSTANCE.c.hospital_id == here,
            _INSTANCE.c.sha256 == bytes.fromhex(rejected.sha256),
        ),
        *(
            sa.select(table.c.id).where(table.c.hospital_id == here, table.c.sha256 == rejected.sha256)
            for table in (schema.conflict, schema.quarantine)
        ),
    )  # fmt: skip
    if any(db.execute(question).first() is not None for question in known):
        return False
    db.execute(_REJECTED.delete().where(column.id == rejected.id))
    db.execute(schema.damage.delete().where(schema.damage.c.object_key == rejected.object_key))
    return True


def due(db: Connection, scope: Scope, before: int, study: str = "") -> list[RejectedObject]:
    """What was rejected before this instant and could be purged, oldest first; of one study when it is named."""
    column = _REJECTED.c
    found = sa.select(*(column[name] for name in _COLUMNS)).where(
        mine(column.hospital_id, scope.hospital_ids), column.note == sa.false(), column.rejected_at < before
    )
    if study:
        found = found.where(column.study_instance_uid == study)
    return [RejectedObject(**row._mapping) for row in db.execute(found.order_by(column.id))]


def studies(
    db: Connection, scope: Scope, before_time: int, limit: int = 50, before: int | None = None
) -> list[RejectedStudy]:
    """Studies with rejected instances, latest first. What was rejected before `before_time` is called purgeable;
    `before` is the id of the last study of the page before."""
    column = _REJECTED.c
    last = sa.func.max(column.id)
    ripe = sa.case((column.rejected_at < before_time, column.sop_instance_uid), else_=None)
    found = (
        sa.select(
            last.label("id"), column.hospital_id, column.study_instance_uid,
            sa.func.max(column.patient_id).label("patient_id"), sa.func.max(column.patient_name).label("patient_name"),
            sa.func.max(column.study_date).label("study_date"),
            sa.func.max(column.study_description).label("study_description"),
            sa.func.count(column.sop_instance_uid.distinct()).label("instances"),
            sa.func.sum(column.size).label("bytes"), sa.func.max(column.rejected_at).label("rejected_at"),
            sa.func.count(ripe.distinct()).label("purgeable"),
        )
        .where(mine(column.hospital_id, scope.hospital_ids), column.note == sa.false())
        .group_by(column.hospital_id, column.study_instance_uid)
        .order_by(last.desc())
        .limit(limit)
    )  # fmt: skip
    if before is not None:
        found = found.having(last < before)
    return [_study(db, row) for row in db.execute(found).all()]


def _study(db: Connection, row: Any) -> RejectedStudy:
    column = _REJECTED.c
    of_study = (
        column.hospital_id == row.hospital_id, column.study_instance_uid == row.study_instance_uid,
        column.note == sa.false(),
    )  # fmt: skip
    join = _REJECTED.join(
        _REJECTION,
        (column.sop_instance_uid == _REJECTION.c.sop_instance_uid) & (column.hospital_id == _REJECTION.c.hospital_id),
    )
    why = sa.select(_REJECTION.c.title, _REJECTION.c.text, _REJECTION.c.source).select_from(join).where(*of_study)
    notes = db.execute(why.distinct()).all()
    modalities = db.execute(sa.select(column.modality).where(*of_study).distinct()).scalars()
    titles = {note.title for note in notes}
    values = {**row._mapping, "bytes": int(row.bytes)}
    return RejectedStudy(
        **values,
        modalities=tuple(sorted(filter(None, modalities))),
        title=next((title for title in TITLES if title in titles), ""),
        texts=tuple(sorted({note.text for note in notes if note.text})),
        sources=tuple(sorted({note.source for note in notes if note.source})),
    )


def _seen(db: Connection, hospital_id: int, uids: Collection[str]) -> dict[str, dict[str, Any]]:
    """What a list says of these instances' studies and who brought them, while they are still in the index."""
    series = schema.series
    rows = db.execute(
        sa.select(
            _INSTANCE.c.uid, _PATIENT.c.patient_id, _PATIENT.c.name.label("patient_name"), _STUDY.c.study_date,
            _STUDY.c.description.label("study_description"), series.c.door, series.c.source,
        )
        .select_from(INSTANCE_TABLES.join(_PATIENT, _STUDY.c.patient_id == _PATIENT.c.id))
        .where(_INSTANCE.c.uid.in_(list(uids)), _INSTANCE.c.hospital_id == hospital_id)
    )  # fmt: skip
    return {row.uid: {name: value for name, value in row._mapping.items() if name != "uid"} for row in rows}


def _row(one: Instance, seen: dict[str, Any], now: int, *, notes: bool) -> dict[str, Any]:
    return (
        _blank()
        | seen
        | {
            "hospital_id": one.hospital_id,
            "sha256": one.stored.sha256,
            "study_instance_uid": one.key.study_instance_uid,
            "series_instance_uid": one.key.series_instance_uid,
            "sop_instance_uid": one.key.sop_instance_uid,
            "sop_class_uid": one.facts.sop_class_uid,
            "modality": one.modality,
            "object_key": one.stored.key,
            "size": one.stored.size,
            "stored_at": one.stored.stored_at,
            "note": notes,
            "rejected_at": now,
        }
    )


def _conflicting(
    db: Connection, hospital_id: int, uids: Collection[str], seen: dict[str, dict[str, Any]], now: int
) -> list[dict[str, Any]]:
    """Other objects under the SOP Instance UIDs that were just taken out; their conflicts are over."""
    table = schema.conflict
    about = table.c.hospital_id == hospital_id, table.c.kind == "instance", table.c.sop_instance_uid.in_(list(uids))
    found = []
    names = (
        "sha256", "study_instance_uid", "series_instance_uid", "sop_instance_uid", "object_key", "size", "stored_at",
        "door", "source", "address", "patient_id", "patient_name",
    )  # fmt: skip
    for row in db.execute(sa.select(table).where(*about)).all():
        if row.sop_instance_uid in seen:
            told = {name: row._mapping[name] for name in names}
            own = {"hospital_id": hospital_id, "beside": True, "rejected_at": now}
            found.append(_blank() | seen[row.sop_instance_uid] | told | own)
    gone = [row["sop_instance_uid"] for row in found]
    db.execute(table.delete().where(*about[:2], table.c.sop_instance_uid.in_(gone)))
    return found


def _blank() -> dict[str, Any]:
    values: dict[str, Any] = {name: "" for name in _COLUMNS if name != "id"}
    return values | {"study_date": 0, "size": 0, "note": False, "beside": False}


def _keep(db: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """The same object again begins its time anew: it is not to be purged while it is arriving."""
    for row in rows:
        again = {"rejected_at": row["rejected_at"]}
        statement = upsert(db, _REJECTED).values(row)
        db.execute(statement.on_conflict_do_update(index_elements=["hospital_id", "sha256"], set_=again))


def origin_of(one: RejectedObject, hospital_code: str) -> Origin:
    """Who brought it."""
    return Origin(one.hospital_id, hospital_code, one.door, one.source, one.address)


def stored_of(one: RejectedObject) -> StoredObject:
    """Its bytes."""
    return StoredObject(one.object_key, one.size, one.sha256, one.stored_at)


# Made once: it is asked of every group that is stored.
_HIT = (
    sa.select(_REJECTION.c.hospital_id, _REJECTION.c.sop_instance_uid)
    .where(among(_REJECTION.c.sop_instance_uid, "uids"), among(_REJECTION.c.hospital_id, "hospitals"))
    .distinct()
)
