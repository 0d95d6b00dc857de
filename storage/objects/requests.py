"""HTTP requests to an S3 store with time limits of our own: the client library's would wait half an hour."""

import io
import os
import ssl
import time
from typing import Any

import urllib3
from urllib3.exceptions import ReadTimeoutError
from urllib3.response import BaseHTTPResponse

CONNECT_S = 3.0
READ_S = 20.0
SLOWEST = 100_000  # bytes a second; who is slower than this for a whole body is given up
RETRY_STATUS = (429, 500, 502, 503, 504)
LONGEST_RETRY_AFTER_S = 10


def patience(size: int) -> float:
    """Seconds a request may take that moves `size` bytes: 20 s, and the time of the bytes at 100 kB/s."""
    return READ_S + size / SLOWEST


def pool(connections: int, tries: int, *, secure: bool) -> urllib3.PoolManager:
    """Connections to one store. Every request may be repeated: keys are content-addressed."""
    retries = _Retries(
        total=tries - 1,
        backoff_factor=0.1,
        backoff_jitter=0.2,
        backoff_max=5,
        status_forcelist=RETRY_STATUS,
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=True,
    )
    context = ssl.create_default_context() if secure else None
    return _Pool(
        maxsize=connections,
        timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S),
        retries=retries,
        ssl_context=context,
    )


class _Retries(urllib3.Retry):
    """Does what ``Retry-After`` asks for, within reason."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, LONGEST_RETRY_AFTER_S)


class _Pool(urllib3.PoolManager):
    """Sends bodies in small pieces: the limit of a connection counts for each piece, not for the whole body, and the
    whole body has a limit of its own."""

    def urlopen(self, method: str, url: str, redirect: bool = True, **more: Any) -> BaseHTTPResponse:  # type: ignore[override]
        body = more.get("body")
        if isinstance(body, bytes) and body:
            more["body"] = _Sent(body)
            more["timeout"] = urllib3.Timeout(connect=CONNECT_S, read=patience(len(body)))
        return super().urlopen(method, url, redirect, **more)


class _Sent(io.BytesIO):
    """A body that is being sent; gives up when that takes longer than it may."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._size = len(body)
        self._until = time.monotonic() + patience(len(body))

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if offset == 0 and whence == os.SEEK_SET:  # sent again from the start
            self._until = time.monotonic() + patience(self._size)
        return super().seek(offset, whence)

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self._until:
            raise ReadTimeoutError(None, "", "the body could not be sent in time")  # type: ignore[arg-type]
        return super().read(size)
