"""Whole instances come back as they were stored, or as the client asked."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest

from storage.model.archive import Scope
from tests.support.corpus import images
from tests.viewer.dicomweb.conftest import SYNTAXES, Shelf, url_of
from tests.viewer.dicomweb.reading import parts_of

ANY_SYNTAX = 'multipart/related; type="application/dicom"; transfer-syntax=*'
EXPLICIT, JLS, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"


@pytest.mark.parametrize("path", SYNTAXES, ids=lambda path: path.name)
def test_every_file_comes_back_in_its_own_syntax_byte_for_byte(syntaxes: Shelf, path: Path) -> None:
    url, headers = syntaxes.address(path)
    stored = syntaxes.archive.instance_by_uid(
        _scope(syntaxes, path), syntaxes.placed[path][1].sop_instance_uid
    ).facts.transfer_syntax_uid
    for accept in (ANY_SYNTAX, f'multipart/related; type="application/dicom"; transfer-syntax={stored}'):
        response = syntaxes.client.get(url, headers={**headers, "Accept": accept})
        assert response.status_code == 200, response.get_data()
        [(part, data)] = parts_of(response)
        assert part["content-type"] == f"application/dicom; transfer-syntax={stored}"
        assert data == path.read_bytes()
    single = syntaxes.client.get(url, headers={**headers, "Accept": "application/dicom; transfer-syntax=*"})
    assert single.headers["Content-Type"] == f"application/dicom; transfer-syntax={stored}"
    assert single.get_data() == path.read_bytes()


def _scope(shelf: Shelf, path: Path) -> Scope:
    return Scope(frozenset({shelf.placed[path][0].hospital_id}))


@pytest.mark.parametrize("accept", ["", "*/*", 'multipart/related; type="application/dicom"', "application/dicom"])
@pytest.mark.parametrize("path", images("transfer-syntaxes/small-mr/*.dcm"), ids=lambda path: path.name)
def test_without_a_transfer_syntax_it_is_explicit_little_endian(syntaxes: Shelf, path: Path, accept: str) -> None:
    url, headers = syntaxes.address(path)
    response = syntaxes.client.get(url, headers={**headers, **({"Accept": accept} if accept else {})})
    assert response.status_code == 200, response.get_data()
    data = response.get_data() if accept == "application/dicom" else parts_of(response)[0][1]
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert dataset.file_meta.TransferSyntaxUID == EXPLICIT
    original = pydicom.dcmread(path)
    assert np.array_equal(dataset.pixel_array, original.pixel_array)
    assert dataset.SOPInstanceUID == original.SOPInstanceUID
    assert str(dataset.PatientName) == str(original.PatientName)


@pytest.mark.parametrize("target", [JLS, J2K, "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.201"])
def test_is_encoded_in_the_syntax_that_is_asked_for(shelf: Shelf, target: str) -> None:
    path = images("transfer-syntaxes/small-mr/MR_small.dcm")[0]
    url = url_of(shelf.put(path))
    accept = f'multipart/related; type="application/dicom"; transfer-syntax={target}'
    [(part, data)] = parts_of(shelf.client.get(url, headers={"Accept": accept}))
    assert part["content-type"] == f"application/dicom; transfer-syntax={target}"
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert dataset.file_meta.TransferSyntaxUID == target
    if target != "1.2.840.10008.1.2.4.201":  # pydicom has no decoder for it here
        assert np.array_equal(dataset.pixel_array, pydicom.dcmread(path).pixel_array)


def test_a_series_and_a_study_are_all_their_instances(any_shelf: Shelf) -> None:
    keys = {any_shelf.put(path): path for path in images("series-ct/**/*.dcm", "CT_small.dcm")[:6]}
    first = next(iter(keys))
    study, series = first.study_instance_uid, first.series_instance_uid
    whole = [path.read_bytes() for key, path in keys.items() if key.study_instance_uid == study]
    part = [path.read_bytes() for key, path in keys.items() if key.series_instance_uid == series]
    for url, wanted in ((f"/dicom-web/studies/{study}", whole), (f"/dicom-web/studies/{study}/series/{series}", part)):
        response = any_shelf.client.get(url, headers={"Accept": ANY_SYNTAX})
        assert response.status_code == 200
        parts = parts_of(response)
        assert sorted(data for _, data in parts) == sorted(wanted)
        assert all(head["content-location"].startswith("https://pacs.example/dicom-web/studies/") for head, _ in parts)


def test_one_file_is_sent_by_range_and_validated(any_shelf: Shelf) -> None:
    path = images("transfer-syntaxes/small-mr/MR_small.dcm", "CT_small.dcm")[0]
    url = url_of(any_shelf.put(path))
    headers = {"Accept": "application/dicom; transfer-syntax=*"}
    client = any_shelf.client
    whole = client.get(url, headers=headers)
    assert "no-cache" in whole.headers["Cache-Control"]
    assert "Accept" in whole.headers["Vary"]
    again = client.get(url, headers={**headers, "If-None-Match": whole.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    if any_shelf.archive.objects.local_path("x") is None and whole.headers.get("Accept-Ranges") != "bytes":
        return  # made while it is sent
    part = client.get(url, headers={**headers, "Range": "bytes=128-131"})
    assert (part.status_code, part.get_data()) == (206, b"DICM")


def test_an_object_without_file_meta_information_gets_it(shelf: Shelf, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(images("transfer-syntaxes/small-mr/MR_small_implicit.dcm", "CT_small.dcm")[0])
    bare = tmp_path / "bare"
    raw = io.BytesIO()
    file = pydicom.filebase.DicomFileLike(raw)
    file.is_little_endian, file.is_implicit_VR = True, True
    pydicom.filewriter.write_dataset(file, dataset)
    bare.write_bytes(raw.getvalue())
    url = url_of(shelf.put(bare))
    for accept in (ANY_SYNTAX, "application/dicom; transfer-syntax=*", "*/*"):
        response = shelf.client.get(url, headers={"Accept": accept})
        data = response.get_data() if accept.startswith("application/dicom") else parts_of(response)[0][1]
        read = pydicom.dcmread(io.BytesIO(data))
        assert read.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert read.PixelData == dataset.PixelData


@pytest.mark.parametrize(
    "accept",
    ["text/html", 'multipart/related; type="application/dicom"; transfer-syntax=1.2.3', "application/dicom+xml"],
)
def test_what_cannot_be_made_is_not_acceptable(shelf: Shelf, accept: str) -> None:
    url = url_of(shelf.put(images("transfer-syntaxes/small-mr/MR_small.dcm", "CT_small.dcm")[0]))
    response = shelf.client.get(url, headers={"Accept": accept})
    assert response.status_code == 406
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("url", ["/studies/1.2", "/studies/1.2/series/3", "/studies/1.2/series/3/instances/4"])
def test_what_is_not_there_is_not_found(shelf: Shelf, url: str) -> None:
    shelf.put(images("transfer-syntaxes/small-mr/MR_small.dcm", "CT_small.dcm")[0])
    for more in ("", "/metadata", "/rendered", "/thumbnail"):
        assert shelf.client.get(f"/dicom-web{url}{more}").status_code == 404


def test_another_hospital_sees_nothing(shelf: Shelf) -> None:
    url = url_of(shelf.put(images("transfer-syntaxes/small-mr/MR_small.dcm", "CT_small.dcm")[0]))
    other = shelf.hospital("other")
    for more in ("", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulkdata/7FE00010"):
        assert shelf.client.get(f"{url}{more}", headers={"X-Hospital": str(other.hospital_id)}).status_code == 404


def test_the_accept_parameter_goes_before_the_header(shelf: Shelf) -> None:
    path = images("transfer-syntaxes/small-mr/MR_small_implicit.dcm", "CT_small.dcm")[0]
    url = url_of(shelf.put(path))
    response = shelf.client.get(
        url, query_string={"accept": "application/dicom; transfer-syntax=*"}, headers={"Accept": "text/html"}
    )
    assert response.get_data() == path.read_bytes()


def broken(folder: Path) -> Path:
    """A JPEG-LS image nobody can decode."""
    data = images("transfer-syntaxes/small-mr/MR_small_jpeg_ls_lossless.dcm")[0].read_bytes()
    start = data.rindex(b"\xff\xd8\xff\xf7")
    path = folder / "broken.dcm"
    path.write_bytes(data[: start + 40] + bytes(len(data) - start - 48) + data[-8:])
    return path


def test_what_cannot_be_decoded_is_sent_as_it_is_unless_asked_otherwise(shelf: Shelf, tmp_path: Path) -> None:
    path = broken(tmp_path)
    url = url_of(shelf.put(path))
    for accept in ("*/*", 'multipart/related; type="application/dicom"'):
        [(head, data)] = parts_of(shelf.client.get(url, headers={"Accept": accept}))
        assert (head["content-type"], data) == (f"application/dicom; transfer-syntax={JLS}", path.read_bytes())
    assert shelf.client.get(url, headers={"Accept": "application/dicom"}).get_data() == path.read_bytes()
    for accept in (f"application/dicom; transfer-syntax={EXPLICIT}", ANY_SYNTAX.replace("*", EXPLICIT)):
        assert shelf.client.get(url, headers={"Accept": accept}).status_code == 422


def test_a_study_gives_what_it_can_in_the_syntax_asked_for(shelf: Shelf, tmp_path: Path) -> None:
    image = pydicom.dcmread(images("transfer-syntaxes/small-mr/MR_small.dcm")[0])
    report = pydicom.dcmread(images("derived-objects/rt/rtplan.dcm")[0])
    for number, dataset in enumerate((image, report)):
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", f"1.2.3.{number}"
        dataset.save_as(tmp_path / str(number))
        shelf.put(tmp_path / str(number))
    response = shelf.client.get("/dicom-web/studies/1.2.3", headers={"Accept": ANY_SYNTAX.replace("*", JLS)})
    [(head, _)] = parts_of(response, 206)
    assert head["content-type"] == f"application/dicom; transfer-syntax={JLS}"
    everything = parts_of(shelf.client.get("/dicom-web/studies/1.2.3"))
    assert [head["content-type"] for head, _ in everything] == [f"application/dicom; transfer-syntax={EXPLICIT}"] * 2


def test_a_program_in_the_preamble_does_not_leave(shelf: Shelf, tmp_path: Path) -> None:
    plain = SYNTAXES[0].read_bytes()
    path = tmp_path / "polyglot.dcm"
    path.write_bytes(b"MZ".ljust(128, b"\x90") + plain[128:])
    url = url_of(shelf.put(path))
    for accept in ("application/dicom; transfer-syntax=*", ANY_SYNTAX):
        response = shelf.client.get(url, headers={"Accept": accept})
        assert response.status_code == 200
        data = response.get_data() if accept.startswith("application") else parts_of(response)[0][1]
        assert data == bytes(128) + plain[128:]


def test_what_cannot_be_made_is_passed_over(shelf: Shelf) -> None:
    """JPEG Baseline loses something, so no object is made in it; the next that is accepted is."""
    key = shelf.put(images("CT_small.dcm", "transfer-syntaxes/small-mr/MR_small.dcm")[0])
    accept = ", ".join(f"application/dicom; transfer-syntax=1.2.840.10008.1.2.4.{number}" for number in (50, 80))
    response = shelf.client.get(url_of(key), headers={"Accept": accept})
    assert response.headers["Content-Type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80"
