"""A study over a slow link, in a real browser: first image, all of a series as previews, all of it whole.

    python -m bench.thin [--slices 300] [--mbit 2] [--rtt 0.1] [--until whole] [--series FOLDER] [--screenshots FOLDER]

Everything is started here, on scratch folders that go afterwards: the archive, a shaping proxy before its web door
(tests/support/shaping.py) and headless Chromium. A study is opened as its reader does it, with a click in the worklist
once that has nothing under way any more; times are the page's own, from the click. Warm: the programs of the reading
room are in the browser's cache from another study. Cold: of the reading room nothing is. The first image is there when
the page shows it with its window; tools can be used on it when the viewer has drawn it, which is told beside it. The
limit of the link is what it takes to carry the bytes that were received at its rate.

Each figure is printed when it is there, so nobody wonders whether it hangs. All slices whole takes as long as the link
needs for them, 258 s for the 64 MB that 300 slices of the corpus take without loss. `--until scrollable` leaves it out
and is done in two to three minutes, `--until first` in one or two.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pydicom
from playwright.sync_api import Browser, BrowserContext, Page
from playwright.sync_api import Error as PlaywrightError
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from bench.corpus import ct_series
from tests.support.browser import chromium
from tests.support.corpus import corpus
from tests.support.server import ADMIN, PASSWORD, Running, configured
from tests.support.shaping import Shaper, shaped

POLL_SECONDS = 0.05
SHOWN = ("preview", "original")
STAGES = ("first", "scrollable", "whole")
ARRIVED = "performance.getEntriesByType('resource').find(one => one.name.includes('/opening')).responseEnd"
HEADERS = 1500 / 1448


@dataclass(slots=True)
class Times:
    """Seconds from the click, and bytes towards the browser, at each stage."""

    opening: float = 0.0
    first: float = 0.0
    tools: float = 0.0
    first_quality: str = ""
    scrollable: float = 0.0
    whole: float = 0.0
    first_bytes: int = 0
    scrollable_bytes: int = 0
    whole_bytes: int = 0


Reached = Callable[[str, Times, Page], None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--mbit", type=float, default=2.0)
    parser.add_argument("--rtt", type=float, default=0.1)
    parser.add_argument("--until", choices=STAGES, default="whole", help="the last stage that is waited for")
    parser.add_argument("--series", type=Path, help="a folder of one CT series; its slices are repeated")
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    say(f"{arguments.slices} slices, {arguments.mbit:g} Mbit/s, {arguments.rtt * 1000:g} ms round trip")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, chromium() as browser:
        say("storing the study …")
        scene = Scene.made(Path(folder), arguments.slices, arguments.series)
        try:
            with shaped(scene.server.web_port, arguments.mbit, arguments.rtt) as link:
                measure(scene, link, browser, arguments)
        finally:
            scene.server.stop()
    return 0


def say(line: str) -> None:
    """At once, also into a file: who waits sees what is being done."""
    print(line, flush=True)


@dataclass(slots=True)
class Scene:
    """A server with the series to be read and a small one that brings the programs into the cache."""

    server: Running
    study: str
    other: str
    slices: int
    whole_bytes: int  # of the series, as it is stored

    @classmethod
    def made(cls, folder: Path, slices: int, series: Path | None = None) -> "Scene":
        """Start it, and wait until the worker has written the manifests."""
        found = series or (corpus() / "series-ct/thorax-105" if corpus() else None)  # type: ignore[operator]
        study = _repeated(found, folder / "ct", slices) if found else _synthetic(folder / "ct", slices)
        other = _synthetic(folder / "other", 1)
        server = configured(folder).start()
        server.add_admin()
        server.cli("import", str(folder / "ct"), str(folder / "other"))
        client = server.client()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            health = json.loads(client.get("/api/worklist").body)
            if sum(row["instances"] for row in health["studies"]) == slices + 1 and _summarised(server, study):
                break
            time.sleep(0.5)
        size = sum(path.stat().st_size for path in (folder / "ct").rglob("*.dcm"))
        return cls(server, study, other, slices, size)


def measure(scene: Scene, link: Shaper, browser: Browser, arguments: argparse.Namespace) -> None:
    """Without the programs in the cache the first image only; with them, all the way."""
    with signed_in(browser, link) as context:
        say("opening another study, nothing cached …")
        opened(context, link, scene.other, 1, "first", partial(told, "nothing cached", arguments))
    shots: Path | None = arguments.screenshots

    def reached(stage: str, times: Times, page: Page) -> None:
        told("programs cached  (≤ 1.5 s)", arguments, stage, times, page)
        if shots is not None:
            shots.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(shots / f"{stage}.png"))
        if stage == "scrollable" and arguments.until == "whole":
            least = scene.whole_bytes / 2.5 * HEADERS * 8 / (arguments.mbit * 1e6)
            say(f"waiting for all slices whole: {least:.0f} s for 40 % of {scene.whole_bytes:,} stored bytes …")

    with signed_in(browser, link) as context:
        say("opening another study, for the programs …")
        opened(context, link, scene.other, 1, "first", lambda stage, times, page: None)
        say("opening the study …")
        opened(context, link, scene.study, scene.slices, arguments.until, reached)


@contextmanager
def signed_in(browser: Browser, link: Shaper) -> Iterator[BrowserContext]:
    """A browser with an empty cache in which the administrator is signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
    answer = context.request.post(
        f"{link.url}/api/session", data={"name": ADMIN, "password": PASSWORD}, headers={"Origin": link.url}
    )
    if not answer.ok:
        raise RuntimeError(f"sign-in: {answer.status}")
    try:
        yield context
    finally:
        context.close()


