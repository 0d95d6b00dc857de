"""A server that may be killed: started by the launcher in a session of its own, so that the whole tree is known."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pacs.command.supervisor import die_with_parent
from tests.support.server import ADMIN, PASSWORD, ROOT, Browserless, Running, configured

START_SECONDS = 60
TICK = 0.005


class Launcher:
    """The process that has everything imported and forks servers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.launcher"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent,
        )  # fmt: skip
        if self._line() != "ready":
            raise AssertionError("the launcher did not start; its reason stands above")

    def start(self, order: Path) -> int:
        """Fork a server; its process id, which is also its session."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return int(self._line())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@dataclass(slots=True)
class Server:
    """One installation: its settings, and the tree of processes when it runs."""

    launcher: Launcher
    running: Running
    log: Path
    session: int = 0
    starts: int = 0
    slowest_start: float = 0.0
    extra: dict[str, str] = field(default_factory=dict)

    @classmethod
    def configured(cls, launcher: Launcher, folder: Path, **settings: str) -> "Server":
        """Not started yet. Few processes and threads: what is tried here is durability, not speed."""
        small = {"HOICHAN_WEB__WORKERS": "1", "HOICHAN_CODECS__PROCESSES": "1", "HOICHAN_LOG__LEVEL": "warning"}
        folder.mkdir(parents=True, exist_ok=True)
        return cls(launcher, configured(folder, **(small | settings)), folder / "server.log")

    def start(self) -> None:
        """Start, and wait until every door is open."""
        began = time.monotonic()
        self.session = self._run({"arguments": ["serve"], "stdin": ""})
        self.starts += 1
        self.wait_until_ready()
        self.slowest_start = max(self.slowest_start, time.monotonic() - began)

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Until /healthz says that every part is there."""
        web = Browserless(self.running.base_url)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not alive(self.session):
                break
            with contextlib.suppress(OSError):
                if web.ask("GET", "/healthz", timeout=5).status == 200:
                    return
            time.sleep(TICK * 4)
        raise AssertionError(f"the server did not open its doors. Its log ends with:\n{self.last_words()}")

    def prepare(self) -> Browserless:
        """On a new installation: an administrator and the DCMTK clients as peers. The administrator's session."""
        add: list[dict[str, object]] = [
            {
                "arguments": ["user", "add", ADMIN, "--role", "platform,admin,technologist", "--password-stdin"],
                "stdin": PASSWORD + "\n",
            }
        ]
        for peer in ("STORESCU", "FINDSCU", "GETSCU"):
            arguments = ["peers", "add", peer, "--host", "127.0.0.1", "--allow", "store,query,retrieve"]
            add.append({"arguments": arguments, "stdin": ""})
        pid = self._run(*add)
        while alive(pid):
            time.sleep(TICK)
        return self.running.client()

    def _run(self, *commands: dict[str, object]) -> int:
        """Commands in a process of the launcher's; its id."""
        order = self.log.with_suffix(".order")
        environment = self.running.environment | self.extra
        told = {"environment": environment, "log": str(self.log), "commands": commands}
        order.write_text(json.dumps(told), encoding="utf-8")
        return self.launcher.start(order)

    def tree(self) -> list[int]:
        """Every living process of the server, the supervisor first."""
        return sorted(processes_of(self.session), key=lambda pid: (pid != self.session, pid))

    def kill_tree(self) -> None:
        """SIGKILL for all of it, until nobody is left."""
        deadline = time.monotonic() + 10
        while pids := processes_of(self.session):
            for pid in pids:
                kill(pid)
            if time.monotonic() > deadline:
                raise AssertionError(f"processes that cannot be killed: {pids}")
            time.sleep(TICK)
        self.session = 0

    def stop(self) -> None:
        """SIGTERM, as an administrator would; SIGKILL when that does not end it."""
        if not self.session:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.session, signal.SIGTERM)
        deadline = time.monotonic() + 12
        while alive(self.session) and time.monotonic() < deadline:
            time.sleep(TICK * 4)
        self.kill_tree()

    def confess(self) -> str:
        """Where every process of the server stands at this moment (they end by it), and the end of its log."""
        pids = self.tree()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGABRT)
        deadline = time.monotonic() + 5
        while self.tree() and time.monotonic() < deadline:
            time.sleep(TICK)
        return f"{pids}\n{self.last_words()}"

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else "(no log)"


def kill(pid: int) -> bool:
    """SIGKILL; whether there was such a process."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def alive(pid: int) -> bool:
    return bool(pid) and _session_of(pid) is not None


def processes_of(session: int) -> list[int]:
    """The living processes of a session."""
    if not session:
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _session_of(int(name)) == session]


def _session_of(pid: int) -> int | None:
    """The session a process belongs to; None when it is dead. One whose first thread has ended is not while another one
    still waits for the disk: until then its files are open and locked."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        state, session, threads = fields[0], int(fields[3]), int(fields[17])
    except (OSError, ValueError, IndexError):
        return None
    return None if state == b"X" or (state == b"Z" and threads <= 1) else session
