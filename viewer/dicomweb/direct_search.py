"""The shortest way for a search: what QIDO-RS is asked most, studies, series and instances by a few keys.

The same addresses are answered by viewer/dicomweb/search.py through Flask, which takes longer over a request than the
index does. So this stands before the application, as viewer/dicomweb/direct.py does for frames: the guard, the search,
the validator, the headers and the journal are the same. Whatever is unusual (a condition, another media type, a
mistake, somebody who may not) is left to the application, which finds out again and says so.
"""

import re
from functools import lru_cache
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header

from pacs.errors import NotAcceptable
from storage.errors import ArchiveError
from storage.model.query import Level
from viewer import journal
from viewer.access.rights import STUDY_READ
from viewer.dicomweb.addresses import PATH, root
from viewer.dicomweb.media_types import choose, parse
from viewer.dicomweb.metadata import JSON_OFFERS
from viewer.dicomweb.ranges import REVALIDATED
from viewer.dicomweb.search import Answers, Asked, answers, packed
from viewer.dicomweb.short_way import CONDITIONS, UID, ShortWay
from viewer.headers import always
from viewer.sending import DataBody

_SEARCH = re.compile(rf"{PATH}((?:/studies/{UID}(?:/series/{UID})?)?/(studies|series|instances))", re.ASCII)
_LEVELS = {"studies": Level.STUDY, "series": Level.SERIES, "instances": Level.IMAGE}
_NO_RESOURCE = {("studies", 1), ("studies", 2), ("series", 2)}  # below how many UIDs there is no such search
_MOST_FIELDS = 100


class DirectSearches(ShortWay):
    """The application with the short way before it."""

    PATTERN = _SEARCH

    def _answer(self, asked: Request, found: re.Match[str]) -> DataBody | None:
        environ = asked.environ
        path, study, series, resource = found.groups(default="")
        above = bool(study) + bool(series)
        if (resource, above) in _NO_RESOURCE or any(name in environ for name in CONDITIONS):
            return None
        arguments, type = _arguments(environ.get("QUERY_STRING", "")), type_of(environ.get("HTTP_ACCEPT", ""))
        if arguments is None or not type:
            return None
        try:
            caller = self._guard.admitted(asked, STUDY_READ)
            base, by = root(self._public_url, asked), self._guard.actor_of(caller, asked)
            wanted = Asked(_LEVELS[resource], base, path, arguments, by, study, series)
            answered = answers(self._archive, caller.scope, wanted)
        except (ArchiveError, HTTPException):
            return None
        environ["hoichan.caller"] = caller
        return _body(answered, type, takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")), secure=asked.is_secure)


def _body(answered: Answers, type: str, zipped: bool, *, secure: bool) -> DataBody:
    """What the application would send, and say of it."""
    data, etag = packed(answered.body, zipped)
    headers = [
        *always(secure=secure),
        ("X-Request-Id", journal.request_id()),
        ("Content-Type", type),
        ("Content-Length", str(len(data))),
        ("ETag", f'"{etag}"'),
        ("Cache-Control", REVALIDATED),
        ("Vary", "Accept, Accept-Encoding"),
    ]
    if data is not answered.body:
        headers.append(("Content-Encoding", "gzip"))
    headers += (("Warning", warning) for warning in answered.warnings)
    if answered.link:
        headers.append(("Link", answered.link))
    return DataBody(data, headers)


def _arguments(text: str) -> tuple[tuple[str, str], ...] | None:
    """The parameters, those of one name together as Flask gives them; None when they are not plain UTF-8."""
    if not text:
        return ()
    if not text.isascii():
        return None
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    given: dict[str, list[tuple[str, str]]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append((name, value))
    return None if "accept" in given else tuple(pair for several in given.values() for pair in several)


@lru_cache(maxsize=256)
def type_of(accept: str) -> str:
    """The media type chosen for an Accept header; "" when there is none to choose, or no header."""
    ranges = list(parse(accept))
    if not ranges:
        return ""
    try:
        return choose(ranges, JSON_OFFERS, multipart=False).offer.type
    except NotAcceptable:
        return ""


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    return parse_accept_header(accept_encoding).quality("gzip") > 0
