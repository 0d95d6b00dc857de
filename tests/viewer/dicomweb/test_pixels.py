"""Frames of many instances in one answer, pixel data, WADO-URI, presentation states, and what OPTIONS says."""

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from storage.model.archive import InstanceKey
from tests.support.corpus import images, pydicom_file
from tests.viewer.dicomweb.conftest import PUBLIC, Shelf, url_of
from tests.viewer.dicomweb.reading import parts_of
from tests.viewer.objects import instance

CT = images("series-ct/**/*.dcm", "CT_small.dcm")[0]
STATE = UID("1.2.840.10008.5.1.4.1.1.11.1")
OCTETS = 'multipart/related; type="application/octet-stream"'
JPEG_LS = "1.2.840.10008.1.2.4.80"


def slices(shelf: Shelf, folder: Path, count: int = 3) -> list[InstanceKey]:
    """A series of tiny slices, each with pixels of its own."""
    keys = []
    for number in range(1, count + 1):
        path = folder / f"{number}.dcm"
        path.write_bytes(
            instance(
                StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4", SOPInstanceUID=f"1.2.3.4.{number}",
                InstanceNumber=number, PixelData=bytes([number, 0] * 4),
            )
        )  # fmt: skip
        keys.append(shelf.put(path))
    return keys


def test_frames_of_a_series_come_in_the_order_of_its_metadata(shelf: Shelf, tmp_path: Path) -> None:
    slices(shelf, tmp_path)
    url = "/dicom-web/studies/1.2.3/series/1.2.3.4/frames"
    response = shelf.client.get(f"{url}?frames=2-3,1", headers={"Accept": OCTETS})
    parts = parts_of(response)
    assert [body for _, body in parts] == [bytes([number, 0] * 4) for number in (2, 3, 1)]
    places = [headers["content-location"] for headers, _ in parts]
    assert places[0] == f"{PUBLIC}/dicom-web/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.2/frames/1"
    again = shelf.client.get(
        f"{url}?frames=2-3,1", headers={"Accept": OCTETS, "If-None-Match": response.headers["ETag"]}
    )
    assert again.status_code == 304
    encoded = shelf.client.get(
        f"{url}?frames=1-3", headers={"Accept": f'multipart/related; type="image/jls"; transfer-syntax={JPEG_LS}'}
    )
    assert [headers["content-type"] for headers, _ in parts_of(encoded)] == [
        f"image/jls; transfer-syntax={JPEG_LS}"
    ] * 3


@pytest.mark.parametrize(
    ("frames", "status"),
    [("", 400), ("a", 400), ("1-", 400), ("0", 404), ("4", 404), ("2-1", 404), ("1-4", 404), ("1,1,1", 200)],
)
def test_lists_of_frames_are_checked(shelf: Shelf, tmp_path: Path, frames: str, status: int) -> None:
    slices(shelf, tmp_path)
    url = f"/dicom-web/studies/1.2.3/series/1.2.3.4/frames?frames={frames}"
    assert shelf.client.get(url, headers={"Accept": OCTETS}).status_code == status
    foreign = shelf.client.get(url, headers={"Accept": OCTETS, "X-Hospital": "99"})
    assert foreign.status_code == 404


def test_pixel_data_of_an_instance_a_series_and_a_study(shelf: Shelf, tmp_path: Path) -> None:
    keys = slices(shelf, tmp_path)
    one = shelf.client.get(f"{url_of(keys[1])}/pixeldata", headers={"Accept": "application/octet-stream"})
    assert one.get_data() == bytes([2, 0] * 4)
    part = shelf.client.get(
        f"{url_of(keys[1])}/pixeldata", headers={"Accept": "application/octet-stream", "Range": "bytes=2-3"}
    )
    assert (part.status_code, part.get_data()) == (206, b"\x02\x00")
    for url in ("/dicom-web/studies/1.2.3", "/dicom-web/studies/1.2.3/series/1.2.3.4"):
        found = parts_of(shelf.client.get(f"{url}/pixeldata", headers={"Accept": OCTETS}))
        assert b"".join(body for _, body in found) == b"".join(bytes([n, 0] * 4) for n in (1, 2, 3))


def wado(key: InstanceKey, **more: str) -> dict[str, str]:
    return {
        "requestType": "WADO",
        "studyUID": key.study_instance_uid,
        "seriesUID": key.series_instance_uid,
        "objectUID": key.sop_instance_uid,
        **more,
    }


