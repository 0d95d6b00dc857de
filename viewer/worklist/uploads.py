"""What people bring in through the browser, one file at a time: /api/uploads. Bodies go to disk as they come."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from pacs.config import Config
from pacs.dataset.envelope import looks_like_dicom
from pacs.importing import HEAD, ZIP_MAGIC, import_paths, no_instance
from storage.model.archive import ALREADY_STORED, CONFLICT, QUARANTINED, STORED, Origin
from viewer import bodies
from viewer.access.guard import Guard, acts
from viewer.access.rights import STUDY_STORE
from viewer.errors import InvalidRequest

MOST_PROBLEMS = 100
FIELDS = {STORED: "stored", ALREADY_STORED: "already", CONFLICT: "conflict", QUARANTINED: "quarantined"}


def blueprint(archive: Archive, guard: Guard, config: Config) -> Blueprint:
    """Uploads of DICOM files and ZIP archives of them."""
    routes = Blueprint("uploads", __name__)
    limit = config.web.max_upload_mb << 20

    @routes.post("/api/uploads")
    @guard.needs(STUDY_STORE)
    @acts("study.store")
    def upload() -> Response:
        origin = guard.origin("upload", request.args.get("hospital", ""))
        archive.acts.must_write()
        body = bodies.pieces(limit)
        head = b""
        while len(head) < HEAD and (piece := next(body, b"")):
            head += piece
        if not head:
            raise InvalidRequest("the body is empty")
        if head.startswith(ZIP_MAGIC) and not looks_like_dicom(head):
            return jsonify(_noted(archive, guard, origin, _import_zip(archive, origin, chain((head,), body))))
        if reason := no_instance(head):
            for _ in body:  # the sender waits for its answer until it has sent everything
                pass
            problem = {"name": bodies.file_name(), "reason": reason}
            return jsonify({**_answer(), "refused": 1, "problems": [problem]})
        return jsonify(
            _noted(archive, guard, origin, _store(archive, origin, bodies.file_name(), chain((head,), body)))
        )

    return routes


def _noted(archive: Archive, guard: Guard, origin: Origin, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, once the log knows who brought what; of a ZIP archive each study, the instances with the first."""
    brought = sum(answer[field] for field in FIELDS.values())
    for study in answer["studies"] or [""] * bool(brought):
        archive.acts.stored(guard.actor(), origin.hospital_id, study, origin.door, brought)
        brought = 0
    return answer


def _store(archive: Archive, origin: Origin, name: str, body: Iterator[bytes]) -> dict[str, Any]:
    """One instance, as any door stores it."""
    with archive.receive(origin) as incoming:
        for piece in body:
            incoming.write(piece)
        outcome = archive.store(incoming)
    answer = _answer()
    answer[FIELDS[outcome.kind]] = 1
    if outcome.reason:
        answer["problems"].append({"name": name, "reason": outcome.reason})
    if outcome.key is not None:
        answer["studies"].append(outcome.key.study_instance_uid)
    return answer


def _import_zip(archive: Archive, origin: Origin, body: Iterator[bytes]) -> dict[str, Any]:
    """What lies in a ZIP archive; it waits in the spool folder while it is read."""
    with archive.receive(origin) as incoming:
        for piece in body:
            incoming.write(piece)
        incoming.seal()
        summary = import_paths(archive, origin, [incoming.path])
    troubles = [*summary.quarantined, *summary.failed]
    return {
        "stored": summary.stored,
        "already": summary.already,
        "conflict": summary.conflict,
        "quarantined": len(summary.quarantined),
        "refused": len(summary.failed),
        "problems": [{"name": name, "reason": reason} for name, reason in troubles[:MOST_PROBLEMS]],
        "studies": sorted(summary.studies),
    }


def _answer() -> dict[str, Any]:
    return {"stored": 0, "already": 0, "conflict": 0, "quarantined": 0, "refused": 0, "problems": [], "studies": []}
