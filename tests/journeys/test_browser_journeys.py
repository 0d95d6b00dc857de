"""What people do, in a real browser: set up, watch a study arrive, read it, measure, administer; in both languages."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.journeys.conftest import backends
from tests.support.accessible import wanting
from tests.support.browser import Watched, chromium
from tests.support.corpus import images, needs_corpus
from tests.support.dcmtk import dcmtk
from tests.support.server import PASSWORD, Running, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module", params=["files and SQLite", "S3 and PostgreSQL"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("browser")
    settings = backends(request, folder) if request.param == "S3 and PostgreSQL" else {}
    with serving(folder, **settings) as server:
        yield server


def open_page(browser: Browser, width: int = 1280, height: int = 800) -> Watched:
    return Watched(browser.new_context(viewport={"width": width, "height": height}, locale="vi-VN").new_page())


def shot(watched: Watched, name: str, folder: Path) -> None:
    """A picture of the screen; kept beside the test's files."""
    watched.page.screenshot(path=str(folder / f"{name}.png"))
    assert (folder / f"{name}.png").stat().st_size > 5_000


def sign_in(watched: Watched, running: Running, name: str = "an") -> None:
    watched.page.goto(running.base_url)
    watched.find("sign-in-name").fill(name)
    watched.find("sign-in-password").fill(PASSWORD)
    watched.find("sign-in-submit").click()
    watched.find("user-menu").wait_for()


@needs_corpus
def test_the_whole_path(browser: Browser, running: Running, tmp_path: Path) -> None:
    """Set-up link, empty worklist, arrival without reload, reading, window, measurement."""
    watched = open_page(browser)
    page = watched.page
    page.goto(running.setup_link())
    watched.find("setup-display-name").fill("BS. Nguyễn Văn An")
    watched.find("setup-name").fill("an")
    watched.find("setup-password").fill(PASSWORD)
    watched.find("setup-repeat").fill(PASSWORD)
    watched.find("setup-submit").click()
    watched.find("storescu").wait_for()
    command = watched.find("storescu").inner_text()
    assert f"storescu --no-halt -aec HOICHAN 127.0.0.1 {running.dicom_port} +sd +r" in command
    shot(watched, "empty-vi", tmp_path)

    series = images("series-mr/phantom-128/*")[:60]
    dcmtk("storescu", "-aec", "HOICHAN", "127.0.0.1", running.dicom_port, *series)
    row = watched.find("study-row").first
    row.wait_for()
    watched.until("the count to grow", lambda: str(len(series)) in watched.find("row-images").first.inner_text())
    shot(watched, "worklist-vi", tmp_path)
    _read(watched, len(series), tmp_path)
    watched.page.go_back()
    came = watched.page.locator("[data-testid=study-row][aria-current]")
    watched.until("the row one came from", came.count)
    assert not watched.wrong, watched.wrong


def _read(watched: Watched, count: int, folder: Path) -> None:
    page = watched.page
    watched.find("study-row").first.locator("[data-testid=open-study]").or_(
        watched.find("study-row").first
    ).first.click()
    page.wait_for_url("**/read/**")
    watched.until(
        "the first image", lambda: (watched.active() or {}).get("state") == "stack" and watched.active()["voi"]
    )
    begin = watched.active()
    assert begin["count"] == count
    watched.until("the stored image after its preview", lambda: watched.active()["quality"] == "original")
    page.keyboard.press("Home")
    watched.until("the first slice", lambda: watched.active()["index"] == 0)
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    watched.until("the fourth slice", lambda: watched.active()["index"] == 3)
    page.keyboard.press("End")
    watched.until("the last slice", lambda: watched.active()["index"] == count - 1)
    canvas = watched.find("viewport-0")
    canvas.hover()
    page.mouse.wheel(0, -300)
    watched.until("a wheel to scroll", lambda: watched.active()["index"] < count - 1)
    _window(watched)
    _measure(watched)
    page.keyboard.press("i")
    watched.until("inversion", lambda: watched.active()["invert"] is True)
    page.keyboard.press("Space")
    watched.until("reset", lambda: watched.active()["invert"] is False)
    shot(watched, "reading-vi", folder)
    _arrange(watched)


