"""A way past Flask, for the few requests that viewers and programs make most: what stands before the application.

Each short way (direct.py, direct_metadata.py, direct_rendered.py, direct_search.py) answers what needs nothing unusual
with the guard, the negotiation, the validators and the journal of the application. Whatever else it meets (a condition,
a mistake, somebody who may not) it leaves to the application, which finds out again and says so.
"""

import re
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from flask import Request

from pacs.archive import Archive
from viewer import journal
from viewer.access.guard import Guard
from viewer.sending import SENDS_FILES, DataBody, FileBody

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

UID = r"([0-9.]{1,64})"
# Conditions: the short ways leave them to the application.
CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE")


class ShortWay:
    """The application with a short way for GET of the addresses that match `PATTERN` before it."""

    PATTERN: ClassVar[re.Pattern[str]]

    def __init__(self, application: Application, archive: Archive, guard: Guard, public_url: str = "") -> None:
        self._application = application
        self._archive = archive
        self._guard = guard
        self._public_url = public_url

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = self.PATTERN.fullmatch(environ.get("PATH_INFO", "")) if environ["REQUEST_METHOD"] == "GET" else None
        if found is not None:
            body = self._short(environ, found)
            if body is not None:
                if SENDS_FILES not in environ:
                    start_response("200 OK", list(body.headers))
                return body
        return self._application(environ, start_response)

    def _short(self, environ: dict[str, Any], found: re.Match[str]) -> DataBody | FileBody | None:
        """What the short way answers, with its line in the journal."""
        started = time.perf_counter()
        journal.begin(environ.get("HTTP_X_REQUEST_ID", ""))
        asked = Request(environ)
        body = self._answer(asked, found)
        if body is not None:
            label, address = environ["hoichan.caller"].label, asked.remote_addr or ""
            note = partial(journal.note_of, journal.request_id(), "GET", found[0], 200, started, label, address)
            if isinstance(body, FileBody):
                body.sent = note
            else:
                note()
        return body

    def _answer(self, asked: Request, found: re.Match[str]) -> DataBody | FileBody | None:
        """The body with the headers of its answer, and the caller as ``hoichan.caller``; None when this is not for the
        short way."""
        raise NotImplementedError
