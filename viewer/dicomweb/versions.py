"""Addresses that name content: ``?v=`` with the first digits of an object's SHA-256.

A UID may come to name other bytes (a person decides a conflict, an image is rejected), so an address without a version
is asked for again each time. One with the version of what it is answered with never changes: browsers keep it and a
second visit costs no request. Which version a UID has is in what the reading room asks for first, each time anew.
"""

from flask import request

from storage.model.archive import Instance
from viewer.dicomweb.ranges import KEPT

DIGITS = 16
IMMUTABLE = "private, max-age=31536000, immutable, no-transform"


def version_of(instance: Instance) -> str:
    """What names the content of this instance in an address."""
    return instance.stored.sha256[:DIGITS]


def keeping(instance: Instance, version: str | None = None) -> str:
    """How long the answer may be kept: for good when the address (or `version`) names this very content."""
    asked = request.args.get("v", "") if version is None else version
    return IMMUTABLE if asked == version_of(instance) else KEPT
