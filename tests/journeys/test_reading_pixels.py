"""The reading room shows what the reference rendering shows, and measures what NumPy measures, in a real browser."""

import base64
import io
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.browser import chromium
from tests.support.corpus import corpus
from tests.support.server import ADMIN, PASSWORD, Running, configured
from viewer.reading.pages import DIST

# One file for each way from stored values to what is shown.
FILES = {
    "CT, window": "modalities/ct",
    "CT, JPEG Lossless": "transfer-syntaxes/nema-wg04/CT1_JPLL",
    "CT, sign of JPEG 2000 against the header": "odd-and-broken/J2K_pixelrep_mismatch.dcm",
    "MR, JPEG-LS": "transfer-syntaxes/nema-wg04/MR1_JLSL",
    "MR, 12-bit JPEG": "transfer-syntaxes/nema-wg04/NM1_JPLY",
    "CR, JPEG 2000": "transfer-syntaxes/nema-wg04/RG3_J2KR",
    "VOI LUT Sequence": "odd-and-broken/vlut_04.dcm",
    "Modality LUT Sequence": "odd-and-broken/mlut_18.dcm",
    "colour, run length": "transfer-syntaxes/nema-wg04/US1_RLE",
    "colour, JPEG": "transfer-syntaxes/colour/SC_rgb_jpeg_gdcm.dcm",
    "colour by plane, big endian": "transfer-syntaxes/colour/ExplVR_BigEnd.dcm",
    "YBR_FULL": "transfer-syntaxes/colour/SC_ybr_full_uncompressed.dcm",
    "palette": "transfer-syntaxes/colour/examples_palette.dcm",
    "mammography": "modalities/mg",
    "multi-frame": "modalities/xa",
    "emission without a window": "modalities/pt",
}

Pixels = NDArray[np.float64]


def found(name: str) -> Path | None:
    folder = corpus()
    path = folder / name if folder else None
    if path is not None and path.is_dir():
        return min(path.iterdir())
    return path if path is not None and path.is_file() else None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if not (DIST / "reading.html").is_file():
        pytest.fail("the pages have not been built. Build them with: make web")
    paths = [str(path) for name in FILES.values() if (path := found(name))]
    if not paths:
        pytest.skip("the shared corpus is not here")
    running = configured(tmp_path_factory.mktemp("reading")).start()
    running.add_admin()
    running.cli("import", *paths, check=False)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def context(server: Running, browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
    answer = context.request.post(
        f"{server.base_url}/api/session",
        data={"name": ADMIN, "password": PASSWORD},
        headers={"Origin": server.base_url},
    )
    assert answer.ok, answer.text()
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None)
    yield page
    page.close()
    assert complaints == []


@pytest.mark.parametrize("name", FILES)
def test_what_is_shown_is_the_reference_rendering(
    server: Running, context: BrowserContext, page: Page, name: str
) -> None:
    path = found(FILES[name])
    if path is None:
        pytest.skip(f"{FILES[name]} is not in the corpus")
    view = opened(server, page, path)
    reference = rendered(server, context, view)
    shown = canvas(page)
    expected, inside = as_viewed(reference, view, (shown.shape[0], shown.shape[1]))
    difference = np.abs(expected - shown)[inside]
    assert inside.sum() > 10_000
    assert difference.mean() < 0.7
    assert np.percentile(difference, 99) < 3
    assert reference.max() > reference.min()


def test_a_rectangle_is_measured_as_numpy_measures_it(server: Running, page: Page) -> None:
    path = found(FILES["CT, window"])
    assert path is not None
    view = opened(server, page, path)
    box = page.get_by_test_id("viewport-0").bounding_box()
    assert box is not None
    page.keyboard.press("Shift+E")
    places = [(0.35 * view["columns"], 0.4 * view["rows"]), (0.6 * view["columns"], 0.62 * view["rows"])]
    corners = [
        [corner + view["origin"][i] + at[i] * view["pixel"][i] for i, corner in enumerate((box["x"], box["y"]))]
        for at in places
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=5)
    page.mouse.up()
    dataset = pydicom.dcmread(path)
    values = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)

    def inside(points: Any) -> Any:
        """The values in the rectangle, with two of its corners."""
        (left, top), (right, bottom) = np.min(points, axis=0), np.max(points, axis=0)
        rows, columns = np.mgrid[: values.shape[0], : values.shape[1]]
        return values[(columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)], (
            left,
            top,
            right,
            bottom,
        )

    down, across = (float(mm) for mm in dataset.PixelSpacing)

    def told(found: Any) -> bool:
        """Statistics follow the hand ten times a second."""
        mean = found[0]["stats"].get("mean") if found else None
        if mean is None:
            return False
        region, (left, top, right, bottom) = inside(found[0]["points"])
        area = (right - left) * across * (bottom - top) * down
        return bool(np.isclose((mean, found[0]["stats"]["area"]), (region.mean(), area), rtol=1e-6).all())

    measured = until(page, "annotations", told)[0]
    region, (left, top, right, bottom) = inside(measured["points"])
    assert measured["stats"]["mean"] == pytest.approx(region.mean())
    assert measured["stats"]["stdDev"] == pytest.approx(region.std())
    assert (measured["stats"]["min"], measured["stats"]["max"]) == (region.min(), region.max())
    assert measured["stats"]["area"] == pytest.approx((right - left) * across * (bottom - top) * down)
    assert "HU" in " ".join(measured["lines"])


