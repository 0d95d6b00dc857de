"""Live rooms: what they cost, how late a pointer is, how soon somebody is back after a cut.

    python -m bench.live load [--rooms 20] [--seconds 15]    processor time, memory and bytes of so many rooms of five
    python -m bench.live thin [--seconds 60]     the pointer over 512 kbit/s, 300 ms, 3 % loss, and the link's own
    python -m bench.live nodes [--rooms 20]      as `load`, every other member at a second node on one PostgreSQL
    python -m bench.live cut [--times 5]         real browsers: back in the right state after a cut of that link

Everything is started here, on scratch folders and loopback. In `load` the first of each room scrolls and points in
one of four panes side by side and goes to the next every two seconds, and the second points, without a pause, 15
times a second: more than people do. Bytes are those of the WebSocket; `wire` adds 52 bytes of TCP and IP for each
message. The link's own lateness is that of small messages of the same rate through the same shaper
(tests/support/shaping.py), without us.
"""

import argparse
import asyncio
import contextlib
import json
import math
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from bench.corpus import ct_series
from bench.usage import cpu_seconds, pss_mb
from storage.index import notices
from storage.index.database import Database
from tests.support.browser import Watched, chromium
from tests.support.live_node import node
from tests.support.postgres import PostgresServer
from tests.support.rooms import cookie_of, pid_of_rooms, ticket
from tests.support.server import PASSWORD, Browserless, Running, serving
from tests.support.shaping import shaped

MBIT, ROUND_TRIP, LOSS = 0.512, 0.3, 0.03
PERIOD = 1 / 15
PACKET = 52
SWITCHES = 30  # movements after which the presenter goes to another of four panes: every two seconds
PEOPLE = ("minh", "lan", "hung", "mai", "tuan")
SERIES = "1.2.840.113619.2.55.3.604688119.971.1000000000.1"


