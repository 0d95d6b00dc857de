"""Who may not be in a room any more is out of it within seconds, and a room does not care which web worker falls."""

import http.client
import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.processes import established, open_files
from tests.support.reading import STUDY, reading_room
from tests.support.rooms import Participant, cookie_of, enter, socket_to, web_workers
from tests.support.server import Browserless, Running
from tests.support.waiting import until

OWNER, LOSER, LEAVER, EXPERT, ADMIN = "bs.chu", "bs.mat", "bs.roi", "bs.xa", "quan.tri"
PEOPLE = (
    (OWNER, "radiologist", "BS. Chủ phòng", "lao-cai"),
    (LOSER, "radiologist", "BS. Mất quyền", "lao-cai"),
    (LEAVER, "radiologist", "BS. Bị đăng xuất", "lao-cai"),
    (EXPERT, "radiologist", "PGS. Ở xa", "bach-mai"),
    (ADMIN, "admin", "Quản trị", "lao-cai"),
)
PROMISED = 5.0  # seconds


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with reading_room(tmp_path_factory.mktemp("sockets"), PEOPLE, HOICHAN_WEB__WORKERS="2") as server:
        yield server


def done(client: Browserless, method: str, path: str, body: Any = None) -> Any:
    answer = client.ask(method, path, body)
    assert answer.status < 300, (path, answer.status, answer.body)
    return answer.json() if answer.body else None


def opened(owner: Browserless) -> tuple[str, Participant]:
    """A room that lets guests in, and who leads it."""
    code = str(done(owner, "POST", "/api/rooms", {"studies": [STUDY], "title": "Hội chẩn"})["code"])
    lead = enter(owner, code)
    lead.say("guests", on=True)
    lead.event("guests", 60)
    return code, lead


def asked(owner: Browserless) -> str:
    """The study is shown to the other hospital by a consultation, whose code this is."""
    given = {
        "client_id": str(uuid.uuid4()), "study": STUDY, "to": {"hospital": "bach-mai"}, "urgency": "urgent",
        "due_at": int(time.time() * 1000) + 3_600_000, "question": "?", "informed_how": "oral",
    }  # fmt: skip
    return str(done(owner, "POST", "/api/consults", given)["code"])


def guest_of(owner: Browserless) -> tuple[int, Browserless]:
    """A link, and the browser of who came by it."""
    made = done(owner, "POST", "/api/links", {"studies": [STUDY], "purpose": "hội chẩn", "anonymise": False})
    address, _, secret = made["url"].partition("#")
    who = {"name": "Dr Jane Carter", "institution": "Royal Marsden", "agree": True}
    guest = Browserless(owner.base_url)
    guest.csrf = done(
        guest, "POST", "/api/guest", {"code": address.rpartition("/")[2], "secret": secret, "pin": made["pin"], **who}
    )["csrf"]
    return int(made["link"]["id"]), guest


def out(member: Participant, since: float) -> float:
    """Seconds until the member was told that they are out; they hear nothing more."""
    assert member.hear(lambda one: isinstance(one, dict) and one["t"] == "bye", 60)["why"] == "revoked"
    took = time.monotonic() - since
    with pytest.raises(ConnectionClosed):
        member.hear(lambda one: False, 60)
    return took


def comes_back(client: Browserless, code: str, member: Participant) -> str:
    """What somebody who was there is told when they come again with the ticket they were given for that."""
    try:
        socket = socket_to(client)
    except InvalidStatus as error:  # a session that is over does not get as far as the room
        return str(error.response.status_code)
    socket.send(json.dumps({"t": "join", "ticket": member.welcome["ticket"], "after": 0}))
    answer = json.loads(socket.recv(timeout=60))
    return str(answer.get("why") or answer["t"])


