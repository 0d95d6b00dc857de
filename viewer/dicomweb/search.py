"""Search (QIDO-RS, PS3.18 10.6): the parameters become a Query, its answers DICOM JSON."""

from dataclasses import replace

import orjson
from flask import Response, request

from pacs.archive import Archive
from pacs.present import to_json
from pacs.query import qido_query, unsupported
from storage.model.archive import InstanceKey, Scope
from storage.model.query import Found, Level, Query
from viewer.dicomweb.addresses import instance_url, series_url, study_url
from viewer.dicomweb.metadata import json_type

MOST_ANSWERS = 5000  # of one request; the rest is asked for with offset
_STUDY, _SERIES, _SOP = "0020000D", "0020000E", "00080018"


def search(archive: Archive, scope: Scope, level: Level, base: str, study: str = "", series: str = "") -> Response:
    """What matches, as a JSON array; an empty one when nothing does."""
    type = json_type()
    path = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    query = qido_query(
        scope, level, request.args.items(multi=True), {keyword: uid for keyword, uid in path.items() if uid}
    )
    most = MOST_ANSWERS if query.limit is None else min(query.limit, MOST_ANSWERS)
    found, more = _found(archive, query, most)
    answers = [to_json(one, query.returns, _retrieve_url(one, base)) for one in found]
    response = Response(orjson.dumps(answers), content_type=type)
    response.headers["Cache-Control"] = "private, no-cache"
    for warning in _warnings(level, more):
        response.headers.add("Warning", f'299 - "{warning}"')
    response.vary.add("Accept")
    return response


def _found(archive: Archive, query: Query, most: int) -> tuple[list[Found], bool]:
    """At most so many answers, and whether there are more."""
    if most == 0:
        return [], False
    found = list(archive.find(replace(query, limit=most + 1)))
    return found[:most], len(found) > most


def _retrieve_url(found: Found, base: str) -> str:
    study, series, sop = (_uid(found, tag) for tag in (_STUDY, _SERIES, _SOP))
    if found.level is Level.IMAGE:
        return instance_url(base, InstanceKey(study, series, sop))
    return series_url(base, study, series) if found.level is Level.SERIES else study_url(base, study)


def _uid(found: Found, tag: str) -> str:
    values = found.attributes.get(tag, {}).get("Value")
    return str(values[0]) if isinstance(values, list) and values else ""


def _warnings(level: Level, more: bool) -> list[str]:
    """What the client would not see in the answers (PS3.18 8.3.4.1.1 and 8.3.4.4)."""
    warnings = ["There are additional results that can be requested"] if more else []
    ignored = unsupported((name.partition(".")[0] for name in request.args), level)
    if ignored:
        names = ", ".join(sorted(name for name in ignored if name.isascii() and name.isalnum()))
        warnings.append(f"These attributes are not matched on: {names}")
    return warnings
