"""dicomweb-client, call by call: each of its public methods is walked here, and a method that is new fails until it is
decided how we answer it."""

import inspect
import io
import json
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from requests import HTTPError, Response

from tests.clients.conftest import Hospital
from tests.support.corpus import needs_corpus

EXPLICIT, JPEG_LS, J2K, RLE = (
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5",
)  # fmt: skip
PADDING = 0xFFFCFFFC  # Data Set Trailing Padding, which says nothing (PS3.10 7.2)
OWN_SYNTAX = (("application/dicom", "*"),)
Walk = Callable[[DICOMwebClient, Hospital], None]
WALKS: dict[str, Walk] = {}


def walk(function: Walk) -> Walk:
    """What is done with the method of this name."""
    WALKS[function.__name__] = function
    return function


@pytest.fixture(scope="module")
def client(hospital: Hospital) -> DICOMwebClient:
    return DICOMwebClient(hospital.root, headers={"Authorization": f"Bearer {hospital.token}"})


def public() -> list[str]:
    return [name for name, _ in inspect.getmembers(DICOMwebClient, callable) if not name.startswith("_")]


def test_every_public_method_is_decided() -> None:
    assert sorted(WALKS) == sorted(public())


@needs_corpus
@pytest.mark.parametrize("name", public())
def test_method(client: DICOMwebClient, hospital: Hospital, name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module="dicomweb_client")  # it warns of servers that leave the Standard
        WALKS[name](client, hospital)


