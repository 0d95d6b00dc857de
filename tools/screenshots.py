"""Make the pictures of the README anew: start a server, load the sample studies, look at it with Chromium.

``.venv/bin/python -m tools.screenshots`` after ``make test`` has set everything up.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from tests.support.browser import Watched, chromium
from tests.support.dcmtk import dcmtk
from tests.support.server import PASSWORD, Running, serving

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
MOST_BYTES = 200_000  # of a picture: people read the page on thin links


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as running, chromium() as browser:
        running.cli(
            "user", "add", "an.nguyen", "--display-name", "BS. Nguyễn Văn An", "--role",
            "platform,admin,technologist", "--password-stdin",
            stdin=PASSWORD,
        )  # fmt: skip
        watched = signed_in(browser, running)
        speak(watched, "en")
        watched.find("load-samples").wait_for()
        take(watched, "empty-en")
        load_samples(watched, running)
        dcmtk("echoscu", "-aet", "CT_TANG_2", "-aec", "HOICHAN", "127.0.0.1", running.dicom_port, check=False)
        running.cli(
            "peers", "add", "XQ_P1", "--host", "10.0.3.21", "--allow", "store", "--description", "X-quang phòng 1"
        )
        speak(watched, "vi")
        watched.find("study-row").nth(3).hover()
        take(watched, "worklist-vi")
        watched.page.goto(f"{running.base_url}/#/admin/peers")
        watched.find("refused-add").first.wait_for()
        take(watched, "peers-vi")
        read(watched, running)
    meet()
    for path in IMAGES.glob("*.png"):
        smaller(path)


# What the journeys see, by the names of their pictures.
SEEN = {"whole-4-room-0": "room-vi", "ask-vi": "ask-vi", "answered-vi": "consult-vi"}


def meet() -> None:
    """A consultation and its live room, as the journeys see them."""
    with tempfile.TemporaryDirectory() as shots:
        journeys = [f"tests/journeys/test_{name}.py" for name in ("whole_consultation", "consult_journey")]
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *journeys], check=True, env={**os.environ, "HOICHAN_SHOTS": shots}
        )
        for seen, name in SEEN.items():
            shutil.copy(Path(shots) / f"{seen}.png", IMAGES / f"{name}.png")


def smaller(path: Path) -> None:
    """The same picture with a palette: a third of the bytes, and nothing that an eye sees. With fewer colours when it
    is large still: that is the noise of an image."""
    with Image.open(path) as picture:
        if picture.mode == "P" and path.stat().st_size <= MOST_BYTES:
            return
        whole = picture.convert("RGB")
    for colours in (256, 128, 96, 64):
        method = (
            Image.Quantize.MEDIANCUT if colours == 256 else Image.Quantize.MAXCOVERAGE
        )  # keeps the few coloured marks
        whole.quantize(colours, method=method, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return


def signed_in(browser: Browser, running: Running) -> Watched:
    watched = Watched(browser.new_context(viewport={"width": 1440, "height": 900}, locale="vi-VN").new_page())
    watched.page.goto(running.base_url)
    watched.find("sign-in-name").fill("an.nguyen")
    watched.find("sign-in-password").fill(PASSWORD)
    watched.find("sign-in-submit").click()
    watched.find("user-menu").wait_for()
    return watched


def speak(watched: Watched, language: str) -> None:
    watched.find("user-menu").click()
    watched.find(f"menu-{language}").click()
    watched.page.keyboard.press("Escape")


def load_samples(watched: Watched, running: Running) -> None:
    watched.find("load-samples").click()
    client = running.client("an.nguyen")
    watched.until(
        "200 slices",
        lambda: any(s["instances"] == 200 for s in client.get("/api/worklist").json()["studies"]),
        300,
    )
    time.sleep(6)


def read(watched: Watched, running: Running) -> None:
    studies = running.client("an.nguyen").get("/api/worklist").json()["studies"]
    phantom = next(s for s in studies if s["instances"] == 200)
    watched.page.goto(f"{running.base_url}/read/{phantom['StudyInstanceUID']}")
    watched.until("the first image", lambda: (watched.active() or {}).get("voi"))
    speak_english = watched.find("language")
    if watched.page.evaluate("document.documentElement.lang") != "en":
        speak_english.click()
    watched.page.keyboard.press("2")
    watched.until("the lung window", lambda: watched.active()["voi"]["width"] == 1500)
    time.sleep(5)
    take(watched, "reading-en")


def take(watched: Watched, name: str) -> None:
    time.sleep(1)
    watched.page.screenshot(path=str(IMAGES / f"{name}.png"))


if __name__ == "__main__":
    main()
