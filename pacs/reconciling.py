"""Contradictions and unreadable objects, as a person looks at them and decides.

Every act is one transaction with its record in the audit log. Bytes are never changed; deleting only marks, and the
sweeper forgets the bytes when GRACE_MS have passed.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from pacs.archive import Archive
from pacs.dataset.preamble import harmless
from pacs.deciding import reader
from pacs.describe import describe
from pacs.pixels.options import RenderOptions
from storage.errors import InvalidInstance, InvalidQuery, NotFound
from storage.index import audit, hospitals, instances, quarantined, reconciling
from storage.index.database import Connection
from storage.model.archive import QUARANTINED, Description, Hospital, Instance, Origin, Outcome, Scope, StoredObject
from storage.model.audit import DONE, FAILED, Actor, AuditEvent
from storage.model.reconcile import ASSIGN, DELETE, KEEP, LINK, REPLACE, ConflictEntry, QuarantineEntry

GRACE_MS = 30 * 24 * 3600 * 1000
_PICTURE = RenderOptions(rows=512, columns=512, quality=85)
SWEEPER = Actor("sweeper", "program")


@dataclass(frozen=True, slots=True)
class Side:
    """One of two objects that contradict each other, and who brought it."""

    instance: Instance
    description: Description
    door: str
    source: str
    address: str


def sides(archive: Archive, scope: Scope, conflict_id: int) -> tuple[ConflictEntry, Side, Side]:
    """The conflict, what is shown, and the other."""
    with archive.database.reading() as db:
        entry = reconciling.conflict(db, scope, conflict_id)
        shown = _shown(db, entry)
        door, source = reconciling.brought(db, shown)
    read = reader(archive.objects)
    stored = StoredObject(entry.object_key, entry.size, entry.sha256, entry.stored_at)
    description = read(stored)
    other = Instance(entry.hospital_id, description.key, description.instance, stored, description.series.modality)
    return (
        entry,
        Side(shown, read(shown.stored), door, source, ""),
        Side(other, description, entry.door, entry.source, entry.address),
    )


def picture(archive: Archive, side: Side) -> bytes:
    """The middle frame of an object as JPEG. Raises UndecodablePixels or NotFound when there is nothing to see."""
    frames = side.instance.facts.frames
    if not frames:
        raise NotFound("there is no image in this object")
    return archive.rendered(side.instance, frames // 2 + 1, _PICTURE)


def decide(archive: Archive, scope: Scope, conflict_id: int, action: str, reason: str, actor: Actor) -> ConflictEntry:
    """Decide about a conflict: KEEP, REPLACE, ASSIGN or "reopen"; the entry as it is then."""
    read = reader(archive.objects)

    def decided(db: Connection) -> ConflictEntry:
        entry = reconciling.conflict(db, scope, conflict_id)
        hospital = hospitals.by_id(db, entry.hospital_id)
        if action == KEEP:
            reconciling.keep(db, entry, actor.name, reason)
        elif action == REPLACE:
            reconciling.replace(db, entry, hospital, read, actor.name, reason)
        elif action == ASSIGN:
            reconciling.assign(db, entry, hospital, read, actor.name, reason)
        elif action == "reopen":
            reconciling.reopen(db, entry, hospital, read, actor.name, reason)
        else:
            raise InvalidQuery(f"{action!r} is nothing that can be done about a conflict")
        detail = {"kind": entry.kind, "shown": entry.kept_sha256, "other": entry.sha256, "before": entry.action}
        name = entry.sop_instance_uid if entry.kind == "instance" else entry.study_instance_uid
        _record(db, entry.hospital_id, actor, f"conflict.{action}", name, entry.study_instance_uid, reason, detail)
        return reconciling.conflict(db, scope, conflict_id)

    return archive.database.transact(decided)


def decide_quarantined(
    archive: Archive, scope: Scope, entry_id: int, action: str, reason: str, actor: Actor, study_instance_uid: str = ""
) -> QuarantineEntry:
    """Decide about a quarantined object: LINK, DELETE or "restore"; the entry as it is then."""

    def decided(db: Connection) -> QuarantineEntry:
        entry = quarantined.one(db, scope, entry_id)
        if action == LINK:
            quarantined.link(db, entry, study_instance_uid, actor.name, reason)
        elif action == DELETE:
            quarantined.delete(db, entry, actor.name, reason)
        elif action == "restore":
            quarantined.restore(db, entry)
        else:
            raise InvalidQuery(f"{action!r} is nothing that can be done about a quarantined object")
        _record_quarantined(db, entry, actor, action, reason, study_instance_uid or entry.target)
        return quarantined.one(db, scope, entry_id)

    return archive.database.transact(decided)


def retry(archive: Archive, scope: Scope, entry_id: int, actor: Actor) -> Outcome | str:
    """Read a quarantined object again, as a newer version may be able to: what became of it when it is stored now,
    or why it still cannot be read."""
    with archive.database.reading() as db:
        entry = quarantined.one(db, scope, entry_id)
        hospital = hospitals.by_id(db, entry.hospital_id)
    became = _stored_again(archive, entry, hospital)

    def noted(db: Connection) -> None:
        entry = quarantined.one(db, scope, entry_id)
        if isinstance(became, str):
            quarantined.note_reason(db, entry, became)
            _record_quarantined(db, entry, actor, "retry", became, result=FAILED)
            return
        quarantined.remove(db, entry)
        study = became.key.study_instance_uid if became.key else ""
        _record_quarantined(db, entry, actor, "retry", became.kind, study)

    archive.database.transact(noted)
    if not isinstance(became, str):
        archive.objects.delete(entry.object_key)  # the same bytes are kept as an instance now
    return became


def _stored_again(archive: Archive, entry: QuarantineEntry, hospital: Hospital) -> Outcome | str:
    """What becomes of these bytes when they are stored now, or why they still cannot be read."""
    try:
        with archive.objects.open(entry.object_key) as stream:
            describe(stream)
        origin = Origin(hospital.id, hospital.code, entry.door, entry.source, entry.address)
        with archive.receive(origin) as incoming:
            for piece in _pieces(archive, entry):
                incoming.write(piece)
            outcome = archive.store(incoming)
    except InvalidInstance as error:
        return str(error)
    return outcome.reason if outcome.kind == QUARANTINED else outcome


def evidence(archive: Archive, scope: Scope, entry_id: int, actor: Actor) -> tuple[QuarantineEntry, Iterator[bytes]]:
    """The bytes of a quarantined object as they were received, save for a preamble that other programs could run;
    that they were taken is recorded first."""

    def taken(db: Connection) -> QuarantineEntry:
        entry = quarantined.one(db, scope, entry_id)
        _record_quarantined(db, entry, actor, "download", "")
        return entry

    entry = archive.database.transact(taken)
    return entry, _leaving(_pieces(archive, entry))


def purge(archive: Archive, stop: Callable[[], bool] = lambda: False) -> int:
    """Forget the bytes of what was marked for deletion long enough ago; how many objects went."""
    gone = 0
    with archive.database.reading() as db:
        due = quarantined.due(db, archive.clock() - GRACE_MS)
    for entry in due:
        if stop():
            break
        gone += archive.database.transact(partial(_purged, archive, entry))
    return gone


def _purged(archive: Archive, entry: QuarantineEntry, db: Connection) -> bool:
    """Forget the bytes of one object; False when it was restored in this very moment. They go before the commit: what a
    crash leaves is a row, which is purged again."""
    if quarantined.one(db, Scope(frozenset({entry.hospital_id})), entry.id).action != DELETE:
        return False
    archive.objects.delete(entry.object_key)
    quarantined.remove(db, entry)
    _record_quarantined(db, entry, SWEEPER, "purge", "the time to take it back is over")
    return True


def _shown(db: Connection, entry: ConflictEntry) -> Instance:
    """For a patient conflict: the earliest instance of the study that is not the newcomer."""
    if entry.kind == "instance":
        return reconciling.shown(db, entry)
    found = instances.of_study(db, Scope(frozenset({entry.hospital_id})), entry.study_instance_uid)
    others = [one for one in found if one.stored.sha256 != entry.sha256]
    if not others:
        raise NotFound(f"there is no other instance in the study {entry.study_instance_uid}")
    return min(others, key=lambda one: (one.stored.stored_at, one.stored.sha256))


def _pieces(archive: Archive, entry: QuarantineEntry) -> Iterator[bytes]:
    with archive.objects.open(entry.object_key) as stream:
        while piece := stream.read(1 << 20):
            yield piece


def _leaving(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield harmless(next(pieces, b""))
    yield from pieces


def _record_quarantined(
    db: Connection,
    entry: QuarantineEntry,
    actor: Actor,
    action: str,
    reason: str,
    study_instance_uid: str = "",
    result: str = DONE,
) -> None:
    name, detail = f"quarantine.{action}", {"sha256": entry.sha256}
    _record(db, entry.hospital_id, actor, name, entry.sha256, study_instance_uid, reason, detail, result)


def _record(
    db: Connection,
    hospital_id: int,
    actor: Actor,
    action: str,
    name: str,
    patient: str,
    reason: str,
    detail: dict[str, str],
    result: str = DONE,
) -> None:
    hospital = hospitals.by_id(db, hospital_id)
    audit.append(
        db,
        AuditEvent(
            hospital_id, hospital.code, actor.name, action, name, actor.role, actor.address, patient, reason, result,
            json.dumps(detail, ensure_ascii=False, sort_keys=True),
        ),
    )  # fmt: skip
