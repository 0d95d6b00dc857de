"""Heads of requests that are repeated: a viewer that loads a series sends the same lines again and again, and only the
address in the first line differs. Reading such a head took a third of the time of a frame.

A head is taken as known when every byte after its first line is that of a head the server has read before on the same
connection, so it means the same; the first line must be a plain GET. Whatever else comes is left to gunicorn.
"""

import re
from typing import Any

_MOST_KNOWN = 4  # heads of a connection: a viewer asks for metadata in other words than for frames
_READ = 8192
_END = b"\r\n\r\n"
_FIRST_LINE = re.compile(
    rb"GET (/[0-9A-Za-z._-][0-9A-Za-z./_-]{0,1500})(?:\?([0-9A-Za-z=&.,_-]{0,500}))? HTTP/1\.1\r\n"
)
# Keys of the environ that say that more than a head comes, or that the connection becomes something else.
_MORE = (
    "CONTENT_LENGTH",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_EXPECT",
    "HTTP_UPGRADE",
    "HTTP_CONNECTION",
    "HTTP_SCRIPT_NAME",
)


class Again:
    """A request like one before but for its address; everything else is asked of that one."""

    def __init__(self, first: Any, environ: dict[str, Any], lines: bytes, path: str, query: str) -> None:
        self.first = first
        self.lines = lines
        self._environ = environ
        self._path = path
        self._query = query

    def __getattr__(self, name: str) -> Any:
        return getattr(self.first, name)

    def environ(self) -> dict[str, Any]:
        """What the server would make of it."""
        uri = f"{self._path}?{self._query}" if self._query else self._path
        return {**self._environ, "PATH_INFO": self._path, "QUERY_STRING": self._query, "RAW_URI": uri}


class Heads:
    """gunicorn's parser of a connection, which it has only read what is not known yet."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self.unreader = parser.unreader
        self._known: dict[bytes, tuple[Any, dict[str, Any]]] = {}
        self._lines = b""  # of the head that gunicorn was given, when it came whole and alone
        self._is_again = False

    def __next__(self) -> Any:
        self._is_again = False
        again = self._read(self.unreader.take_buffered() or self.unreader.sock.recv(_READ))
        if again is not None:
            self._is_again = True
            return again
        return next(self._parser)

    def again(self) -> Again | None:
        """What has come on a connection that nobody reads at the moment, when it is a request like one before. Else it
        is left to be read by `__next__`. Never waits: raises BlockingIOError when nothing has come."""
        return self._read(self.unreader.sock.recv(_READ)) if not self.unreader.buf.getvalue() else None

    def leave(self, again: Again) -> None:
        """Such a request is to be read by `__next__` after all."""
        self.unreader.unread(again.lines)

    def _read(self, data: bytes) -> Again | None:
        """The request, whole and alone in the data, when its head is known; else all of it is given back."""
        self._lines = b""
        first = _FIRST_LINE.match(data)
        if first is not None:
            lines = data[first.end() :]
            known = self._known.get(lines)
            if known is not None:
                return Again(*known, data, first[1].decode("ascii"), (first[2] or b"").decode("ascii"))
            if lines.find(_END) == len(lines) - len(_END):
                self._lines = lines
        self.unreader.unread(data)
        return None

    def keep(self, request: Any, environ: dict[str, Any]) -> None:
        """The head that was read last means this; called before the environ is given to anybody."""
        lines = self._lines
        if not lines or request.should_close() or any(name in environ for name in _MORE) or environ["SCRIPT_NAME"]:
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[lines] = request, {name: value for name, value in environ.items() if name != "wsgi.early_hints"}

    def finish_body(self, *args: Any, **kwargs: Any) -> Any:
        """Read and forget what is left of a body; a known head has none."""
        return self._is_again or self._parser.finish_body(*args, **kwargs)
