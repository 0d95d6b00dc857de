"""Request ids and one access log line per request, without anything a patient could be known by."""

import logging
import re
import secrets
import time

from flask import Flask, Response, request

from pacs.logs import activity

log = logging.getLogger("viewer.requests")

_HEADER = re.compile(r"(r-)?[0-9a-f-]{8,64}")
_LOGGABLE = re.compile(r"[0-9.]{1,64}")


def request_id() -> str:
    """The id of the request this thread is answering, "-" outside of one. Every log line carries it."""
    return activity.get()


def begin(given: str) -> None:
    """Name the request this thread is answering: as the client does when that is an id, else anew."""
    activity.set(f"r-{given.removeprefix('r-')}" if _HEADER.fullmatch(given) else f"r-{secrets.token_hex(8)}")


def note(method: str, path: str, status: int, started: float, caller: str, address: str) -> None:
    """The line of one request; `started` is of time.perf_counter. No path but one of `safe_path`, or made of UIDs."""
    milliseconds = 1000 * (time.perf_counter() - started)
    shown = method if method.isalpha() else "?"
    log.info("%s %s %d %.0f ms %s %s", shown, path, status, milliseconds, caller or "-", address or "-")


def note_of(name: str, method: str, path: str, status: int, started: float, caller: str, address: str) -> None:
    """The same of a request of this name, which this thread need not be answering any more."""
    activity.set(name)
    note(method, path, status, started, caller, address)


def install(app: Flask) -> None:
    """Name every request, say its name in the answer, and write it down."""

    @app.before_request
    def name() -> None:
        begin(request.headers.get("X-Request-Id", ""))
        request.environ["hoichan.started"] = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        started = request.environ.get("hoichan.started", time.perf_counter())
        caller = request.environ.get("hoichan.caller")
        label = caller.label if caller is not None else ""
        note(request.method, safe_path(), response.status_code, started, label, request.remote_addr or "")
        return response


def safe_path() -> str:
    """The path as the route is written, with the UIDs and numbers in it, and nothing else a client chose."""
    if request.url_rule is None:
        return "(no route)"
    path = request.url_rule.rule
    for key, value in (request.view_args or {}).items():
        shown = str(value) if _LOGGABLE.fullmatch(str(value)) else "*"
        path = re.sub(rf"<(?:[^<>:]+:)?{re.escape(key)}>", shown, path)
    return path