def _arrange(watched: Watched) -> None:
    """A viewport that goes and comes back with another layout shows what it showed."""

    def take(layout: str) -> None:
        watched.find("layout").click()
        watched.find(f"layout-{layout}").click()

    take("1x2")
    watched.find("pane-1").click()
    watched.find("series").first.click()
    watched.until("the second image", lambda: watched.state()["viewports"][1]["quality"] == "original")
    watched.page.keyboard.press("Home")
    watched.until("its first frame", lambda: watched.state()["viewports"][1]["index"] == 0)
    take("1x1")
    watched.find("pane-1").wait_for(state="detached")
    take("1x2")
    watched.until("what it showed", lambda: _brightest(watched.find("viewport-1").screenshot()) > 60)
    assert watched.state()["viewports"][1]["index"] == 0
    take("1x1")
    watched.until("one viewport", lambda: watched.active() and _brightest(watched.find("viewport-0").screenshot()) > 60)


def _brightest(png: bytes) -> int:
    """The brightest grey of the middle of a picture, where nothing is written."""
    picture = Image.open(io.BytesIO(png)).convert("L")
    width, height = picture.size
    return max(picture.crop((width // 3, height // 3, 2 * width // 3, 2 * height // 3)).tobytes())


def _window(watched: Watched) -> None:
    """A drag with the window tool changes centre and width."""
    before = watched.active()["voi"]
    watched.page.keyboard.press("w")
    _drag(watched, (0.5, 0.5), (0.65, 0.6))
    watched.until("the window to change", lambda: watched.active()["voi"] != before)


def _measure(watched: Watched) -> None:
    """A length drawn over a fifth of the viewport is as many millimetres as zoom and pixel spacing (1 mm) say."""
    page = watched.page
    page.keyboard.press("d")
    _drag(watched, (0.4, 0.5), (0.6, 0.5))
    box: Any = watched.find("viewport-0").bounding_box()
    expected = 0.2 * box["width"] / watched.active()["zoom"]

    def length() -> float:
        (found,) = watched.state().get("annotations") or [{"stats": {"length": 0}}]
        return float(found["stats"]["length"])

    # statistics follow the hand ten times a second
    watched.until(f"a length of {expected:.1f}", lambda: abs(length() - expected) < 0.03 * expected)


def _drag(watched: Watched, start: tuple[float, float], end: tuple[float, float]) -> None:
    box: Any = watched.find("viewport-0").bounding_box()
    page = watched.page
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=60)
    page.wait_for_timeout(150)  # a hand rests before it lets go
    page.mouse.up()


@pytest.mark.parametrize("running", ["files and SQLite"], indirect=True)
def test_a_refused_caller_is_added_with_one_button(browser: Browser, running: Running, tmp_path: Path) -> None:
    dcmtk("echoscu", "-aet", "NEWCT", "-aec", "HOICHAN", "127.0.0.1", running.dicom_port, check=False)
    watched = open_page(browser)
    sign_in(watched, running)
    watched.find("nav-admin").click()
    add = watched.find("refused-add").first
    add.wait_for()
    shot(watched, "peers-vi", tmp_path)
    add.click()
    assert watched.find("peer-ae").input_value() == "NEWCT"
    watched.find("peer-save").click()
    watched.until("the peer to be known", lambda: "NEWCT" in running.cli("peers", "list").stdout)
    dcmtk("echoscu", "-aet", "NEWCT", "-aec", "HOICHAN", "127.0.0.1", running.dicom_port)
    assert not watched.wrong, watched.wrong


@pytest.mark.parametrize("running", ["files and SQLite"], indirect=True)
def test_search_needs_no_diacritics(browser: Browser, running: Running) -> None:
    client = running.cli("user", "list")
    assert "an" in client.stdout
    watched = open_page(browser)
    sign_in(watched, running)
    _send_vietnamese(running)
    watched.find("study-row").nth(1).wait_for()
    watched.find("search").fill("duc nguyen")
    watched.until("one row", lambda: watched.find("study-row").count() == 1)
    assert "Nguyễn Văn Đức" in watched.find("study-row").first.inner_text()
    watched.find("search").fill("khong co ai")
    watched.until("no row", lambda: watched.find("study-row").count() == 0)


def _send_vietnamese(running: Running) -> None:
    import io

    import pydicom
    from pydicom.data import get_testdata_file
    from pydicom.uid import generate_uid

    path = get_testdata_file("MR_small.dcm")
    assert isinstance(path, str)
    dataset = pydicom.dcmread(path)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Nguyễn^Văn Đức"
    dataset.PatientID = "BN-0001"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data = io.BytesIO()
    dataset.save_as(data)
    file = running.folder / "vietnamese.dcm"
    file.write_bytes(data.getvalue())
    dcmtk("storescu", "-aec", "HOICHAN", "127.0.0.1", running.dicom_port, file)


@pytest.mark.parametrize("running", ["files and SQLite"], indirect=True)  # how a page looks is not the store's affair
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 800), (390, 844)])
def test_every_screen_in_both_languages(
    browser: Browser, running: Running, tmp_path: Path, width: int, height: int
) -> None:
    """Nothing overflows the window sideways, nothing is left untranslated, nothing fails."""
    watched = open_page(browser, width, height)
    page = watched.page
    page.goto(running.base_url)
    for language in ("vi", "en"):
        watched.find(f"language-{language}").click()
        _speaks(watched, language)
        _fits(watched)
        shot(watched, f"sign-in-{language}-{width}", tmp_path)
    sign_in(watched, running)
    study = page.evaluate("fetch('/api/worklist').then(r => r.json()).then(j => j.studies[0].StudyInstanceUID)")
    for place in ("/", "/#/admin", f"/read/{study}"):
        for language in ("vi", "en"):
            page.evaluate(
                """async language => {
                    const session = await (await fetch('/api/session')).json();
                    await fetch('/api/session', {method: 'PATCH', body: JSON.stringify({language}),
                        headers: {'Content-Type': 'application/json', 'X-CSRF-Token': session.csrf}});
                    localStorage.clear();
                }""",
                language,
            )
            page.goto("about:blank")
            page.goto(running.base_url + place)
            _speaks(watched, language)
            page.wait_for_timeout(700)
            _fits(watched)
            assert wanting(page) == [], (place, language)
            shot(watched, f"screen{place.replace('/', '-')[:12]}-{language}-{width}", tmp_path)
    assert not watched.wrong, watched.wrong


