"""The reading room over 2 Mbit/s and 100 ms: a marked preview first, then the original, and nothing asked twice."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

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
