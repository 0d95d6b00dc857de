"""Bodies of requests: JSON objects with named fields, read within limits of size and time."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from viewer.errors import InvalidRequest

Kind = type | tuple[type, ...]
OPTIONAL_INT = (int, type(None))
JSON_LIMIT = 1 << 20
PIECE = 256 * 1024
JSON_SECONDS = 20.0


def fields(**kinds: Kind) -> dict[str, Any]:
    """The named fields of the JSON body; each must be there and of its kind."""
    document = optional(**kinds)
    missing = [name for name in kinds if name not in document]
    if missing:
        raise InvalidRequest(f"missing: {', '.join(missing)}")
    return document


def optional(**kinds: Kind) -> dict[str, Any]:
    """Those of the named fields that the JSON body has."""
    document = _document()
    unknown = sorted(str(name)[:40] for name in document if name not in kinds)
    if unknown:
        raise InvalidRequest(f"unknown: {', '.join(unknown[:5])}")
    for name, value in document.items():
        kind = kinds[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InvalidRequest(f"{name} must be {_WORDS[kind]}")
    return document


def pieces(limit: int, size: int = PIECE) -> Iterator[bytes]:
    """The raw body, piece by piece; refuses encodings and more than `limit` bytes. The server ends senders that only
    trickle (viewer/serve.py)."""
    refuse_encodings()
    request.max_content_length = limit
    if request.content_length is not None and request.content_length > limit:
        raise RequestEntityTooLarge
    while piece := request.stream.read(size):
        yield piece


def refuse_encodings() -> None:
    """Bodies are taken as they are: a compressed one could unfold to any size."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType


def file_name() -> str:
    """What the sender calls the file (X-File-Name, percent-encoded UTF-8): only ever said back to them."""
    name = unquote(request.headers.get("X-File-Name", ""), errors="replace")
    return "".join(c for c in name if c.isprintable())[-255:]


def _document() -> dict[str, Any]:
    if request.mimetype not in ("application/json", ""):
        raise UnsupportedMediaType
    data, deadline = bytearray(), time.monotonic() + JSON_SECONDS
    for piece in pieces(JSON_LIMIT, 4096):
        data += piece
        if time.monotonic() > deadline:
            raise InvalidRequest("the body comes too slowly")
    try:
        document = json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise InvalidRequest("the body is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidRequest("the body must be a JSON object")
    return document


_WORDS: dict[Kind, str] = {
    str: "text", int: "a whole number", OPTIONAL_INT: "a whole number or null", bool: "true or false", list: "a list",
    dict: "an object",
}  # fmt: skip
