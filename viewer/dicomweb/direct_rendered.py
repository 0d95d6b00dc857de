"""The shortest way for one frame as a picture, what a viewer without codecs of its own asks for with every step.

The same addresses are answered by viewer/dicomweb/rendered.py through Flask, which costs as much again as making the
picture. As in viewer/dicomweb/direct.py everything that decides is the same; whatever is unusual (a condition, a
presentation state, annotations, several frames, a mistake, somebody who may not) is left to the application.
"""

import re
from functools import lru_cache
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import HTTPException

from pacs.errors import NotAcceptable
from pacs.pixels.options import RenderOptions
from storage.errors import ArchiveError
from storage.model.archive import InstanceKey
from viewer import journal
from viewer.access import guests
from viewer.access.guard import STAMP
from viewer.access.rights import STUDY_READ
from viewer.dicomweb import rendered
from viewer.dicomweb.addresses import PATH
from viewer.dicomweb.direct import LEFT_TO_FLASK
from viewer.dicomweb.media_types import Choice, choose, parse
from viewer.dicomweb.short_way import UID, ShortWay
from viewer.headers import always
from viewer.sending import DataBody

_PLACE = rf"{PATH}/studies/{UID}/series/{UID}/instances/{UID}(?:/frames/([0-9]{{1,9}}))?/rendered"
_RENDERED = re.compile(_PLACE, re.ASCII)
_PARAMETERS = frozenset({"window", "viewport", "quality"})


class DirectRendered(ShortWay):
    """The application with the short way before it."""

    PATTERN = _RENDERED

    def _answer(self, asked: Request, found: re.Match[str]) -> DataBody | None:
        environ = asked.environ
        key, number = InstanceKey(*found.groups()[:3]), int(found[4] or 1)
        if any(name in environ for name in LEFT_TO_FLASK):
            return None
        how = _how(environ.get("HTTP_ACCEPT", ""), environ.get("QUERY_STRING", ""))
        if how is None:
            return None
        choice, options = how
        try:
            caller = self._guard.admitted(asked, STUDY_READ, guests.RENDERED)
            instance = self._archive.instance(caller.scope, key, environ.get(STAMP))
            if not 1 <= number <= instance.facts.frames:
                return None
            self._guard.viewed_directly(caller, asked, instance)
            data = self._archive.rendered(instance, number, options)
        except (ArchiveError, HTTPException):
            return None
        environ["hoichan.caller"] = caller
        etag = rendered.etag_of([instance.stored.sha256], (number,), options, choice)
        headers = [
            *always(secure=asked.is_secure),
            ("X-Request-Id", journal.request_id()),
            ("Content-Type", choice.offer.type),
            ("Content-Length", str(len(data))),
            ("ETag", f'"{etag}"'),
            ("Cache-Control", guests.UNKEPT if caller.guest else rendered.KEPT),
            ("Vary", "Accept"),
        ]
        return DataBody(data, headers)


@lru_cache(maxsize=256)
def _how(accept: str, query: str) -> tuple[Choice, RenderOptions] | None:
    """The representation and how it is made; None when the request wants anything unusual, or a mistake."""
    ranges = list(parse(accept))
    if not ranges or not query.isascii():
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=8)
        arguments = dict(pairs)
        if len(arguments) != len(pairs) or not arguments.keys() <= _PARAMETERS:
            return None
        choice = choose(ranges, rendered.OFFERS, multipart=False)
        return choice, rendered.options_of(choice, arguments)
    except (ValueError, NotAcceptable, ArchiveError, HTTPException):
        return None
