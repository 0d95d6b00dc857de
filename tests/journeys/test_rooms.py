"""Rooms through the real doors: pages' port, handed-over sockets, the process of the rooms."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.browser import Watched
from tests.support.meeting import Scene, all_of, inside, seen, sop
from tests.support.processes import established, open_files
from tests.support.reading import drawn, measure
from tests.support.rooms import Participant, enter, pid_of_rooms, socket_to, ticket, web_workers
from tests.support.server import PASSWORD, Browserless, Running, serving
from tests.support.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("rooms")
    with serving(folder) as server:
        yield Scene(server, folder)


def test_what_is_said_is_told_in_one_order_and_read_again(scene: Scene) -> None:
    code = scene.room()
    one, two = enter(scene.minh, code), enter(scene.lan, code)
    assert [person["name"] for person in two.welcome["people"]] == ["minh", "lan"]
    one.say("chat", text="Nốt ở thùy trên phải?")
    assert one.event("chat")["body"] == two.event("chat")["body"]
    two.say("chat", text="Đồng ý.")
    last = one.hear(lambda m: isinstance(m, dict) and m.get("kind") == "chat" and m["body"]["text"] == "Đồng ý.")
    two.hear(lambda m: isinstance(m, dict) and m.get("n") == last["n"])
    late = enter(scene.hung, code)
    texts = [event["body"]["text"] for event in late.welcome["events"] if event["kind"] == "chat"]
    assert sorted(texts) == ["Nốt ở thùy trên phải?", "Đồng ý."]
    numbers = [event["n"] for event in late.welcome["events"]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_same_event_sent_twice_is_kept_once(scene: Scene) -> None:
    code = scene.room()
    member = enter(scene.minh, code)
    identity = member.say("chat", text="một lần")
    first = member.event("chat")
    member.socket.close()
    again = enter(scene.minh, code, after=member.welcome["sequence"], secret=member.welcome["ticket"])
    assert [event["id"] for event in again.welcome["events"] if event["kind"] == "chat"] == [identity]
    again.say("chat", client_id=identity, text="một lần")
    assert again.event("chat")["n"] == first["n"]
    events = scene.minh.get(f"/api/rooms/{code}/events").json()["events"]
    assert sum(event["kind"] == "chat" for event in events) == 1


def test_a_pointer_and_the_presenters_view_reach_the_others(scene: Scene) -> None:
    code = scene.room()
    one, two = enter(scene.minh, code), enter(scene.lan, code)
    one.move(c=0, s="1.2.840.1", i="1.2.840.113619.2.1.1", f=1, w=[40, 400, 0], p=[12.5, 80])
    number = next(person["n"] for person in two.welcome["people"] if person["key"] == one.me)
    told = two.hear(lambda m: isinstance(m, list) and m[0] == "m")
    assert [
        number,
        {"c": 0, "s": "1.2.840.1", "i": "1.2.840.113619.2.1.1", "f": 1, "w": [40, 400, 0], "p": [12.5, 80]},
    ] in told[1:]
    one.move(i="1.2.840.113619.2.1.2", p=None)
    told = two.hear(lambda m: isinstance(m, list) and m[0] == "m" and m != told)
    assert told[1] == [number, {"i": [19, "2"], "p": None}]


def test_only_who_leads_hands_over(scene: Scene) -> None:
    code = scene.room()
    one, two = enter(scene.minh, code), enter(scene.lan, code)
    identity = two.say("presenter", to=two.me)
    refused = two.hear(lambda m: isinstance(m, dict) and m.get("t") == "refused")
    assert (refused["id"], refused["why"]) == (identity, "not presenter")
    one.say("presenter", to=two.me)
    assert two.event("presenter")["body"] == {"to": two.me}


def test_strangers_find_no_door(scene: Scene) -> None:
    code = scene.room()
    with pytest.raises(InvalidStatus) as wrong:
        socket_to(scene.minh, origin="https://evil.example")
    assert wrong.value.response.status_code == 403
    nobody = Browserless(scene.server.base_url)
    assert nobody.get("/ws").status == 401
    assert scene.minh.get("/ws").status == 426
    stolen = ticket(scene.minh, code)
    other = socket_to(scene.lan)  # a ticket stands on the session it was given to
    other.send(json.dumps({"t": "join", "ticket": stolen}))
    assert json.loads(other.recv(timeout=PATIENCE)) == {"t": "bye", "why": "ticket"}
    used = ticket(scene.minh, code)
    enter(scene.minh, code, secret=used)
    with pytest.raises(AssertionError, match="ticket"):
        enter(scene.minh, code, secret=used)
    assert scene.minh.get("/api/rooms/nosuchroom").status == 404
    scene.server.cli("hospital", "add", "khac", "Bệnh viện khác")
    scene.server.cli(
        "user", "add", "xa", "--role", "radiologist", "--hospital", "khac", "--password-stdin", stdin=PASSWORD + "\n"
    )
    far = scene.server.client("xa")
    assert far.get(f"/api/rooms/{code}").status == 404
    assert far.ask("POST", f"/api/rooms/{code}/ticket", {}).status == 404


def test_who_is_signed_out_is_cut_off(scene: Scene) -> None:
    code = scene.room()
    leaver = scene.server.client("hung")
    member, watcher = enter(leaver, code), enter(scene.minh, code)
    assert leaver.ask("DELETE", "/api/session").status == 204
    assert member.hear(lambda m: isinstance(m, dict) and m.get("t") == "bye")["why"] == "revoked"
    watcher.hear(lambda m: isinstance(m, dict) and m.get("t") == "people" and not m["people"][0]["here"])


def _held(server: Running, ports: set[int]) -> int:
    """How many of the connections from these ports the workers of the web door hold; a thread waits for each."""
    ours = established(server.web_port, ports)
    assert ours, "nothing is connected"
    workers = until(lambda: web_workers(server))
    return sum(one in ours for pid in workers for one in open_files(pid))


def test_a_hundred_sockets_leave_the_pages_alone(scene: Scene) -> None:
    code = scene.room()
    sockets = [socket_to(scene.minh) for _ in range(100)]
    ports = {one.socket.getsockname()[1] for one in sockets}
    assert len(ports) == 100
    until(lambda: _held(scene.server, ports) == 0)  # a worker closes its own copy a moment after it gave it away
    assert scene.lan.get("/api/worklist").status == 200
    assert [scene.lan.get("/healthz").status for _ in range(20)] == [200] * 20
    member = enter(scene.lan, code)
    member.say("chat", text="vẫn nghe")
    member.event("chat")
    for one in sockets:
        one.close()


def _look_through_planes(minh: Watched, others: tuple[Watched, ...]) -> None:
    """The presenter opens three planes, points on one, and closes them: the others have the same planes meanwhile."""

    def planes(page: Watched) -> list[float]:
        shown = page.state()["mpr"]
        return [round(one) for one in (*shown["centre"], shown["extent"])] if shown else []

    minh.page.locator("[data-testid=pane-0]").focus()
    minh.page.keyboard.press("m")
    all_of((minh, *others), "the planes", lambda page: page.find("mpr").count() == 1)
    box = minh.find("plane-0").bounding_box()
    minh.find("live-pointing").click()  # not pointing any more: a click sets the cross-hair
    minh.page.mouse.click(box["x"] + 120, box["y"] + 150)
    all_of(others, "the same place", lambda page: planes(page) == planes(minh))
    minh.find("live-pointing").click()
    minh.page.mouse.move(box["x"] + 130, box["y"] + 160)
    all_of(
        others, "where it is pointed at", lambda page: page.find("live-plane-0").locator(".live-pointer").count() == 1
    )
    minh.find("mpr-close").click()
    all_of(others, "the image again", lambda page: page.find("mpr").count() == 0 and sop(page) == sop(minh))


def _images(page: Watched) -> tuple[str, int, list[tuple[Any, ...]]]:
    """The layout, the active pane, and of each pane that stands there its image, its window and how it lies."""
    now = page.state()
    count = {"1x1": 1, "1x2": 2, "2x2": 4}[now["layout"]]
    fields = ("SOPInstanceUID", "frame", "voi", "invert", "rotation", "flipHorizontal")
    return (
        now["layout"],
        now["active"],
        [tuple(one.get(field) for field in fields) for one in now["viewports"][:count]],
    )


def _extent(page: Watched, pane: int) -> int:
    """The millimetres of the patient along the smaller side of a pane, in tens; the pixels of the study are square."""
    box, shown = page.find(f"viewport-{pane}").bounding_box(), page.state()["viewports"][pane]
    return round(min(box["width"], box["height"]) / shown["pixel"][0] / 10) if box else 0


def _look_side_by_side(minh: Watched, lan: Watched, phone: Watched, folder: Path) -> None:
    """The presenter puts another image beside the first: who follows has both, and a phone the active one."""
    first, extent = sop(minh), _extent(minh, 0)
    minh.find("layout").click()
    minh.find("layout-1x2").click()
    minh.find("pane-1").focus()
    minh.find("series").click()
    minh.until("two panes", lambda: minh.active()["id"] == "p1" and minh.active()["quality"] == "original")
    minh.find("pane-1").focus()
    for key in ("End", "2", "r", "+", "+"):
        minh.page.keyboard.press(key)
    minh.until("another image", lambda: sop(minh) != first and minh.active()["quality"] == "original")
    minh.until("as it was asked", lambda: minh.active().get("rotation") == 90 and _extent(minh, 1) < extent)
    lan.until("both images", lambda: _images(lan) == _images(minh))
    all_of((lan,), "both extents", lambda page: [_extent(page, 0), _extent(page, 1)] == [extent, _extent(minh, 1)])
    phone.until("the active image", lambda: _images(phone) == ("1x1", 0, _images(minh)[2][1:]))
    minh.find("pane-0").focus()
    minh.page.keyboard.press("ArrowDown")
    minh.until("another slice in the first", lambda: minh.active()["id"] == "p0" and sop(minh) not in ("", first))
    lan.until("the other pane, scrolled", lambda: _images(lan) == _images(minh))
    phone.until("the other pane", lambda: _images(phone) == ("1x1", 0, _images(minh)[2][:1]))
    lan.page.reload()
    lan.until("both images for who comes late", lambda: lan.state() and _images(lan) == _images(minh))
    for name, page in (("presenter", minh), ("follower", lan), ("phone", phone)):
        page.page.screenshot(path=str(folder / f"panes-{name}.png"))


def _moment_of_two_panes(scene: Scene, code: str) -> int:
    """Milliseconds after the room was opened when its presenter last had two panes, as it is recorded."""
    began = scene.minh.get(f"/api/rooms/{code}").json()["created_at"]
    track = scene.minh.get(f"/api/rooms/{code}/track").json()["stretches"]
    moments = [
        stretch["at"] + after - began
        for stretch in track
        for after, _, changed in stretch["moves"]
        if (changed.get("l") or [1])[0] == 2
    ]
    return int(max(moments))


def test_two_browsers_and_a_phone_look_at_the_same_image(scene: Scene, tmp_path: Path) -> None:
    with seen(scene, ("minh", 1280, 800), ("lan", 1100, 700), ("hung", 390, 844)) as (minh, lan, hung):
        minh.page.goto(f"{scene.server.base_url}/read/{scene.study}")
        minh.until("an image", lambda: minh.active() and minh.active()["quality"] == "original")
        minh.find("live-toggle").click()
        minh.find("live-title").fill("Hội chẩn phổi")
        minh.find("live-open").click()
        minh.until("the room", lambda: minh.find("live").get_attribute("data-status") == "in")
        for page in (lan, hung):
            inside(page, minh.page.url)
        minh.page.keyboard.press("Home")
        minh.page.keyboard.press("1")
        both = (lan, hung)
        all_of(both, "the presenter's image", lambda page: sop(page) == sop(minh))
        all_of(both, "the presenter's window", lambda page: page.active()["voi"] == minh.active()["voi"])
        box = minh.find("viewport-0").bounding_box()
        minh.find("live-pointing").click()
        minh.page.mouse.move(box["x"] + 300, box["y"] + 300)
        all_of(both, "a named pointer", lambda page: page.find("live-pointer").inner_text() == "minh")
        lan.find("live-text").fill("Nốt này mới?")
        lan.find("live-send").click()
        hung.find("live-hand").click()
        minh.until("the chat", lambda: "Nốt này mới?" in minh.find("live-chat").inner_text())
        minh.until("a raised hand", lambda: "xin phát biểu" in minh.find("live-chat").inner_text())
        lan.page.mouse.move(500, 300)
        lan.page.mouse.wheel(0, 200)
        lan.find("live-follow").wait_for()
        lan.find("live-follow").click()
        lan.until("following again", lambda: sop(lan) == sop(minh))
        _look_through_planes(minh, both)
        _look_side_by_side(minh, lan, hung, tmp_path)
        os.kill(pid_of_rooms(scene.server), signal.SIGKILL)
        lan.find("live-text").fill("viết khi đứt")
        lan.find("live-send").click()
        minh.page.keyboard.press("End")
        all_of((minh, hung), "what was said", lambda page: "viết khi đứt" in page.find("live-chat").inner_text())
        lan.until("both images again", lambda: _images(lan) == _images(minh))
        minh.find("layout").click()
        minh.find("layout-1x1").click()
        all_of(both, "one image again", lambda page: _images(page) == _images(minh))
        code = minh.page.url.rpartition("=")[2]
        kept = scene.minh.get(f"/api/rooms/{code}/events").json()["events"]
        assert [one["body"]["text"] for one in kept if one["kind"] == "chat"] == ["Nốt này mới?", "viết khi đứt"]
        minh.find("live-end").click()
        minh.find("live-end-sure").click()
        for page in (minh, lan, hung):
            page.find("live-over").wait_for()
            assert not [line for line in page.wrong if "WebSocket connection to" not in line]  # the process was killed
        moment = _moment_of_two_panes(scene, code)
        lan.page.goto(f"{scene.server.base_url}/read/{scene.study}?again#replay={code}&at={moment}")
        lan.until("two panes", lambda: lan.state() and _images(lan)[0] == "1x2")
        lan.until("as they were", lambda: [one.get("rotation") for one in lan.state()["viewports"][:2]] == [0, 90])


def _shown(page: Watched, name: str = "") -> list[str]:
    """The ids of what is drawn; with a name, only when that stands beside a drawing on the image."""
    words = page.page.locator("[data-testid=viewport-0] svg text").all_text_contents()
    if name and not any(name in one for one in words):
        return []
    return [str(one["uid"]) for one in drawn(page)]


def _put_beside(scene: Scene, minh: Watched, lan: Watched, anna: Watched, folder: Path) -> None:
    """The presenter puts another case beside: who may see it has it too, the others read that it is not for them."""
    code = minh.page.url.rpartition("=")[2]
    assert scene.minh.ask("POST", f"/api/rooms/{code}/cases", {"StudyInstanceUID": scene.other}).status == 201
    minh.find("live-beside-1").click()
    minh.until("the other case", lambda: minh.state()["viewports"][1]["quality"] == "original")
    lan.until("the other case", lambda: _images(lan) == _images(minh))
    assert minh.find("live-other").inner_text() == lan.find("live-other").inner_text()
    assert "người bệnh khác" in lan.find("live-other").inner_text()
    anna.until("the other pane", lambda: anna.state()["layout"] == "1x2")
    anna.find("live-unshared").wait_for()
    assert [one["SOPInstanceUID"] for one in anna.state()["viewports"]][1] is None
    minh.find("pane-1").focus()
    minh.page.keyboard.press("ArrowDown")
    lan.until("the other case, scrolled", lambda: lan.state()["active"] == 1 and _images(lan) == _images(minh))
    anna.until("the words still", lambda: anna.state()["active"] == 1 and anna.find("live-unshared").is_visible())
    for name, page in (("minh", minh), ("lan", lan), ("anna", anna)):
        page.page.screenshot(path=str(folder / f"beside-{name}.png"))
    minh.find("pane-0").focus()
    minh.find("live-remove-1").click()  # off the agenda: nobody may see it by this room
    all_of((minh, lan), "nothing of it", lambda page: page.state()["viewports"][1]["state"] == "empty")
    minh.find("layout").click()
    minh.find("layout-1x1").click()
    all_of((lan, anna), "one image", lambda page: page.state()["layout"] == "1x1")


def _guest(scene: Scene, page: Watched, code: str) -> None:
    """This browser comes by a link to an anonymised copy of the study."""
    base = scene.server.base_url
    terms = {"studies": [scene.study], "purpose": "hội chẩn", "anonymise": True}
    made = scene.minh.ask("POST", "/api/links", terms).json()
    address, _, secret = made["url"].partition("#")
    who = {"name": "Prof. Anna Schmidt", "institution": "Charité Berlin", "agree": True}
    entry = {"code": address.rpartition("/")[2], "secret": secret, "pin": made["pin"], **who}
    answer = page.page.context.request.post(f"{base}/api/guest", data=entry, headers={"Origin": base})
    assert answer.ok, answer.text()
    asked = page.page.context.request
    page.until("the copy", lambda: asked.get(f"{base}/api/rooms/{code}").json().get("cases", [{}])[0].get("label"))


def test_what_is_drawn_in_a_room_is_seen_by_all_who_are_in_it(scene: Scene, tmp_path: Path) -> None:
    with seen(scene, ("minh", 1280, 800), ("lan", 1100, 700), ("", 1280, 800)) as (minh, lan, anna):
        code = scene.room()
        link = f"{scene.server.base_url}/read/-#room={code}"
        inside(minh, link)
        inside(lan, link)
        minh.find("live-guests").check()
        minh.page.locator("[data-testid=pane-0]").focus()
        minh.page.keyboard.press("Home")
        lan.until("the presenter's image", lambda: lan.active()["index"] == 0)
        measure(minh, (0.3, 0.3), (0.5, 0.35))
        lan.until("a length with its author's name", lambda: len(_shown(lan, "minh")) == 1)
        (length,) = _shown(lan)
        colours = (
            "[...document.querySelectorAll('[data-testid=viewport-0] svg text')].map((one) => one.getAttribute('fill'))"
        )
        assert set(lan.page.evaluate(colours)) == {"#ffd54a"}  # minh's colour in the room

        _guest(scene, anna, code)
        inside(anna, link)
        anna.until("what stood before", lambda: _shown(anna, "minh") == [length])
        assert sop(anna) != sop(minh)  # a copy has UIDs of its own
        measure(anna, (0.5, 0.6), (0.7, 0.65))
        all_of((minh, lan), "the guest's length", lambda page: len(_shown(page, "Anna Schmidt")) == 2)
        anna.page.screenshot(path=str(tmp_path / "guest.png"))
        minh.page.screenshot(path=str(tmp_path / "minh.png"))
        lan.page.screenshot(path=str(tmp_path / "lan.png"))
        kept = scene.lan.get(f"/api/studies/{scene.study}/annotations").json()["annotations"]
        assert [one["annotation_id"] for one in kept] == [length]

        minh.page.locator("[data-testid=pane-0]").focus()
        minh.page.keyboard.press("Delete")
        all_of((lan, anna), "the first to go", lambda page: len(drawn(page)) == 1)
        anna.page.reload()
        anna.until("the guest's own after a reload", lambda: anna.state() and len(_shown(anna)) == 1)
        anna.until("the presenter's image again", lambda: anna.active()["index"] == 0)
        anna.page.locator("[data-testid=pane-0]").focus()
        anna.page.keyboard.press("Delete")
        all_of((minh, lan, anna), "nothing", lambda page: not drawn(page))
        _put_beside(scene, minh, lan, anna, tmp_path)
        for page in (minh, lan, anna):
            assert not page.wrong


def test_a_room_outlives_its_process_and_loses_nothing(scene: Scene) -> None:
    code = scene.room()
    one, two = enter(scene.minh, code), enter(scene.lan, code)
    one.say("chat", text="trước")
    two.event("chat")
    os.kill(pid_of_rooms(scene.server), signal.SIGKILL)
    for member in (one, two):
        with pytest.raises(ConnectionClosed):
            member.hear(lambda message: message == "never")
    back = _returned(scene, code, one)
    assert [event["body"]["text"] for event in back.welcome["events"] if event["kind"] == "chat"] == ["trước"]
    assert back.welcome["room"]["presenter"] == one.me
    again = enter(scene.lan, code, after=two.welcome["sequence"])
    back.say("chat", text="sau")
    assert again.hear(lambda m: isinstance(m, dict) and m.get("kind") == "chat")["body"]["text"] == "sau"


def _returned(scene: Scene, code: str, member: Participant) -> Participant:
    def entered() -> Participant | None:
        try:
            return enter(scene.minh, code, secret=member.welcome["ticket"])
        except (InvalidStatus, ConnectionClosed, OSError):  # it is being started again
            return None

    back = until(entered)
    assert back is not None
    return back
