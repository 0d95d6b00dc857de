"""Keys that are safe as paths and as S3 names, and what a key says about its object."""

import re

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_KEY = re.compile(rf"{_PART}(?:/{_PART}){{0,7}}", re.ASCII)
_PREFIX = re.compile(rf"(?:{_PART}/){{0,7}}(?:{_PART})?", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def checked_key(key: str) -> str:
    """The key itself when no part of it could lead out of the store; anything else is a bug of the caller."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not an object key")
    return key


def is_key(name: str) -> bool:
    """Whether an object of ours can have this name; what else lies in a folder or bucket is none."""
    return _KEY.fullmatch(name) is not None


def checked_prefix(prefix: str) -> str:
    """Like a key, but it may be empty, end in the middle of a name or with ``/``."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix!r} is not a prefix of object keys")
    return prefix


def sha256_of_key(key: str) -> str:
    """The SHA-256 a content-addressed key ends with, or ""."""
    last = key.rsplit("/", 1)[-1]
    return last if _SHA256.fullmatch(last) else ""