def test_wado_uri_gives_pictures_and_objects(shelf: Shelf) -> None:
    key = shelf.put(CT)
    client, url = shelf.client, "/dicom-web/wado"
    plain = client.get(url, query_string=wado(key))
    assert plain.headers["Content-Type"] == "image/jpeg"
    same = client.get(f"{url_of(key)}/rendered", headers={"Accept": "image/jpeg"})
    assert plain.get_data() == same.get_data()
    small = client.get(url, query_string=wado(key, contentType="image/png", rows="64", columns="64"))
    assert max(Image.open(io.BytesIO(small.get_data())).size) == 64
    cut = client.get(
        url,
        query_string=wado(key, contentType="image/png", region="0,0,0.5,0.25", windowCenter="40", windowWidth="400"),
    )
    columns, rows = Image.open(io.BytesIO(same.get_data())).size
    assert Image.open(io.BytesIO(cut.get_data())).size == (columns // 2, rows // 4)
    whole = client.get(url, query_string=wado(key, contentType="application/dicom", transferSyntax="1.2.840.10008.1.2"))
    read = pydicom.dcmread(io.BytesIO(whole.get_data()))
    assert (read.SOPInstanceUID, read.file_meta.TransferSyntaxUID) == (key.sop_instance_uid, "1.2.840.10008.1.2")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"requestType": "QIDO"}, 400),
        ({"objectUID": ""}, 400),
        ({"objectUID": "1.2.3"}, 404),
        ({"frameNumber": "2"}, 404),
        ({"frameNumber": "x"}, 400),
        ({"contentType": "video/mpeg"}, 406),
        ({"anonymize": "yes"}, 400),
        ({"windowCenter": "1"}, 400),
        ({"region": "0,0,2,2"}, 400),
        ({"presentationUID": "1.2.3"}, 404),
    ],
)
def test_wado_uri_says_what_makes_no_sense(shelf: Shelf, change: dict[str, str], status: int) -> None:
    key = shelf.put(CT)
    response = shelf.client.get("/dicom-web/wado", query_string=wado(key, **change))
    assert response.status_code == status, response.get_data()
    assert response.headers["Content-Type"] == "application/problem+json"


def state_for(image: Dataset, folder: Path) -> Path:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = STATE, UID("1.2.3.9.9")
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = image.StudyInstanceUID, "1.2.3.9", "PR"
    made.PatientName, made.PatientID = "A^B", "1"
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = image.SeriesInstanceUID, [reference]
    made.ReferencedSeriesSequence = [series]
    voi = Dataset()
    voi.WindowCenter, voi.WindowWidth = "300", "100"
    made.SoftcopyVOILUTSequence = [voi]
    made.PresentationLUTShape = "INVERSE"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / "state.dcm"
    made.file_meta.MediaStorageSOPClassUID = STATE
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.save_as(path, enforce_file_format=True)
    return path


def test_a_presentation_state_says_how_an_image_is_rendered(shelf: Shelf, tmp_path: Path) -> None:
    plainest = pydicom_file("CT_small.dcm")  # without padding, which stays black whatever is asked
    key = shelf.put(plainest)
    shelf.put(state_for(pydicom.dcmread(plainest), tmp_path))
    url = f"{url_of(key)}/rendered"
    accept = {"Accept": "image/png"}

    def seen(query: str) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
        response = shelf.client.get(f"{url}?{query}", headers=accept)
        assert response.status_code == 200, response.get_data()
        return np.asarray(Image.open(io.BytesIO(response.get_data())))

    asked, ours = seen("window=300,100,linear"), seen("presentationUID=1.2.3.9.9")
    assert np.abs(asked.astype(int) + ours - 255).max() <= 1
    plain = shelf.client.get(url, headers=accept).headers["ETag"]
    assert plain != shelf.client.get(f"{url}?presentationUID=1.2.3.9.9", headers=accept).headers["ETag"]
    wrong = shelf.client.get(f"{url}?presentationUID={key.sop_instance_uid}", headers=accept)
    assert wrong.status_code == 400
    unknown = shelf.client.get(f"{url}?presentationUID=1.2.3", headers=accept)
    assert unknown.status_code == 404


def test_annotations_are_burnt_in_and_unknown_ones_are_said_to_have_no_effect(shelf: Shelf) -> None:
    url = f"{url_of(shelf.put(CT))}/rendered"
    plain = shelf.client.get(url, headers={"Accept": "image/png"})
    marked = shelf.client.get(f"{url}?annotation=patient,technique", headers={"Accept": "image/png"})
    assert "Warning" not in marked.headers
    assert marked.get_data() != plain.get_data()
    other = shelf.client.get(f"{url}?annotation=weather", headers={"Accept": "image/png"})
    assert "annotation" in other.headers["Warning"]
    assert other.get_data() == plain.get_data()


def test_options_tell_what_there_is(shelf: Shelf) -> None:
    wadl = shelf.client.options("/dicom-web/")
    assert wadl.headers["Content-Type"].startswith("application/vnd.sun.wadl+xml")
    root = ElementTree.fromstring(wadl.get_data())
    space = "{http://wadl.dev.java.net/2009/02}"
    paths = {resource.get("path") for resource in root.iter(f"{space}resource")}
    assert {"studies", "studies/{study}/series/{series}/metadata", "wado"} <= paths
    listed = shelf.client.options("/dicom-web", headers={"Accept": "application/json"}).json
    assert listed is not None
    by_path = {resource["path"]: resource for resource in listed["resources"]}
    assert by_path["studies"]["methods"] == ["GET", "HEAD", "OPTIONS", "POST"]
    assert (
        "application/octet-stream"
        in by_path["studies/{study}/series/{series}/instances/{sop}/frames/{numbers}"]["representations"]
    )
    one = shelf.client.options("/dicom-web/studies/1.2/series/1.3/metadata")
    assert (one.status_code, one.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert shelf.client.options("/dicom-web/nothing").status_code == 404
