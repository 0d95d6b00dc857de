"""Servers to measure: anything that speaks DICOM, and DICOMweb when it has a web root."""

import base64
import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Target:
    """A server: ``NAME=HOST:PORT/AE_TITLE[,web=URL][,auth=USER:PASSWORD][,token=TOKEN][,pid=PID]``.

    With `pid` the memory and processor time of that process and all below it are measured as well."""

    name: str
    host: str
    port: int
    ae_title: str
    web: str = ""
    authorization: str = ""
    pid: int = 0

    @classmethod
    def parse(cls, text: str) -> "Target":
        name, _, rest = text.partition("=")
        where, *more = rest.split(",")
        address, _, ae_title = where.partition("/")
        host, _, port = address.rpartition(":")
        options = dict(option.split("=", 1) for option in more)
        authorization = ""
        if "token" in options:
            authorization = f"Bearer {options['token']}"
        elif "auth" in options:
            authorization = "Basic " + base64.b64encode(options["auth"].encode()).decode()
        return cls(
            name, host, int(port), ae_title, options.get("web", "").rstrip("/"), authorization,
            int(options.get("pid", "0")),
        )  # fmt: skip

    def connect(self) -> "Connection":
        return Connection(self)


class Connection:
    """A kept-alive connection to the web root of a target."""

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.web)
        self._root = parts.path
        self._headers = {"Authorization": target.authorization} if target.authorization else {}
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=120)

    def get(self, path: str, accept: str) -> bytes:
        """The body; raises RuntimeError for anything but success."""
        self._http.request("GET", self._root + path, headers={**self._headers, "Accept": accept})
        response = self._http.getresponse()
        body = response.read()
        if response.status not in (200, 206):
            raise RuntimeError(f"{path}: status {response.status} {body[:200]!r}")
        return body

    def close(self) -> None:
        self._http.close()
