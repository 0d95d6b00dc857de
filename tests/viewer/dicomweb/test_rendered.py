"""Pictures of frames, instances, series and studies."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.corpus import images, needs_corpus
from tests.viewer.dicomweb.conftest import Shelf, url_of
from tests.viewer.dicomweb.reading import parts_of

CT = images("series-ct/**/*.dcm", "CT_small.dcm")[0]
MULTI = images("multiframe/emri_small.dcm")


def picture(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("accept", "type", "format"),
    [
        ("", "image/jpeg", "JPEG"),
        ("*/*", "image/jpeg", "JPEG"),
        ("image/*", "image/jpeg", "JPEG"),
        ("image/png", "image/png", "PNG"),
        ("image/webp", "image/webp", "WEBP"),
        ("image/avif,image/webp,image/apng,image/*,*/*;q=0.8", "image/webp", "WEBP"),
        ("image/gif;q=1, image/png;q=0.5, image/jpeg;q=0.2", "image/png", "PNG"),
    ],
)
def test_pictures_are_of_the_type_that_is_accepted(shelf: Shelf, accept: str, type: str, format: str) -> None:
    url = url_of(shelf.put(CT))
    for address in (f"{url}/rendered", f"{url}/frames/1/rendered", f"{url}/thumbnail", f"{url}/frames/1/thumbnail"):
        response = shelf.client.get(address, headers={"Accept": accept} if accept else {})
        assert response.status_code == 200, response.get_data()
        assert response.headers["Content-Type"] == type
        assert picture(response.get_data()).format == format
        again = shelf.client.get(
            address, headers={**({"Accept": accept} if accept else {}), "If-None-Match": response.headers["ETag"]}
        )
        assert (again.status_code, again.get_data()) == (304, b"")


def test_a_window_changes_what_is_seen(shelf: Shelf) -> None:
    url = f"{url_of(shelf.put(CT))}/rendered"
    png = {"Accept": "image/png"}
    bone = np.asarray(picture(shelf.client.get(f"{url}?window=300,1500,linear", headers=png).get_data()))
    lung = np.asarray(picture(shelf.client.get(f"{url}?window=-600%2C1200%2Clinear-exact", headers=png).get_data()))
    curved = np.asarray(picture(shelf.client.get(f"{url}?window=300,1500,sigmoid", headers=png).get_data()))
    assert lung.mean() > bone.mean()
    assert not np.array_equal(bone, curved)


@needs_corpus
def test_a_viewport_says_how_large_and_which_region(shelf: Shelf) -> None:
    url = f"{url_of(shelf.put(CT))}/rendered"
    small = picture(shelf.client.get(f"{url}?viewport=100,80").get_data())
    assert max(small.width - 100, small.height - 80) == 0
    assert small.width <= 100
    large = picture(shelf.client.get(f"{url}?viewport=1500,1500").get_data())
    assert max(large.size) == 1500
    png = {"Accept": "image/png"}
    whole = np.asarray(picture(shelf.client.get(url, headers=png).get_data()))
    part = picture(shelf.client.get(f"{url}?viewport=64,64,10,20,64,64", headers=png).get_data())
    assert part.size == (64, 64)
    assert np.array_equal(np.asarray(part), whole[20:84, 10:74])


def test_quality_costs_bytes(shelf: Shelf) -> None:
    url = f"{url_of(shelf.put(CT))}/rendered"
    sizes = [len(shelf.client.get(f"{url}?quality={quality}").get_data()) for quality in (10, 50, 95)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


@pytest.mark.parametrize(
    "query",
    [
        "window=1", "window=a,b,linear", "window=1,0,linear-exact", "window=1,0.5,linear", "window=1,2,cubic",
        "window=nan,1,linear", "window=1,inf,linear", "viewport=0,1", "viewport=1", "viewport=99999,1", "viewport=a,b",
        "viewport=10,10,0,0,-5,5", "viewport=10,10,1,1", "quality=0", "quality=101", "quality=x",
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused(shelf: Shelf, query: str) -> None:
    response = shelf.client.get(f"{url_of(shelf.put(CT))}/rendered?{query}")
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"


def test_parameters_without_effect_are_warned_about(shelf: Shelf) -> None:
    response = shelf.client.get(f"{url_of(shelf.put(CT))}/rendered?iccprofile=yes&annotation=patient")
    assert response.status_code == 200
    assert "iccprofile" in response.headers["Warning"]
    assert "annotation" not in response.headers["Warning"]


def test_what_is_no_picture_is_not_acceptable(shelf: Shelf) -> None:
    url = url_of(shelf.put(CT))
    for address in (f"{url}/rendered", f"{url}/thumbnail", f"{url}/frames/1/rendered"):
        assert shelf.client.get(address, headers={"Accept": "video/mp4"}).status_code == 406


@pytest.mark.parametrize("path", MULTI, ids=lambda path: path.name)
@needs_corpus
def test_several_frames_are_several_parts(shelf: Shelf, path: Path) -> None:
    url = url_of(shelf.put(path))
    parts = parts_of(shelf.client.get(f"{url}/frames/2,1/rendered", headers={"Accept": "*/*"}))
    assert [head["content-location"].rpartition("/dicom-web")[2] for head, _ in parts] == [
        f"{url.removeprefix('/dicom-web')}/frames/{number}/rendered" for number in (2, 1)
    ]
    assert all(picture(data).format == "JPEG" for _, data in parts)
    everything = parts_of(
        shelf.client.get(f"{url}/rendered", headers={"Accept": 'multipart/related; type="image/png"'})
    )
    assert len(everything) == 10
    one = shelf.client.get(f"{url}/rendered", headers={"Accept": "image/png"})
    assert one.get_data() == everything[0][1]


def test_a_series_is_all_its_pictures_or_one(shelf: Shelf) -> None:
    keys = [shelf.put(path) for path in images("series-ct/**/*.dcm", "CT_small.dcm")[:4]]
    study = f"/dicom-web/studies/{keys[0].study_instance_uid}"
    count = sum(key.study_instance_uid == keys[0].study_instance_uid for key in keys)
    assert len(parts_of(shelf.client.get(f"{study}/rendered"))) == count
    single = shelf.client.get(f"{study}/series/{keys[0].series_instance_uid}/rendered", headers={"Accept": "image/png"})
    assert picture(single.get_data()).format == "PNG"


def test_thumbnails_of_every_level_are_small(shelf: Shelf) -> None:
    key = shelf.put(CT)
    study = f"/dicom-web/studies/{key.study_instance_uid}"
    series = f"{study}/series/{key.series_instance_uid}"
    for url in (study, series, url_of(key), f"{url_of(key)}/frames/1"):
        response = shelf.client.get(f"{url}/thumbnail")
        assert response.headers["Content-Type"] == "image/jpeg"
        assert max(picture(response.get_data()).size) <= 256
        own = shelf.client.get(f"{url}/thumbnail?viewport=40,40", headers={"Accept": "image/png"})
        assert max(picture(own.get_data()).size) == 40
        again = shelf.client.get(f"{url}/thumbnail", headers={"If-None-Match": response.headers["ETag"]})
        assert again.status_code == 304


def test_pixels_that_cannot_be_decoded_are_said_to_be_so(shelf: Shelf, tmp_path: Path) -> None:
    data = images("transfer-syntaxes/small-mr/MR_small_jpeg_ls_lossless.dcm")[0].read_bytes()
    start = data.rindex(b"\xff\xd8\xff\xf7")
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(data[: start + 40] + bytes(len(data) - start - 48) + data[-8:])
    url = url_of(shelf.put(broken))
    for address in (f"{url}/rendered", f"{url}/thumbnail", f"{url}/frames/1"):
        response = shelf.client.get(address)
        assert response.status_code == 422, response.get_data()
        assert response.get_json(force=True)["type"] == "/problems/UndecodablePixels"
    stored = shelf.client.get(f"{url}/frames/1", headers={"Accept": "image/jls"})
    assert stored.status_code == 200, "the stored frame is still there to have"