def test_who_loses_what_let_them_in_is_out_and_hears_nothing_more(
    running: Running, record_property: Callable[[str, object], None]
) -> None:
    owner, loser, leaver, expert, admin = (running.client(name) for name, *_ in PEOPLE)
    code, lead = opened(owner)
    consult = asked(owner)
    link, guest = guest_of(owner)
    people = {one["name"]: one["id"] for one in done(admin, "GET", "/api/admin/users")["users"]}
    losses: dict[str, tuple[Browserless, Callable[[], Any]]] = {
        "grant": (expert, lambda: done(
            owner, "POST", f"/api/consults/{consult}/events",
            {"client_id": str(uuid.uuid4()), "kind": "withdrawn", "body": {}},
        )),
        "link": (guest, lambda: done(owner, "DELETE", f"/api/links/{link}")),
        "session": (leaver, lambda: done(admin, "DELETE", f"/api/admin/users/{people[LEAVER]}/sessions")),
        "role": (loser, lambda: done(admin, "PATCH", f"/api/admin/users/{people[LOSER]}", {"roles": []})),
    }  # fmt: skip
    members = {name: enter(client, code) for name, (client, _) in losses.items()}
    lead.say("chat", text="nghe rõ")
    for member in members.values():
        member.event("chat", 60)
    for name, (client, lose) in losses.items():
        lose()
        took = out(members[name], time.monotonic())
        record_property(name, round(took, 2))
        print(f"{name}: out after {took:.2f} s, promised {PROMISED:g} s")
        lead.say("chat", text=f"sau khi mất {name}")
        assert client.ask("POST", f"/api/rooms/{code}/ticket", {}).status in (401, 403, 404)
        assert comes_back(client, code, members[name]) != "welcome"
    last = next(reversed(losses))
    lead.hear(lambda one: isinstance(one, dict) and one.get("body") == {"text": f"sau khi mất {last}"}, 60)
    for name, member in members.items():
        assert f"sau khi mất {name}" not in json.dumps(member.heard, ensure_ascii=False)


def events(client: Browserless, after: int) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """An open event stream."""
    connection = http.client.HTTPConnection(client.base_url.removeprefix("http://"), timeout=60)
    connection.request("GET", "/api/events", headers={"Cookie": cookie_of(client), "Last-Event-ID": str(after)})
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    return connection, answer


def test_a_web_worker_that_is_killed_ends_no_room(running: Running) -> None:
    """Sockets are the rooms'; pages go on with the other worker; event streams come back where they were."""
    owner, expert = running.client(OWNER), running.client(EXPERT)
    asked(owner)
    code, lead = opened(owner)
    member = enter(expert, code)
    before = done(owner, "GET", "/api/worklist")["sequence"]
    first = both(running)
    streams = [events(owner, before) for _ in range(6)]  # most likely spread over both workers
    held = {pid: _sockets(pid, running.web_port) for pid in first}
    victim = max(first, key=lambda pid: held[pid])
    os.kill(victim, signal.SIGKILL)

    lead.say("chat", text="vẫn ở đây")
    member.event("chat", 60)
    member.say("chat", text="nghe rõ")
    lead.hear(lambda one: isinstance(one, dict) and one.get("body") == {"text": "nghe rõ"}, 60)
    until(lambda: victim not in both(running))
    assert [owner.get("/api/worklist").status for _ in range(10)] == [200] * 10

    cut = 0
    changed = done(owner, "PATCH", f"/api/studies/{STUDY}", {"status": "reading"})
    assert changed["status"] == "reading"
    for connection, stream in streams:
        told = _told(stream)
        if STUDY not in told:  # its worker is gone; the browser comes again with the number it had
            cut += 1
            connection.close()
            connection, stream = events(owner, before)
            told = _told(stream)
        assert STUDY in told
        connection.close()
    assert cut > 0
    assert enter(expert, code).welcome["room"]["code"] == code  # and the door to the rooms is open
    lead.say("chat", text="một người nữa")
    member.hear(lambda one: isinstance(one, dict) and one.get("body") == {"text": "một người nữa"}, 60)


def both(running: Running) -> list[int]:
    """The two web workers, once there are two; meanwhile whoever is there answers."""
    owner, deadline = Browserless(running.base_url), time.monotonic() + 90
    while len(found := web_workers(running)) < 2:
        assert owner.get("/healthz").status in (200, 503)
        assert time.monotonic() < deadline, "a worker is missing"
        time.sleep(0.1)
    return found


def _told(stream: http.client.HTTPResponse) -> str:
    """What a stream says until it names the study, or ends."""
    heard = ""
    while STUDY not in heard:
        try:
            line = stream.readline()
        except OSError:
            break
        if not line:
            break
        heard += line.decode()
    return heard


def _sockets(pid: int, port: int) -> int:
    """How many connections to this port the process holds."""
    return len(established(port).intersection(open_files(pid)))
