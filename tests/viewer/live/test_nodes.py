"""Two processes of rooms on one PostgreSQL, each with its own people in the same room."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from pacs.assembly import open_archive, prepare
from pacs.config import Config, IndexConfig, WebConfig
from pacs.live import across, server
from storage.index import rooms
from tests.support.live_node import Node, node
from tests.support.postgres import PostgresServer
from tests.support.rooms import Participant
from tests.viewer.conftest import SMTP, Person, Web
from viewer.app import create_app

STUDY = {"StudyInstanceUID": "1.2.7", "SeriesInstanceUID": "1.2.7.1", "SOPInstanceUID": "1.2.7.1.1"}
HURRY = 5.0
IMAGE = "1.2.840.113619.2.55.3.604688119.971.1268071029.320.1"
PATIENCE = 60.0


@dataclass
class Nodes:
    """Two nodes, and the application through which their people get tickets."""

    web: Web
    url: str
    first: Node
    second: Node

    def enter(self, person: Person, code: str, at: Node, after: int = 0) -> Participant:
        answer = person.post(f"/api/rooms/{code}/ticket", json={})
        assert answer.status_code == 200, answer.text
        cookie = person.client.get_cookie("hoichan")
        assert cookie is not None
        socket = connect(
            at.url.replace("http", "ws") + "/ws", origin=Origin(at.url), compression=None, proxy=None,
            additional_headers={"Cookie": f"hoichan={cookie.value}"}, open_timeout=PATIENCE,
        )  # fmt: skip
        socket.send(json.dumps({"t": "join", "ticket": answer.json["ticket"], "after": after}))
        welcome = json.loads(socket.recv(timeout=PATIENCE))
        assert welcome["t"] == "welcome", welcome
        return Participant(socket, welcome)

    def events(self, code: str) -> list[tuple[str, str]]:
        with self.web.archive.database.reading() as db:
            return [(one.member, one.kind) for one in rooms.events(db, rooms.by_code(db, code).id, 0)]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("nodes")
    dist = folder / "dist"
    (dist / "assets").mkdir(parents=True)
    for page in ("index", "reading"):
        (dist / f"{page}.html").write_text("<!doctype html>")
    url = postgres_server.url(postgres_server.create())
    shared = Config(
        data=folder / "data", web=WebConfig(second_factor_for_admins=False), smtp=SMTP, index=IndexConfig(url=url)
    )
    prepared = prepare(shared)
    prepared.database.close()
    archive = open_archive(shared)
    app = create_app(archive, shared, dist=dist)
    web = Web(app, archive, shared, prepared.hospital)
    web.store(**STUDY)
    with node(folder / "a", url, HURRY) as first, node(folder / "b", url, HURRY) as second:
        yield Nodes(web, url, first, second)
    app.extensions["hoichan.stop"]()
    archive.close()


def opened(person: Person) -> str:
    answer = person.post("/api/rooms", json={"studies": [STUDY["StudyInstanceUID"]], "title": "Giao ban"})
    assert answer.status_code == 201, answer.text
    return str(answer.json["code"])


def strip(participant: Participant, key: str, *, here: bool) -> Any:
    """Until the people strip says of somebody whether they are here."""
    return participant.hear(
        lambda told: (
            isinstance(told, dict)
            and told.get("t") == "people"
            and any(one["key"] == key and one["here"] is here for one in told["people"])
        ),
        PATIENCE,
    )


def says(text: str, told: Any) -> bool:
    return isinstance(told, dict) and told.get("kind") == "chat" and told["body"]["text"] == text


def chats(participant: Participant) -> list[tuple[int, str]]:
    told = [one for one in participant.heard if isinstance(one, dict) and one.get("kind") == "chat"]
    return [(one["n"], one["body"]["text"]) for one in told]


def test_people_at_two_nodes_are_in_one_room(nodes: Nodes) -> None:
    minh, lan = nodes.web.person("radiologist", name="minh"), nodes.web.person("radiologist", name="lan")
    code = opened(minh)
    near = nodes.enter(minh, code, nodes.first)
    far = nodes.enter(lan, code, nodes.second)
    strip(near, far.me, here=True)
    told = strip(far, near.me, here=True)
    numbers = {one["key"]: one["n"] for one in told["people"]}
    near.move(c=0, s="1.2.7.1", i=IMAGE, f=3, w=[40, 400, 0], p=[10, 20])
    far.hear(lambda m: isinstance(m, list) and m[0] == "m" and ["p", [10, 20]] in map(list, m[1][1].items()), PATIENCE)
    moved = next(m for m in far.heard if isinstance(m, list) and m[0] == "m" and "i" in m[1][1])
    assert moved[1][0] == numbers[near.me]
    assert moved[1][1]["w"] == [40, 400, 0]
    near.say("presenter", to=far.me)
    assert far.event("presenter", PATIENCE)["body"] == {"to": far.me}
    far.say("chat", text="từ máy chủ hai")
    near.say("chat", text="từ máy chủ một")
    for one in (near, far):
        for text in ("từ máy chủ một", "từ máy chủ hai"):
            one.hear(partial(says, text), PATIENCE)
    assert chats(near) == chats(far)
    description = "v=0\r\n" + "".join(f"a=candidate:{n} {n * 7919} udp 127.0.0.1 {n}\r\n" for n in range(240))
    near.socket.send(json.dumps({"t": "rtc", "to": far.me, "data": {"sdp": description}}))
    heard = far.hear(lambda m: isinstance(m, dict) and m.get("t") == "rtc", PATIENCE)
    assert (heard["from"], heard["data"]["sdp"]) == (near.me, description)
    far.socket.send(json.dumps({"t": "leave"}))
    strip(near, far.me, here=False)
    assert near.event("left", PATIENCE)["by"] == far.me
    numbered = [one["n"] for one in near.heard if isinstance(one, dict) and one.get("t") == "event"]
    assert numbered == sorted(set(numbered)), "every event once, in order"


def test_who_comes_late_to_another_node_sees_what_is_there(nodes: Nodes) -> None:
    minh, lan = nodes.web.person("radiologist", name="hung"), nodes.web.person("radiologist", name="hoa")
    code = opened(minh)
    near = nodes.enter(minh, code, nodes.first)
    near.move(c=0, s="1.2.7.1", i=IMAGE, f=5, r=[7, 9])
    near.say("chat", text="đã có mặt")
    near.event("chat", PATIENCE)
    far = nodes.enter(lan, code, nodes.second)
    assert [one["kind"] for one in far.welcome["events"]][:2] == ["joined", "chat"]
    far.hear(lambda m: isinstance(m, list) and m[0] == "m" and m[1][1].get("f") == 5, PATIENCE)
    # Comes back at the other node before it has left the first: it never left.
    near.socket.close()
    again = nodes.enter(minh, code, nodes.second, after=0)
    time.sleep(1.5 * server.AWAY_SECONDS / HURRY)
    assert (again.me, "left") not in nodes.events(code)


def test_a_node_that_dies_has_its_people_leave(nodes: Nodes) -> None:
    assert across.DEAD_SECONDS < server.AWAY_SECONDS - across.LOST_EARLIER < 20
    minh, lan = nodes.web.person("radiologist", name="mai"), nodes.web.person("radiologist", name="tuan")
    code = opened(minh)
    near = nodes.enter(minh, code, nodes.first)
    far = nodes.enter(lan, code, nodes.second)
    strip(far, near.me, here=True)
    far.heard.clear()
    began = time.monotonic()
    nodes.first.kill()
    strip(far, near.me, here=False)
    assert far.event("left", PATIENCE)["by"] == near.me
    assert time.monotonic() - began > across.DEAD_SECONDS / HURRY
    assert nodes.events(code).count((near.me, "left")) == 1
    back = nodes.enter(minh, code, nodes.second)
    strip(far, back.me, here=True)
