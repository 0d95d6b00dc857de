"""People in live rooms without browsers: the same tickets, sockets and messages as the pages have."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.support import processes
from tests.support.server import Browserless, Running
from tests.support.waiting import PATIENCE, until


def cookie_of(client: Browserless) -> str:
    """The session cookie as a header."""
    for handler in getattr(client._opener, "handlers", []):
        jar = getattr(handler, "cookiejar", None)
        if jar is not None:
            return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar if "hoichan" in cookie.name)
    raise AssertionError("no cookies")


def ticket(client: Browserless, code: str) -> str:
    answer = client.ask("POST", f"/api/rooms/{code}/ticket", {})
    assert answer.status == 200, answer.body
    return str(answer.json()["ticket"])


def socket_to(client: Browserless, url: str = "", origin: str | None = None) -> ClientConnection:
    """An open WebSocket with the client's session."""
    base = url or client.base_url
    return connect(
        base.replace("http", "ws", 1) + "/ws",
        origin=Origin(client.base_url if origin is None else origin),
        additional_headers={"Cookie": cookie_of(client)},
        compression=None,
        proxy=None,
        open_timeout=PATIENCE,
    )


@dataclass(slots=True)
class Participant:
    """Somebody in a room, who remembers everything they were told."""

    socket: ClientConnection
    welcome: dict[str, Any]
    heard: list[Any] = field(default_factory=list)

    @property
    def me(self) -> str:
        return str(self.welcome["me"])

    def say(self, kind: str, client_id: str = "", **body: Any) -> str:
        """Send an event; its client id."""
        identity = client_id or uuid.uuid4().hex
        self.socket.send(json.dumps({"t": "say", "id": identity, "kind": kind, "body": body}))
        return identity

    def move(self, **state: Any) -> None:
        self.socket.send(json.dumps(["m", state]))

    def hear(self, wanted: Callable[[Any], bool], seconds: float = PATIENCE) -> Any:
        """Listen until a message is what is wanted; what was heard before counts."""
        for message in self.heard:
            if wanted(message):
                return message
        while True:
            message = json.loads(self.socket.recv(timeout=seconds))
            self.heard.append(message)
            if isinstance(message, list) and message[0] == "m":
                self.socket.send(json.dumps(["k", 1]))
            if wanted(message):
                return message

    def event(self, kind: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The first event of this kind that was told."""
        return dict(self.hear(lambda m: isinstance(m, dict) and m.get("t") == "event" and m["kind"] == kind, seconds))


def enter(client: Browserless, code: str, after: int = 0, url: str = "", secret: str = "") -> Participant:
    """Join a room; raises AssertionError with what was said instead of a welcome."""
    connection = socket_to(client, url)
    connection.send(json.dumps({"t": "join", "ticket": secret or ticket(client, code), "after": after}))
    first = json.loads(connection.recv(timeout=PATIENCE))
    assert first["t"] == "welcome", first
    return Participant(connection, first)


def pid_of_rooms(server: Running) -> int:
    """The process of the rooms: who holds their socket in the data folder."""
    path = f"{server.folder}/data/run/live.sock"
    assert server.process is not None
    root = server.process.pid

    def holding() -> list[int]:
        lines = [line for line in Path("/proc/net/unix").read_text().splitlines() if line.endswith(f" {path}")]
        sockets = {f"socket:[{line.split()[6]}]" for line in lines}
        return [pid for pid in processes.family(root) if not sockets.isdisjoint(processes.open_files(pid))]

    return until(holding)[0]


def web_workers(server: Running) -> list[int]:
    """The web workers: the children of one who listens, that listen on the web port as well."""
    assert server.process is not None
    doors = processes.listening(server.web_port)
    all_of_it = processes.family(server.process.pid)
    listening = {pid for pid in all_of_it if not doors.isdisjoint(processes.open_files(pid))}
    return sorted(pid for pid in listening if processes.parent(pid) in listening)
