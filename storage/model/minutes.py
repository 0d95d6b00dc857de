"""Minutes of a consultation: what is written down and signed at both ends. Instants are UTC milliseconds.

While nobody has signed, they are a draft that both sides write. The first signature freezes the text under its SHA-256;
what is to be added afterwards is an addendum, whose hash covers the one before it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Minutes:
    """The minutes as they stand. `version` counts the drafts; `number` and `sha256` come with the first signature."""

    consult_id: int
    version: int
    body: dict[str, Any]
    changed_at: int
    changed_by: int
    number: str = ""
    frozen_at: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """Somebody's signature for one side; `part` is 0 for the minutes, n for addendum n."""

    part: int
    side: str
    user_id: int
    name: str
    title: str
    hospital: str
    at: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Addendum:
    """What was added later; `sha256` covers it and everything before."""

    number: int
    text: str
    language: str
    at: int
    sha256: str


def canonical(body: Mapping[str, Any]) -> bytes:
    """The bytes that are hashed: JSON in UTF-8, keys sorted, nothing between."""
    return json.dumps(dict(body), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def hash_of(body: Mapping[str, Any], before: str = "") -> str:
    """The SHA-256 of a text, and of all that was signed before it."""
    return hashlib.sha256(bytes.fromhex(before) + canonical(body)).hexdigest()
