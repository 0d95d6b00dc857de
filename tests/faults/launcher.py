"""Starts ``hoichan`` with faults built around it: death at a labelled point, or a disk that is never synchronised.

The product knows nothing of this. What is wrapped are calls of the operating system, SQLAlchemy and the socket, and the
few names of the product in `_NAMES`; a name that is gone ends the start with its name.

`python -m tests.faults.launcher` reads lines from stdin, each the path of an order: a JSON file with the environment,
the commands to run and the log file. It answers each with the id of the process that runs them. Everything is imported
once, so a start takes a moment.
"""

import faulthandler
import importlib
import io
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from pacs.command.supervisor import die_with_parent
from tests.faults.points import POINTS, Trap

TRAP = "FAULTS_TRAP"  # path of the mapped file
NO_SYNC = "FAULTS_NO_SYNC"  # "files": no file is synchronised; "all": nor is the index
_IMPORTED = ("pacs.command", "pacs.command.serve", "pacs.dimse", "pacs.jobs.worker", "viewer.app", "viewer.serve",
             "viewer.access.setup", "pacs.pixels.server")  # fmt: skip
_SUPERVISOR, _PAUSE = "pacs.command.supervisor", "STABLE_SECONDS"
_LISTENER, _SERVE = "pacs.dimse", "serve"
_DISK_BLOCK = 4096
_P_DATA, _C_STORE_RSP = 4, b"\x00\x00\x00\x01\x02\x00\x00\x00\x01\x80"
_index = {name: number for number, name in enumerate(POINTS)}


class MissingName(Exception):
    """The product no longer has a name the harness hangs on."""


def main() -> None:
    """Serve start orders until stdin ends."""
    for name in _IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(Path(line.strip()))
        print(pid, flush=True)