@dataclass(slots=True)
class Member:
    """Somebody in a room: what they got, and how late the pointers of others were (seconds)."""

    socket: ClientConnection
    bytes_down: int = 0
    bytes_up: int = 0
    told: int = 0
    said: int = 0
    late: list[float] = field(default_factory=list)
    late_of: dict[int, list[float]] = field(default_factory=lambda: {0: [], 1: []})  # by who moved: first, second

    async def send(self, message: Any) -> None:
        text = json.dumps(message, separators=(",", ":"))
        self.bytes_up += len(text) + (6 if len(text) < 126 else 8)
        self.said += 1
        await self.socket.send(text)

    async def listen(self, sent: dict[float, tuple[float, int]]) -> None:
        arrived = 0
        with contextlib.suppress(ConnectionClosed, asyncio.CancelledError):
            async for text in self.socket:
                self.bytes_down += len(text) + (2 if len(text) < 126 else 4)
                self.told += 1
                message = json.loads(text)
                if message[0:1] != ["m"] if isinstance(message, list) else True:
                    continue
                for _, change in message[1:]:
                    at, who = sent.get((change.get("p") or [0])[0], (0.0, 0))
                    if at:
                        self.late.append(time.perf_counter() - at)
                        self.late_of[who].append(self.late[-1])
                arrived += 1
                if arrived == 4:
                    arrived = 0
                    await self.send(["k", 4])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("load", "thin", "cut", "nodes"), nargs="+")
    parser.add_argument("--rooms", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--slices", type=int, default=12)
    arguments = parser.parse_args()
    if "nodes" in arguments.what:
        for line in nodes(arguments):
            print(line, flush=True)
    others = [what for what in arguments.what if what != "nodes"]
    if not others:
        return 0
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        scene = Scene.made(server, Path(folder), arguments.slices)
        for what in others:
            for line in {"load": load, "thin": thin, "cut": cut}[what](scene, arguments):
                print(line, flush=True)
    return 0


@dataclass(slots=True)
class Scene:
    """A server with one study and five people."""

    server: Running
    people: list[Browserless]
    study: str

    @classmethod
    def made(cls, server: Running, folder: Path, slices: int) -> "Scene":
        server.add_admin()
        for name in PEOPLE:
            server.cli("user", "add", name, "--role", "radiologist", "--password-stdin", stdin=PASSWORD + "\n")
        ct_series(folder / "ct", slices, "live")
        server.cli("import", str(folder / "ct"))
        people = [server.client(name) for name in PEOPLE]
        study = str(people[0].get("/api/worklist").json()["studies"][0]["StudyInstanceUID"])
        return cls(server, people, study)

    def room(self) -> str:
        return str(self.people[0].ask("POST", "/api/rooms", {"studies": [self.study], "title": "đo"}).json()["code"])

    async def member(self, person: int, code: str, url: str = "") -> Member:
        client = self.people[person]
        secret = await asyncio.to_thread(ticket, client, code)
        socket = await connect(
            (url or client.base_url).replace("http", "ws", 1) + "/ws", origin=Origin(url or client.base_url),
            additional_headers={"Cookie": cookie_of(client)}, compression=None, proxy=None, ping_interval=None,
        )  # fmt: skip
        await socket.send(json.dumps({"t": "join", "ticket": secret, "after": 0}))
        assert json.loads(await socket.recv())["t"] == "welcome"
        return Member(socket)


def load(scene: Scene, arguments: argparse.Namespace) -> Iterator[str]:
    """Rooms of five at once."""
    pid = pid_of_rooms(scene.server)
    idle = pss_mb(pid)
    members, sent, (used,), memory, spent = asyncio.run(_busy(scene, arguments.rooms, arguments.seconds, [pid]))
    yield f"{arguments.rooms} rooms of {len(PEOPLE)}, {arguments.seconds:g} s, everybody on loopback"
    yield f"processor time of the rooms' process   {100 * used / spent:6.1f} % of a core"
    yield f"its memory                             {idle:6.0f} MB idle, {memory:.0f} MB with {len(members)} sockets"
    for what, chosen in (("who scrolls and points", 0), ("who points", 1), ("who only follows", 4)):
        some = members[chosen :: len(PEOPLE)]
        down = _rate(sum(m.bytes_down for m in some), len(some), spent)
        up = _rate(sum(m.bytes_up for m in some), len(some), spent)
        wire = _rate(sum(m.bytes_down + PACKET * m.told for m in some), len(some), spent)
        yield f"{what:38} {down:6.1f} kbit/s down (wire {wire:.1f}), {up:.1f} up   (≤ 16 steady)"
    late = sorted(value for member in members for value in member.late)
    yield f"pointer, everybody                     {_ms(late, 50)} ms p50, {_ms(late, 95)} p95 (≤ 150), of {len(late)}"
    yield f"positions sent                         {sent}"


def nodes(arguments: argparse.Namespace) -> Iterator[str]:
    """Rooms of five at two nodes: three at one of them, two at the other, where the first of each room is not."""
    folder = Path(tempfile.mkdtemp(prefix="hoichan-bench-postgres-"))
    postgres = PostgresServer(folder)
    try:
        postgres.start()
        postgres.migrate_template()
        url = postgres.url(postgres.create())
        with (
            tempfile.TemporaryDirectory() as data,
            serving(Path(data) / "web", HOICHAN_INDEX__URL=url) as server,
            node(Path(data) / "one", url) as one,
            node(Path(data) / "two", url) as two,
        ):
            scene = Scene.made(server, Path(data), arguments.slices)
            pids = [one.process.pid, two.process.pid, postgres.pid]
            with _overheard(url) as heard:
                members, sent, used, memory, spent = asyncio.run(
                    _busy(scene, arguments.rooms, arguments.seconds, pids, (one.url, two.url))
                )
            yield f"{arguments.rooms} rooms of {len(PEOPLE)} at two nodes, {arguments.seconds:g} s, on loopback"
            for what, seconds in zip(("node one", "node two", "PostgreSQL"), used, strict=True):
                yield f"processor time, {what:22} {100 * seconds / spent:6.1f} % of a core"
            yield f"memory of node one                     {memory:6.0f} MB, {len(members)} sockets at both"
            during = [size for at, size in heard if at >= time.perf_counter() - spent - 1]
            rate = sum(during) * 8 / 1000 / spent
            often = len(during) / spent
            yield f"between the nodes                      {rate:6.1f} kbit/s in {often:.0f} notices a second"
            for what, chosen in (("at the same node", (2, 4)), ("at the other node", (1, 3))):
                some = [members[at] for at in range(len(members)) if at % len(PEOPLE) in chosen]
                late = sorted(value for member in some for value in member.late_of[0])
                yield f"pointer, {what:29} {_ms(late, 50)} ms p50, {_ms(late, 95)} p95, of {len(late)}"
            yield f"positions sent                         {sent}"
    finally:
        postgres.stop()


@contextmanager
def _overheard(url: str) -> Iterator[list[tuple[float, int]]]:
    """When the nodes told each other something, and how many bytes."""
    heard: list[tuple[float, int]] = []
    over = threading.Event()
    database = Database(url)

    def hear(payload: str) -> None:
        heard.append((time.perf_counter(), len(payload.encode())))

    listening = threading.Thread(target=notices.listen, args=(database, notices.NODES, hear, over.is_set))
    listening.start()
    yield heard
    over.set()
    listening.join(10)
    database.close()


async def _busy(
    scene: Scene, rooms: int, seconds: float, pids: list[int], urls: tuple[str, ...] = ("",)
) -> tuple[list[Member], int, list[float], float, float]:
    members: list[Member] = []
    sent: dict[float, tuple[float, int]] = {}
    for _ in range(rooms):
        code = scene.room()
        members += [await scene.member(person, code, urls[person % len(urls)]) for person in range(len(PEOPLE))]
    listening = [asyncio.create_task(member.listen(sent)) for member in members]
    await asyncio.sleep(1)
    for member in members:
        member.bytes_down = member.bytes_up = member.told = 0
    began, before = time.perf_counter(), [cpu_seconds(pid) for pid in pids]
    movers = [
        asyncio.create_task(_move(member, sent, seconds, 1 + number, scrolls=number % len(PEOPLE) == 0))
        for number, member in enumerate(members)
        if number % len(PEOPLE) in (0, 1)
    ]
    await asyncio.gather(*movers)
    spent, memory = time.perf_counter() - began, pss_mb(pids[0])
    used = [cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
    for task in listening:
        task.cancel()
    for member in members:
        await member.socket.close()
    return members, len(sent), used, memory, spent


async def _move(
    member: Member, sent: dict[float, tuple[float, int]], seconds: float, number: int, *, scrolls: bool
) -> None:
    """Point in a circle; each position names the moment it was sent."""
    began, step = time.perf_counter(), 0
    active = _pane("", 1)
    await member.send(["m", {"c": 0, **active, **({"l": [4, 0], **_beside(0)} if scrolls else {})}])
    while time.perf_counter() - began < seconds:
        step += 1
        x = round(100 + 50 * math.cos(step / 10)) + number / 1000 + step / 1e6
        x = round(x, 6)
        change: dict[str, Any] = {"p": [x, round(100 + 50 * math.sin(step / 10), 1)]}
        if scrolls and step % 2:
            change["i"] = [len(SERIES) + 1, str(step % 300)]
        if scrolls and step % SWITCHES == 0:
            on = step // SWITCHES % 4
            change |= {"l": [4, on], **dict.fromkeys(_pane(str(on), 1)), **_beside(on)}
        sent[x] = time.perf_counter(), 0 if scrolls else 1
        await member.send(["m", change])
        await asyncio.sleep(max(0.0, began + step * PERIOD - time.perf_counter()))


def _pane(nth: str, image: int) -> dict[str, Any]:
    """What one pane shows."""
    shown = {"s": SERIES, "i": f"{SERIES}.{image}", "f": 1, "w": [40, 400, 0], "z": [0, 0, 0, 350.5, 0, 0, 0]}
    return {f"{field}{nth}": value for field, value in shown.items()}


def _beside(on: int) -> dict[str, Any]:
    """The three panes that are not active."""
    return {field: value for nth in range(4) if nth != on for field, value in _pane(str(nth), nth + 1).items()}


def thin(scene: Scene, arguments: argparse.Namespace) -> Iterator[str]:
    """One who points on loopback, one who looks through the shaped link."""
    with shaped(scene.server.web_port, MBIT, ROUND_TRIP, loss=LOSS) as link:
        late, direct = asyncio.run(_pointed(scene, link.url, arguments.seconds))
    own = asyncio.run(_own(arguments.seconds))
    yield f"{MBIT * 1000:g} kbit/s, {ROUND_TRIP * 1000:g} ms round trip, {LOSS:.0%} loss, {arguments.seconds:g} s"
    yield f"pointer on loopback      {_ms(direct, 50)} ms p50, {_ms(direct, 95)} p95, of {len(direct)}"
    yield f"pointer over the link    {_ms(late, 50)} ms p50, {_ms(late, 95)} p95, of {len(late)}"
    yield f"the link's own           {_ms(own, 50)} ms p50, {_ms(own, 95)} p95, of {len(own)}"
    half, most = (1000 * (_percentile(late, percent) - _percentile(own, percent)) for percent in (50, 95))
    yield f"above the link's own     {half:6.1f} ms p50, {most:6.1f} p95   (≤ 150)"


async def _pointed(scene: Scene, url: str, seconds: float) -> tuple[list[float], list[float]]:
    code = scene.room()
    sent: dict[float, tuple[float, int]] = {}
    pointer, near, far = (
        await scene.member(0, code), await scene.member(1, code), await scene.member(2, code, url)
    )  # fmt: skip
    listening = [asyncio.create_task(one.listen(sent)) for one in (pointer, near, far)]
    await _move(pointer, sent, seconds, 1, scrolls=True)
    await asyncio.sleep(2)
    for task, one in zip(listening, (pointer, near, far), strict=True):
        task.cancel()
        await one.socket.close()
    return sorted(far.late), sorted(near.late)


async def _own(seconds: float) -> list[float]:
    """How late small messages are that somebody sends through the same link."""
    late: list[float] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began, step = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            step += 1
            writer.write(f"{time.perf_counter():.9f}".ljust(59).encode() + b"\n")
            await asyncio.sleep(max(0.0, began + step * PERIOD - time.perf_counter()))
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    with shaped(server.sockets[0].getsockname()[1], MBIT, ROUND_TRIP, loss=LOSS) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        while line := await reader.readline():
            late.append(time.perf_counter() - float(line))
        writer.close()
    server.close()
    return sorted(late)


def cut(scene: Scene, arguments: argparse.Namespace) -> Iterator[str]:
    """A browser behind the link follows; the link is cut for some seconds while the presenter goes on."""
    with (
        shaped(scene.server.web_port, MBIT, ROUND_TRIP, loss=LOSS) as link,
        chromium() as browser,
        _page(browser, scene.server.base_url, "minh") as near,
        _page(browser, link.url, "lan") as far,
    ):
        code = scene.room()
        _inside(near, f"{scene.server.base_url}/read/{scene.study}#room={code}")
        _inside(far, f"{link.url}/read/{scene.study}#room={code}")
        far.until("all images", lambda: _loaded(far) >= arguments.slices, 600)
        times = []
        for number in range(arguments.times):
            link.cut()
            far.until("the cut is seen", lambda: far.find("live").get_attribute("data-status") == "cut")
            far.find("live-text").fill(f"viết lúc đứt {number}")
            far.find("live-send").click()
            near.page.keyboard.press("End" if number % 2 == 0 else "Home")
            time.sleep(4)
            link.mend()
            mended = time.perf_counter()
            far.until("the same image", lambda: far.active()["index"] == near.active()["index"])
            times.append(time.perf_counter() - mended)
            near.until("what was said", lambda n=number: f"đứt {n}" in near.find("live-chat").inner_text())
    times.sort()
    yield f"{MBIT * 1000:g} kbit/s, {ROUND_TRIP * 1000:g} ms, {LOSS:.0%} loss; cut {len(times)} times, connections dead"
    middle = statistics.median(times)
    yield f"back in the right state  {times[0]:.2f} – {times[-1]:.2f} s after the link, median {middle:.2f}   (≤ 2)"


@contextmanager
def _page(browser: Browser, url: str, name: str) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1100, "height": 700}, locale="vi-VN")
    answer = context.request.post(
        f"{url}/api/session", data={"name": name, "password": PASSWORD}, headers={"Origin": url}
    )
    assert answer.ok
    yield Watched(context.new_page())
    context.close()


def _inside(page: Watched, url: str) -> None:
    page.page.goto(url, wait_until="commit", timeout=300_000)
    page.until("an image", lambda: page.active() and page.active()["quality"] in ("original", "preview"), 300)
    page.until("the room", lambda: page.find("live").get_attribute("data-status") == "in", 60)


def _loaded(page: Watched) -> int:
    return sum(series["loaded"] + series["previewed"] for series in page.state()["series"])


def _rate(total: float, members: int, seconds: float) -> float:
    return total * 8 / 1000 / members / seconds


def _percentile(values: list[float], percent: int) -> float:
    return values[min(len(values) - 1, len(values) * percent // 100)] if values else math.nan


def _ms(values: list[float], percent: int) -> str:
    return f"{1000 * _percentile(values, percent):6.1f}"


if __name__ == "__main__":
    sys.exit(main())
