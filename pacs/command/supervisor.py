"""One foreground process that starts the parts, watches them, starts a fallen one again, and ends them in order.

Parts are forked from this process after the heavy imports, so they share its memory. A part says that its door is
open by calling `ready`; the file ``run/ready/<part>`` then stands until the part ends. /healthz reads these files.
A socket that parts accept at together is kept open here: who connects while one of them falls waits for its successor.
"""

import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

GRACE_SECONDS = 8.0
STABLE_SECONDS = 30.0


@dataclass(slots=True)
class Part:
    """A process of ours: `run(ready)` is its whole life; it must return soon after SIGTERM. `sockets` are those that it
    has from us; the other parts do not have them."""

    name: str
    run: Callable[[Callable[[], None]], None]
    sockets: tuple[socket.socket, ...] = ()
    pid: int = 0
    started: float = 0.0
    falls: int = 0
    start_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Runs `parts` until SIGTERM or SIGINT. They are started in order and told to end in the reverse order."""

    parts: list[Part]
    folder: Path
    on_ready: Callable[[], None]
    stopping: bool = False
    announced: bool = False
    _wake: tuple[int, int] = field(default=(-1, -1))

    def run(self) -> int:
        """0 when all parts ended in time after a signal, 1 when one had to be killed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.iterdir():
            old.unlink()
        self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        gc.collect()
        gc.freeze()
        for part in self.parts:
            self._start(part)
        while not self.stopping:
            self._wait(0.1 if not self.announced else 1.0)
            self._reap()
            for part in self.parts:
                if not part.pid and time.monotonic() >= part.start_at and not self.stopping:
                    self._start(part)
            if not self.announced and all((self.folder / part.name).exists() for part in self.parts):
                self.announced = True
                self.on_ready()
        return self._end()

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _wait(self, seconds: float) -> None:
        """Sleep until a signal or for so long."""
        import select

        select.select([self._wake[0]], [], [], seconds)
        try:
            while os.read(self._wake[0], 512):
                pass
        except BlockingIOError:
            pass

    def _start(self, part: Part) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(part, supervisor)
        part.pid = pid
        part.started = time.monotonic()

    def _become(self, part: Part, supervisor: int) -> None:
        """The child's life; never returns. It dies with its supervisor, in a process group of its own so that Ctrl-C
        reaches only the supervisor, which ends the parts in order."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for descriptor in self._wake:
                os.close(descriptor)
            for other in self._sockets().difference(part.sockets):
                other.close()
            os.setpgid(0, 0)
            die_with_parent(supervisor)
            part.run(lambda: (self.folder / part.name).touch())
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            log.exception("%s fell", part.name)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for part in self.parts:
            if not part.pid:
                continue
            pid, status = os.waitpid(part.pid, os.WNOHANG)
            if not pid:
                continue
            lived = time.monotonic() - part.started
            part.pid = 0
            (self.folder / part.name).unlink(missing_ok=True)
            if self.stopping:
                continue
            part.falls = 0 if lived > STABLE_SECONDS else part.falls + 1
            pause = min(30.0, 0.2 * 2**part.falls)
            part.start_at = time.monotonic() + pause
            log.error(
                "%s ended with %s after %.1f s; starting it again in %.1f s", part.name, _how(status), lived, pause
            )

    def _sockets(self) -> set[socket.socket]:
        return {one for part in self.parts for one in part.sockets}

    def _end(self) -> int:
        for one in self._sockets():
            one.close()
        deadline = time.monotonic() + GRACE_SECONDS
        late = False
        for part in reversed(self.parts):
            if part.pid:
                _signal(part.pid, signal.SIGTERM)
        while any(part.pid for part in self.parts) and time.monotonic() < deadline:
            self._wait(0.05)
            self._reap()
        for part in self.parts:
            if part.pid:
                late = True
                log.error("%s did not end within %.0f s and was killed", part.name, GRACE_SECONDS)
                _signal(part.pid, signal.SIGKILL)
                os.waitpid(part.pid, 0)
        for left in self.folder.iterdir():
            left.unlink()
        return 1 if late else 0


def die_with_parent(parent: int = 0) -> None:
    """Ask the kernel to end this process when its parent dies (Linux; harmless elsewhere).

    When its parent is no longer the process `parent`, which died before we could ask, it ends at once: nobody else
    would ever tell it.
    """
    import ctypes

    try:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if parent and os.getppid() != parent:
        raise SystemExit(1)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"status {os.waitstatus_to_exitcode(status)}"
