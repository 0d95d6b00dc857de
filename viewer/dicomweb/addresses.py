"""The URLs we hand out. They start at the public root, because a Host header need not be how others reach us."""

from functools import lru_cache

from flask import Request, request
from werkzeug.sansio.utils import get_current_url, get_host

from storage.model.archive import InstanceKey

PATH = "/dicom-web"


def root(public_url: str, asked: Request = request) -> str:
    """The root of DICOMweb: of the configured public URL, else of how a request reached us."""
    return (public_url.rstrip("/") or _host_url(asked.scheme, asked.headers.get("Host"), asked.server)) + PATH


@lru_cache(maxsize=64)
def _host_url(scheme: str, host: str | None, server: tuple[str, int | None] | None) -> str:
    """Scheme and host as Werkzeug makes them out, which takes it longer than all else in an address."""
    return get_current_url(scheme, get_host(scheme, host, server)).rstrip("/")


def study_url(base: str, study: str) -> str:
    return f"{base}/studies/{study}"


def series_url(base: str, study: str, series: str) -> str:
    return f"{base}/studies/{study}/series/{series}"


def instance_url(base: str, key: InstanceKey) -> str:
    return f"{series_url(base, key.study_instance_uid, key.series_instance_uid)}/instances/{key.sop_instance_uid}"
