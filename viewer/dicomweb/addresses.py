"""The URLs we hand out. They start at the public root, because a Host header need not be how others reach us."""

from flask import request

from storage.model.archive import InstanceKey

PATH = "/dicom-web"


def root(public_url: str) -> str:
    """The root of DICOMweb: of the configured public URL, else of how this request reached us."""
    return (public_url.rstrip("/") or request.host_url.rstrip("/")) + PATH


def study_url(base: str, study: str) -> str:
    return f"{base}/studies/{study}"


def series_url(base: str, study: str, series: str) -> str:
    return f"{base}/studies/{study}/series/{series}"


def instance_url(base: str, key: InstanceKey) -> str:
    return f"{series_url(base, key.study_instance_uid, key.series_instance_uid)}/instances/{key.sop_instance_uid}"