def test_flips_and_the_window_stay_when_the_image_changes(server: Running, page: Page) -> None:
    path = found(FILES["multi-frame"])
    assert path is not None
    opened(server, page, path)
    for key in ("h", "v", "2"):
        page.keyboard.press(key)
    before = until(page, "viewports", lambda all: all[0]["voiChosen"] and all[0]["flipVertical"])[0]
    page.keyboard.press("ArrowDown")
    after = until(page, "viewports", lambda all: all[0]["index"] == 1 and not all[0]["waiting"])[0]
    assert (after["flipHorizontal"], after["flipVertical"], after["voi"]) == (True, True, before["voi"])
    assert after["onScreen"] == before["onScreen"]


def opened(server: Running, page: Page, path: Path) -> dict[str, Any]:
    """The first viewport once it shows this instance."""
    dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    page.goto(f"{server.base_url}/read/{dataset.StudyInstanceUID}")
    until(page, "viewports", settled)
    series = page.locator(f'[data-series="{dataset.SeriesInstanceUID}"]')
    series.click()
    until(page, "viewports", lambda all: settled(all) and all[0]["series"] == dataset.SeriesInstanceUID)
    while True:
        view: dict[str, Any] = until(page, "viewports", settled)[0]
        if view["SOPInstanceUID"] == dataset.SOPInstanceUID:
            break
        assert view["index"] + 1 < view["count"], "it is not in its series"
        page.keyboard.press("ArrowDown")
        until(page, "viewports", partial(lambda next, all: all[0]["index"] == next, view["index"] + 1))
    time.sleep(0.3)
    settled_view: dict[str, Any] = until(page, "viewports", settled)[0]
    return settled_view


def settled(viewports: Any) -> bool:
    first = viewports[0]
    return first["quality"] not in (None, "loading") and not first["waiting"] and first["origin"] is not None


def until(page: Page, key: str, test: Any, seconds: float = 120) -> Any:
    """A part of the page's summary, once it is as wanted; asked again and again, as the page's policy forbids eval."""
    end = time.monotonic() + seconds
    while True:
        state = page.evaluate("() => window.hoichan?.state() ?? null")
        if state and test(state[key]):
            return state[key]
        assert time.monotonic() < end, state
        time.sleep(0.1)


def rendered(server: Running, context: BrowserContext, view: dict[str, Any]) -> Pixels:
    study = context.pages[-1].url.rsplit("/", 1)[1]
    address = (
        f"{server.base_url}/dicom-web/studies/{study}/series/{view['series']}"
        f"/instances/{view['SOPInstanceUID']}/frames/{view['frame']}/rendered"
    )
    return pixels(context.request.get(address, headers={"Accept": "image/png"}).body())


def canvas(page: Page) -> Pixels:
    script = "() => document.querySelector('[data-testid=viewport-0] canvas').toDataURL('image/png')"
    return pixels(base64.b64decode(page.evaluate(script).split(",")[1]))


def pixels(png: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(np.float64)


def as_viewed(picture: Pixels, view: dict[str, Any], shape: tuple[int, int]) -> tuple[Pixels, NDArray[np.bool_]]:
    """The picture at every pixel of the canvas, between four neighbours as the texture unit does, and where it lies."""
    down, across = np.mgrid[: shape[0], : shape[1]]
    x = (across + 0.5 - view["origin"][0]) / view["pixel"][0]
    y = (down + 0.5 - view["origin"][1]) / view["pixel"][1]
    rows, columns = picture.shape[:2]
    inside = (x >= 0.5) & (y >= 0.5) & (x < columns - 1.5) & (y < rows - 1.5)
    left = np.floor(x).astype(int).clip(0, columns - 2)
    top = np.floor(y).astype(int).clip(0, rows - 2)
    right, low = (x - left)[..., None], (y - top)[..., None]
    upper = picture[top, left] * (1 - right) + picture[top, left + 1] * right
    lower = picture[top + 1, left] * (1 - right) + picture[top + 1, left + 1] * right
    return upper * (1 - low) + lower * low, inside
