"""One answer for the first viewport: what there is, the metadata, and the preview of the image to be shown first."""

import gzip
import io
import json
import re
from typing import Any

import pytest

from storage.model.modalities import PICTURELESS
from tests.support.corpus import images
from tests.support.server import ROOT
from tests.viewer.conftest import Web
from tests.viewer.dicomweb.conftest import Shelf
from viewer.dicomweb.media_types import content_type
from viewer.dicomweb.multipart import Reader
from viewer.dicomweb.opening import DERIVED

CT = images("modalities/ct/CT_small.dcm", "CT_small.dcm")[0]


def opened(answer: Any) -> tuple[dict[str, Any], list[dict[str, Any]], list[tuple[dict[str, str], bytes]]]:
    (said_head, said), (_, metadata), *rest = parts_of_mixed(answer)
    assert said_head["content-encoding"] == "gzip"
    return json.loads(gzip.decompress(said)), json.loads(gzip.decompress(metadata)), rest


def parts_of_mixed(answer: Any) -> list[tuple[dict[str, str], bytes]]:
    """Parts of several types, which `parts_of` would not have."""
    _, parameters = content_type(answer.headers["Content-Type"])
    reader = Reader(io.BytesIO(answer.data), parameters["boundary"])
    return [(part.headers, b"".join(map(bytes, part.body()))) for part in reader]


def test_one_request_for_the_first_image(shelf: Shelf) -> None:
    key = shelf.put(CT)
    base = f"/dicom-web/studies/{key.study_instance_uid}"
    answer = shelf.client.get(f"{base}/opening")
    assert answer.status_code == 200, answer.text
    said, metadata, [(head, data)] = opened(answer)
    assert said["SeriesInstanceUID"] == key.series_instance_uid
    assert said["first"] == {"SOPInstanceUID": key.sop_instance_uid, "frame": 1}
    assert [one["SeriesInstanceUID"] for one in said["series"]] == [key.series_instance_uid]
    assert metadata[0]["00080018"]["Value"] == [key.sop_instance_uid]
    assert "max-error=" in head["hoichan-preview"]
    version = said["versions"][key.sop_instance_uid]
    place = head["content-location"].partition("/dicom-web")[2]
    kept = shelf.client.get(f"/dicom-web{place}?v={version}")
    assert kept.data == data
    assert "immutable" in kept.headers["Cache-Control"]
    again = shelf.client.get(f"{base}/opening", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    series = shelf.client.get(f"{base}/series/{key.series_instance_uid}/opening?preview=no")
    assert opened(series)[2] == []
    assert shelf.client.get(f"{base}/series/1.2.3/opening").status_code == 404
    other = {"X-Hospital": str(shelf.hospital("other").hospital_id)}
    assert shelf.client.get(f"{base}/opening", headers=other).status_code == 404


@pytest.mark.parametrize(("modality", "at"), [("CT", 2), ("US", 0)])
def test_a_volume_is_begun_in_the_middle(web: Web, modality: str, at: int) -> None:
    study, series = "1.2.826.0.1.3680043.8.498.5", "1.2.826.0.1.3680043.8.498.6"
    for number in range(1, 7):
        web.store(
            StudyInstanceUID=study, SeriesInstanceUID=series, Modality=modality, InstanceNumber=str(number),
            SOPInstanceUID=f"{series}.{number}",
        )  # fmt: skip
    answer = web.person("clinician").get(f"/dicom-web/studies/{study}/opening?preview=no")
    said = opened(answer)[0]
    assert said["first"]["SOPInstanceUID"] == f"{series}.{at + 1}"
    assert len(said["versions"]) == 6


def test_images_come_before_reports_and_what_was_made_of_them(web: Web) -> None:
    study = "1.2.826.0.1.3680043.8.498.7"
    for number, modality in enumerate(("SR", "SEG", "MR"), start=1):
        web.store(
            StudyInstanceUID=study, SeriesInstanceUID=f"{study}.{number}", SOPInstanceUID=f"{study}.{number}.1",
            Modality=modality, SeriesNumber=str(number),
        )  # fmt: skip
    said = opened(web.person("clinician").get(f"/dicom-web/studies/{study}/opening?preview=no"))[0]
    assert [one["Modality"] for one in said["series"]] == ["MR", "SEG", "SR"]
    assert said["SeriesInstanceUID"] == f"{study}.3"


def test_the_reading_room_orders_them_the_same_way() -> None:
    text = (ROOT / "static/src/reading/dicom/series.ts").read_text(encoding="utf-8")
    for name, ours in (("PICTURELESS", PICTURELESS), ("DERIVED", DERIVED)):
        line = next(line for line in text.splitlines() if f"const {name}" in line)
        assert set(line.partition("[")[2].partition("]")[0].replace("'", "").split(", ")) == ours


def test_the_worklist_names_every_kind_of_document() -> None:
    text = (ROOT / "static/src/shell/worklist/cells.tsx").read_text(encoding="utf-8")
    kinds = text.partition("const KINDS")[2].partition("{")[2].partition("}")[0]
    assert set(re.findall(r"\b([A-Z]+): '", kinds)) == PICTURELESS
