"""What changes while people look: /api/events (a stream), /api/changes (asked for), /api/tasks/<id>."""

import contextlib
import json
import select
import socket
import time
from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request

from pacs.archive import Archive
from storage.errors import NotFound
from storage.index import tasks
from viewer.access.caller import Caller
from viewer.access.guard import Guard, acts
from viewer.access.rights import ADMIN_PEERS, CONSULT_ASK, STUDY_READ, STUDY_STORE, answers_for, hospitals_with
from viewer.errors import InvalidRequest
from viewer.worklist.events import Listener, Tail, changes_after

LOOK_SECONDS = 3.0  # how long a stream may go on after its session has ended or its reader has other roles


def blueprint(archive: Archive, guard: Guard, tail: Tail) -> Blueprint:
    """The change log for browsers, and the tasks they started."""
    routes = Blueprint("changing", __name__)

    @routes.get("/api/events")
    @guard.signed_in
    def events() -> Response:
        caller = guard.caller()
        stream = tail.stream(_listener(guard, caller), _after(), _alive(guard), lambda: _again(guard, caller))
        response = Response(stream, content_type="text/event-stream; charset=utf-8")
        response.headers["X-Accel-Buffering"] = "no"
        return response

    @routes.get("/api/changes")
    @guard.signed_in
    def changes() -> Response:
        after = _after()
        if after is None:
            raise InvalidRequest("missing: after")
        return jsonify(changes_after(archive.database, after, _listener(guard, guard.caller())).as_json())

    @routes.post("/api/samples")
    @guard.needs(STUDY_STORE)
    @acts("study.samples")
    def samples() -> tuple[Response, int]:
        origin = guard.origin("sample", request.args.get("hospital", ""))
        arguments = {"hospital": origin.hospital_code, "hospital_id": origin.hospital_id, "source": origin.source}
        with archive.database.writing() as db:
            task = tasks.enqueue(db, "samples", json.dumps(arguments), key=f"samples {origin.hospital_id}", priority=10)
            guard.record(db, {origin.hospital_id}, "study.samples")
        return jsonify(task=task), 202

    @routes.get("/api/tasks/<int:task>")
    @guard.needs(STUDY_READ)
    def progress(task: int) -> Response:
        with archive.database.reading() as db:
            found = tasks.get(db, task)
        if found.hospital_id not in guard.caller().scope.hospital_ids:
            raise NotFound(f"there is no task {task}")
        return jsonify(id=found.id, kind=found.kind, done=found.done, total=found.total, state=found.state)

    return routes


def _after() -> int | None:
    """The sequence the client has: from the address, or from the stream that was cut off."""
    text = request.headers.get("Last-Event-ID") or request.args.get("after") or ""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidRequest("after must be a sequence number")
    return int(text)


def _listener(guard: Guard, caller: Caller) -> Listener:
    return Listener(
        guard.scope(caller, STUDY_READ),
        ADMIN_PEERS in caller.rights,
        caller.user.id if caller.user else 0,
        answers_for(caller.user, caller.roles),
        hospitals_with(CONSULT_ASK, caller.roles),
        caller.guest.link_id if caller.guest else None,
    )


def _again(guard: Guard, caller: Caller) -> Listener:
    """The listener with what is granted to the caller now."""
    return _listener(guard, guard.regranted(caller))


def _alive(guard: Guard) -> Callable[[], bool]:
    """Whether the client is still there, signed in and in the roles it had; the account is looked up now and then. Who
    has got or lost a role comes again, and is told what they may be told now."""
    caller = guard.caller()
    connection = request.environ.get("gunicorn.socket")
    looked = time.monotonic()

    def alive() -> bool:
        nonlocal looked
        if connection is not None and _has_gone(connection):
            return False
        if time.monotonic() - looked < LOOK_SECONDS:
            return True
        looked = time.monotonic()
        found = guard.of_session(caller.session_id, "", use=False)
        return found is not None and found.roles == caller.roles

    return alive


def _has_gone(connection: socket.socket) -> bool:
    """Whether the other side has closed: there is something to read, and it is the end."""
    with contextlib.suppress(OSError, ValueError):
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
    return True
