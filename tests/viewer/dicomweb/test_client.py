"""The dicomweb-client package against a real HTTP server."""

import io
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

from tests.support.corpus import images, needs_corpus
from tests.viewer.dicomweb.conftest import Shelf

SMALL = images("transfer-syntaxes/small-mr/MR_small.dcm", "MR_small.dcm")[0]


@pytest.fixture
def client(served: tuple[Shelf, str]) -> DICOMwebClient:
    return DICOMwebClient(f"{served[1]}/dicom-web", headers={"Authorization": "Bearer test"})


def test_walks_through_everything(client: DICOMwebClient) -> None:
    original = pydicom.dcmread(SMALL)
    study, series, sop = original.StudyInstanceUID, original.SeriesInstanceUID, original.SOPInstanceUID
    answer = client.store_instances([original])
    assert answer.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == sop
    [found] = client.search_for_studies(search_filters={"PatientID": original.PatientID}, fields=["StudyDescription"])
    assert found["0020000D"]["Value"] == [study]
    assert [one["0020000E"]["Value"] for one in client.search_for_series(study)] == [[series]]
    assert [one["00080018"]["Value"] for one in client.search_for_instances(study, series)] == [[sop]]
    for whole in (client.retrieve_study(study), client.retrieve_series(study, series)):
        assert [np.array_equal(one.pixel_array, original.pixel_array) for one in whole] == [True]
    assert [one.SOPInstanceUID for one in client.iter_series(study, series)] == [sop]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        instance = client.retrieve_instance(study, series, sop)
    assert instance.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    stored = client.retrieve_instance(study, series, sop, media_types=(("application/dicom", "*"),))
    assert stored.PixelData == original.PixelData
    metadata = [
        client.retrieve_study_metadata(study)[0],
        client.retrieve_series_metadata(study, series)[0],
        client.retrieve_instance_metadata(study, series, sop),
    ]
    assert all(one == metadata[0] for one in metadata)
    [frame] = client.retrieve_instance_frames(study, series, sop, [1])
    assert frame == original.PixelData
    [data] = client.retrieve_bulkdata(metadata[0]["7FE00010"]["BulkDataURI"])
    assert data == original.PixelData
    for type in ("image/jpeg", "image/png"):
        assert client.retrieve_instance_rendered(study, series, sop, media_types=(type,))
        assert client.retrieve_instance_frames_rendered(study, series, sop, [1], media_types=(type,))
        assert client.retrieve_series_rendered(study, series, media_types=(type,))


@pytest.mark.parametrize(
    "path",
    [path for path in images("multiframe/emri_small*.dcm", "multiframe/CT0012*") if "too_short" not in path.name],
    ids=lambda path: path.name,
)
@needs_corpus
def test_frames_of_compressed_images(client: DICOMwebClient, served: tuple[Shelf, str], path: Path) -> None:
    key = served[0].put(path)
    study, series, sop = key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid
    pixels = pydicom.dcmread(path).pixel_array
    frames = client.retrieve_instance_frames(study, series, sop, [1, 2])
    for frame, expected in zip(frames, pixels, strict=False):
        assert np.array_equal(np.frombuffer(frame, pixels.dtype.newbyteorder("<")).reshape(expected.shape), expected)
    stored = (
        list(client.iter_instance_frames(study, series, sop, [2, 1], media_types=(("image/*", "*"),)))
        if (pydicom.dcmread(path).file_meta.TransferSyntaxUID.is_encapsulated)
        else []
    )
    assert len(stored) in (0, 2)


def test_stores_many_at_once(client: DICOMwebClient, served: tuple[Shelf, str]) -> None:
    datasets = []
    for number in range(30):
        dataset = pydicom.dcmread(io.BytesIO(SMALL.read_bytes()))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.UID(f"1.2.3.{number}")
        datasets.append(dataset)
    answer = client.store_instances(datasets, study_instance_uid=datasets[0].StudyInstanceUID)
    assert len(answer.ReferencedSOPSequence) == 30
    assert len(list(client.iter_study(datasets[0].StudyInstanceUID))) == 30
