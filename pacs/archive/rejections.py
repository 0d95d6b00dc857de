"""Rejection notes as they arrive, and what they reject (IHE RAD TF-2 4.66, Rejected Image and Note Stored).

A note is a Key Object Selection with one of four titles. Before its sender is answered, what it refers to is out of
everybody's sight; what arrives later and was rejected before goes the same way.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pacs.archive.frames import opened_header
from pacs.dataset.values import Json
from pacs.describe import describe
from pacs.present import header_json
from storage.errors import ArchiveError, StorageUnavailable
from storage.index import audit, hospitals, instances, reconciling, rejecting
from storage.index.database import Connection, Database
from storage.model.archive import Description, Instance, InstanceKey, Origin, Scope, StoredObject
from storage.model.audit import AuditEvent
from storage.model.rejection import KEY_OBJECT_SELECTION, MEANINGS, RejectionNote
from storage.objects.base import ObjectStore

log = logging.getLogger(__name__)

Arrived = tuple[Description, StoredObject, Origin]
MOST_REFERENCES = 100_000
_AGAIN = "rejected for its age, and came again"


@dataclass(slots=True)
class _Hidden:
    """What one transaction took out of sight."""

    keys: list[InstanceKey] = field(default_factory=list)
    derived: list[str] = field(default_factory=list)


def note_of(objects: ObjectStore, instance: Instance) -> RejectionNote | None:
    """What this instance rejects; None when it is no rejection note."""
    if instance.facts.sop_class_uid != KEY_OBJECT_SELECTION:
        return None
    with opened_header(objects, instance) as header:
        found = header_json(header, "")
    title = _code(found.get("0040A043"))
    references = tuple(_references(found))
    if title not in MEANINGS or not references:
        return None
    return RejectionNote(instance.key.sop_instance_uid, title, references, _text(found))


def heed(database: Database, objects: ObjectStore, arrived: Sequence[Arrived], hit: Iterable[tuple[int, str]]) -> None:
    """Obey the notes among what has just been indexed, and hide what earlier notes reject (`hit`: hospitals and SOP
    Instance UIDs). Raises ArchiveError when that could not be done; it is done when the same comes again, or by the
    worker."""
    notes: list[tuple[RejectionNote, Arrived]] = []
    for description, stored, origin in arrived:
        found = note_of(objects, _instance(description, stored, origin.hospital_id))
        if found is not None:
            notes.append((found, (description, stored, origin)))
    rejected = set(hit)
    mine = {(one[2].hospital_id, one[0].key.sop_instance_uid): one for one in arrived}
    for hospital_id in sorted({one for one, _ in rejected} | {one[2].hospital_id for _, one in notes}):
        here = [(note, one) for note, one in notes if one[2].hospital_id == hospital_id]
        uids = {uid for one, uid in rejected if one == hospital_id}
        came = {uid: mine[(hospital_id, uid)][1] for uid in uids if (hospital_id, uid) in mine}
        _heed(database, objects, hospital_id, here, came)


def _heed(
    database: Database,
    objects: ObjectStore,
    hospital_id: int,
    notes: Sequence[tuple[RejectionNote, Arrived]],
    came: dict[str, StoredObject],
) -> None:
    lost = [uid for uid, stored in came.items() if objects.stat(stored.key) is None]

    def obeyed(db: Connection) -> _Hidden:
        hidden, own = _Hidden(), {note.sop_instance_uid for note, _ in notes}
        anew = rejecting.expired_only(db, hospital_id, came.keys() - own) if came else set[str]()
        if anew:
            _take_back(db, objects, hospital_id, anew)
        _hide(db, objects, hospital_id, set(came) - anew - own, hidden)
        for note, (_, stored, origin) in notes:
            uids = rejecting.write_note(db, hospital_id, note, origin.source or origin.door, stored.stored_at)
            before = len(hidden.keys)
            _hide(db, objects, hospital_id, uids, hidden)
            _hide(db, objects, hospital_id, [note.sop_instance_uid], hidden, notes=True)
            _record(db, note, origin, len(uids), len(hidden.keys) - before - 1)
        for uid in lost:  # purged in this very moment
            rejecting.forget_row(db, hospital_id, came[uid].sha256)
        return hidden

    hidden = database.transact(obeyed)
    for key in hidden.derived:
        objects.delete(key)
    if hidden.keys:
        log.info("%d instances are rejected and out of sight", len(hidden.keys))
    if lost:
        raise StorageUnavailable("the same bytes were purged in this moment; send them again")


def catch_up(database: Database, objects: ObjectStore) -> int:
    """Hide what is rejected and was not hidden, because a process ended in between; how many instances."""
    done = 0
    while True:
        with database.reading() as db:
            waiting = rejecting.waiting_to_be_hidden(db)
        if not waiting:
            return done
        for hospital_id in sorted({one for one, _ in waiting}):
            hidden = _Hidden()
            with database.writing() as db:
                _hide(db, objects, hospital_id, [uid for one, uid in waiting if one == hospital_id], hidden)
            for key in hidden.derived:
                objects.delete(key)
        done += len(waiting)


def obey_all(database: Database, objects: ObjectStore) -> int:
    """Obey every note an index that was made anew has; how many. What people restored stays restored."""
    after, obeyed = "", 0
    while True:
        with database.reading() as db:
            page = rejecting.key_objects(db, after)
            scopes = [(uid, Scope(frozenset({hospital_id}))) for hospital_id, uid in page]
            found = [instances.find_by_uid(db, scope, uid) for uid, scope in scopes]
        if not found:
            break
        after = page[-1][1]
        for instance in found:
            obeyed += _obey(database, objects, instance)
    catch_up(database, objects)
    return obeyed


def _obey(database: Database, objects: ObjectStore, instance: Instance) -> bool:
    try:
        note = note_of(objects, instance)
        if note is None:
            return False
        with database.writing() as db:
            door, source = reconciling.brought(db, instance)
            rejecting.write_note(db, instance.hospital_id, note, source or door, instance.stored.stored_at)
            _hide(db, objects, instance.hospital_id, [note.sop_instance_uid], _Hidden(), notes=True)
    except ArchiveError as error:
        log.warning("the rejection note %s could not be obeyed: %s", instance.key.sop_instance_uid, error)
        return False
    return True


def _hide(
    db: Connection,
    objects: ObjectStore,
    hospital_id: int,
    uids: Iterable[str],
    hidden: _Hidden,
    *,
    notes: bool = False,
) -> None:
    wanted = sorted(set(uids))
    if wanted:
        found, derived = rejecting.hide(db, hospital_id, wanted, lambda stored: _read(objects, stored), notes=notes)
        hidden.keys += [one.key for one in found]
        hidden.derived += derived


def _take_back(db: Connection, objects: ObjectStore, hospital_id: int, uids: set[str]) -> None:
    """What was kept of these is indexed beside what came again, as after any restoring."""
    code = hospitals.by_id(db, hospital_id).code
    kept = rejecting.objects_by_uid(db, hospital_id, uids)
    rejecting.revoke(db, hospital_id, uids, "archive", _AGAIN)
    items = [
        (one, (_read(objects, rejecting.stored_of(one)), rejecting.stored_of(one), rejecting.origin_of(one, code)))
        for one in kept
    ]
    rejecting.restore(db, items, "archive", _AGAIN)


def _read(objects: ObjectStore, stored: StoredObject) -> Description:
    with objects.open(stored.key) as stream:
        return describe(stream)


def _instance(description: Description, stored: StoredObject, hospital_id: int) -> Instance:
    return Instance(hospital_id, description.key, description.instance, stored, description.series.modality)


def _record(db: Connection, note: RejectionNote, origin: Origin, named: int, found: int) -> None:
    """Who rejected what. What the author wrote may name a patient, so it stays in the note."""
    detail = {"title": note.title, "named": named, "hidden": max(0, found), "door": origin.door}
    audit.append(
        db,
        AuditEvent(
            origin.hospital_id,
            origin.hospital_code,
            origin.source or origin.door,
            "instance.reject",
            note.sop_instance_uid,
            address=origin.address,
            patient=note.references[0].study_instance_uid,
            reason=MEANINGS[note.title],
            detail=json.dumps(detail, sort_keys=True),
        ),
    )


def _code(element: Json | None) -> str:
    """Code Value of the first item, when it is of the scheme DCM."""
    items = _items(element)
    if not items or _first(items[0].get("00080102")) != "DCM":
        return ""
    return _first(items[0].get("00080100"))


def _references(found: dict[str, Json]) -> Iterable[InstanceKey]:
    """Current Requested Procedure Evidence Sequence (PS3.3 C.17.2), Identical Documents aside."""
    count = 0
    for study in _items(found.get("0040A375")):
        for series in _items(study.get("00081115")):
            for instance in _items(series.get("00081199")):
                count += 1
                if count > MOST_REFERENCES:
                    return
                uids = (study.get("0020000D"), series.get("0020000E"), instance.get("00081155"))
                yield InstanceKey(*(_first(uid) for uid in uids))


def _text(found: dict[str, Json]) -> str:
    """Key Object Description: the text of the content tree (PS3.16 TID 2010)."""
    for item in _items(found.get("0040A730")):
        if _first(item.get("0040A040")) == "TEXT":
            return _first(item.get("0040A160"))
    return ""


def _items(element: Json | None) -> list[dict[str, Json]]:
    values = (element or {}).get("Value")
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _first(element: Json | None) -> str:
    values = (element or {}).get("Value")
    return str(values[0]) if isinstance(values, list) and values and isinstance(values[0], str) else ""