def _speaks(watched: Watched, language: str) -> None:
    watched.until("the language", lambda: watched.page.evaluate("document.documentElement.lang") == language)


def _fits(watched: Watched) -> None:
    wide = watched.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} px wider than its window"


@pytest.mark.parametrize("running", ["files and SQLite"], indirect=True)
def test_an_import_by_drop_zone(browser: Browser, running: Running) -> None:
    watched = open_page(browser)
    sign_in(watched, running)
    files = [str(path) for path in images("series-ct/same-patient-two-studies/A002304/*/*.dcm")]
    watched.find("import-open").click()
    watched.find("import-files").first.set_input_files(files)
    watched.find("import-summary").wait_for()
    watched.until("all to be stored", lambda: str(len(files)) in watched.find("import-summary").inner_text())
    assert not watched.wrong, watched.wrong


@pytest.mark.parametrize("running", ["files and SQLite"], indirect=True)
def test_a_wrong_password_is_a_sentence(browser: Browser, running: Running) -> None:
    watched = open_page(browser)
    watched.page.goto(running.base_url)
    watched.find("sign-in-name").fill("an")
    watched.find("sign-in-password").fill("wrong wrong wrong")
    watched.find("sign-in-submit").click()
    watched.until("the reason", lambda: watched.page.locator("[role=alert]").count())
