"""People who meet in a live room with browsers: a server with two studies, and pages in a room."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.corpus import ct_series
from tests.support.browser import FAKE_VOICE, Watched, chromium
from tests.support.server import PASSWORD, Running

SLICES = 6
# What connections a page makes, so that a test can ask them what they carry.
KEPT = """
window.lines = [];
const Made = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Made { constructor(...given) { super(...given); window.lines.push(this); } };
"""
CARRIED = """
Promise.all(window.lines.filter((one) => one.connectionState === 'connected').map(async (one) => {
  const all = new Map();
  (await one.getStats()).forEach((report) => all.set(report.id, report));
  const found = [...all.values()];
  const pair = all.get(found.find((report) => report.type === 'transport')?.selectedCandidatePairId);
  const audio = found.find((report) => report.type === 'inbound-rtp' && report.kind === 'audio');
  return [all.get(pair?.localCandidateId)?.candidateType, all.get(pair?.remoteCandidateId)?.candidateType,
    audio?.bytesReceived ?? 0];
}))
"""


class Scene:
    """A server with a study, and people who may read it or not."""

    def __init__(self, server: Running, folder: Path) -> None:
        self.server = server
        server.add_admin()
        for name in ("minh", "lan", "hung"):
            server.register("user", "add", name, "--role", "radiologist", "--password-stdin", stdin=PASSWORD + "\n")
        ct_series(folder / "ct", SLICES, "rooms")
        ct_series(folder / "ct" / "other", 4, "afterwards")
        server.cli("import", str(folder / "ct"))
        self.minh, self.lan, self.hung = (server.client(name) for name in ("minh", "lan", "hung"))
        listed = self.minh.get("/api/worklist").json()["studies"]
        found = {str(one["PatientID"]): str(one["StudyInstanceUID"]) for one in listed}
        self.study, self.other = found["BENCH-rooms"], found["BENCH-afterwards"]

    def room(self) -> str:
        answer = self.minh.ask("POST", "/api/rooms", {"studies": [self.study], "title": "Giao ban sáng"})
        assert answer.status == 201, answer.body
        return str(answer.json()["code"])


@contextmanager
def seen(scene: Scene, *who: tuple[str, int, int], script: str = "") -> Iterator[list[Watched]]:
    """Browsers of these people (name, width, height), signed in; without a name, nobody's. `script` runs first."""
    with chromium(*FAKE_VOICE) as browser:
        pages = []
        for name, width, height in who:
            phone = width < 500
            context = browser.new_context(
                viewport={"width": width, "height": height},
                locale="vi-VN",
                has_touch=phone,
                is_mobile=phone,
                permissions=["microphone", "camera"],
            )
            if script:
                context.add_init_script(script)
            base = scene.server.base_url
            if name:
                answer = context.request.post(
                    f"{base}/api/session", data={"name": name, "password": PASSWORD}, headers={"Origin": base}
                )
                assert answer.ok
            pages.append(Watched(context.new_page()))
        yield pages


def inside(page: Watched, url: str) -> None:
    """The page of this address, in its room, with an image."""
    page.page.goto(url)
    page.page.wait_for_url(re.compile(r"/read/[0-9.]+"))  # an invitation leads to the page of a case
    page.until("an image", lambda: page.active() and page.active()["quality"] == "original")
    if page.find("live").count() == 0:
        page.find("live-toggle").click()
    page.until("the room", lambda: page.find("live").get_attribute("data-status") == "in")


def all_of(pages: tuple[Watched, ...], what: str, check: Callable[[Watched], object]) -> None:
    for page in pages:
        page.until(what, partial(check, page))


def sop(page: Watched) -> str:
    return str(page.active()["SOPInstanceUID"])
