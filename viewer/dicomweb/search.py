"""Search (QIDO-RS, PS3.18 10.6): the parameters become a Query, its answers DICOM JSON."""

import gzip
import hashlib
from dataclasses import replace
from urllib.parse import quote, urlencode

import orjson
from flask import Response, request

from pacs.archive import Archive
from pacs.present import JsonWriter
from pacs.query import qido_query, unsupported
from storage.model.archive import InstanceKey, Scope
from storage.model.query import Found, Level, Query
from viewer import compression
from viewer.dicomweb.addresses import instance_url, series_url, study_url
from viewer.dicomweb.metadata import json_type
from viewer.dicomweb.ranges import REVALIDATED, not_modified, validated

MOST_ANSWERS = 5000  # of one request; the rest is asked for with offset, or by the link to the next page
_STUDY, _SERIES, _SOP = "0020000D", "0020000E", "00080018"


def search(archive: Archive, scope: Scope, level: Level, base: str, study: str = "", series: str = "") -> Response:
    """What matches, as a JSON array; an empty one when nothing does. `Warning` says what is not in it, `Link` where it
    goes on; asked again with the ETag, an answer that would be the same is 304."""
    type = json_type()
    path = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    query = qido_query(
        scope, level, request.args.items(multi=True), {keyword: uid for keyword, uid in path.items() if uid}
    )
    most = MOST_ANSWERS if query.limit is None else min(query.limit, MOST_ANSWERS)
    found, more, why = _found(archive, query, most)
    writer = JsonWriter(level, query.returns)
    body = orjson.dumps([writer.write(one, _retrieve_url(one, base)) for one in found])
    response = _response(body, type)
    for warning in _warnings(level, more, why):
        response.headers.add("Warning", f'299 - "{warning}"')
    if more and found:
        response.headers["Link"] = f'<{_next(base, found[-1])}>; rel="next"'
    return response


def _response(body: bytes, type: str) -> Response:
    zipped = len(body) >= compression.SMALLEST and request.accept_encodings.quality("gzip") > 0
    etag = hashlib.blake2b(body, digest_size=16).hexdigest() + ("-gzip" if zipped else "")
    response = not_modified(etag, REVALIDATED)
    if response is None:
        response = validated(
            Response(gzip.compress(body, 1, mtime=0) if zipped else body, content_type=type), etag, REVALIDATED
        )
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
    response.vary.update(("Accept", "Accept-Encoding"))
    return response


def _found(archive: Archive, query: Query, most: int) -> tuple[list[Found], bool, str]:
    """At most so many answers, whether there are more, and why the search ended before it was through."""
    if most == 0:
        return [], False, ""
    effort = archive.effort()
    effort.answers = None
    found = list(archive.find(replace(query, limit=most + 1), effort))
    return found[:most], len(found) > most, effort.why


def _next(base: str, last: Found) -> str:
    """This question, after the last answer."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in ("offset", "after")]
    query = urlencode([*kept, ("after", last.cursor)], quote_via=quote)
    return f"{base}{request.path.partition('/dicom-web')[2]}?{query}"


def _retrieve_url(found: Found, base: str) -> str:
    study = _uid(found, _STUDY)
    if found.level is Level.STUDY:
        return study_url(base, study)
    if found.level is Level.SERIES:
        return series_url(base, study, _uid(found, _SERIES))
    return instance_url(base, InstanceKey(study, _uid(found, _SERIES), _uid(found, _SOP)))


def _uid(found: Found, tag: str) -> str:
    values = found.attributes.get(tag, {}).get("Value")
    return str(values[0]) if isinstance(values, list) and values else ""


def _warnings(level: Level, more: bool, why: str) -> list[str]:
    """What the client would not see in the answers (PS3.18 8.3.4.1.1 and 8.3.4.4)."""
    warnings = ["There are additional results that can be requested"] if more else []
    if why:
        warnings.append(f"The results are not complete: {why}")
    ignored = unsupported((name.partition(".")[0] for name in request.args), level)
    if ignored:
        names = ", ".join(sorted(name for name in ignored if name.isascii() and name.isalnum()))
        warnings.append(f"These attributes are not matched on: {names}")
    return warnings
