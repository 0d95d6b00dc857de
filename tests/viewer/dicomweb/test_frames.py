"""Frames come as they are stored, decoded, or encoded another way, and are kept by browsers for good."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

from storage.model.archive import Scope
from tests.support.corpus import images, needs_corpus
from tests.viewer.dicomweb.conftest import SYNTAXES, Shelf, url_of
from tests.viewer.dicomweb.reading import parts_of

NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"}
BIG_ENDIAN, EXPLICIT = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1"
AS_STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"
SMALL = images("transfer-syntaxes/small-mr/MR_small.dcm", "MR_small.dcm")[:1]


def stored_frames(path: Path) -> tuple[str, list[bytes]]:
    """The transfer syntax of a file and its frames, read by pydicom."""
    dataset = pydicom.dcmread(path, force=True)
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2"))
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    if syntax in NATIVE | {BIG_ENDIAN}:
        samples = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
        size = samples * dataset.BitsAllocated // 8
        if dataset.PhotometricInterpretation == "YBR_FULL_422":
            size = size * 2 // 3
        return syntax, [dataset.PixelData[n * size : (n + 1) * size] for n in range(count)]
    return syntax, list(generate_frames(dataset.PixelData, number_of_frames=count))


@pytest.mark.parametrize(
    "path", [path for path in SYNTAXES if stored_frames(path)[0] != BIG_ENDIAN], ids=lambda path: path.name
)
def test_any_syntax_means_as_stored(syntaxes: Shelf, path: Path) -> None:
    url, headers = syntaxes.address(path)
    syntax, frames = stored_frames(path)
    numbers = ",".join(str(number + 1) for number in range(len(frames)))
    parts = parts_of(syntaxes.client.get(f"{url}/frames/{numbers}", headers={**headers, "Accept": AS_STORED}))
    said = EXPLICIT if syntax in NATIVE else syntax
    assert {head["content-type"] for head, _ in parts} == {f"application/octet-stream; transfer-syntax={said}"}
    assert [data.rstrip(b"\0") for _, data in parts] == [frame.rstrip(b"\0") for frame in frames]


@pytest.mark.parametrize("accept", ["", "*/*", 'multipart/related; type="application/octet-stream"'])
@pytest.mark.parametrize("path", images("transfer-syntaxes/small-mr/*.dcm"), ids=lambda path: path.name)
def test_without_a_transfer_syntax_frames_are_native_little_endian(syntaxes: Shelf, path: Path, accept: str) -> None:
    url, headers = syntaxes.address(path)
    headers = {**headers, "Accept": accept} if accept else headers
    [(head, data)] = parts_of(syntaxes.client.get(f"{url}/frames/1", headers=headers))
    assert head["content-type"] == f"application/octet-stream; transfer-syntax={EXPLICIT}"
    pixels = pydicom.dcmread(path).pixel_array
    assert np.array_equal(np.frombuffer(data, pixels.dtype.newbyteorder("<")).reshape(pixels.shape), pixels)


@pytest.mark.parametrize(
    ("name", "type", "syntax"),
    [
        ("MR_small_RLE.dcm", "image/dicom-rle", "1.2.840.10008.1.2.5"),
        ("MR_small_RLE.dcm", "image/x-dicom-rle", "1.2.840.10008.1.2.5"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls", "1.2.840.10008.1.2.4.80"),
        ("MR_small_jp2klossless.dcm", "image/jp2", "1.2.840.10008.1.2.4.90"),
    ],
)
def test_the_stored_frame_has_its_media_type(syntaxes: Shelf, name: str, type: str, syntax: str) -> None:
    path = images(f"transfer-syntaxes/small-mr/{name}")[0]
    url, headers = syntaxes.address(path)
    frame = stored_frames(path)[1][0]
    for accept in (type, f"{type}; transfer-syntax={syntax}", f"{type}; transfer-syntax=*"):
        single = syntaxes.client.get(f"{url}/frames/1", headers={**headers, "Accept": accept})
        assert (single.status_code, single.get_data()) == (200, frame)
        assert single.headers["Content-Type"] == f"{type}; transfer-syntax={syntax}"
        quoted = accept.replace(type, f'multipart/related; type="{type}"', 1)
        [(head, data)] = parts_of(syntaxes.client.get(f"{url}/frames/1", headers={**headers, "Accept": quoted}))
        assert (head["content-type"], data) == (f"{type}; transfer-syntax={syntax}", frame)


@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm"])
@pytest.mark.parametrize("type", ["image/jls", "image/jp2", "image/jphc", "image/dicom-rle"])
def test_frames_are_encoded_losslessly_when_asked(syntaxes: Shelf, name: str, type: str) -> None:
    path = images(f"transfer-syntaxes/small-mr/{name}")[0]
    url, headers = syntaxes.address(path)
    response = syntaxes.client.get(f"{url}/frames/1", headers={**headers, "Accept": type})
    assert response.status_code == 200, response.get_data()
    syntax = response.headers["Content-Type"].partition("transfer-syntax=")[2]
    origin, key = syntaxes.placed[images("transfer-syntaxes/small-mr/MR_small.dcm")[0]]
    native = syntaxes.archive.instance(Scope(frozenset({origin.hospital_id})), key)
    header = syntaxes.archive.header(native)  # says the same of the pixels and is explicit little endian
    decoded = syntaxes.archive.codecs.decode(header, syntax, response.get_data(), 1)
    pixels = pydicom.dcmread(path).pixel_array
    assert np.array_equal(np.frombuffer(decoded, pixels.dtype.newbyteorder("<")).reshape(pixels.shape), pixels)


@needs_corpus
def test_several_frames_come_in_the_order_asked(shelf: Shelf) -> None:
    for path in images("multiframe/emri_small*.dcm"):
        if "too_short" in path.name or "big" in path.name:
            continue
        one = shelf.hospital(path.stem.lower().replace("_", "-")[:32])
        url = url_of(shelf.put(path, one))
        frames = stored_frames(path)[1]
        headers = {"X-Hospital": str(one.hospital_id), "Accept": AS_STORED}
        parts = parts_of(shelf.client.get(f"{url}/frames/3%2C1,2", headers=headers))
        assert [data.rstrip(b"\0") for _, data in parts] == [frames[n].rstrip(b"\0") for n in (2, 0, 1)]
        assert [head["content-location"].rpartition("/")[2] for head, _ in parts] == ["3", "1", "2"]
        native = shelf.client.get(f"{url}/frames/1,2", headers={**headers, "Accept": "application/octet-stream"})
        assert native.status_code == 406, "several frames have no single part"


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.name)
def test_a_single_part_is_sent_by_range(any_shelf: Shelf, path: Path) -> None:
    url = f"{url_of(any_shelf.put(path))}/frames/1"
    whole = any_shelf.client.get(url, headers={"Accept": "application/octet-stream"})
    data = whole.get_data()
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert int(whole.headers["Content-Length"]) == len(data)
    for wanted, expected in (
        ("bytes=0-99", data[:100]),
        ("bytes=100-", data[100:]),
        ("bytes=-7", data[-7:]),
        ("bytes=10-999999999", data[10:]),
    ):
        part = any_shelf.client.get(url, headers={"Accept": "application/octet-stream", "Range": wanted})
        assert (part.status_code, part.get_data()) == (206, expected)
        first = len(data) - len(expected) if wanted != "bytes=0-99" else 0
        assert part.headers["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/{len(data)}"
    for ignored in ("bytes=0-1,5-6", "bytes=5-1", "lines=1-2", "bytes=x-y"):
        whole_again = any_shelf.client.get(url, headers={"Accept": "application/octet-stream", "Range": ignored})
        assert (whole_again.status_code, whole_again.get_data()) == (200, data)
    beyond = any_shelf.client.get(url, headers={"Accept": "application/octet-stream", "Range": f"bytes={len(data)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(data)}"
    stale = {"Accept": "application/octet-stream", "Range": "bytes=0-9", "If-Range": '"other"'}
    assert any_shelf.client.get(url, headers=stale).status_code == 200
    fresh = {**stale, "If-Range": whole.headers["ETag"]}
    assert any_shelf.client.get(url, headers=fresh).get_data() == data[:10]


def client_again(shelf: Shelf, url: str, accept: str) -> bytes:
    return shelf.client.get(url, headers={"Accept": accept}).get_data()


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.name)
def test_frames_are_kept_and_never_changed_on_the_way(shelf: Shelf, path: Path) -> None:
    url = f"{url_of(shelf.put(path))}/frames/1"
    seen = set()
    for accept in (AS_STORED, "*/*", "application/octet-stream", "image/jls"):
        response = shelf.client.get(url, headers={"Accept": accept, "Accept-Encoding": "gzip, br"})
        cache = response.headers["Cache-Control"]
        assert all(word in cache for word in ("private", "no-cache", "no-transform"))
        assert "Content-Encoding" not in response.headers
        assert "Content-Length" in response.headers
        assert "Accept" in response.headers["Vary"]
        seen.add(response.headers["ETag"])
        again = shelf.client.get(url, headers={"Accept": accept, "If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.get_data()) == (304, b"")
        head = shelf.client.head(url, headers={"Accept": accept})
        assert (head.status_code, head.get_data()) == (200, b"")
        assert head.headers["Content-Length"] == response.headers["Content-Length"]
        assert client_again(shelf, url, accept) == response.get_data(), "the same bytes under the same validator"
    assert len(seen) == 3, "native and encoded, single and multipart differ"


@pytest.mark.parametrize(
    ("numbers", "status"), [("0", 404), ("2", 404), ("1,99", 404), ("x", 400), ("1,", 400), ("-1", 400), ("1-2", 400)]
)
def test_frames_that_are_not_there(shelf: Shelf, numbers: str, status: int) -> None:
    url = url_of(shelf.put(SMALL[0]))
    response = shelf.client.get(f"{url}/frames/{numbers}", headers={"Accept": AS_STORED})
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"


def test_what_has_no_pixels_has_no_frames(shelf: Shelf) -> None:
    path = images("derived-objects/rt/rtplan.dcm", "derived-objects/sr/**/*.dcm")[0]
    url = url_of(shelf.put(path))
    for more in ("/frames/1", "/rendered", "/thumbnail", "/bulkdata/7FE00010"):
        assert shelf.client.get(url + more).status_code == 404
