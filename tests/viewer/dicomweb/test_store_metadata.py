"""STOW-RS of metadata with bulk data: what comes out of it is what DICOM parts would have made."""

import io
import json
import tracemalloc
from typing import Any

import pydicom
import pytest
from werkzeug.test import TestResponse

from tests.support.corpus import images
from tests.viewer.dicomweb.conftest import Shelf
from tests.viewer.dicomweb.test_store import FAILED, OTHER, REFERENCED, answer, reasons, spooled, uids

SMALL = images("transfer-syntaxes/small-mr/MR_small.dcm", "MR_small.dcm")[0]
NATIVE = "application/octet-stream"
Part = tuple[str, str, bytes]  # Content-Type, Content-Location, body


def metadata(**changes: Any) -> dict[str, Any]:
    """The dataset as DICOM JSON, its pixels named by a URI."""
    dataset = pydicom.dcmread(SMALL)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    found: dict[str, Any] = dataset.to_json_dict(bulk_data_threshold=1 << 30, bulk_data_element_handler=None)
    found["7FE00010"] = {"vr": "OW", "BulkDataURI": "bulk/pixels"}
    return found


def send(shelf: Shelf, instances: object, *parts: Part, type: str = "application/dicom+json") -> TestResponse:
    whole = [("application/dicom+json", "", json.dumps(instances).encode()), *parts]
    body = b""
    for content_type, location, data in whole:
        lines = ["--XX", f"Content-Type: {content_type}", *([f"Content-Location: {location}"] if location else [])]
        body += "\r\n".join([*lines, "", ""]).encode() + data + b"\r\n"
    headers = {"Content-Type": f'multipart/related; type="{type}"; boundary=XX', "Accept": "application/dicom+json"}
    return shelf.client.post("/dicom-web/studies", data=body + b"--XX--\r\n", headers=headers)


def kept(shelf: Shelf, **where: str) -> pydicom.Dataset:
    """The stored object of a study with one instance."""
    url = f"/dicom-web/studies/{pydicom.dcmread(SMALL).StudyInstanceUID}"
    back = shelf.client.get(url, headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'})
    data = back.get_data()
    begin = data.index(b"\r\n\r\n") + 4
    return pydicom.dcmread(io.BytesIO(data[begin : data.rindex(b"\r\n--")]))


def test_native_bulk_data_becomes_the_same_instance(shelf: Shelf) -> None:
    pixels = pydicom.dcmread(SMALL).PixelData
    found = answer(send(shelf, [metadata(PatientName="Nguyễn^Ánh")], (NATIVE, "bulk/pixels", pixels)), 200)
    assert uids(found, REFERENCED) == [pydicom.dcmread(SMALL).SOPInstanceUID]
    dataset = kept(shelf)
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert (dataset.PatientName, dataset.SpecificCharacterSet) == ("Nguyễn^Ánh", "ISO_IR 192")
    assert dataset.PixelData == pixels
    original = pydicom.dcmread(SMALL)
    for element in original:
        if element.keyword not in ("PatientName", "SpecificCharacterSet", "DataSetTrailingPadding"):
            assert dataset.get(element.tag) == element, element.keyword
    assert spooled(shelf.archive) == []


@pytest.mark.parametrize(
    ("media_type", "syntax"),
    [
        ("image/jp2", "1.2.840.10008.1.2.4.90"),
        ("image/jls; transfer-syntax=1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.81"),
        ("image/jphc", "1.2.840.10008.1.2.4.203"),
        ("image/dicom-rle", "1.2.840.10008.1.2.5"),
    ],
)
def test_compressed_frames_are_encapsulated(shelf: Shelf, media_type: str, syntax: str) -> None:
    frames = [b"\xff\x4f\xff\x51 first", b"\xff\x4f\xff\x51 second one"]
    parts = [(media_type, "bulk/pixels", frame) for frame in frames]
    answer(send(shelf, [metadata(NumberOfFrames="2")], *parts), 200)
    dataset = kept(shelf)
    assert dataset.file_meta.TransferSyntaxUID == syntax
    found = list(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=2))
    assert [frame[: len(sent)] for frame, sent in zip(found, frames, strict=True)] == frames


def test_a_jpeg_says_by_itself_what_it_is(shelf: Shelf) -> None:
    baseline = b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xc0\x00\x04\x00\x00rest"
    answer(send(shelf, [metadata()], ("image/jpeg", "bulk/pixels", baseline)), 200)
    assert kept(shelf).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"


