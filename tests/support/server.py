"""The whole program, started as its user would start it, on free ports and a folder of its own."""

import contextlib
import http.cookiejar
import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pacs.command import main as command
from pacs.command.supervisor import die_with_parent
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "quantri"
PASSWORD = "mật khẩu đủ dài 2026"


_given: deque[int] = deque(maxlen=500)


def free_port() -> int:
    """A TCP port nobody uses at the moment, and none that a connection of somebody could be given meanwhile: a server
    that is started again finds it free again. Nor is it given soon to another test of this session."""
    ports = _ports_of(os.environ.get("PYTEST_XDIST_WORKER", ""))
    while True:
        port = random.SystemRandom().choice(ports)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.append(port)
                return port


def _ports_of(worker: str) -> range:
    """Those of one of the processes that run tests at the same time ("gw0", "gw1", …), none of another one."""
    ports = range(20_000, 32_000)
    return ports[int(worker[2:]) % 8 :: 8] if worker[2:].isdigit() else ports


@dataclass(slots=True)
class Answer:
    """A response of the web door."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Browserless:
    """A client with a cookie jar and the CSRF token, like the pages have."""

    base_url: str
    csrf: str = ""
    _opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), urllib.request.ProxyHandler({})
        )
    )

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 120
    ) -> Answer:
        """One request; a dict is sent as JSON, bytes as they are."""
        sent = dict(headers or {})
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        if method not in ("GET", "HEAD"):
            sent.setdefault("Origin", self.base_url)
            if self.csrf:
                sent.setdefault("X-CSRF-Token", self.csrf)
        request = urllib.request.Request(self.base_url + path, data=data, headers=sent, method=method)
        try:
            with self._opener.open(request, timeout=timeout) as response:
                return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def sign_in(self, name: str = ADMIN, password: str = PASSWORD) -> "Browserless":
        answer = self.ask("POST", "/api/session", {"name": name, "password": password})
        assert answer.status == 200, answer.body
        self.csrf = answer.json()["csrf"]
        return self


@dataclass(slots=True)
class Running:
    """A running server: its doors, its folder and what it printed."""

    folder: Path
    environment: dict[str, str]
    web_port: int
    dicom_port: int
    process: "subprocess.Popen[str] | None" = None
    printed: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    started_in: float = 0.0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def start(self, seconds: float = 120) -> "Running":
        """Start and wait until every door is open."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pacs", "serve"],
            cwd=ROOT, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        for stream, kept in ((self.process.stdout, self.printed), (self.process.stderr, self.log)):
            threading.Thread(target=_collect, args=(stream, kept), daemon=True).start()
        client = Browserless(self.base_url)
        while time.monotonic() - began < seconds:
            if self.process.poll() is not None:
                break
            try:
                if client.get("/healthz").status == 200:
                    self.started_in = time.monotonic() - began
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the server did not open its doors: {''.join(self.log[-60:])}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and give its exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not end within 60 s") from None
        finally:
            self.process = None

    def cli(self, *arguments: str, stdin: str = "", check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run the command ``hoichan`` with this server's settings."""
        done = subprocess.run(
            [sys.executable, "-m", "pacs", *arguments],
            cwd=ROOT, env=self.environment, text=True, input=stdin, capture_output=True, timeout=170,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"hoichan {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done

    def register(self, *arguments: str, stdin: str = "") -> str:
        """Run a command of the registers (accounts, tokens, peers, hospitals) with this server's settings, within this
        process, and give what it printed: a process for each takes longer than most tests. The journeys of the command
        run them as processes."""
        printed = io.StringIO()
        with (
            patch.dict(os.environ, self.environment, clear=True), patch.object(sys, "stdin", io.StringIO(stdin)),
            contextlib.chdir(ROOT), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed),
        ):  # fmt: skip
            done = command(arguments)
        assert done == 0, f"hoichan {' '.join(arguments)}: {printed.getvalue()}"
        return printed.getvalue()

    def setup_link(self) -> str:
        """The one-time link it printed."""
        found = until(lambda: re.search(r"http\S+/#/setup/\S+\s", "".join(self.printed)))
        return found.group(0).rstrip() if found else ""

    def add_admin(self) -> Browserless:
        """An administrator, signed in."""
        self.register(
            "user", "add", ADMIN, "--role", "platform,admin,technologist", "--password-stdin", stdin=PASSWORD + "\n"
        )
        return self.client()

    def client(self, name: str = ADMIN) -> Browserless:
        return Browserless(self.base_url).sign_in(name)

    def peer(self, ae_title: str, allow: str = "store,query,retrieve", port: int | None = None) -> None:
        """Make a caller on this machine known."""
        more = ("--port", str(port)) if port else ()
        self.register("peers", "add", ae_title, "--host", "127.0.0.1", "--allow", allow, *more)


def _collect(stream: Any, kept: list[str]) -> None:
    for line in stream:
        kept.append(line)


def configured(folder: Path, **settings: str) -> Running:
    """A server that is not started yet; `settings` are further HOICHAN_ variables."""
    web, dicom = free_port(), free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HOICHAN_")} | {
        "HOICHAN_DATA": str(folder / "data"),
        "HOICHAN_WEB__PORT": str(web),
        "HOICHAN_DICOM__PORT": str(dicom),
        "HOICHAN_WEB__SECOND_FACTOR_FOR_ADMINS": "false",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    return Running(folder, environment, web, dicom)


def _started(folder: Path, **settings: str) -> Running:
    """Another test may have been quicker with a port: then others are taken."""
    tries = 3
    while True:
        running = configured(folder, **settings)
        try:
            return running.start()
        except AssertionError:
            tries -= 1
            running.stop()
            if tries == 0 or not any("in use" in line for line in running.log):
                raise


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Running]:
    """A started server that is stopped at the end."""
    running = _started(folder, **settings)
    try:
        yield running
    finally:
        if running.process is not None:
            running.stop()
