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


def install(app: Flask) -> None:
    """Name every request, say its name in the answer, and write it down."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        activity.set(f"r-{given.removeprefix('r-')}" if _HEADER.fullmatch(given) else f"r-{secrets.token_hex(8)}")
        request.environ["hoichan.started"] = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        milliseconds = 1000 * (time.perf_counter() - request.environ.get("hoichan.started", time.perf_counter()))
        caller = request.environ.get("hoichan.caller")
        log.info(
            "%s %s %d %.0f ms %s %s",
            request.method if request.method.isalpha() else "?",
            safe_path(),
            response.status_code,
            milliseconds,
            caller.label if caller is not None else "-",
            request.remote_addr or "-",
        )
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
