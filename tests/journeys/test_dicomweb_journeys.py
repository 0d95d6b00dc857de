"""A program that knows nothing of us, through dicomweb-client and a token, on both kinds of stores."""

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

from tests.support.corpus import images
from tests.support.server import Browserless, Running


@pytest.fixture(scope="module")
def client(running: Running) -> DICOMwebClient:
    token = running.cli("token", "add", "program", "--scope", "dicomweb").stdout.strip()
    return DICOMwebClient(f"{running.base_url}/dicom-web", headers={"Authorization": f"Bearer {token}"})


def test_store_find_and_retrieve(client: DICOMwebClient) -> None:
    originals = [pydicom.dcmread(path) for path in images("series-ct/same-patient-two-studies/A002304/*/*.dcm")]
    stored = client.store_instances(originals)
    assert len(stored.ReferencedSOPSequence) == len(originals)
    assert "FailedSOPSequence" not in stored
    first = originals[0]
    studies = client.search_for_studies(search_filters={"PatientID": str(first.PatientID)})
    assert {study["0020000D"]["Value"][0] for study in studies} >= {o.StudyInstanceUID for o in originals[:1]}
    back = client.retrieve_study(first.StudyInstanceUID)
    of_study = [o for o in originals if o.StudyInstanceUID == first.StudyInstanceUID]
    assert {d.SOPInstanceUID for d in back} == {o.SOPInstanceUID for o in of_study}
    metadata = client.retrieve_study_metadata(first.StudyInstanceUID)
    assert {m["00080018"]["Value"][0] for m in metadata} == {o.SOPInstanceUID for o in of_study}


def test_frames_and_renderings(client: DICOMwebClient) -> None:
    original = pydicom.dcmread(images("series-ct/same-patient-two-studies/A002304/*/*.dcm")[0])
    client.store_instances([original])
    uids = (original.StudyInstanceUID, original.SeriesInstanceUID, original.SOPInstanceUID)
    [frame] = client.retrieve_instance_frames(*uids, [1])
    pixels = original.pixel_array
    assert np.array_equal(np.frombuffer(frame, pixels.dtype).reshape(pixels.shape), pixels)
    assert client.retrieve_instance_rendered(*uids, media_types=("image/png",)).startswith(b"\x89PNG")


def test_without_the_token_there_is_nothing(running: Running) -> None:
    answer = Browserless(running.base_url).get("/dicom-web/studies")
    assert answer.status == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
