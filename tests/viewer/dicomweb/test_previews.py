"""Previews say how good they are, and an address that names content is kept for good."""

import json
import re
from pathlib import Path

import pytest

from storage.model.archive import Scope
from tests.support.corpus import images
from tests.viewer.dicomweb.conftest import Shelf, url_of
from tests.viewer.dicomweb.reading import parts_of
from viewer.dicomweb.versions import IMMUTABLE, version_of

CT = images("modalities/ct/CT_small.dcm", "CT_small.dcm")[:1]
RLE = images("transfer-syntaxes/small-mr/MR_small_RLE.dcm", "MR_small_RLE.dcm")[:1]
WAVEFORM = images("modalities/ecg/waveform_ecg.dcm", "waveform_ecg.dcm")[:1]


@pytest.fixture(params=CT, ids=lambda path: path.name)
def ct(request: pytest.FixtureRequest, any_shelf: Shelf) -> tuple[Shelf, str, str]:
    """A shelf with one CT instance, its address and its version."""
    path: Path = request.param
    key = any_shelf.put(path)
    instance = any_shelf.archive.instance(Scope(frozenset({any_shelf.origin.hospital_id})), key)
    return any_shelf, url_of(key), version_of(instance)


def test_says_how_good_it_is(ct: tuple[Shelf, str, str]) -> None:
    shelf, url, _ = ct
    answer = shelf.client.get(f"{url}/frames/1/preview")
    assert answer.status_code == 200
    assert answer.content_type == "image/jphc; transfer-syntax=1.2.840.10008.1.2.4.203"
    said = dict(re.findall(r'([a-z-]+)="?([^",]*)', answer.headers["Hoichan-Preview"]))
    assert said["unit"] == "HU"
    assert 0 < float(said["rmse"]) < 15
    assert float(said["max-error"]) < 80
    assert int(said["original-bytes"]) == 128 * 128 * 2 > 3 * len(answer.data)
    quality = shelf.client.get(f"{url}/frames/1/preview", headers={"Accept": "application/json"}).get_json()
    assert quality["bytes"] == len(answer.data)
    assert quality["maxError"] == pytest.approx(float(said["max-error"]), rel=1e-3)


def test_an_address_that_names_content_is_kept_for_good(ct: tuple[Shelf, str, str]) -> None:
    shelf, url, version = ct
    for resource in ("frames/1/preview", "frames/1"):
        plain = shelf.client.get(f"{url}/{resource}")
        named = shelf.client.get(f"{url}/{resource}?v={version}")
        other = shelf.client.get(f"{url}/{resource}?v={'0' * 16}")
        assert plain.data == named.data == other.data
        assert named.headers["Cache-Control"] == IMMUTABLE
        assert "no-cache" in plain.headers["Cache-Control"]
        assert "no-cache" in other.headers["Cache-Control"]
        again = shelf.client.get(f"{url}/{resource}", headers={"If-None-Match": plain.headers["ETag"]})
        assert again.status_code == 304
        assert not again.data


def test_many_in_one_answer(ct: tuple[Shelf, str, str]) -> None:
    shelf, url, _ = ct
    series = url.partition("/instances/")[0]
    [(head, data)] = parts_of(shelf.client.get(f"{series}/previews?frames=1"))
    assert data == shelf.client.get(f"{url}/frames/1/preview").data
    assert head["content-location"].endswith("/frames/1/preview")
    assert "max-error=" in head["hoichan-preview"]
    answer = shelf.client.get(f"{series}/previews?frames=1", headers={"Accept": "application/json"})
    assert [one["frame"] for one in json.loads(answer.data)] == [1]
    assert shelf.client.get(f"{series}/previews?frames=2").status_code == 404
    assert shelf.client.get(f"{series}/previews").status_code == 400


def test_only_who_may_see_the_frame(ct: tuple[Shelf, str, str]) -> None:
    shelf, url, version = ct
    other = {"X-Hospital": str(shelf.hospital("other").hospital_id)}
    for resource in ("frames/1/preview", f"frames/1/preview?v={version}"):
        assert shelf.client.get(f"{url}/{resource}", headers=other).status_code == 404
    series = url.partition("/instances/")[0]
    assert shelf.client.get(f"{series}/previews?frames=1", headers=other).status_code == 404


@pytest.mark.parametrize("path", [*RLE[:1], *WAVEFORM], ids=lambda path: path.name)
def test_a_frame_that_is_as_small_has_none(shelf: Shelf, path: Path) -> None:
    url = url_of(shelf.put(path))
    answer = shelf.client.get(f"{url}/frames/1/preview")
    if answer.status_code == 200:
        assert len(answer.data) < 0.75 * int(answer.headers["Hoichan-Preview"].rpartition("=")[2])
    else:
        assert answer.status_code == 404