def uids(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


def values(rows: list[dict[str, dict[str, Any]]], tag: str) -> list[Any]:
    return [value for row in rows for value in row.get(tag, {}).get("Value", [])]


def of_study(hospital: Hospital) -> list[Dataset]:
    return [one for one in hospital.datasets if one.StudyInstanceUID == hospital.datasets[0].StudyInstanceUID]


def failure(status: int, call: Callable[[], Any]) -> Response:
    """The answer that is no success."""
    with pytest.raises(HTTPError) as caught:
        call()
    response = caught.value.response
    assert response is not None
    assert response.status_code == status, response.text
    return response


def refused(status: int, call: Callable[[], Any]) -> dict[str, Any]:
    """The problem document of a refusal."""
    response = failure(status, call)
    assert response.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(response.content)
    return found


@walk
def search_for_studies(client: DICOMwebClient, hospital: Hospital) -> None:
    all_of_them = {one.StudyInstanceUID for one in hospital.datasets}
    assert all_of_them <= set(values(client.search_for_studies(), "0020000D"))
    first = hospital.datasets[0]
    for filters in (
        {"PatientID": first.PatientID},
        {"00100020": first.PatientID},
        {"PatientID": f"{first.PatientID[:3]}*"},
        {"StudyDate": f"{first.StudyDate}-{first.StudyDate}"},
        {"StudyInstanceUID": first.StudyInstanceUID},
        {"ModalitiesInStudy": first.Modality, "PatientID": first.PatientID},
    ):
        assert first.StudyInstanceUID in values(client.search_for_studies(search_filters=filters), "0020000D"), filters
    fuzzy = client.search_for_studies(fuzzymatching=True, search_filters={"PatientName": str(first.PatientName)[:4]})
    assert first.StudyInstanceUID in values(fuzzy, "0020000D")
    assert client.search_for_studies(search_filters={"PatientID": "NOBODY-HAS-THIS"}) == []
    count = len(client.search_for_studies())
    pages = [values(client.search_for_studies(limit=1, offset=at), "0020000D") for at in range(count)]
    assert all_of_them <= {uid for page in pages for uid in page}
    assert {len(page) for page in pages} == {1}
    assert client.search_for_studies(limit=5, offset=1000) == []
    remaining = client.search_for_studies(limit=2, get_remaining=True)
    assert all(n == 1 for n in Counter(values(remaining, "0020000D")).values())
    assert all_of_them <= set(values(remaining, "0020000D"))
    [described] = client.search_for_studies(
        fields=["StudyDescription", "00081030", "NumberOfStudyRelatedInstances"],
        search_filters={"StudyInstanceUID": first.StudyInstanceUID},
    )
    assert described["00201208"]["Value"] == [len({one.SOPInstanceUID for one in of_study(hospital)})]
    assert values(client.search_for_studies(fields=["all"], limit=1), "0020000D")
    assert refused(400, lambda: client.search_for_studies(search_filters={"StudyDate": "yesterday"}))["detail"]


@walk
def search_for_series(client: DICOMwebClient, hospital: Hospital) -> None:
    everything = {one.SeriesInstanceUID for one in hospital.datasets}
    assert everything <= set(values(client.search_for_series(), "0020000E"))
    first = hospital.datasets[0]
    mine = {one.SeriesInstanceUID for one in of_study(hospital)}
    inside = client.search_for_series(first.StudyInstanceUID)
    assert set(values(inside, "0020000E")) == mine
    for filters in ({"Modality": first.Modality}, {"SeriesInstanceUID": first.SeriesInstanceUID}):
        found = client.search_for_series(first.StudyInstanceUID, search_filters=filters, fields=["SeriesDescription"])
        assert first.SeriesInstanceUID in values(found, "0020000E")
    by_patient = client.search_for_series(search_filters={"PatientID": first.PatientID}, fuzzymatching=False)
    assert mine <= set(values(by_patient, "0020000E"))
    count = len(client.search_for_series())
    pages = [values(client.search_for_series(limit=2, offset=at), "0020000E") for at in range(0, count, 2)]
    assert everything <= {uid for page in pages for uid in page}
    assert everything <= set(values(client.search_for_series(limit=3, get_remaining=True), "0020000E"))
    assert client.search_for_series("1.2.3.4.5") == []


@walk
def search_for_instances(client: DICOMwebClient, hospital: Hospital) -> None:
    everything = {one.SOPInstanceUID for one in hospital.datasets}
    study, series, sop = uids(hospital.datasets[0])
    assert everything <= set(values(client.search_for_instances(), "00080018"))
    assert set(values(client.search_for_instances(study), "00080018")) == {
        one.SOPInstanceUID for one in of_study(hospital)
    }
    [one] = client.search_for_instances(study, series, search_filters={"SOPInstanceUID": sop}, fields=["Rows", "all"])
    assert one["00280010"]["Value"] == [hospital.datasets[0].Rows]
    assert one["00081190"]["vr"] == "UR"
    assert sop in values(client.search_for_instances(search_filters={"SeriesInstanceUID": series}), "00080018")
    remaining = client.search_for_instances(limit=4, get_remaining=True)
    assert everything <= set(values(remaining, "00080018"))
    assert len(client.search_for_instances(study, limit=1, offset=0, fuzzymatching=True)) == 1


def same_objects(found: list[Dataset], expected: list[Dataset]) -> None:
    assert Counter(str(one.SOPInstanceUID) for one in found) == {one.SOPInstanceUID: 1 for one in expected}
    pixels = {one.SOPInstanceUID: one.pixel_array for one in expected}
    for one in found:
        assert np.array_equal(one.pixel_array, pixels[one.SOPInstanceUID])


@walk
def retrieve_study(client: DICOMwebClient, hospital: Hospital) -> None:
    expected = of_study(hospital)
    plain = client.retrieve_study(expected[0].StudyInstanceUID)
    assert {one.file_meta.TransferSyntaxUID for one in plain} == {EXPLICIT}
    same_objects(plain, expected)
    stored = client.retrieve_study(expected[0].StudyInstanceUID, media_types=OWN_SYNTAX)
    assert {one.SOPInstanceUID: one.file_meta.TransferSyntaxUID for one in stored} == {
        one.SOPInstanceUID: one.file_meta.TransferSyntaxUID for one in expected
    }
    for syntax in (JPEG_LS, J2K, RLE):
        made = client.retrieve_study(expected[0].StudyInstanceUID, media_types=(("application/dicom", syntax),))
        assert {one.file_meta.TransferSyntaxUID for one in made} == {syntax}
        same_objects(made, expected)
    assert refused(404, lambda: client.retrieve_study("1.2.3.4.5"))["title"] == "Not found"


@walk
def iter_study(client: DICOMwebClient, hospital: Hospital) -> None:
    expected = of_study(hospital)
    same_objects(list(client.iter_study(expected[0].StudyInstanceUID)), expected)


def series_of(hospital: Hospital) -> list[Dataset]:
    series = hospital.datasets[0].SeriesInstanceUID
    return [one for one in hospital.datasets if one.SeriesInstanceUID == series]


@walk
def retrieve_series(client: DICOMwebClient, hospital: Hospital) -> None:
    expected = series_of(hospital)
    study, series, _ = uids(expected[0])
    same_objects(client.retrieve_series(study, series), expected)
    same_objects(client.retrieve_series(study, series, media_types=OWN_SYNTAX), expected)
    made = client.retrieve_series(study, series, media_types=(("application/dicom", JPEG_LS),))
    assert {one.file_meta.TransferSyntaxUID for one in made} == {JPEG_LS}
    never = (("application/dicom", "1.2.840.10008.1.2.4.100"),)  # MPEG2
    assert refused(406, lambda: client.retrieve_series(study, series, media_types=never))


@walk
def iter_series(client: DICOMwebClient, hospital: Hospital) -> None:
    expected = series_of(hospital)
    study, series, _ = uids(expected[0])
    same_objects(list(client.iter_series(study, series, media_types=OWN_SYNTAX)), expected)


@walk
def retrieve_instance(client: DICOMwebClient, hospital: Hospital) -> None:
    for dataset in (hospital.datasets[0], hospital.multiframe):
        plain = client.retrieve_instance(*uids(dataset))
        assert plain.file_meta.TransferSyntaxUID == dataset.file_meta.TransferSyntaxUID  # it asks for any, as stored
        same_objects([plain], [dataset])
        for syntax in (EXPLICIT, JPEG_LS, J2K, RLE):
            made = client.retrieve_instance(*uids(dataset), media_types=(("application/dicom", syntax),))
            assert made.file_meta.TransferSyntaxUID == syntax
            same_objects([made], [dataset])
    study, series, _ = uids(hospital.datasets[0])
    assert refused(404, lambda: client.retrieve_instance(study, series, "1.2.3.4.5"))


def metadata_is_of(rows: list[dict[str, dict[str, Any]]], expected: list[Dataset]) -> None:
    """Every attribute of the objects is there, pixels as an address."""
    found = {row["00080018"]["Value"][0]: row for row in rows}
    assert set(found) == {one.SOPInstanceUID for one in expected}
    for one in expected:
        row = found[one.SOPInstanceUID]
        missing = [element.tag for element in one if f"{element.tag:08X}" not in row and element.tag != PADDING]
        assert not missing
        assert "Value" not in row["7FE00010"]
        read = Dataset.from_json(row, bulk_data_uri_handler=lambda *_: b"")
        assert read.Rows == one.Rows
        assert read.PatientName == one.PatientName


@walk
def retrieve_study_metadata(client: DICOMwebClient, hospital: Hospital) -> None:
    expected = of_study(hospital)
    metadata_is_of(client.retrieve_study_metadata(expected[0].StudyInstanceUID), expected)


@walk
def retrieve_series_metadata(client: DICOMwebClient, hospital: Hospital) -> None:
    expected = series_of(hospital)
    metadata_is_of(client.retrieve_series_metadata(*uids(expected[0])[:2]), expected)


@walk
def retrieve_instance_metadata(client: DICOMwebClient, hospital: Hospital) -> None:
    for dataset in (hospital.datasets[0], hospital.multiframe):
        metadata_is_of([client.retrieve_instance_metadata(*uids(dataset))], [dataset])


def pictures(get: Callable[..., bytes], dataset: Dataset) -> None:
    """Every kind of picture it can ask for; one it cannot have is a 406."""
    plain = get()
    assert Image.open(io.BytesIO(plain)).size == (dataset.Columns, dataset.Rows)
    for type, format in (("image/jpeg", "JPEG"), ("image/png", "PNG"), ("image/*", "JPEG")):
        assert Image.open(io.BytesIO(get(media_types=(type,)))).format == format
    small = get(media_types=("image/png",), params={"viewport": "32,32", "window": "40,400,linear"})
    assert max(Image.open(io.BytesIO(small)).size) == 32
    assert refused(406, lambda: get(media_types=("image/gif",)))


@walk
def retrieve_series_rendered(client: DICOMwebClient, hospital: Hospital) -> None:
    """One picture, the middle one, when one media type is named; else all of them, which it gives as they come."""
    dataset = hospital.datasets[0]
    series = uids(dataset)[:2]
    for type, format in (("image/jpeg", "JPEG"), ("image/png", "PNG")):
        picture = client.retrieve_series_rendered(*series, media_types=(type,), params={"viewport": "64,64"})
        assert Image.open(io.BytesIO(picture)).format == format
    assert client.retrieve_series_rendered(*series).count(b"Content-Type: image/jpeg") == len(series_of(hospital))


@walk
def retrieve_instance_rendered(client: DICOMwebClient, hospital: Hospital) -> None:
    for dataset in (hospital.datasets[0], hospital.multiframe):
        pictures(lambda dataset=dataset, **more: client.retrieve_instance_rendered(*uids(dataset), **more), dataset)


@walk
def retrieve_instance_frames_rendered(client: DICOMwebClient, hospital: Hospital) -> None:
    dataset = hospital.multiframe
    pictures(lambda **more: client.retrieve_instance_frames_rendered(*uids(dataset), [2], **more), dataset)
    assert refused(404, lambda: client.retrieve_instance_frames_rendered(*uids(dataset), [99]))


def samples(data: bytes, like: NDArray[Any]) -> NDArray[Any]:
    return np.frombuffer(data, like.dtype.newbyteorder("<")).reshape(like.shape)


FRAME_DECODERS: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    JPEG_LS: ("image/jls", imagecodecs.jpegls_decode),
    J2K: ("image/jp2", imagecodecs.jpeg2k_decode),
    "1.2.840.10008.1.2.4.70": ("image/jpeg", imagecodecs.ljpeg_decode),
}