def opened(context: BrowserContext, link: Shaper, study: str, slices: int, last: str, at: Reached) -> None:
    """Open a study and wait for its stages up to the last one; `at` hears of each."""
    page = context.new_page()
    times = Times()
    page.goto(link.url)
    row = page.locator(f'a.row-link[href$="{study}"]')
    row.wait_for()
    _quiet(link)
    begun = link.received
    row.click(no_wait_after=True)

    def until(done: Callable[[Any], bool]) -> float:
        while True:
            now, state = _asked(page)
            if state is not None and done(state):
                return float(now) / 1000
            if now > 1_200_000:
                raise TimeoutError(str(state))
            time.sleep(POLL_SECONDS)

    times.first = until(lambda state: _seen(state["viewports"][0]))
    times.tools = until(lambda state: _drawn(state["viewports"][0]))
    times.first_quality = str(page.evaluate("window.hoichan.state().viewports[0].quality"))
    times.opening = float(page.evaluate(ARRIVED)) / 1000
    times.first_bytes = link.received - begun
    at("first", times, page)
    if last == "first":
        page.close()
        return
    times.scrollable = until(lambda state: _here(state, "previewed") + _here(state, "loaded") >= slices)
    times.scrollable_bytes = link.received - begun
    at("scrollable", times, page)
    if last == "scrollable":
        page.close()
        return
    times.whole = until(lambda state: _here(state, "loaded") >= slices)
    times.whole_bytes = link.received - begun
    at("whole", times, page)
    page.close()


def _seen(viewport: Any) -> bool:
    return viewport["early"] or viewport["quality"] in SHOWN


def _drawn(viewport: Any) -> bool:
    """By the viewer: the early image goes when it has."""
    return not viewport["early"] and viewport["quality"] in SHOWN


def _asked(page: Page) -> Any:
    """Milliseconds since the click, and the reading room's state; None for it while another page stands there."""
    try:
        return page.evaluate("[performance.now(), window.hoichan ? window.hoichan.state() : null]")
    except PlaywrightError:
        return 0, None  # between two pages


def _quiet(link: Shaper) -> None:
    """Wait until nothing has come over the link for a second."""
    before = -1
    while before != link.received:
        before = link.received
        time.sleep(1)


def told(what: str, arguments: argparse.Namespace, stage: str, times: Times, page: Page) -> None:
    """What was asked of a stage, and what it took."""
    if stage == "first":
        say(f"first image, its data here     {times.opening:7.2f} s ({what})")
        say(f"first image                    {times.first:7.2f} s ({what})")
        say(f"first image, tools at hand     {times.tools:7.2f} s ({what}; {_of_first(times)})")
    elif stage == "scrollable":
        say(f"all slices to scroll           {times.scrollable:7.2f} s ({times.scrollable_bytes:,} bytes; ≤ 45 s)")
    else:
        limit = times.whole_bytes * HEADERS * 8 / (arguments.mbit * 1e6)
        say(f"all slices whole               {times.whole:7.2f} s ({times.whole_bytes:,} bytes)")
        say(f"limit of the link              {limit:7.2f} s; over it by {times.whole / limit - 1:.1%} (≤ 10 %)")


def _of_first(times: Times) -> str:
    return f"{times.first_quality}, {times.first_bytes:,} bytes"


def _here(state: Any, what: str) -> int:
    return sum(series[what] for series in state["series"])


def _summarised(server: Running, study: str) -> bool:
    """Whether a thumbnail is there, which is made with the manifest."""
    found = list((server.folder / "data" / "objects").rglob("d/**/*"))
    return sum(path.is_file() for path in found) >= 3


def _repeated(source: Path, folder: Path, slices: int) -> str:
    """A series of so many slices from the real ones, in a stack, uncompressed, with UIDs of its own."""
    folder.mkdir(parents=True)
    paths = sorted(path for path in source.rglob("*") if path.is_file())
    study, series = generate_uid(), generate_uid()
    for number in range(slices):
        turn, at = divmod(number, len(paths))
        dataset = pydicom.dcmread(paths[at if turn % 2 == 0 else -1 - at])
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            dataset.decompress()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = number + 1
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [0, 0, 2.0 * number]
        path = folder / f"{number:05}.dcm"
        dataset.save_as(path, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return str(study)


def _synthetic(folder: Path, slices: int) -> str:
    paths = ct_series(folder, slices, folder.name)
    return str(pydicom.dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)


if __name__ == "__main__":
    sys.exit(main())
