"""Metadata is the stored header as DICOM JSON, and every bulk data URI in it leads to its value."""

import gzip
import json
from pathlib import Path
from typing import Any

import pydicom
import pytest
from flask import Request
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments
from werkzeug.test import create_environ

from tests.support.corpus import images
from tests.viewer.dicomweb.conftest import PUBLIC, SYNTAXES, Shelf, is_indexed, url_of
from tests.viewer.dicomweb.reading import parts_of
from viewer.dicomweb.addresses import root

JSON = {"Accept": "application/dicom+json"}
PROGRAM = {**JSON, "Authorization": "Bearer x"}
SMALL = images("transfer-syntaxes/small-mr/MR_small.dcm", "MR_small.dcm")[:1]


def bulk_uris(document: Any) -> list[str]:
    """All BulkDataURIs, wherever they are."""
    if isinstance(document, list):
        return [uri for item in document for uri in bulk_uris(item)]
    if not isinstance(document, dict):
        return []
    own = [document["BulkDataURI"]] if "BulkDataURI" in document else []
    return own + [uri for value in document.values() for uri in bulk_uris(value)]


@pytest.mark.parametrize("path", images("series-ct/**/*.dcm")[:1] + SMALL, ids=lambda path: path.name)
def test_metadata_of_every_level(shelf: Shelf, path: Path) -> None:
    key = shelf.put(path)
    study = f"/dicom-web/studies/{key.study_instance_uid}"
    for url in (study, f"{study}/series/{key.series_instance_uid}", url_of(key)):
        response = shelf.client.get(f"{url}/metadata", headers=JSON)
        assert response.headers["Content-Type"] == "application/dicom+json"
        [found] = response.get_json(force=True)
        read, original = Dataset.from_json(found, lambda *_: b""), pydicom.dcmread(path)
        for keyword in ("PatientName", "SOPInstanceUID", "Rows", "PixelSpacing", "StudyDate", "BitsStored", "Modality"):
            assert read.get(keyword) == original.get(keyword)
        assert "7FE00010" in found
        plain = shelf.client.get(f"{url}/metadata", headers={"Accept": "application/json"})
        assert plain.headers["Content-Type"] == "application/json"