def frames_of(get: Callable[..., list[bytes]], dataset: Dataset) -> None:
    pixels = dataset.pixel_array
    for media in ({}, {"media_types": ("application/octet-stream",)}):
        second, first = get([2, 1], **media)
        assert np.array_equal(samples(first, pixels[0]), pixels[0])
        assert np.array_equal(samples(second, pixels[1]), pixels[1])
    for syntax, (type, decode) in FRAME_DECODERS.items():
        for media_types in (((type, syntax),), (type,)):
            [frame] = get([3], media_types=media_types)
            assert np.array_equal(np.asarray(decode(frame)), pixels[2]), media_types
    [rle] = get([1], media_types=(("image/dicom-rle", RLE),))
    assert rle[:4] == b"\x02\0\0\0"  # two segments of bytes
    assert refused(404, lambda: get([len(pixels) + 1]))
    assert refused(404, lambda: get([0]))


@walk
def retrieve_instance_frames(client: DICOMwebClient, hospital: Hospital) -> None:
    dataset = hospital.multiframe
    frames_of(lambda numbers, **more: client.retrieve_instance_frames(*uids(dataset), numbers, **more), dataset)


@walk
def iter_instance_frames(client: DICOMwebClient, hospital: Hospital) -> None:
    dataset = hospital.multiframe
    frames_of(lambda numbers, **more: list(client.iter_instance_frames(*uids(dataset), numbers, **more)), dataset)


