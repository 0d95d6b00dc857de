"""Search (QIDO-RS, PS3.18 10.6): the parameters become a Query, its answers DICOM JSON."""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote, urlencode

from flask import Response, request

from pacs.archive import Archive
from pacs.present import json_writer
from pacs.query import qido_query, unsupported
from storage.model.archive import InstanceKey, Scope
from storage.model.audit import Actor
from storage.model.query import Found, Level, Query
from viewer import compression
from viewer.dicomweb.addresses import PATH, instance_url, series_url, study_url
from viewer.dicomweb.metadata import json_type
from viewer.dicomweb.ranges import REVALIDATED, not_modified, validated

MOST_ANSWERS = 5000  # of one request; the rest is asked for with offset, or by the link to the next page
_ZIPPED = "-gzip"
_STUDY, _SERIES, _SOP = "0020000D", "0020000E", "00080018"


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as it came: below which `base` addresses begin, the `path` under /dicom-web, the UIDs in it, and the
    parameters in their order, those of one name together; and who asks."""

    level: Level
    base: str
    path: str
    arguments: Sequence[tuple[str, str]]
    by: Actor
    study: str = ""
    series: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """A JSON array as bytes, the values of `Warning`, and that of `Link` ("" for none)."""

    body: bytes
    warnings: Sequence[str]
    link: str


def search(
    archive: Archive, scope: Scope, by: Actor, level: Level, base: str, study: str = "", series: str = ""
) -> Response:
    """What matches, as a JSON array; an empty one when nothing does. `Warning` says what is not in it, `Link` where it
    goes on; asked again with the ETag, an answer that would be the same is 304."""
    type = json_type()
    arguments = tuple(request.args.items(multi=True))
    path = request.path.partition(PATH)[2]
    found = answers(archive, scope, Asked(level, base, path, arguments, by, study, series))
    response = _response(found.body, type)
    for warning in found.warnings:
        response.headers.add("Warning", warning)
    if found.link:
        response.headers["Link"] = found.link
    return response


def answers(archive: Archive, scope: Scope, asked: Asked) -> Answers:
    """What is found, with what must be said of it. Raises InvalidQuery."""
    uids = {"StudyInstanceUID": asked.study, "SeriesInstanceUID": asked.series}
    query = qido_query(scope, asked.level, asked.arguments, {keyword: uid for keyword, uid in uids.items() if uid})
    most = MOST_ANSWERS if query.limit is None else min(query.limit, MOST_ANSWERS)
    found, more, why = _found(archive, query, most)
    archive.acts.queried(asked.by, "QIDO-RS", query, len(found))
    writer, where = json_writer(asked.level, tuple(query.returns)), partial(_retrieve_url, base=asked.base)
    body = b"[%b]" % b",".join([writer.written(one, asked.base, where) for one in found])
    warnings = [f'299 - "{warning}"' for warning in _warnings(asked, more, why)]
    return Answers(body, warnings, f'<{_next(asked, found[-1])}>; rel="next"' if more and found else "")


def packed(body: bytes, zipped: bool) -> tuple[bytes, str]:
    """The body as it is sent and its validator; gzipped when the client takes that and it is worth it."""
    if not zipped or len(body) < compression.SMALLEST:
        return body, hashlib.blake2b(body, digest_size=16).hexdigest()
    return gzip.compress(body, 1, mtime=0), hashlib.blake2b(body, digest_size=16).hexdigest() + _ZIPPED


def _response(body: bytes, type: str) -> Response:
    data, etag = packed(body, request.accept_encodings.quality("gzip") > 0)
    response = not_modified(etag, REVALIDATED)
    if response is None:
        response = validated(Response(data, content_type=type), etag, REVALIDATED)
        if etag.endswith(_ZIPPED):
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


def _next(asked: Asked, last: Found) -> str:
    """This question, after the last answer."""
    kept = [(name, value) for name, value in asked.arguments if name not in ("offset", "after")]
    query = urlencode([*kept, ("after", last.cursor)], quote_via=quote)
    return f"{asked.base}{asked.path}?{query}"


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


def _warnings(asked: Asked, more: bool, why: str) -> list[str]:
    """What the client would not see in the answers (PS3.18 8.3.4.1.1 and 8.3.4.4)."""
    warnings = ["There are additional results that can be requested"] if more else []
    if why:
        warnings.append(f"The results are not complete: {why}")
    ignored = unsupported((name.partition(".")[0] for name in dict(asked.arguments)), asked.level)
    if ignored:
        names = ", ".join(sorted(name for name in ignored if name.isascii() and name.isalnum()))
        warnings.append(f"These attributes are not matched on: {names}")
    return warnings
