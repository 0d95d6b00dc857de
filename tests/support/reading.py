"""A small CT study that is nobody's, people to read it, and hands in the reading room."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from pacs.assembly import open_archive, prepare
from pacs.config import Config
from pacs.samples import phantom_ct, uid
from storage.index import accounts, hospitals
from storage.model.archive import Origin
from tests.support.browser import Watched
from tests.support.index import lay_index
from tests.support.server import PASSWORD, Running, configured
from viewer.access.passwords import hash_password

SLICES, SIZE = 9, 256
STUDY = uid(f"ct {SLICES} {SIZE} {SIZE} study")
NAMES = {"lao-cai": "Bệnh viện Lào Cai", "bach-mai": "Bệnh viện Bạch Mai"}
ANNOTATIONS = f"/api/studies/{STUDY}/annotations"


@contextmanager
def reading_room(
    folder: Path, people: Sequence[tuple[str, str, str, str]], more: Sequence[bytes] = (), **settings: str
) -> Iterator[Running]:
    """A started server with the phantom, and `more` objects, at the hospital of the first; people are (name, role,
    displayed name, code of the hospital). All of it is made before the start: every command of its own would be a
    process more."""
    server = configured(folder, **settings)
    config = Config(data=folder / "data")
    lay_index(folder / "data" / "index.sqlite")
    prepare(config).database.close()
    archive = open_archive(config)
    hashed = hash_password(PASSWORD)
    for name, role, shown, code in people:
        with archive.database.writing() as db:
            where = hospitals.ensure(db, code, NAMES.get(code, code))
            accounts.add_user(db, name, shown, hashed, roles=[(where.id, role)])
    with archive.database.reading() as db:
        first = hospitals.by_code(db, people[0][3])
    for data in (*phantom_ct(SLICES, SIZE, SIZE), *more):
        with archive.receive(Origin(first.id, first.code, "import", "test")) as incoming:
            incoming.write(data)
            archive.store(incoming)
    archive.close()
    try:
        yield server.start()
    finally:
        if server.process is not None:
            server.stop()


def import_phantom(running: Running, hospital: str = "") -> None:
    """The phantom's slices in the archive of a server that runs."""
    folder = running.folder / "phantom"
    folder.mkdir(exist_ok=True)
    for number, data in enumerate(phantom_ct(SLICES, SIZE, SIZE)):
        (folder / f"{number}.dcm").write_bytes(data)
    running.cli("import", str(folder), *(("--hospital", hospital) if hospital else ()))


def add_person(running: Running, name: str, role: str, display_name: str, *more: str) -> None:
    """An account with the password of all tests."""
    running.register(
        "user", "add", name, "--role", role, "--display-name", display_name, *more, "--password-stdin",
        stdin=PASSWORD + "\n",
    )  # fmt: skip


def reader(browser: Browser, running: Running, name: str, width: int = 1280, height: int = 800) -> Watched:
    """Somebody who is signed in, in a browser of their own."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale="vi-VN")
    watched = Watched(context.new_page())
    watched.page.goto(running.base_url)
    sign_in(watched, name)
    return watched


def sign_in(watched: Watched, name: str) -> None:
    """Through the form that is shown."""
    watched.find("sign-in-name").fill(name)
    watched.find("sign-in-password").fill(PASSWORD)
    watched.find("sign-in-submit").click()
    watched.find("user-menu").or_(watched.find("room")).wait_for()


def open_study(watched: Watched, running: Running, query: str = "") -> None:
    """The reading room with the first image, and the annotations that follow it."""
    watched.page.goto(f"{running.base_url}/read/{STUDY}{query}")
    ready(watched)


def ready(watched: Watched) -> None:
    """Wait for the first image."""
    watched.until("the first image", lambda: (watched.active() or {}).get("rows"))


def drag(watched: Watched, start: tuple[float, float], end: tuple[float, float], steps: int = 12) -> None:
    """With the chosen tool, in parts of the viewport."""
    box: Any = watched.find("viewport-0").bounding_box()
    page = watched.page
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=steps)
    page.wait_for_timeout(120)  # a hand rests before it lets go
    page.mouse.up()


def measure(watched: Watched, start: tuple[float, float] = (0.4, 0.4), end: tuple[float, float] = (0.6, 0.45)) -> None:
    """A length."""
    watched.page.keyboard.press("d")
    drag(watched, start, end)


def unsent(watched: Watched) -> int:
    """How many acts the browser keeps because the server has not acknowledged them."""
    count: int = watched.page.evaluate(
        "Object.keys(localStorage).filter((key) => key.startsWith('hoichan.unsent.')).length"
    )
    return count


def drawn(watched: Watched) -> list[dict[str, Any]]:
    """What the viewer shows."""
    return list((watched.state() or {}).get("annotations") or [])
