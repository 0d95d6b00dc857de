"""Requests as Weasis, 3D Slicer, OHIF and others are known to write them, header by header: what they must get."""

import io
import json
import urllib.error
import urllib.request
from typing import Any

import pydicom
import pytest

from tests.clients.conftest import Hospital
from tests.support.corpus import needs_corpus

pytestmark = needs_corpus
ANY_SYNTAX = 'multipart/related;type="application/dicom";transfer-syntax=*'


def get(hospital: Hospital, path: str, accept: str = "", method: str = "GET") -> tuple[int, Any, bytes]:
    headers = {"Authorization": f"Bearer {hospital.token}"}
    if accept:
        headers["Accept"] = accept
    request = urllib.request.Request(hospital.root + path, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def paths(hospital: Hospital) -> tuple[str, str, str, pydicom.Dataset]:
    one = hospital.datasets[0]
    study = f"/studies/{one.StudyInstanceUID}"
    series = f"{study}/series/{one.SeriesInstanceUID}"
    return study, series, f"{series}/instances/{one.SOPInstanceUID}", one


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("/studies?PatientID={id}&includefield=00080061,00080090,00081030,00201206,00201208", "application/dicom+json"),
        ("/studies?00100020={id}&includefield=all&limit=10&offset=0", "application/dicom+json"),
        ("/studies?PatientName={name}*&fuzzymatching=true&limit=101", "application/json"),
        ("/studies?PatientID={id}", ""),
        ("/studies?PatientID={id}", "*/*"),
        ("/studies?PatientID={id}", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"),  # Java as it comes
        ("/series?StudyInstanceUID={study}&includefield=0008103E", "application/dicom+json"),
        ("/instances?StudyInstanceUID={study}&includefield=00200013&includefield=00280010", "application/dicom+json"),
    ],
)
def test_searches(hospital: Hospital, query: str, accept: str) -> None:
    one = hospital.datasets[0]
    path = query.format(id=one.PatientID, name=str(one.PatientName)[:3], study=one.StudyInstanceUID)
    status, headers, body = get(hospital, path, accept)
    assert status == 200, body
    assert headers["Content-Type"] in ("application/dicom+json", "application/json")
    assert one.StudyInstanceUID in {row["0020000D"]["Value"][0] for row in json.loads(body)}


@pytest.mark.parametrize(
    "accept",
    [
        ANY_SYNTAX,
        'multipart/related; type="application/dicom"; transfer-syntax="*"',
        'multipart/related;type="application/dicom";transfer-syntax=1.2.840.10008.1.2.1',
        'multipart/related; type="application/dicom";q=0.9, */*;q=0.1',
        "multipart/related; type=application/dicom",  # without the quotes the Standard wants
        "*/*",
        "",
    ],
)
def test_retrievals(hospital: Hospital, accept: str) -> None:
    for path in paths(hospital)[:3]:
        status, headers, body = get(hospital, path, accept)
        assert status == 200, (path, body[:300])
        assert headers["Content-Type"].startswith('multipart/related; type="application/dicom"; boundary=')
        assert body.count(b"DICM") >= 1


def test_single_instances(hospital: Hospital) -> None:
    _, _, path, one = paths(hospital)
    for accept in ("application/dicom", "application/dicom; transfer-syntax=*", "application/dicom, */*;q=0.1"):
        status, headers, body = get(hospital, path, accept)
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, "application/dicom")
        assert pydicom.dcmread(io.BytesIO(body)).SOPInstanceUID == one.SOPInstanceUID


@pytest.mark.parametrize("content", ["application/dicom", "application%2Fdicom", "image/jpeg", "image/png", ""])
@pytest.mark.parametrize("more", ["", "&transferSyntax=1.2.840.10008.1.2.1", "&frameNumber=1&rows=128&columns=128"])
def test_wado_uri(hospital: Hospital, content: str, more: str) -> None:
    one = hospital.datasets[0]
    named = f"studyUID={one.StudyInstanceUID}&seriesUID={one.SeriesInstanceUID}&objectUID={one.SOPInstanceUID}"
    wanted = f"&contentType={content}" if content else ""
    status, headers, body = get(hospital, f"/wado?requestType=WADO&{named}{wanted}{more}", "*/*")
    assert status == 200, body
    type = headers["Content-Type"].partition(";")[0]
    assert type == (content.replace("%2F", "/") or "image/jpeg")
    if type == "application/dicom":
        assert pydicom.dcmread(io.BytesIO(body)).SOPInstanceUID == one.SOPInstanceUID


@pytest.mark.parametrize(
    ("accept", "type"),
    [
        ('multipart/related; type="application/octet-stream"; transfer-syntax="*"', "multipart/related"),  # OHIF
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", "multipart/related"),
        ('multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80', "multipart/related"),
        ('multipart/related; type="image/jphc"', "multipart/related"),
        ('multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.90', "multipart/related"),
        ("application/octet-stream", "application/octet-stream"),
        ("*/*", "multipart/related"),
    ],
)
def test_frames(hospital: Hospital, accept: str, type: str) -> None:
    status, headers, _ = get(hospital, f"{paths(hospital)[2]}/frames/1", accept)
    assert (status, headers["Content-Type"].partition(";")[0]) == (200, type)


def test_heads_and_options(hospital: Hospital) -> None:
    """What a proxy or a prudent client asks first."""
    study, _, instance, _ = paths(hospital)
    for path in ("/studies", f"{study}/metadata", instance, f"{instance}/frames/1"):
        status, _, body = get(hospital, path, method="HEAD")
        assert (status, body) == (200, b"")
        status, headers, _ = get(hospital, path, method="OPTIONS")
        assert status in (200, 204)
        assert "GET" in headers["Allow"]
