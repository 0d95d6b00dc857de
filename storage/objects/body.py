"""The body of an answer of an S3 store, read to its announced end or refused."""

import hashlib
import time
from datetime import datetime
from email.utils import parsedate_to_datetime

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from storage.errors import ObjectCorrupt, StorageUnavailable
from storage.objects.requests import patience

CHUNK = 1 << 20
SIZE_HEADER = "x-amz-meta-size"


class BrokenOff(StorageUnavailable):
    """The connection ended in the middle of a body."""


class Body:
    """The body of a GET: all its announced bytes, or an error."""

    def __init__(self, key: str, response: BaseHTTPResponse) -> None:
        self._key = key
        self._response = response
        try:
            self.left = int(response.headers["Content-Length"])
            self.stored_at = instant(parsedate_to_datetime(response.headers["Last-Modified"]))
        except (KeyError, ValueError, TypeError) as error:
            response.close()
            raise BrokenOff(f"what the store answers for {key} is not an object") from error
        self._until = time.monotonic() + patience(self.left)

    def unhurried(self) -> "Body":
        """For a reader that takes its time: only silence ends it."""
        self._until = float("inf")
        return self

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def must_have(self, offset: int, length: int | None) -> None:
        """Raise ObjectCorrupt when the answer announces another range than was asked for."""
        kept = self._response.headers.get(SIZE_HEADER, "")
        wanted = length if length is not None else int(kept) if kept.isdecimal() else self.left
        given = self._response.headers.get("Content-Range", f"bytes {offset}-")
        if self.left != wanted or not given.startswith(f"bytes {offset}-"):
            raise ObjectCorrupt(f"{self._key} gives {self.left} bytes where {wanted} were expected")

    def read(self) -> bytes:
        data = bytearray(self.left)
        view = memoryview(data)
        while view:
            view = view[self.readinto(view) :]
        return bytes(data)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        view = memoryview(bytearray(min(self.left, CHUNK)))
        while self.left:
            digest.update(view[: self.readinto(view)])
        return digest.hexdigest()

    def readinto(self, view: memoryview, /) -> int:
        if time.monotonic() > self._until:
            raise BrokenOff(f"{self._key} comes too slowly; {self.left} bytes are missing")
        try:
            data = self._response.read(min(len(view), CHUNK))
        except (HTTPError, OSError) as error:
            raise BrokenOff(f"the connection broke {self.left} bytes before the end of {self._key}") from error
        if not data and self.left:
            raise BrokenOff(f"the connection ended {self.left} bytes before the end of {self._key}")
        view[: len(data)] = data
        self.left -= len(data)
        return len(data)

    def close(self) -> None:
        if self.left:
            self._response.close()  # unread bytes: the connection cannot be used again
        self._response.release_conn()


def instant(last_modified: datetime | None) -> int:
    """UTC milliseconds, in whole seconds: listing and looking at one object must say the same."""
    return 0 if last_modified is None else int(last_modified.timestamp()) * 1000
