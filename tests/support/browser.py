"""Debian's Chromium, driven by Playwright, on the built pages."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.support.waiting import PATIENCE

# WebGL is computed by SwiftShader, as no machine of tests has a GPU; pages are put together without it: that it did so
# took three quarters of a browser's processor time.
ARGUMENTS = [
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-gpu-compositing",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    # What Playwright leaves out, which this argument takes the place of; and the two pages for suggestions below the
    # field of addresses, which took a quarter of a second of processor time for each new page.
    "--disable-features=AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,"
    "HttpsFirstBalancedModeAutoEnable,LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,"
    "AvoidCorsURLLoaderRestartOnRedirect,OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch,"
    "Translate,WebUIOmniboxPopup,WebUIOmniboxAimPopup",
]  # fmt: skip


# A microphone that beeps and a camera that shows a test picture, given without asking.
FAKE_VOICE = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


def launch(playwright: Playwright, *more: str, program: str = "chromium") -> Browser:
    """A headless browser; a missing one fails the test with the command that installs it."""
    path = shutil.which(program)
    if path is None:
        pytest.fail("chromium is missing. Install it with: apt-get install chromium")
    return playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A browser that is closed at the end."""
    with sync_playwright() as playwright:
        browser = launch(playwright, *more)
        try:
            yield browser
        finally:
            browser.close()


# What asking a page says while another one is taking its place.
_BETWEEN_PAGES = ("Execution context was destroyed", "Cannot find context", "because of a navigation")


class Watched:
    """A page and all that went wrong on it: errors of scripts, of the policy, and answers of 500 and above."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wrong: list[str] = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("console", self._console)
        page.on("response", self._response)

    def _console(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.wrong.append(f"console: {message.text}")

    def _response(self, response: Any) -> None:
        if response.status >= 500:
            self.wrong.append(f"{response.status}: {response.url}")

    def find(self, testid: str) -> Any:
        return self.page.locator(f'[data-testid="{testid}"]')

    def until(self, what: str, check: Callable[[], Any], seconds: float = 2 * PATIENCE) -> Any:
        """Ask again and again until the answer is true; the policy of our pages forbids Playwright's own way."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                found = check()
            except PlaywrightError as error:
                if not any(one in error.message for one in _BETWEEN_PAGES):
                    raise
                found = None
            if found:
                return found
            time.sleep(0.1)
        self.page.screenshot(path=str(Path("/tmp") / "hoichan-journey-failed.png"))
        raise AssertionError(f"waited {seconds} s for {what}; wrong on the page: {self.wrong}")

    def state(self) -> Any:
        """What the reading room says of itself."""
        return self.page.evaluate("window.hoichan ? window.hoichan.state() : null")

    def active(self) -> Any:
        """The active viewport of the reading room, or None."""
        state = self.state()
        return state["viewports"][state["active"]] if state else None
