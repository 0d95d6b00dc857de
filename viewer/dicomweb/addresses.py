"""The URLs we hand out. They start at the public root, because a Host header need not be how others reach us."""

from functools import lru_cache

from flask import Request, request
from werkzeug.sansio.utils import get_current_url, get_host

from storage.model.archive import InstanceKey
from viewer.access.narrowing import meant

PATH = "/dicom-web"
_USUAL_PORTS = {"http": 80, "https": 443}
_PASSED_ON = frozenset(  # headers of proxies, as the environ names them: looking there costs a fraction
    {
        "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_FORWARDED",
        "HTTP_VIA",
    }
)  # fmt: skip


def root(public_url: str, asked: Request = request) -> str:
    """The root of DICOMweb: of the configured public URL, else of how a request reached us; of the hospital that the
    request names, when it does."""
    path = meant(asked) + PATH
    if public_url:
        return public_url.rstrip("/") + path
    environ = asked.environ
    direct = _PASSED_ON.isdisjoint(environ)
    return _host_url(asked.scheme, environ.get("HTTP_HOST"), asked.server, direct=direct) + path


@lru_cache(maxsize=64)
def _host_url(scheme: str, host: str | None, server: tuple[str, int | None] | None, *, direct: bool) -> str:
    """Scheme and host as Werkzeug makes them out, which takes it longer than all else in an address.

    A client that speaks with us directly must name the port when it is not the usual one (RFC 9110 7.2), but
    dicomweb-client does not: our own port is added for it, or it would look for the bulk data at port 80.
    """
    found = get_host(scheme, host, server)
    port = server[1] if server else None
    if direct and host == found and port not in (None, 0, _USUAL_PORTS.get(scheme)) and not _names_a_port(host):
        found = f"{host}:{port}"
    return get_current_url(scheme, found).rstrip("/")


def _names_a_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def study_url(base: str, study: str) -> str:
    return f"{base}/studies/{study}"


def series_url(base: str, study: str, series: str) -> str:
    return f"{base}/studies/{study}/series/{series}"


def instance_url(base: str, key: InstanceKey) -> str:
    return f"{series_url(base, key.study_instance_uid, key.series_instance_uid)}/instances/{key.sop_instance_uid}"
