"""The web door as it is served: gunicorn, its workers, its streams, and clients that mean no good."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pacs.assembly import prepare
from pacs.command import supervisor
from pacs.config import Config
from tests.support import processes
from tests.support.index import lay_index
from tests.support.waiting import until
from tests.viewer.conftest import PASSWORD
from tests.viewer.objects import instance
from viewer import serve
from viewer.access import accounts

PROGRAM = """
import json, sys
from pathlib import Path
from pacs.assembly import open_archive
from pacs.config import Config, WebConfig
from pacs.logs import configure_logging
from viewer import serve
configure_logging("info", "text")
vars(serve).update(json.loads(sys.argv[3]))
web = WebConfig(port=int(sys.argv[2]), workers=2, threads=4, second_factor_for_admins=False)
config = Config(data=Path(sys.argv[1]), web=web)
serve.serve(config, lambda: open_archive(config), lambda: (Path(sys.argv[1]) / "ready").touch())
"""


@dataclass
class Served:
    process: subprocess.Popen[bytes]
    port: int
    data: Path
    log: Path

    def connection(self, timeout: float = 60) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        connection = self.connection()
        try:
            if isinstance(body, dict):
                body, headers["Content-Type"] = json.dumps(body), "application/json"
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text[:1] in b"{[" and text else text
        finally:
            connection.close()

    def sign_in(self) -> dict[str, str]:
        status, headers, session = self.ask("POST", "/api/session", {"name": "admin.an", "password": PASSWORD})
        assert status == 200
        cookie = str(headers.get_all("Set-Cookie")[0]).split(";")[0]
        return {"Cookie": cookie, "X_CSRF_Token": session["csrf"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the tests that leave it running: it sends away those who trickle, never those who are silent."""
    yield from serving(tmp_path_factory.mktemp("served"), HEADER_SECONDS=2.0, PATIENCE_SECONDS=2.0, SILENCE_SECONDS=600)


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Served]:
    """A server of its own for a test that stops it; it insists on nothing, so what ends ends by itself."""
    yield from serving(tmp_path, GRACE_SECONDS=600, PATIENCE_SECONDS=600.0)


def serving(tmp_path: Path, **settings: float) -> Iterator[Served]:
    data, log = tmp_path / "data", tmp_path / "log"
    lay_index(data / "index.sqlite")
    database = prepare(Config(data=data)).database
    accounts.add_user(database, "admin.an", "", ["platform", "admin", "technologist"], PASSWORD)
    database.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as output:
        arguments = [sys.executable, "-c", PROGRAM, str(data), str(port), json.dumps(settings)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "GUNICORN_CMD_ARGS": "--workers 9"}
        process = subprocess.Popen(arguments, stdout=output, stderr=output, env=environment)
    made = Served(process, port, data, log)
    try:
        until(lambda: process.poll() is not None or (data / "ready").exists())
        assert process.poll() is None, log.read_text()
        until(lambda: len(workers(made)) == 2)
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            process.kill()


def workers(served: Served) -> list[int]:
    return processes.children(served.process.pid)


def test_it_serves_and_stops_in_time_with_streams_open(stopped: Served) -> None:
    signed_in = stopped.sign_in()
    streams = [stopped.connection() for _ in range(2)]
    for stream in streams:
        stream.request("GET", "/api/events", headers={"Cookie": signed_in["Cookie"]})
        answer = stream.getresponse()
        assert answer.status == 200
        assert answer.read(6) == b"retry:"
    idle = stopped.connection()
    idle.request("GET", "/healthz")
    assert idle.getresponse().read()
    assert len(workers(stopped)) == 2
    stopped.process.send_signal(signal.SIGTERM)
    assert stopped.process.wait(60) == 0, "streams and silent connections end by themselves"
    assert serve.GRACE_SECONDS < supervisor.GRACE_SECONDS, "and those that do not are ended before the whole is killed"


def test_an_upload_is_finished_when_it_stops(stopped: Served) -> None:
    signed_in = stopped.sign_in()
    body = instance(StudyInstanceUID="1.2.3")
    with socket.create_connection(("127.0.0.1", stopped.port)) as client:
        head = (
            f"POST /api/uploads HTTP/1.1\r\nHost: x\r\nCookie: {signed_in['Cookie']}\r\nContent-Length: {len(body)}\r\n"
        )
        head += f"Content-Type: application/dicom\r\nX-CSRF-Token: {signed_in['X_CSRF_Token']}\r\n"
        head += "Expect: 100-continue\r\n\r\n"
        client.settimeout(60)
        client.sendall(head.encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 100"), "it is taken"
        client.sendall(body[:200])
        stopped.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)  # so that all of it knows; were it not enough, this would prove less
        client.sendall(body[200:])
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200")
    assert stopped.process.wait(60) == 0


def test_a_change_reaches_a_stream_in_another_process(served: Served) -> None:
    signed_in = served.sign_in()
    streams = []
    for _ in range(4):  # two workers with two streams each: whichever took the first ones, all are told
        stream = served.connection()
        stream.request("GET", "/api/events", headers={"Cookie": signed_in["Cookie"]})
        answer = stream.getresponse()
        if answer.status == 200:
            streams.append((stream, answer))
    assert len(streams) >= 2
    upload = {**signed_in, "Content_Type": "application/dicom"}
    assert served.ask("POST", "/api/uploads", instance(StudyInstanceUID="1.2.3"), **upload)[0] == 200
    for _, answer in streams:
        text = b""
        while b'"1.2.3"' not in text:
            text += answer.read1(4096)


