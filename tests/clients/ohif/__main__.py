"""Walk OHIF over our DICOMweb root in headless Chromium: study list, a CT, scrolling, MPR, a multi-frame image.

``python -m tests.clients.ohif [--shots FOLDER]`` prints what it asked for, and ends with 1 when a request failed or a
page had an error. The first time it fetches OHIF (50 MB) from the npm registry.
"""

import argparse
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pydicom
from playwright.sync_api import Page, Response

from tests.clients.ohif.front import front
from tests.clients.ohif.package import VERSION, built
from tests.support.browser import chromium
from tests.support.corpus import images
from tests.support.server import Running, serving

SLICES = 40
ENHANCED = images("multiframe/emri_small_jpeg_ls_lossless.dcm", "emri_small.dcm")[:1]
_THORAX = images("series-ct/thorax-105/**/*.dcm", "CT_small.dcm")
OTHERS = [path for kind in ("mg", "cr") for path in images(f"modalities/{kind}/*", "MR_small.dcm")[:1]]
REPORT = images("derived-objects/sr/*", "MR_small.dcm")[:1]


def _height(path: Path) -> float:
    return float(pydicom.dcmread(path, specific_tags=["ImagePositionPatient"]).ImagePositionPatient[2])


CT = sorted((path for path in _THORAX if "RT" not in path.name and "RS" not in path.name), key=_height)[:SLICES]
_THUMBNAIL = '[data-cy="study-browser-thumbnail"], [data-cy="study-browser-thumbnail-no-image"]'
_HARMLESS = re.compile(r"Deprecation warning|favicon")
# OHIF 3.13 refuses a VOI LUT Function of SIGMOID (PS3.3 C.11.2.1.3): "Invalid VOI LUT function". The mammogram has it.
_SIGMOID = re.compile(r"IMAGE_LOAD_ERROR")
_UID = re.compile(r"/[0-9.]{5,64}")


class Walk:
    """A page of OHIF and everything that was asked for on it."""

    def __init__(self, page: Page, url: str, shots: Path | None) -> None:
        self.page, self.url, self.shots = page, url, shots
        self.asked: Counter[tuple[int, str, str, str]] = Counter()
        self.wrong: list[str] = []
        self.known: list[str] = []
        self.sigmoid = False  # whether the study that is open has an image of which OHIF cannot apply the window
        page.on("response", self._response)
        page.on("requestfailed", lambda one: self.wrong.append(f"failed: {one.url} {one.failure}"))
        page.on("pageerror", lambda error: self.wrong.append(f"error on the page: {error}"))
        page.on("console", self._console)

    def _response(self, response: Response) -> None:
        path = urlparse(response.url).path
        if path.startswith("/dicom-web"):
            accept = response.request.headers.get("accept", "")
            self.asked[response.status, response.request.method, _UID.sub("/*", path), accept] += 1
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")

    def _console(self, message: Any) -> None:
        if message.type == "error" and not _HARMLESS.search(message.text):
            known = self.sigmoid and _SIGMOID.search(message.text)
            (self.known if known else self.wrong).append(f"console: {message.text[:300]}")

    def shot(self, name: str) -> None:
        if self.shots is not None:
            self.page.screenshot(path=self.shots / f"{name}.png")

    def frames(self) -> int:
        return sum(count for (_, _, path, _), count in self.asked.items() if path.endswith("/frames/1"))

    def until_frames(self, count: int) -> None:
        """Wait until so many frames have come."""
        for _ in range(120):
            if self.frames() >= count:
                return
            self.page.wait_for_timeout(500)
        raise AssertionError(f"{self.frames()} of {count} frames came; wrong: {self.wrong}")

    def study_list(self, count: int) -> None:
        self.page.goto(self.url, timeout=120_000)
        self.page.get_by_text(re.compile("study list", re.IGNORECASE)).first.wait_for(timeout=120_000)
        self.page.get_by_text("CT", exact=True).first.wait_for(timeout=60_000)
        self.shot("1-study-list")

    def open(self, study: str) -> None:
        self.page.goto(f"{self.url}/viewer?StudyInstanceUIDs={study}", timeout=120_000)
        self.page.locator(_THUMBNAIL).first.wait_for(timeout=120_000)
        tour = self.page.get_by_text("Skip all")
        try:
            tour.first.click(timeout=10_000)
        except Exception:  # the tour is shown once
            self.page.keyboard.press("Escape")

    def scroll(self, steps: int) -> None:
        box = self.page.locator(".cornerstone-canvas").first.bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for _ in range(steps):
            self.page.mouse.wheel(0, 100)
            self.page.wait_for_timeout(200)

    def mpr(self) -> None:
        self.page.locator('[data-cy="Layout"]').click()
        self.page.locator('[data-cy="MPR"]').click()
        for _ in range(120):
            if self.page.locator(".cornerstone-canvas").count() == 3:
                break
            self.page.wait_for_timeout(500)
        else:
            raise AssertionError("MPR did not show three viewports")
        self.page.wait_for_timeout(8_000)


def study_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID)


def whole(walk: Walk) -> None:
    """The journey of somebody who reads a CT in OHIF."""
    walk.study_list(len({study_of(path) for path in (*CT, *ENHANCED, *OTHERS, *REPORT)}))
    walk.open(study_of(CT[0]))
    walk.until_frames(len(CT))
    walk.shot("2-ct")
    walk.scroll(12)
    walk.shot("3-scrolled")
    if len(CT) > 3:
        walk.mpr()
        walk.shot("4-mpr")
    for number, path in enumerate((*ENHANCED, *OTHERS, *REPORT)):
        walk.sigmoid = pydicom.dcmread(path, stop_before_pixels=True).get("VOILUTFunction") == "SIGMOID"
        walk.open(study_of(path))
        walk.page.wait_for_timeout(5_000)
        walk.shot(f"5-other-{number}")


def filled(running: Running) -> str:
    """Store what is looked at; the token OHIF's front has."""
    running.cli("import", *map(str, (*CT, *ENHANCED, *OTHERS, *REPORT)))
    return running.cli("token", "add", "ohif", "--scope", "dicomweb").stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=Path, help="write pictures of the pages into this folder")
    shots = parser.parse_args().shots
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
    files = built()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as running,
        front(files, "127.0.0.1", running.web_port, filled(running)) as url,
        chromium() as browser,
    ):
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        walk = Walk(page, url, shots)
        whole(walk)
        page.close()
    for (status, method, path, accept), count in sorted(walk.asked.items()):
        print(f"{count:4} {status} {method} {path}  {accept}")
    for line in walk.known:
        print(f"KNOWN, of OHIF: VOI LUT Function SIGMOID: {line}")
    for line in walk.wrong:
        print(f"WRONG {line}")
    print(f"OHIF {VERSION}: {sum(walk.asked.values())} requests, {len(walk.wrong)} wrong")
    return 1 if walk.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