def test_is_gzipped_for_who_takes_that_and_validated(shelf: Shelf) -> None:
    url = f"{url_of(shelf.put(SMALL[0]))}/metadata"
    zipped = shelf.client.get(url, headers={**JSON, "Accept-Encoding": "br, gzip;q=0.8"})
    plain = shelf.client.get(url, headers={**JSON, "Accept-Encoding": "gzip;q=0"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(zipped.get_data()) == plain.get_data()
    assert zipped.headers["ETag"] != plain.headers["ETag"]
    assert zipped.headers["Cache-Control"] == "private, no-cache"
    assert {"Accept", "Accept-Encoding", "Authorization"} <= set(zipped.vary)
    again = shelf.client.get(url, headers={**JSON, "Accept-Encoding": "gzip", "If-None-Match": zipped.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")


def test_a_new_instance_changes_the_validator(shelf: Shelf) -> None:
    paths = images("series-ct/**/*.dcm")
    if len(paths) < 2:
        pytest.skip("needs a series")
    key = shelf.put(paths[0])
    url = f"/dicom-web/studies/{key.study_instance_uid}/metadata"
    first = shelf.client.get(url, headers=JSON)
    more = [shelf.put(path) for path in paths[1:30]]
    later = shelf.client.get(url, headers={**JSON, "If-None-Match": first.headers["ETag"]})
    if any(other.study_instance_uid == key.study_instance_uid for other in more):
        assert later.status_code == 200
        assert len(later.get_json(force=True)) > 1


def test_programs_get_whole_urls_and_browsers_paths(shelf: Shelf) -> None:
    url = f"{url_of(shelf.put(SMALL[0]))}/metadata"
    browser = bulk_uris(shelf.client.get(url, headers=JSON).get_json(force=True))
    program = bulk_uris(shelf.client.get(url, headers=PROGRAM).get_json(force=True))
    assert browser
    assert all(uri.startswith("/dicom-web/studies/") for uri in browser)
    assert program == [PUBLIC + uri for uri in browser]


def test_text_that_looks_like_a_uri_stays_as_it_is(shelf: Shelf, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(SMALL[0])
    dataset.StudyDescription = '"BulkDataURI":"/dicom-web/'
    odd = tmp_path / "odd.dcm"
    dataset.save_as(odd)
    url = f"{url_of(shelf.put(odd))}/metadata"
    [found] = shelf.client.get(url, headers=PROGRAM).get_json(force=True)
    assert found["00081030"]["Value"] == [dataset.StudyDescription]


@pytest.mark.parametrize(
    "accept", ["text/html", "application/dicom+xml", 'multipart/related; type="application/dicom+xml"']
)
def test_only_json(shelf: Shelf, accept: str) -> None:
    url = f"{url_of(shelf.put(SMALL[0]))}/metadata"
    assert shelf.client.get(url, headers={"Accept": accept}).status_code == 406
    assert shelf.client.get(url, headers={"Accept": "*/*"}).headers["Content-Type"] == "application/dicom+json"


@pytest.mark.parametrize(
    "path",
    [*SYNTAXES, *filter(is_indexed, images("multiframe/*.dcm", "derived-objects/**/*.dcm", "modalities/**/*.dcm"))],
    ids=lambda path: path.name,
)
def test_every_bulk_data_uri_leads_to_its_value(syntaxes: Shelf, path: Path) -> None:
    if path not in syntaxes.placed:
        syntaxes.put(path, syntaxes.hospital(f"b{len(syntaxes.placed)}"))
    url, headers = syntaxes.address(path)
    response = syntaxes.client.get(f"{url}/metadata", headers={**headers, **JSON})
    assert response.status_code == 200
    original = pydicom.dcmread(path, force=True)
    for uri in bulk_uris(json.loads(response.get_data())):
        parts = uri.partition("/bulkdata/")[2].split("/")
        if parts[0] not in original:
            assert "too_short" in path.name
            continue
        element = original[parts[0]]
        for item, tag in zip(parts[1::2], parts[2::2], strict=True):
            element = element.value[int(item)][tag]
        found = syntaxes.client.get(uri, headers={**headers, "Accept": "application/octet-stream"})
        if parts[0] == "7FE00010" and original.file_meta.TransferSyntaxUID.is_encapsulated:
            continue  # tested with frames
        assert found.status_code == 200, (uri, found.get_data())
        if original.file_meta.get("TransferSyntaxUID") != "1.2.840.10008.1.2.2":
            icon = parts[-1] == "7FE00010" and element.value[:4] == b"\xfe\xff\x00\xe0"
            value = b"".join(list(generate_fragments(element.value))[1:]) if icon else element.value
            assert found.get_data() == value, uri
        multi = parts_of(syntaxes.client.get(uri, headers=headers))
        assert multi[0][1] == found.get_data()


def test_bulk_data_is_sent_by_range_and_kept(any_shelf: Shelf) -> None:
    path = SMALL[0]
    uri = f"{url_of(any_shelf.put(path))}/bulkdata/7FE00010"
    octets = {"Accept": "application/octet-stream"}
    pixels = pydicom.dcmread(path).PixelData
    part = any_shelf.client.get(uri, headers={**octets, "Range": "bytes=100-199"})
    assert (part.status_code, part.get_data()) == (206, pixels[100:200])
    assert "no-cache" in part.headers["Cache-Control"]
    again = any_shelf.client.get(uri, headers={**octets, "If-None-Match": part.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["00000000", "7FE0", "00100010x", "00081140/0/", "00081140/0", "00081140/9/00081155", "a/b/c"]
)
def test_bulk_data_that_is_not_there(shelf: Shelf, path: str) -> None:
    assert shelf.client.get(f"{url_of(shelf.put(SMALL[0]))}/bulkdata/{path}").status_code == 404


@pytest.mark.parametrize(
    ("host", "headers", "expected"),
    [
        ("pacs.local:8080", {}, "http://pacs.local:8080"),
        ("pacs.local", {}, "http://pacs.local:8080"),  # as dicomweb-client says it
        ("[::1]", {}, "http://[::1]:8080"),
        ("pacs.local", {"X-Forwarded-For": "10.0.3.21"}, "http://pacs.local"),
        ("pacs.local", {"Via": "1.1 front"}, "http://pacs.local"),
    ],
)
def test_addresses_lead_to_where_the_request_came_in(host: str, headers: dict[str, str], expected: str) -> None:
    environ = create_environ("/dicom-web/studies", "http://127.0.0.1:8080", headers={**headers, "Host": host})
    assert root("", Request(environ)) == f"{expected}/dicom-web"