def test_a_stream_whose_client_is_gone_makes_room(served: Served) -> None:
    signed_in = served.sign_in()
    headers = {"Cookie": signed_in["Cookie"]}

    def open_streams() -> list[tuple[http.client.HTTPConnection, int]]:
        found = []
        for _ in range(12):
            stream = served.connection()
            stream.request("GET", "/api/events", headers=headers)
            found.append((stream, stream.getresponse().status))
        return found

    first = open_streams()
    assert [status for _, status in first].count(200) <= 4
    assert 503 in [status for _, status in first]
    assert served.ask("GET", "/healthz")[0] == 200, "streams never starve the rest"
    for stream, _ in first:
        stream.close()

    def two_places() -> bool:
        again = open_streams()
        for stream, _ in again:
            stream.close()
        return [status for _, status in again].count(200) >= 2

    until(two_places, pause=0.5)


def test_clients_that_trickle_are_sent_away_and_others_do_not_notice(served: Served) -> None:
    heads = []
    for _ in range(20):
        client = socket.create_connection(("127.0.0.1", served.port))
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        heads.append(client)
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(0.1):
            for client in heads:
                with contextlib.suppress(OSError):
                    client.sendall(b"X: y\r\n")

    trickling = threading.Thread(target=trickle)
    trickling.start()
    try:
        assert served.ask("GET", "/healthz")[0] == 200
        for client in heads:
            client.settimeout(60)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) in (b"", b"H")
    finally:
        over.set()
        trickling.join()
    for client in heads:
        client.close()


def test_clients_that_say_nothing_or_never_close_hold_up_nobody(served: Served) -> None:
    silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(40)]
    for client in silent[:20]:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")  # and never close
    assert [served.ask("GET", "/problems/NotFound")[0] for _ in range(20)] == [200] * 20
    for client in silent[20:]:
        client.setblocking(False)
        with pytest.raises(BlockingIOError):  # others were answered while they waited, not because they were sent away
            client.recv(1)
    for client in silent:
        client.close()


def test_a_body_that_trickles_is_ended(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        head = (
            b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n"
        )
        client.sendall(head)

        def ended() -> bool:
            try:
                client.sendall(b" ")
            except OSError:
                return True
            return False

        until(ended, pause=0.1)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /NGUYEN HTTP/9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: NGUYEN\r\n\r\n",
        b"GET /?name=NGUYEN" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: NGUYEN\r\n" % n for n in range(200)) + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_not_http_is_answered_without_repeating_it(served: Served, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(60)
        answer = client.recv(65536)
    assert answer == b"" or re.match(rb"HTTP/1\.1 4\d\d ", answer)
    assert b"NGUYEN" not in answer
    if answer:
        assert b"Content-Security-Policy: default-src 'none'" in answer
    assert "NGUYEN" not in served.log.read_text()
    assert served.ask("GET", "/healthz")[0] == 200


def test_a_promised_body_costs_no_memory(served: Served) -> None:
    signed_in = served.sign_in()

    def taken() -> tuple[int, int]:
        """KiB resident and reserved."""
        status = "".join(Path(f"/proc/{pid}/status").read_text() for pid in workers(served))
        resident, reserved = (sum(map(int, re.findall(rf"{one}:\s+(\d+)", status))) for one in ("VmRSS", "VmData"))
        return resident, reserved

    before = taken()
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        head = (
            f"POST /api/uploads HTTP/1.1\r\nHost: x\r\nCookie: {signed_in['Cookie']}\r\nContent-Length: 4000000000\r\n"
        )
        head += f"Content-Type: application/dicom\r\nX-CSRF-Token: {signed_in['X_CSRF_Token']}\r\n\r\n"
        client.sendall(head.encode())
        time.sleep(1)
        now = taken()
        assert now[0] - before[0] < 64 << 10, "of 4 GB"
        assert now[1] - before[1] < 1 << 20, "of 4 GB"
    assert served.ask("GET", "/healthz")[0] == 200


def test_its_settings_come_from_us_alone_and_it_opens_no_control_socket(served: Served) -> None:
    assert len(workers(served)) == 2
    unix = {line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines()[1:] if "/" in line.split()[-1]}
    assert not any("gunicorn" in path for path in unix), unix


def test_a_worker_that_falls_is_replaced(served: Served) -> None:
    first = workers(served)
    os.kill(first[0], signal.SIGKILL)
    until(lambda: len(set(workers(served)) - {first[0]}) == 2)
    assert served.ask("GET", "/healthz")[0] == 200


def test_connections_that_stay_open_are_spread_over_the_workers(stopped: Served) -> None:
    """A worker that still starts, or that the machine keeps waiting for long, gets none: so it is tried again."""
    deadline = time.monotonic() + 60
    held = [0]
    while min(held) < 3 and time.monotonic() < deadline:
        with contextlib.ExitStack() as stack:
            for _ in range(8):
                connection = stack.enter_context(contextlib.closing(stopped.connection()))
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            held = [connections_of(pid, stopped.port) for pid in workers(stopped)]
        assert sum(held) == 8
    assert min(held) >= 3


def connections_of(pid: int, port: int) -> int:
    """How many established connections to the port the process holds."""
    connections = processes.established(port)
    return sum(one in connections for one in processes.open_files(pid))
