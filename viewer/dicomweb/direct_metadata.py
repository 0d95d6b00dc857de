"""The shortest way for the metadata of a series or study, which every viewer waits for before it asks for a frame.

As viewer/dicomweb/direct_search.py does for searches: the guard, the archive, the forms, the validator and the journal
are those of the application. A condition, another media type, a guest, a mistake or somebody who may not is left to it.
"""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Request

from pacs.archive import Archive
from pacs.config import WebConfig
from storage.errors import ArchiveError
from viewer import journal
from viewer.access.guard import Guard
from viewer.access.rights import STUDY_READ
from viewer.dicomweb.addresses import PATH, root
from viewer.dicomweb.direct import Application
from viewer.dicomweb.direct_search import CONDITIONS, takes_gzip, type_of
from viewer.dicomweb.metadata import VARY, Form
from viewer.dicomweb.ranges import REVALIDATED
from viewer.headers import always
from viewer.sending import SENDS_FILES, DataBody

_UID = r"([0-9.]{1,64})"
_METADATA = re.compile(rf"{PATH}/studies/{_UID}(?:/series/{_UID})?/metadata", re.ASCII)


class DirectMetadata:
    """The application with the short way before it."""

    def __init__(self, application: Application, archive: Archive, guard: Guard, web: WebConfig) -> None:
        self._application = application
        self._archive = archive
        self._guard = guard
        self._public_url = web.public_url

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = _METADATA.fullmatch(environ.get("PATH_INFO", "")) if environ["REQUEST_METHOD"] == "GET" else None
        if found is not None and not environ.get("QUERY_STRING"):
            started = time.perf_counter()
            journal.begin(environ.get("HTTP_X_REQUEST_ID", ""))
            asked = Request(environ)
            body = self._answer(asked, *found.groups())
            if body is not None:
                label = environ["hoichan.caller"].label
                journal.note("GET", found[0], 200, started, label, asked.remote_addr or "")
                if SENDS_FILES not in environ:
                    start_response("200 OK", list(body.headers))
                return body
        return self._application(environ, start_response)

    def _answer(self, asked: Request, study: str, series: str | None) -> DataBody | None:
        """The metadata with the headers of its answer; None when this is not for the short way."""
        environ = asked.environ
        type = type_of(environ.get("HTTP_ACCEPT", ""))
        if not type or any(name in environ for name in CONDITIONS):
            return None
        try:
            caller = self._guard.admitted(asked, STUDY_READ)
            found = self._archive.metadata(caller.scope, study, series)
            self._guard.opened_directly(
                caller, asked, study, lambda: self._archive.series(caller.scope, study)[0].hospital_id
            )
            base = root(self._public_url, asked) if "HTTP_AUTHORIZATION" in environ else ""
            form = Form(found, base, takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")))
            data = form.data()
        except ArchiveError:
            return None
        environ["hoichan.caller"] = caller
        headers = [
            *always(secure=asked.is_secure),
            ("X-Request-Id", journal.request_id()),
            ("Content-Type", type),
            ("Content-Length", str(len(data))),
            ("ETag", f'"{form.etag}"'),
            ("Cache-Control", REVALIDATED),
            ("Vary", ", ".join(VARY)),
        ]
        if form.zipped:
            headers.append(("Content-Encoding", "gzip"))
        return DataBody(data, headers)