def _become(order: Path) -> None:
    """The child: a session of its own, its settings, its log file; then the commands, until one fails."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        die_with_parent()
        told = json.loads(order.read_text(encoding="utf-8"))
        os.environ.clear()
        os.environ.update(told["environment"])
        for descriptor, target in ((0, "/dev/null"), (1, told["log"]), (2, told["log"])):
            opened = os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, descriptor)
            os.close(opened)
        faulthandler.enable()  # SIGABRT then says where every thread stands
        prepare(os.environ)
        from pacs.command import main as command

        code = 0
        for one in told["commands"]:
            sys.stdin = io.StringIO(one["stdin"])
            code = code or command(one["arguments"])
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def prepare(environment: "os._Environ[str]") -> None:
    """Build the asked faults around the program that is about to run in this process."""
    supervisor = importlib.import_module(_SUPERVISOR)
    if not hasattr(supervisor, _PAUSE):
        raise MissingName(f"{_SUPERVISOR}.{_PAUSE}")
    setattr(supervisor, _PAUSE, 0.0)  # a part that is killed every second is not a part that cannot live
    if NO_SYNC in environment:
        _never_synchronise(index_too=environment[NO_SYNC] == "all")
    if TRAP in environment:
        _only_in_listeners(Trap(Path(environment[TRAP])), Path(environment["HOICHAN_DATA"]))


def _only_in_listeners(trap: Trap, data: Path) -> None:
    module = importlib.import_module(_LISTENER)
    serve = getattr(module, _SERVE, None)
    if serve is None:
        raise MissingName(f"{_LISTENER}.{_SERVE}")

    @wraps(serve)
    def trapped(*arguments: Any, **named: Any) -> Any:
        _trap_files(trap, str((data / "spool").resolve()), str(data.resolve()))
        _trap_index(trap)
        _trap_answers(trap)
        return serve(*arguments, **named)

    setattr(module, _SERVE, trapped)


def _trap_files(trap: Trap, spool: str, data: str) -> None:
    opened, half = _index["spool-opened"], _index["bytes-written"]
    before, after, folder = (_index[name] for name in ("before-file-sync", "after-file-sync", "after-folder-sync"))
    linked = _index["after-link"]
    os_open, os_write, os_writev = os.open, os.write, os.writev

    def _open(path: Any, flags: int, *more: Any, **named: Any) -> int:
        descriptor = os_open(path, flags, *more, **named)
        if trap.is_armed(opened) and flags & os.O_CREAT and str(path).startswith(spool):
            trap.step(opened)
        return descriptor

    def _write(descriptor: int, content: Any) -> int:
        if trap.is_armed(half) and _where(descriptor).startswith(spool):
            whole = memoryview(content).cast("B")
            middle = len(whole) // 2 // _DISK_BLOCK * _DISK_BLOCK or len(whole) // 2  # as O_DIRECT wants it
            os_write(descriptor, whole[:middle])
            trap.step(half)
            return middle + os_write(descriptor, whole[middle:])
        return os_write(descriptor, content)

    def _writev(descriptor: int, contents: Any) -> int:
        if trap.is_armed(half) and _where(descriptor).startswith(spool):
            contents = list(contents)
            first = os_writev(descriptor, contents[:1])
            trap.step(half)
            return first  # a short write, as the system may make one
        return os_writev(descriptor, contents)

    def _synchronising(call: Callable[[int], None]) -> Callable[[int], None]:
        @wraps(call)
        def synchronise(descriptor: Any) -> None:
            armed = trap.is_armed(before) or trap.is_armed(after) or trap.is_armed(folder)
            ours = armed and _where(descriptor).startswith(data)
            is_folder = ours and stat.S_ISDIR(os.fstat(descriptor).st_mode)
            if ours and not is_folder:
                trap.step(before)
            call(descriptor)
            if ours:
                trap.step(folder if is_folder else after)

        return synchronise

    def _named(call: Callable[..., None]) -> Callable[..., None]:
        @wraps(call)
        def name(source: Any, target: Any, *more: Any, **named: Any) -> None:
            call(source, target, *more, **named)
            if trap.is_armed(linked) and str(target).startswith(data):
                trap.step(linked)

        return name

    os.open, os.write, os.writev = _open, _write, _writev
    os.fsync, os.fdatasync = _synchronising(os.fsync), _synchronising(os.fdatasync)  # type: ignore[assignment]
    os.link, os.rename, os.replace = _named(os.link), _named(os.rename), _named(os.replace)


def _trap_index(trap: Trap) -> None:
    from sqlalchemy.engine.default import DefaultDialect

    commit: Callable[[Any, Any], None] = DefaultDialect.do_commit
    before, after = _index["before-commit"], _index["after-commit"]

    def _commit(self: Any, connection: Any) -> None:
        if trap.is_armed(before):
            trap.step(before)
        commit(self, connection)
        if trap.is_armed(after):
            trap.step(after)

    DefaultDialect.do_commit = _commit  # type: ignore[method-assign]


def _trap_answers(trap: Trap) -> None:
    before, after = _index["before-answer"], _index["after-answer"]

    def _sending(name: str) -> None:
        call = getattr(socket.socket, name)

        def send(self: socket.socket, data: Any, *more: Any) -> Any:
            if not (trap.is_armed(before) or trap.is_armed(after)) or not _answers_store(data):
                return call(self, data, *more)
            trap.step(before)
            result = call(self, data, *more)
            trap.step(after)
            return result

        setattr(socket.socket, name, send)

    for name in ("send", "sendall", "sendmsg"):
        _sending(name)


def _answers_store(data: Any) -> bool:
    """Whether these bytes begin with a P-DATA-TF that carries a C-STORE-RSP."""
    pieces = data if isinstance(data, list | tuple) else [data]
    head = b"".join(bytes(memoryview(piece).cast("B")[:400]) for piece in pieces[:4])
    return head[:1] == bytes([_P_DATA]) and _C_STORE_RSP in head


def _where(descriptor: Any) -> str:
    number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return ""


def _never_synchronise(index_too: bool) -> None:
    """What an archive does that says Success and hopes."""

    def nothing(_descriptor: Any) -> None:
        return None

    os.fsync = os.fdatasync = nothing  # type: ignore[assignment]
    os.sync = lambda: None
    if index_too:
        from sqlalchemy import event
        from sqlalchemy.pool import Pool

        def lazy(connection: Any, _record: object, _proxy: object) -> None:
            connection.execute("PRAGMA synchronous = OFF")

        event.listen(Pool, "checkout", lazy)


if __name__ == "__main__":
    main()
