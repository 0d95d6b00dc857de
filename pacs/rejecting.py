"""Rejecting, restoring and purging, as people do it (IHE Imaging Object Change Management).

Who rejects makes a rejection note that is stored like one from outside. Restoring and purging are transactions with
their records in the audit log; bytes go only when GRACE_MS have passed since the rejection and a person says so.
"""

import json
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pacs.archive import Archive
from pacs.archive.note import made_note
from pacs.describe import describe
from pacs.pixels.options import RenderOptions
from storage.errors import InvalidQuery, NotFound
from storage.index import audit, hospitals, rejecting
from storage.index.database import Connection
from storage.model.archive import Description, Instance, Origin, Scope
from storage.model.audit import DONE, Actor, AuditEvent
from storage.model.rejection import MEANINGS, QUALITY, RejectedObject

log = logging.getLogger(__name__)

DOOR = "reject"
GRACE_MS = 30 * 24 * 3600 * 1000
_PICTURE = RenderOptions(rows=512, columns=512, quality=85)


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did: objects and bytes that are gone, and objects whose bytes something else points to."""

    objects: int = 0
    bytes: int = 0
    left: int = 0


def reject(
    archive: Archive,
    scope: Scope,
    study: str,
    title: str,
    reason: str,
    actor: Actor,
    series: str = "",
    sops: Collection[str] = (),
) -> int:
    """Reject a study, one of its series, or only these instances; how many. Raises NotFound, InvalidQuery."""
    if title not in MEANINGS:
        raise InvalidQuery(f"{title!r} is not one of {', '.join(sorted(MEANINGS))}")
    found = archive.instances(scope, study, series or None)
    hospital_id = found[0].hospital_id
    chosen = [one for one in found if one.hospital_id == hospital_id]
    if sops:
        chosen = [one for one in chosen if one.key.sop_instance_uid in set(sops)]
        if len(chosen) != len(set(sops)):
            raise NotFound("not all of these instances are in the study")
    with archive.database.reading() as db:
        hospital = hospitals.by_id(db, hospital_id)
    note = made_note(archive.objects, chosen, title, reason, actor.name, archive.clock())
    with archive.receive(Origin(hospital.id, hospital.code, DOOR, actor.name, actor.address)) as incoming:
        incoming.write(note)
        archive.store(incoming)
    return len(chosen)


def restore(
    archive: Archive, scope: Scope, study: str, reason: str, actor: Actor, series: str = "", sop: str = ""
) -> int:
    """Show what was rejected again; how many instances. Raises NotFound when there is none."""
    with archive.database.reading() as db:
        wanted = rejecting.objects_of(db, scope, study, series, sop)
    described = {one.id: _described(archive, one) for one in wanted}

    def restored(db: Connection) -> int:
        found = [one for one in rejecting.objects_of(db, scope, study, series, sop) if one.id in described]
        if not found:
            raise NotFound(f"nothing of the study {study} is rejected")
        codes = {one.hospital_id: hospitals.by_id(db, one.hospital_id).code for one in found}
        items = [
            (
                one,
                (
                    described[one.id],
                    rejecting.stored_of(one),
                    rejecting.origin_of(one, codes[one.hospital_id]),
                ),
            )
            for one in found
        ]
        rejecting.restore(db, items, actor.name, reason)
        uids = {one.sop_instance_uid for one in found}
        for hospital_id, code in codes.items():
            detail: dict[str, object] = {"instances": len(uids), "series": series}
            _record(db, hospital_id, code, actor, "instance.restore", sop or study, study, reason, detail)
        return len(uids)

    count = archive.database.transact(restored)
    log.info("%d rejected instances are shown again", count)
    return count


def purge(
    archive: Archive,
    scope: Scope,
    reason: str,
    actor: Actor,
    study: str = "",
    stop: Callable[[], bool] = lambda: False,
) -> Purged:
    """Forget the bytes of what was rejected long enough ago; of one study when it is named."""
    before = archive.clock() - GRACE_MS
    with archive.database.reading() as db:
        due = rejecting.due(db, scope, before, study)
        codes = {hospital.id: hospital.code for hospital in hospitals.every(db)}
    objects = size = left = 0
    for one in due:
        if stop():
            break
        if not _purged(archive, one, before, codes[one.hospital_id], reason, actor):
            left += 1
            continue
        archive.forget(one.sha256)
        objects, size = objects + 1, size + one.size
    if objects:
        log.info("%d rejected objects were purged, %d bytes", objects, size)
    return Purged(objects, size, left)


def _purged(archive: Archive, one: RejectedObject, before: int, code: str, reason: str, actor: Actor) -> bool:
    """Forget the bytes of one object, unless something else points to them now. They go before the commit: what a crash
    leaves is a row, which is purged again. A transaction begun anew asks again whether they may go."""

    def gone(db: Connection) -> bool:
        if not rejecting.forget(db, one, before):
            return False
        archive.objects.delete(one.object_key)
        detail: dict[str, object] = {"sha256": one.sha256, "size": one.size}
        name, study = one.sop_instance_uid, one.study_instance_uid
        _record(db, one.hospital_id, code, actor, "instance.purge", name, study, reason, detail)
        return True

    return archive.database.transact(gone)


def picture(archive: Archive, scope: Scope, rejected_id: int) -> bytes:
    """The middle frame of what was rejected for its quality, as JPEG; of nothing else is there one."""
    with archive.database.reading() as db:
        one = rejecting.one(db, scope, rejected_id)
        titles = rejecting.titles(db, one)
    if titles != {QUALITY}:
        raise NotFound("only what was rejected for its quality is shown")
    told = _described(archive, one)
    instance = Instance(one.hospital_id, told.key, told.instance, rejecting.stored_of(one), told.series.modality)
    if not told.instance.frames:
        raise NotFound("there is no image in this object")
    return archive.rendered(instance, told.instance.frames // 2 + 1, _PICTURE)


def listed(archive: Archive, scope: Scope, study: str) -> Sequence[RejectedObject]:
    """The rejected objects of a study. Raises NotFound when there are none."""
    with archive.database.reading() as db:
        found = rejecting.objects_of(db, scope, study)
    if not found:
        raise NotFound(f"nothing of the study {study} is rejected")
    return found


def _described(archive: Archive, one: RejectedObject) -> Description:
    with archive.objects.open(one.object_key) as stream:
        return describe(stream)


def _record(
    db: Connection,
    hospital_id: int,
    code: str,
    actor: Actor,
    action: str,
    name: str,
    patient: str,
    reason: str,
    detail: dict[str, object],
) -> None:
    audit.append(
        db,
        AuditEvent(
            hospital_id, code, actor.name, action, name, actor.role, actor.address, patient, reason, DONE,
            json.dumps(detail, ensure_ascii=False, sort_keys=True),
        ),
    )  # fmt: skip
