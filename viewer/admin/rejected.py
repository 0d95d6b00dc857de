"""Delete by rejection: /api/studies/<uid>/rejection, /api/admin/rejected. Every act is audited below."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs import rejecting
from pacs.archive import Archive
from pacs.rejecting import GRACE_MS
from storage.index import rejecting as index
from storage.model.rejection import RETENTION, RejectedObject
from viewer import bodies
from viewer.access.guard import Guard, acts
from viewer.access.rights import ADMIN_CONFLICTS, ADMIN_DELETE, STUDY_REJECT
from viewer.admin.numbers import number
from viewer.display import display_name
from viewer.errors import InvalidRequest

PAGE, MOST = 50, 200
LONGEST_REASON = 500
MOST_INSTANCES = 20_000


def blueprint(archive: Archive, guard: Guard) -> Blueprint:
    """Rejecting, what was rejected, restoring and purging it."""
    routes = Blueprint("rejected", __name__)

    @routes.post("/api/studies/<uid>/rejection")
    @guard.needs(STUDY_REJECT)
    @acts("instance.reject")
    def reject(uid: str) -> Response:
        given = bodies.optional(title=str, reason=str, series=str, instances=list)
        title = given.get("title", "")
        caller = guard.admitted(request, ADMIN_DELETE) if title == RETENTION else guard.caller()
        sops = given.get("instances", [])
        if not all(isinstance(sop, str) for sop in sops) or len(sops) > MOST_INSTANCES:
            raise InvalidRequest(f"instances must be at most {MOST_INSTANCES} SOP Instance UIDs")
        reason, actor = _reason(given), guard.actor()
        count = rejecting.reject(archive, caller.scope, uid, title, reason, actor, given.get("series", ""), sops)
        return jsonify(instances=count)

    @routes.get("/api/admin/rejected")
    @guard.needs(ADMIN_CONFLICTS)
    def studies() -> Response:
        limit, before = number(request.args, "limit", MOST) or PAGE, number(request.args, "before")
        ripe = archive.clock() - GRACE_MS
        with archive.database.reading() as db:
            found = index.studies(db, guard.caller().scope, ripe, limit + 1, before)
        page = found[:limit]
        following = page[-1].id if len(found) > limit else None
        return jsonify(
            rejected=[
                {
                    **asdict(one),
                    "patient_name": display_name(one.patient_name),
                    "purgeable_at": one.rejected_at + GRACE_MS,
                }
                for one in page
            ],
            next=following,
        )

    @routes.get("/api/admin/rejected/<uid>")
    @guard.needs(ADMIN_CONFLICTS)
    def objects(uid: str) -> Response:
        return jsonify(objects=[_object(one) for one in rejecting.listed(archive, guard.caller().scope, uid)])

    @routes.get("/api/admin/rejected/<uid>/picture/<int:rejected_id>")
    @guard.needs(ADMIN_CONFLICTS)
    def picture(uid: str, rejected_id: int) -> Response:
        shown = rejecting.picture(archive, guard.caller().scope, rejected_id)
        guard.viewed(uid, lambda: min(guard.caller().scope.hospital_ids))
        return Response(shown, content_type="image/jpeg")

    @routes.post("/api/admin/rejected/<uid>/restoration")
    @guard.needs(ADMIN_CONFLICTS)
    @acts("instance.restore")
    def restore(uid: str) -> Response:
        given = bodies.optional(reason=str, series=str, instance=str)
        scope, actor, reason = guard.caller().scope, guard.actor(), _reason(given)
        series, sop = given.get("series", ""), given.get("instance", "")
        return jsonify(instances=rejecting.restore(archive, scope, uid, reason, actor, series, sop))

    @routes.post("/api/admin/rejected/<uid>/purge")
    @guard.needs(ADMIN_DELETE)
    @acts("instance.purge")
    def purge(uid: str) -> Response:
        reason = _reason(bodies.optional(reason=str))
        rejecting.listed(archive, guard.caller().scope, uid)
        return jsonify(asdict(rejecting.purge(archive, guard.caller().scope, reason, guard.actor(), uid)))

    return routes


def _reason(given: dict[str, Any]) -> str:
    reason = " ".join(str(given.get("reason", "")).split())[:LONGEST_REASON]
    if not reason:
        raise InvalidRequest("a reason is needed")
    return reason


def _object(one: RejectedObject) -> dict[str, Any]:
    told = asdict(one)
    del told["object_key"]
    return told
