"""The codec server: a parent that only watches, and children that decode under limits.

The parent loads the codecs once, binds the socket and forks; children share its memory and all accept on the one
socket, so an idle server costs no CPU. A child that dies, hangs or grows is replaced at once.
"""

import ctypes
import gc
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from types import FrameType

from pacs.pixels import protocol, sandbox

log = getLogger(__name__)

_REQUESTS_PER_CHILD = 5000
_END_SECONDS = 5.0  # for what is under way when we are told to stop; the supervisor waits little longer
_TALK_SECONDS = 15.0  # how long a client may take to send its request or to take its answer
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use: address space beyond that of an idle child, and seconds per request."""

    memory_mb: int
    seconds: float


def serve_codecs(
    socket_path: Path,
    processes: int = 2,
    memory_mb: int = 1024,
    seconds: float = 20,
    lifeline: int | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until `lifeline` (a descriptor) ends; `ready` is called when it answers.

    Must be the main thread of a process of its own: it forks and takes the signals.
    """
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    from pacs.pixels import work  # the codecs, loaded once for all children

    work.warm()
    gc.collect()
    gc.freeze()
    listener = _bound(socket_path)
    identity = os.stat(socket_path).st_ino
    try:
        _Parent(listener, processes, Limits(memory_mb, seconds), lifeline).run(ready)
    finally:
        listener.close()
        _remove(socket_path, identity)


def _bound(path: Path) -> socket.socket:
    """A listening socket that appears under its name only when it is ready, in place of a stale one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    temporary = f"{path}.{os.getpid()}"
    Path(temporary).unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        with protocol.short_address(temporary) as address:
            listener.bind(address)
    finally:
        os.umask(mask)
    listener.listen(1024)
    os.replace(temporary, path)
    return listener


def _remove(path: Path, identity: int) -> None:
    try:
        if os.stat(path).st_ino == identity:
            path.unlink()
    except OSError:
        pass


class _Parent:
    """Keeps `processes` children alive until it is told to stop."""

    def __init__(self, listener: socket.socket, processes: int, limits: Limits, lifeline: int | None) -> None:
        self._listener = listener
        self._processes = processes
        self._limits = limits
        self._lifeline = lifeline
        self._children: dict[int, float] = {}
        self._stopping = False

    def run(self, ready: Callable[[], None]) -> None:
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._fill()
        ready()
        watched = [wake] if self._lifeline is None else [wake, self._lifeline]
        while not self._stopping:
            readable, _, _ = select.select(watched, [], [])
            if wake in readable:
                os.read(wake, 4096)
            if self._lifeline in readable and not os.read(self._lifeline or 0, 1):
                break
            self._reap()
            if not self._stopping:
                self._fill()
        self._end()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _fill(self) -> None:
        while len(self._children) < self._processes:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                _child(self._listener, self._limits, parent)
            self._children[pid] = time.monotonic()

    def _reap(self) -> None:
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._children.clear()
                return
            if not pid:
                return
            born = self._children.pop(pid, 0.0)
            if os.WIFSIGNALED(status):
                log.warning("codec child %d ended by signal %d, replaced", pid, os.WTERMSIG(status))
            if time.monotonic() - born < 0.02:
                time.sleep(0.1)  # a child that cannot live at all must not become a loop

    def _end(self) -> None:
        """Ask the children to finish what they are doing, then insist."""
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + min(self._limits.seconds + 1, _END_SECONDS)
        while self._children and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.01)
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)


class _Finished(BaseException):
    """Raised in an idle child that is asked to end."""


def _child(listener: socket.socket, limits: Limits, parent: int) -> None:
    """Answer requests until asked to end, worn out or killed. Never returns."""
    code = 0
    try:
        _restrict(limits, parent)
        _answer_all(listener, limits)
    except _Finished:
        pass
    except BaseException:  # whatever it was, a child must not run on into the parent's code
        code = 1
    finally:
        os._exit(code)


def _restrict(limits: Limits, parent: int) -> None:
    """No new privileges, no files, no core dumps, bounded memory, few system calls; gone when the parent is."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        raise _Finished
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; a terminal's Ctrl-C reaches all of us
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)  # kills, even inside a C loop
    room = _pages(0) + (limits.memory_mb << 20)
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.setrecursionlimit(600)
    sandbox.confine()


def _answer_all(listener: socket.socket, limits: Limits) -> None:
    from pacs.pixels import work

    idle, ending = True, False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        ending = True
        if idle:
            raise _Finished

    signal.signal(signal.SIGTERM, end)
    most = _pages(1) + (limits.memory_mb << 19)
    for _ in range(_REQUESTS_PER_CHILD):
        if ending:
            return
        idle = True
        connection, _ = listener.accept()
        idle = False
        with connection:
            connection.settimeout(_TALK_SECONDS)
            try:
                with protocol.received(connection) as (head, parts, file):
                    signal.setitimer(signal.ITIMER_REAL, limits.seconds)
                    answer, results = work.answer(head, parts, file)
                signal.setitimer(signal.ITIMER_REAL, 0)
                work.limit_cpu(0)
                protocol.send(connection, answer, results)
            except (protocol.BrokenMessageError, OSError, ValueError):
                signal.setitimer(signal.ITIMER_REAL, 0)
        if _pages(1) > most:
            return


def _pages(field: int) -> int:
    """Bytes of address space (0) or of resident memory (1) of this process."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[field]) * resource.getpagesize()
