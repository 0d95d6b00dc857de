"""Errors become RFC 9457 problem documents here, through one table; /problems/<Name> explains each."""

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from pacs import errors as pacs_errors
from storage import errors as storage_errors
from viewer import errors as viewer_errors
from viewer.journal import request_id

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error class is in HTTP; `retry_after` seconds when waiting helps."""

    status: int
    title: str
    retry_after: int | None = None


PROBLEMS: dict[type[storage_errors.ArchiveError], Problem] = {
    storage_errors.ArchiveError: Problem(500, "The archive could not do this"),
    storage_errors.NotFound: Problem(404, "Not found"),
    storage_errors.NotPermitted: Problem(403, "Not permitted"),
    storage_errors.StorageUnavailable: Problem(503, "Storage does not answer", 5),
    storage_errors.StorageFull: Problem(507, "Storage is full", 60),
    storage_errors.StorageContended: Problem(503, "Storage does not answer", 1),
    storage_errors.ObjectMissing: Problem(500, "Object is missing from the store"),
    storage_errors.ObjectCorrupt: Problem(500, "Object is damaged"),
    storage_errors.InvalidInstance: Problem(400, "Not a DICOM instance"),
    storage_errors.InvalidQuery: Problem(400, "Query makes no sense"),
    storage_errors.Conflict: Problem(409, "Contradicts what is stored"),
    pacs_errors.LimitExceeded: Problem(413, "Over a limit"),
    pacs_errors.SopClassMismatch: Problem(409, "Request and dataset differ"),
    pacs_errors.UnsupportedTransferSyntax: Problem(406, "No acceptable transfer syntax"),
    pacs_errors.UndecodablePixels: Problem(422, "Pixels cannot be decoded"),
    pacs_errors.NotDeidentifiable: Problem(409, "Cannot be shown without its identity"),
    pacs_errors.NotAcceptable: Problem(406, "Nothing acceptable"),
    pacs_errors.UnknownDestination: Problem(400, "Unknown destination"),
    pacs_errors.PeerUnreachable: Problem(502, "Peer does not answer"),
    pacs_errors.InvalidAnnotation: Problem(400, "Annotation cannot be kept"),
    pacs_errors.AnnotationLimit: Problem(413, "Too many annotations"),
    pacs_errors.InvalidConsult: Problem(400, "Consultation cannot be kept"),
    pacs_errors.ActiveDocument: Problem(400, "Document does more than show pages"),
    pacs_errors.PdfUnavailable: Problem(503, "PDF cannot be drawn"),
    pacs_errors.MailRefused: Problem(502, "Mail was refused"),
    pacs_errors.NotSignedIn: Problem(401, "Not signed in"),
    pacs_errors.TooManyTries: Problem(429, "Too many tries", 30),
    pacs_errors.ConfigError: Problem(500, "Configuration has mistakes"),
    viewer_errors.InvalidRequest: Problem(400, "Request makes no sense"),
    viewer_errors.LinkSpent: Problem(410, "Link was used"),
    viewer_errors.TooBusy: Problem(503, "Busy", 5),
    viewer_errors.NotBuilt: Problem(503, "Pages are not built", 30),
}


def problem_of(error: storage_errors.ArchiveError) -> tuple[str, Problem]:
    """The name and problem of the nearest listed class in the error's ancestry."""
    for ancestor in type(error).__mro__:
        if ancestor in PROBLEMS:
            return ancestor.__name__, PROBLEMS[ancestor]
    raise AssertionError("ArchiveError is listed")


def response_to(error: storage_errors.ArchiveError) -> Response:
    """The problem document that says what this error is."""
    name, problem = problem_of(error)
    if problem.status >= 500:
        log.warning("%s: %s", type(error).__name__, error)
    response = document(problem.status, f"/problems/{name}", problem.title, str(error) or explain(name))
    wait = getattr(error, "retry_after", problem.retry_after)
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    return response


def document(status: int, kind: str, title: str, detail: str) -> Response:
    """A problem+json response."""
    body = {"type": kind, "title": title, "status": status, "detail": detail, "request": request_id()}
    return Response(json.dumps(body, ensure_ascii=False), status, content_type=MEDIA_TYPE)


def explain(name: str) -> str:
    """The docstring of the error class of this name; raises NotFound."""
    for listed in PROBLEMS:
        if listed.__name__ == name:
            return " ".join((listed.__doc__ or "").split())
    raise storage_errors.NotFound(f"there is no problem of the name {name[:64]!r}")


def install(app: Flask) -> None:
    """Answer every error of the application with a problem document."""
    app.register_error_handler(storage_errors.ArchiveError, response_to)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def _http(error: HTTPException) -> Response:
    """What Werkzeug raises (no such route, method, length), said in the same form."""
    status = error.code or 500
    if status < 400:
        return Response(status=status, headers=dict(error.get_headers()))
    response = document(status, "about:blank", HTTPStatus(status).phrase, _sentence(status))
    for key, value in error.get_headers():
        if key in ("Allow", "Retry-After", "Content-Range"):
            response.headers[key] = value
    return response


def _sentence(status: int) -> str:
    return {
        404: "there is nothing at this address",
        405: "this address does not take this method",
        413: "the body is larger than this address takes",
        415: "the body is not of a type this address takes",
        416: "the range is not inside the resource",
    }.get(status, HTTPStatus(status).description or HTTPStatus(status).phrase)


def _unknown(error: Exception) -> Response:
    """A bug: seen in the log by where it happened, without the message, which may quote what it choked on."""
    log.error("%s", trace(error))
    return document(500, "about:blank", "Internal Server Error", f"a mistake of the program; request {request_id()}")


def trace(error: BaseException) -> str:
    """Where an exception happened: class, files, lines and functions, and nothing of its message."""
    return " <- ".join([type(error).__qualname__, *_frames(error)])


def _frames(error: BaseException) -> Iterator[str]:
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames[-12:]):
        yield f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}"
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield f"because {type(cause).__qualname__}"
