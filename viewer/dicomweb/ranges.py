"""Byte ranges and validators of single-part answers (RFC 9110 13 and 14)."""

import re
from collections.abc import Callable, Iterable

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)
# Kept by the client, and asked for again each time: a UID names other bytes once a person has decided a conflict, and
# nobody may go on seeing the old ones. The validator is the content's hash, so the answer is mostly 304.
KEPT = "private, no-cache, no-transform"
REVALIDATED = "private, no-cache"
Read = Callable[[int, int], Iterable[bytes]]  # offset and length to the bytes there


def not_modified(etag: str, cache_control: str) -> Response | None:
    """The 304 answer when the client already has what `etag` names."""
    if not request.if_none_match.contains_weak(etag):
        return None
    return validated(Response(status=304), etag, cache_control)


def validated(response: Response, etag: str, cache_control: str) -> Response:
    """The response with its validator and how long it may be kept."""
    response.set_etag(etag)
    response.headers["Cache-Control"] = cache_control
    return response


def ranged(read: Read, size: int, content_type: str, etag: str, cache_control: str) -> Response:
    """`size` bytes, or the one range of them the request asks for (206)."""
    wanted = _wanted(size, etag)
    offset, length = wanted if wanted is not None else (0, size)
    response = Response(
        () if request.method == "HEAD" else read(offset, length),
        200 if wanted is None else 206,
        content_type=content_type,
    )
    response.content_length = length
    response.headers["Accept-Ranges"] = "bytes"
    if wanted is not None:
        response.headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{size}"
    return validated(response, etag, cache_control)


def _wanted(size: int, etag: str) -> tuple[int, int] | None:
    """Offset and length of the range asked for; None for the whole, also when several are asked for."""
    header = request.headers.get("Range")
    if header is None or request.method != "GET" or not _still(etag):
        return None
    found = _ONE_RANGE.fullmatch(header)
    if found is None or not (found[1] or found[2]):
        return None
    if found[1]:
        first = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        if found[2] and int(found[2]) < first:
            return None
    else:
        first, last = max(0, size - int(found[2])), size - 1
    if first >= size or first > last:
        raise RequestedRangeNotSatisfiable(length=size)
    return first, last - first + 1


def _still(etag: str) -> bool:
    """Whether the condition of If-Range holds: without one it does, a date never does."""
    condition = request.if_range
    return "If-Range" not in request.headers or condition.etag == etag
