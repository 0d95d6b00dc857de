"""Conflicts and quarantine: /api/admin/conflicts, /api/admin/quarantine. What a person decides is audited below."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs import reconciling
from pacs.archive import Archive
from pacs.archive.differences import differences
from pacs.reconciling import GRACE_MS, Side
from storage.errors import NotFound
from storage.index import instances
from storage.model.archive import Instance, Outcome
from storage.model.reconcile import DELETE, ConflictEntry, QuarantineEntry
from viewer import bodies
from viewer.access.guard import Guard, acts
from viewer.access.rights import ADMIN_CONFLICTS, ADMIN_DELETE
from viewer.admin.numbers import number
from viewer.display import display_name
from viewer.errors import InvalidRequest

PAGE, MOST = 50, 200
LONGEST_REASON = 500
_STATES = {"": None, "all": None, "open": False, "decided": True}


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """What came in but needs a person, and what that person decides."""
    routes = Blueprint("reconcile", __name__, url_prefix="/api/admin")
    _conflicts(routes, archive, guard)
    _quarantine(routes, archive, guard)
    return routes


def _conflicts(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    @routes.get("/conflicts")
    @guard.needs(ADMIN_CONFLICTS)
    def conflicts() -> Response:
        limit, before, decided = _page()
        study = request.args.get("study", "")
        with archive.database.reading() as db:
            found = instances.conflicts(db, guard.caller().scope, limit + 1, before, decided, study)
            waiting = instances.waiting(db, guard.caller().scope)[0]
        page = found[:limit]
        following = page[-1].id if len(found) > limit else None
        return jsonify(conflicts=[_conflict(entry) for entry in page], next=following, open=waiting)

    @routes.get("/conflicts/<int:conflict_id>")
    @guard.needs(ADMIN_CONFLICTS)
    def conflict(conflict_id: int) -> Response:
        entry, shown, other = reconciling.sides(archive, guard.caller().scope, conflict_id)
        different = differences(archive.objects, shown.instance, other.instance)
        return jsonify(
            conflict=_conflict(entry),
            shown=_side(shown),
            other=_side(other),
            differences=[asdict(one) for one in different],
        )

    @routes.get("/conflicts/<int:conflict_id>/picture/<which>")
    @guard.needs(ADMIN_CONFLICTS)
    def picture(conflict_id: int, which: str) -> Response:
        _, shown, other = reconciling.sides(archive, guard.caller().scope, conflict_id)
        _seen(guard, shown.instance)
        if which not in ("shown", "other"):
            raise NotFound("there are the pictures 'shown' and 'other'")
        return Response(reconciling.picture(archive, shown if which == "shown" else other), content_type="image/jpeg")

    @routes.post("/conflicts/<int:conflict_id>/decision")
    @guard.needs(ADMIN_CONFLICTS)
    @acts("conflict.keep", "conflict.replace", "conflict.assign", "conflict.reopen")
    def decide(conflict_id: int) -> Response:
        given = bodies.optional(action=str, reason=str)
        scope, actor = guard.caller().scope, guard.actor()
        return jsonify(
            _conflict(reconciling.decide(archive, scope, conflict_id, given.get("action", ""), _reason(given), actor))
        )


def _quarantine(routes: Blueprint, archive: Archive, guard: Guard) -> None:
    @routes.get("/quarantine")
    @guard.needs(ADMIN_CONFLICTS)
    def quarantine() -> Response:
        limit, before, decided = _page()
        with archive.database.reading() as db:
            found = instances.quarantined(db, guard.caller().scope, limit + 1, before, decided)
            waiting = instances.waiting(db, guard.caller().scope)[1]
        page = found[:limit]
        following = page[-1].id if len(found) > limit else None
        return jsonify(quarantine=[_quarantined(entry) for entry in page], next=following, open=waiting)

    @routes.post("/quarantine/<int:entry_id>/retry")
    @guard.needs(ADMIN_CONFLICTS)
    @acts("quarantine.retry")
    def retry(entry_id: int) -> Response:
        became = reconciling.retry(archive, guard.caller().scope, entry_id, guard.actor())
        if isinstance(became, Outcome):
            study = became.key.study_instance_uid if became.key else ""
            return jsonify(outcome=became.kind, reason="", study_instance_uid=study)
        return jsonify(outcome="quarantined", reason=became, study_instance_uid="")

    @routes.post("/quarantine/<int:entry_id>/decision")
    @guard.needs(ADMIN_CONFLICTS)
    @acts("quarantine.link", "quarantine.restore")
    def decide_quarantined(entry_id: int) -> Response:
        given = bodies.optional(action=str, reason=str, study=str)
        action = given.get("action", "")
        if action == DELETE:
            raise InvalidRequest("deleting has an address of its own")
        study = given.get("study", "").strip()
        return jsonify(_decided(entry_id, action, _reason(given), study))

    @routes.post("/quarantine/<int:entry_id>/deletion")
    @guard.needs(ADMIN_DELETE)
    @acts("quarantine.delete")
    def delete(entry_id: int) -> Response:
        reason = _reason(bodies.fields(reason=str))
        if not reason:
            raise InvalidRequest("deleting needs a reason")
        return jsonify(_decided(entry_id, DELETE, reason))

    @routes.get("/quarantine/<int:entry_id>/object")
    @guard.needs(ADMIN_CONFLICTS)
    def evidence(entry_id: int) -> Response:
        """The received bytes, never to be opened by a browser."""
        entry, pieces = reconciling.evidence(archive, guard.caller().scope, entry_id, guard.actor())
        response = Response(pieces, content_type="application/octet-stream")
        response.headers["Content-Disposition"] = f'attachment; filename="{entry.sha256[:16]}.quarantined"'
        response.headers["Content-Length"] = str(entry.size)
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return response

    def _decided(entry_id: int, action: str, reason: str, study: str = "") -> dict[str, Any]:
        scope, actor = guard.caller().scope, guard.actor()
        return _quarantined(reconciling.decide_quarantined(archive, scope, entry_id, action, reason, actor, study))


def _seen(guard: Guard, instance: Instance) -> None:
    guard.viewed(instance.key.study_instance_uid, lambda: instance.hospital_id)


def _page() -> tuple[int, int | None, bool | None]:
    """Limit, the id to go on before, and whether decided ones are asked for."""
    state = request.args.get("state", "")
    if state not in _STATES:
        raise InvalidRequest(f"state must be one of {', '.join(sorted(filter(None, _STATES)))}")
    return number(request.args, "limit", MOST) or PAGE, number(request.args, "before"), _STATES[state]


def _reason(given: dict[str, Any]) -> str:
    return " ".join(given.get("reason", "").split())[:LONGEST_REASON]


def _conflict(entry: ConflictEntry) -> dict[str, Any]:
    told = {**asdict(entry), "patient_name": display_name(entry.patient_name)}
    del told["object_key"]
    return told


def _quarantined(entry: QuarantineEntry) -> dict[str, Any]:
    told = asdict(entry)
    del told["object_key"]
    deleted = entry.action == DELETE and entry.decided_at is not None
    return {**told, "gone_at": (entry.decided_at or 0) + GRACE_MS if deleted else None}


def _side(side: Side) -> dict[str, Any]:
    """One of the two objects; keys are DICOM keywords where the Standard has one."""
    instance, told = side.instance, side.description
    return {
        "sha256": instance.stored.sha256,
        "size": instance.stored.size,
        "stored_at": instance.stored.stored_at,
        "door": side.door,
        "source": side.source,
        "address": side.address,
        "PatientName": display_name(told.patient.name),
        "PatientID": told.patient.patient_id,
        "PatientBirthDate": _date(told.patient.birth_date),
        "PatientSex": told.patient.sex,
        "StudyInstanceUID": told.study.study_instance_uid,
        "StudyDate": _date(told.study.study_date),
        "StudyDescription": told.study.description,
        "AccessionNumber": told.study.accession_number,
        "Modality": told.series.modality,
        "SeriesInstanceUID": told.series.series_instance_uid,
        "SeriesDescription": told.series.description,
        "SOPInstanceUID": told.instance.sop_instance_uid,
        "SOPClassUID": told.instance.sop_class_uid,
        "TransferSyntaxUID": told.instance.transfer_syntax_uid,
        "InstanceNumber": told.instance.number,
        "Rows": told.instance.rows,
        "Columns": told.instance.columns,
        "frames": told.instance.frames,
    }


def _date(number: int | None) -> str:
    return f"{number:08}" if number else ""
