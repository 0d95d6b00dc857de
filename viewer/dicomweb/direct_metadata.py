"""The shortest way for the metadata of a series or study, which every viewer waits for before it asks for a frame.

As viewer/dicomweb/direct_search.py does for searches: the guard, the archive, the forms, the validator and the journal
are those of the application. A condition, another media type, a guest, a mistake or somebody who may not is left to it.
"""

import re

from flask import Request

from storage.errors import ArchiveError
from viewer import journal
from viewer.access.rights import STUDY_READ
from viewer.dicomweb.addresses import PATH, root
from viewer.dicomweb.direct_search import takes_gzip, type_of
from viewer.dicomweb.metadata import VARY, Form
from viewer.dicomweb.ranges import REVALIDATED
from viewer.dicomweb.short_way import CONDITIONS, UID, ShortWay
from viewer.headers import always
from viewer.sending import DataBody

_METADATA = re.compile(rf"{PATH}/studies/{UID}(?:/series/{UID})?/metadata", re.ASCII)


class DirectMetadata(ShortWay):
    """The application with the short way before it."""

    PATTERN = _METADATA

    def _answer(self, asked: Request, found: re.Match[str]) -> DataBody | None:
        environ = asked.environ
        study, series = found.groups()
        type = type_of(environ.get("HTTP_ACCEPT", ""))
        if not type or environ.get("QUERY_STRING") or any(name in environ for name in CONDITIONS):
            return None
        try:
            caller = self._guard.admitted(asked, STUDY_READ)
            kept = self._archive.metadata(caller.scope, study, series)
            self._guard.opened_directly(
                caller, asked, study, lambda: self._archive.series(caller.scope, study)[0].hospital_id
            )
            base = root(self._public_url, asked) if "HTTP_AUTHORIZATION" in environ else ""
            form = Form(kept, base, takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")))
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
