"""The reading room over 2 Mbit/s and 100 ms: a marked preview first, then the original, and nothing asked twice."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Route

from bench.corpus import ct_series
from tests.support.browser import Watched, chromium
from tests.support.server import ADMIN, PASSWORD, Running, configured
from tests.support.shaping import Shaper, shaped

SLICES = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("thin")
    running = configured(folder).start()
    running.add_admin()
    ct_series(folder / "ct", SLICES, "thin")
    running.cli("import", str(folder / "ct"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def link(server: Running) -> Iterator[Shaper]:
    with shaped(server.web_port, mbit=2, round_trip=0.1) as made:
        yield made


def signed_in(browser: Browser, url: str) -> BrowserContext:
    context = browser.new_context(locale="vi-VN")
    data = {"name": ADMIN, "password": PASSWORD}
    assert context.request.post(f"{url}/api/session", data=data, headers={"Origin": url}).ok
    return context


def study_of(server: Running) -> str:
    rows = json.loads(server.client().get("/api/worklist").body)["studies"]
    return str(rows[0]["StudyInstanceUID"])


def series(watched: Watched) -> Any:
    state = watched.state()
    return state["series"][0] if state and state["series"] else {"loaded": 0, "previewed": 0}


# Everything the badge has said, however shortly: a busy machine asks too seldom to see all of it.
BADGES = """
window.badges = [];
new MutationObserver(() => {
  const badge = document.querySelector('[data-testid=quality]');
  const said = badge ? `${badge.dataset.quality}: ${badge.textContent}` : '';
  if (said && window.badges.at(-1) !== said) window.badges.push(said);
}).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
"""


def badges(watched: Watched) -> list[str]:
    return list(watched.page.evaluate("window.badges ?? []"))


def quality(watched: Watched) -> str:
    """What the badge says; what is in memory is drawn a moment later."""
    return str(watched.find("quality").get_attribute("data-quality"))


def test_previews_become_originals_and_are_not_asked_for_again(server: Running, link: Shaper, browser: Browser) -> None:
    context, study = signed_in(browser, link.url), study_of(server)
    seen: list[str] = []
    watched = Watched(context.new_page())
    watched.page.on("request", lambda request: seen.append(request.url))
    watched.page.add_init_script(BADGES)
    watched.page.goto(f"{link.url}/read/{study}", wait_until="commit")
    watched.until("a marked preview", lambda: [one for one in badges(watched) if one.startswith("preview: ")])
    assert all("HU" in one for one in badges(watched) if one.startswith("preview: "))
    watched.until("all of them whole", lambda: series(watched)["loaded"] == SLICES, 90)
    watched.until("the original on the screen", lambda: quality(watched) == "original")
    frames = [url for url in seen if "/frames/" in url]
    assert len([url for url in frames if "/preview" in url]) == SLICES - 1, "the first came with the opening"
    assert all("?v=" in url for url in frames)
    assert len(frames) == len(set(frames)), "nothing was asked for twice"
    asked = [line for line in server.log if f"/studies/{study}/opening " in line]
    assert len(asked) == 1, "what the page's header had the browser ask for is what the program then wants"
    assert not watched.wrong
    before = link.received
    watched = Watched(context.new_page())
    watched.page.goto(f"{link.url}/read/{study}", wait_until="commit")
    watched.until("all of them again", lambda: series(watched)["loaded"] == SLICES, 60)
    assert link.received - before < 60_000, "images came out of the browser's store"
    context.close()


def test_the_first_image_is_seen_before_the_viewer_is_here(server: Running, link: Shaper, browser: Browser) -> None:
    """It is the preview that came with the opening, where and as the viewer then draws it, and says what it is."""
    context, study = signed_in(browser, link.url), study_of(server)
    watched = Watched(context.new_page())
    held: list[Route] = []
    watched.page.route("**/assets/viewport-*.js", lambda route: held.append(route))
    watched.page.route(re.compile(r"/frames/1\?v="), lambda route: None)  # the frame itself would take its place
    watched.page.goto(f"{link.url}/read/{study}", wait_until="commit")
    watched.until("an early image", lambda: watched.find("early").count())
    assert watched.state()["software"] is None, "there is no viewer"
    assert watched.active()["early"]
    assert watched.active()["quality"] is None
    assert watched.find("image-number").text_content() == f"{(SLICES - 1) // 2 + 1}/{SLICES}"
    assert quality(watched) == "preview"
    watched.until("its patient", lambda: "THIN" in (watched.find("overlay").text_content() or "").upper())
    said = watched.find("readout").text_content()
    early = shown(watched)
    assert early.std() > 10, "an image, not a black box"
    assert len(held) == 1, "what is compiled ahead is what is then begun"
    held[0].continue_()
    watched.until("the viewer's own image", lambda: watched.active()["quality"] == "preview")
    watched.until("the early one gone", lambda: not watched.find("early").count())
    assert watched.find("readout").text_content() == said
    difference = np.abs(shown(watched) - early)
    assert difference.mean() < 1, "the same greys in the same place"
    assert np.percentile(difference, 99) < 6
    assert not watched.wrong
    watched.page.unroute_all(behavior="ignoreErrors")
    context.close()


def shown(watched: Watched) -> NDArray[np.float64]:
    """The greys of the first viewport's middle, where nothing is written over the image."""
    box = watched.find("viewport-0").bounding_box()
    left, top, width, height = (box[one] for one in ("x", "y", "width", "height"))
    picture = watched.page.screenshot(
        clip={"x": left + width / 4, "y": top + height / 4, "width": width / 2, "height": height / 2}
    )
    return np.asarray(Image.open(io.BytesIO(picture)).convert("L")).astype(np.float64)


def test_without_a_shaped_link_originals_come_and_nothing_comes_twice(server: Running, browser: Browser) -> None:
    context, study = signed_in(browser, server.base_url), study_of(server)
    watched = Watched(context.new_page())
    seen: list[str] = []
    watched.page.on("request", lambda request: seen.append(request.url))
    watched.page.goto(f"{server.base_url}/read/{study}")
    watched.until("all of them whole", lambda: series(watched)["loaded"] == SLICES, 60)
    watched.until("the original on the screen", lambda: quality(watched) == "original")
    frames = [url for url in seen if "/frames/" in url]  # with previews among them when this machine is busy
    assert len(frames) == len(set(frames))
    assert not watched.wrong
    context.close()
