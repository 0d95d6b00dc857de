"""GET /ws with an Upgrade: the socket goes to the process of the rooms, and this worker is free again.

It stands before the application as viewer/dicomweb/direct.py does. Only our own pages and who is signed in get this
far; the rest, and servers that cannot give a socket away, is left to the route of the same address, which says why.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Request

from pacs.live import handover
from storage.errors import ArchiveError
from viewer import journal
from viewer.access.guard import Guard
from viewer.sending import SENDS_FILES, HandOver

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
PATH = "/ws"
FOREIGN = "hoichan.foreign"
"""In the environ: whether a page of another site asked for a socket."""


class SocketDoor:
    """The application with the door for sockets before it."""

    def __init__(self, application: Application, guard: Guard, path: Path, public_url: str) -> None:
        self._application = application
        self._guard = guard
        self._path = path
        self._public_host = urlsplit(public_url).netloc.casefold()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == PATH and _upgrades(environ):
            ours = self._ours(environ)
            given = self._given(environ) if ours else None
            if given is not None:
                return given
            environ[FOREIGN] = not ours
            del environ["HTTP_UPGRADE"]  # the route answers as to any request
        return self._application(environ, start_response)

    def _given(self, environ: dict[str, Any]) -> HandOver | None:
        """The socket's way to the rooms; None for who is not signed in."""
        started = time.perf_counter()
        journal.begin(environ.get("HTTP_X_REQUEST_ID", ""))
        asked = Request(environ)
        try:
            label = self._guard.admitted(asked, "", "live.socket").label
        except ArchiveError:
            return None
        address, head = asked.remote_addr or "", _head(environ)

        def go(connection: Any, more: bytes) -> bool:
            gone = handover.hand_over(self._path, connection, head + more)
            journal.note("GET", PATH, 101 if gone else 503, started, label, address)
            return gone

        return HandOver(go)

    def _ours(self, environ: dict[str, Any]) -> bool:
        origin = environ.get("HTTP_ORIGIN", "")
        ours = {environ.get("HTTP_HOST", "").casefold(), self._public_host} - {""}
        return bool(origin) and urlsplit(origin).netloc.casefold() in ours


def _upgrades(environ: dict[str, Any]) -> bool:
    upgrade = environ.get("HTTP_UPGRADE", "").casefold()
    return environ["REQUEST_METHOD"] == "GET" and upgrade == "websocket" and SENDS_FILES in environ


def _head(environ: dict[str, Any]) -> bytes:
    """The request again, as it came, for who shakes hands."""
    lines = [f"GET {PATH} HTTP/1.1"]
    for name, value in environ.items():
        if name.startswith("HTTP_") and isinstance(value, str):
            lines.append(f"{name[5:].replace('_', '-').title()}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