def bulk(get: Callable[..., list[bytes]], client: DICOMwebClient, dataset: Dataset) -> None:
    address = client.retrieve_instance_metadata(*uids(dataset))["7FE00010"]["BulkDataURI"]
    assert address.startswith("http")
    for media in (
        {},
        {"media_types": ("application/octet-stream",)},
        {"media_types": (("application/octet-stream", EXPLICIT),)},
    ):
        assert b"".join(get(address, **media)) == dataset.PixelData, media
    assert refused(404, lambda: get(address.replace("7FE00010", "00420011")))


@walk
def retrieve_bulkdata(client: DICOMwebClient, hospital: Hospital) -> None:
    bulk(client.retrieve_bulkdata, client, hospital.datasets[0])
    bulk(client.retrieve_bulkdata, client, hospital.multiframe)


@walk
def iter_bulkdata(client: DICOMwebClient, hospital: Hospital) -> None:
    bulk(lambda *one, **more: list(client.iter_bulkdata(*one, **more)), client, hospital.datasets[0])


def copy_of(dataset: Dataset, number: int, study: str = "1.2.3.999") -> Dataset:
    """Another instance in a study and of a patient of its own, with the same pixels."""
    stream = io.BytesIO()
    dataset.save_as(stream)
    made = pydicom.dcmread(io.BytesIO(stream.getvalue()))
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(f"{study}.{number}")
    made.StudyInstanceUID, made.SeriesInstanceUID = study, f"{study}.0"
    made.PatientID, made.PatientName = "BAN-SAO", "Ban^Sao"  # other programs ask for all of a patient
    return made


