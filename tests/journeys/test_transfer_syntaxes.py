"""Every transfer syntax goes in through the door and comes out: as it was, byte for byte, and in others, pixel for
pixel."""

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs.pixels.syntaxes import DECODABLE, NATIVE
from tests.support.corpus import images, needs_corpus
from tests.support.server import Browserless, serving

EXPLICIT, JPEG_LS, HTJ2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.201"
STORED = 'application/dicom; transfer-syntax="*"'
BOUNDARY = "parts-of-a-test"
FILES = images("transfer-syntaxes/**/*")


def read(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data), force=True)


def own(data: bytes, number: int) -> bytes:
    """The file with a SOP Instance UID nobody else has, as long as it was: the corpus has one slice in many syntaxes,
    which the archive rightly takes for one. What is deflated keeps its UID."""
    uid = str(read(data).SOPInstanceUID)
    if data.count(uid.encode()) < 2 or len(uid) < 8:
        return data
    return data.replace(uid.encode(), f"{uid[:-4]}{1000 + number}".encode())


def stow(client: Browserless, data: bytes) -> int:
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = head + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    content_type = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    return client.ask("POST", "/dicom-web/studies", body, {"Content-Type": content_type}).status


@needs_corpus
@pytest.mark.timeout(300)
def test_every_syntax_comes_out_as_it_went_in_and_in_others(tmp_path: Path) -> None:
    exact, recoded = 0, dict.fromkeys((EXPLICIT, JPEG_LS, HTJ2K), 0)
    with serving(tmp_path) as running:
        client = running.add_admin()
        for number, path in enumerate(FILES):
            data = own(path.read_bytes(), number)
            dataset = read(data)
            if not all(dataset.get(name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")):
                continue
            assert stow(client, data) in (200, 202), path.name
            url = (
                f"/dicom-web/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
                f"/instances/{dataset.SOPInstanceUID}"
            )
            whole = client.get(url, Accept=STORED)
            assert whole.status == 200, path.name
            if data[128:132] == b"DICM":
                assert whole.body == data, path.name
                exact += 1
            native = native_frame(client, url, dataset)
            if native is not None:
                recoded[EXPLICIT] += 1
                for syntax in (JPEG_LS, HTJ2K):
                    recoded[syntax] += same_pixels(client, url, dataset, syntax, native)
    assert exact > 30
    assert all(count > 20 for count in recoded.values()), recoded


def stored_syntax(dataset: Dataset) -> str:
    return str(dataset.file_meta.get("TransferSyntaxUID", "")) if hasattr(dataset, "file_meta") else ""


def native_frame(client: Browserless, url: str, dataset: Dataset) -> bytes | None:
    """The first frame in Explicit VR Little Endian; None when it cannot be decoded, which must be said."""
    native = client.get(f"{url}/frames/1", Accept=f"application/octet-stream; transfer-syntax={EXPLICIT}")
    if stored_syntax(dataset) in DECODABLE and native.status == 200:
        return native.body
    assert native.status in (404, 406, 422)
    return None


def same_pixels(client: Browserless, url: str, dataset: Dataset, syntax: str, native: bytes) -> bool:
    """Whether the first frame, asked for in a syntax, has the pixels of the native one, read as the header says; False
    when these pixels do not fit the syntax, which must be said."""
    media = "image/jls" if syntax == JPEG_LS else "image/jphc"
    made = client.get(f"{url}/frames/1", Accept=f"{media}; transfer-syntax={syntax}")
    if made.status != 200:
        assert made.status in (406, 422), made.body
        assert dataset.BitsAllocated not in (8, 16) or "PixelData" not in dataset
        return False
    decode = imagecodecs.jpegls_decode if syntax == JPEG_LS else imagecodecs.htj2k_decode
    samples = np.asarray(decode(made.body))
    if samples.ndim == 3 and samples.shape[-1] != 3:  # the decoder gives colour without a component transform so
        samples = np.moveaxis(samples, 0, -1)
    expected = as_the_header_says(dataset, native, samples.shape)
    mask = (1 << int(dataset.BitsStored)) - 1
    assert np.array_equal(samples.astype(int) & mask, expected.astype(int) & mask), (url, syntax)
    return True


def as_the_header_says(dataset: Dataset, native: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
    """The samples of a native frame, colour by pixel."""
    if dataset.BitsAllocated == 1:
        bits = np.unpackbits(np.frombuffer(native, np.uint8), bitorder="little")
        return bits[: int(np.prod(shape))].reshape(shape)
    flat = np.frombuffer(native, f"<u{dataset.BitsAllocated // 8}")
    count = int(np.prod(shape))
    if flat.size < count:  # two pixels share their chroma
        assert "422" in dataset.PhotometricInterpretation
        pairs = flat[: count * 2 // 3].reshape(-1, 4)
        return np.stack([pairs[:, :2], pairs[:, 2:3].repeat(2, 1), pairs[:, 3:].repeat(2, 1)], -1).reshape(shape)
    if dataset.get("PlanarConfiguration") == 1 and stored_syntax(dataset) in NATIVE:
        return np.moveaxis(flat[:count].reshape(shape[-1:] + shape[:-1]), 0, -1)
    return flat[:count].reshape(shape)