def test_a_document_is_kept_as_it_is(shelf: Shelf) -> None:
    told = metadata(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", MIMETypeOfEncapsulatedDocument="application/pdf")
    del told["7FE00010"]
    told["00420011"] = {"vr": "OB", "BulkDataURI": "http://elsewhere.example/never-asked.pdf"}
    answer(send(shelf, [told], ("application/pdf", "http://elsewhere.example/never-asked.pdf", b"%PDF-1.7 x")), 200)
    assert kept(shelf).EncapsulatedDocument == b"%PDF-1.7 x"


def test_each_instance_has_its_own_answer(shelf: Shelf) -> None:
    good, lost = metadata(SOPInstanceUID="1.2.3.1"), metadata(SOPInstanceUID="1.2.3.2")
    lost["7FE00010"]["BulkDataURI"] = "http://127.0.0.1:9/elsewhere"
    nameless = metadata()
    del nameless["00080018"]
    pixels = pydicom.dcmread(SMALL).PixelData
    found = answer(send(shelf, [good, lost, nameless], (NATIVE, "bulk/pixels", pixels)), 202)
    assert uids(found, REFERENCED) == ["1.2.3.1"]
    assert (uids(found, FAILED), len(reasons(found, OTHER))) == (["1.2.3.2"], 1)
    assert spooled(shelf.archive) == []


def test_metadata_without_bulk_data_may_come_alone(shelf: Shelf) -> None:
    told = metadata()
    del told["7FE00010"]
    headers = {"Content-Type": "application/dicom+json"}
    assert shelf.client.post("/dicom-web/studies", data=json.dumps([told]), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("instances", "parts", "status"),
    [
        ([], [], 400),
        (["x"], [], 400),
        ([{"zz": {}}], [], 409),
        ([metadata()], [("image/gif", "bulk/pixels", b"GIF89a")], 409),
        ([metadata()], [(NATIVE, "", b"x")], 400),
        ([{"00080018": {"vr": "UI", "Value": ["../../x"]}}], [], 409),
        ([{**metadata(), "00180050": {"vr": "DS", "Value": [{}]}}], [(NATIVE, "bulk/pixels", b"xx")], 409),
    ],
)
def test_what_makes_no_sense_is_refused(shelf: Shelf, instances: object, parts: list[Part], status: int) -> None:
    assert send(shelf, instances, *parts).status_code == status
    assert spooled(shelf.archive) == []


def test_other_metadata_is_not_taken(shelf: Shelf) -> None:
    assert send(shelf, [metadata()], type="application/dicom+xml").status_code == 415


class _Long(io.RawIOBase):
    """A body of a request that is made while it is read."""

    def __init__(self, head: bytes, size: int, tail: bytes) -> None:
        self._parts = [head, b"", tail]
        self._left = size
        self._whole = len(head) + size + len(tail)
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """For the test client, which asks in this way how long the body is."""
        self._at = self._whole if whence == 2 else offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        if self._parts[0]:
            data, self._parts[0] = self._parts[0][:size], self._parts[0][size:]
            return data
        if self._left:
            count = min(size, self._left)
            self._left -= count
            return bytes(count)
        data, self._parts[2] = self._parts[2][:size], self._parts[2][size:]
        return data


@pytest.mark.parametrize("type", ["application/dicom", "application/dicom+json"])
def test_a_large_part_is_never_whole_in_memory(shelf: Shelf, type: str) -> None:
    """50 MiB; what Python allocates stays below 24 MB."""
    size = 50 << 20
    told = metadata(Rows=5120, Columns=5120)
    if type == "application/dicom":
        dataset = pydicom.dcmread(SMALL)
        dataset.Rows = dataset.Columns = 5120
        del dataset.PixelData, dataset.DataSetTrailingPadding
        stream = io.BytesIO()
        dataset.save_as(stream)
        pixels = b"\xe0\x7f\x10\x00OW\x00\x00" + size.to_bytes(4, "little")
        head = b"--XX\r\nContent-Type: application/dicom\r\n\r\n" + stream.getvalue() + pixels
    else:
        first = b"--XX\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps([told]).encode()
        head = first + b"\r\n--XX\r\nContent-Type: application/octet-stream\r\nContent-Location: bulk/pixels\r\n\r\n"
    body = _Long(head, size, b"\r\n--XX--\r\n")
    tracemalloc.start()
    try:
        response = shelf.client.post(
            "/dicom-web/studies",
            input_stream=body,
            headers={
                "Content-Type": f'multipart/related; type="{type}"; boundary=XX',
                "Accept": "application/dicom+json",
            },
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    answer(response, 200)
    assert peak < 24 << 20