@walk
def store_instances(client: DICOMwebClient, hospital: Hospital) -> None:
    """New ones, the same again, and one that belongs to another study than the address says."""
    made = [copy_of(hospital.datasets[0], number) for number in (1, 2, 3)]
    answer = client.store_instances(made)
    assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [
        one.SOPInstanceUID for one in made
    ]
    assert answer.RetrieveURL.endswith("/studies/1.2.3.999")
    again = client.store_instances(made, study_instance_uid="1.2.3.999")
    assert "FailedSOPSequence" not in again
    same_objects(client.retrieve_study("1.2.3.999"), made)
    response = failure(409, lambda: client.store_instances(made[:1], study_instance_uid="1.2.3.998"))
    [failed] = Dataset.from_json(response.json()).FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == (made[0].SOPInstanceUID, 0xA900)


def not_deleted(call: Callable[[], Any]) -> None:
    response = failure(405, call)
    assert "DELETE" not in response.headers["Allow"]
    assert response.json()["detail"]


@walk
def delete_study(client: DICOMwebClient, hospital: Hospital) -> None:
    """What is kept is not deleted by a program: docs/clients.md says what to do instead."""
    not_deleted(lambda: client.delete_study(hospital.datasets[0].StudyInstanceUID))
    assert client.search_for_studies(search_filters={"StudyInstanceUID": hospital.datasets[0].StudyInstanceUID})


@walk
def delete_series(client: DICOMwebClient, hospital: Hospital) -> None:
    not_deleted(lambda: client.delete_series(*uids(hospital.datasets[0])[:2]))


@walk
def delete_instance(client: DICOMwebClient, hospital: Hospital) -> None:
    not_deleted(lambda: client.delete_instance(*uids(hospital.datasets[0])))


@walk
def set_chunk_size(client: DICOMwebClient, hospital: Hospital) -> None:
    """Requests in chunks, without a Content-Length, as it sends large ones."""
    chunky = DICOMwebClient(hospital.root, headers={"Authorization": f"Bearer {hospital.token}"})
    chunky.set_chunk_size(10_000)
    made = copy_of(hospital.datasets[0], 4, "1.2.3.997")
    assert len(chunky.store_instances([made]).ReferencedSOPSequence) == 1
    same_objects([chunky.retrieve_instance(*uids(made))], [made])


@walk
def set_http_retry_params(client: DICOMwebClient, hospital: Hospital) -> None:
    """What it repeats are 408, 429, 503 and 504; none of our answers to a mistake is among them."""
    patient = DICOMwebClient(hospital.root, headers={"Authorization": f"Bearer {hospital.token}"})
    patient.set_http_retry_params(retry=True, max_attempts=2, wait_exponential_multiplier=1)
    assert refused(404, lambda: patient.retrieve_study("1.2.3.4.5"))


@walk
def lookup_keyword(client: DICOMwebClient, hospital: Hospital) -> None:
    """Every attribute of an answer has a keyword it knows."""
    [row] = client.search_for_studies(limit=1)
    assert all(client.lookup_keyword(tag) for tag in row)


@walk
def lookup_tag(client: DICOMwebClient, hospital: Hospital) -> None:
    assert client.lookup_tag("StudyInstanceUID") in client.search_for_studies(limit=1)[0]


@needs_corpus
def test_a_wrong_token_is_said(hospital: Hospital) -> None:
    stranger = DICOMwebClient(hospital.root, headers={"Authorization": "Bearer not-one"})
    assert refused(401, stranger.search_for_studies)["title"] == "Not signed in"
