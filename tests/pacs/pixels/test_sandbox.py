"""What a confined process may still do, tried by a process that confines itself."""

import ctypes
import os
import platform
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pacs.pixels import sandbox

_PR_SET_NO_NEW_PRIVS = 38


def _confined(act: Callable[[], object]) -> str:
    """What came of `act` in a confined child: "done", or the class of the error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = "not confined"
        try:
            ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            if sandbox.confine():
                act()
                answer = "done"
        except BaseException as error:
            answer = type(error).__name__
        finally:
            os.write(writing, answer.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        answer = told.read()
    os.waitpid(child, 0)
    return answer


def _thread() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.set)
    thread.start()
    thread.join()
    assert done.is_set()


def _accept(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.sendall(connection.recv(4))


def test_it_may_compute_read_and_start_threads(tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("x")
    assert _confined(lambda: sum(bytearray(1 << 20))) == "done"
    assert _confined(file.read_text) == "done"
    assert _confined(_thread) == "done"


def test_it_may_answer_on_the_door_it_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"ping")
        assert _confined(lambda: _accept(listener)) == "done"
        assert client.recv(4) == b"ping"


@pytest.mark.parametrize(
    "act",
    [
        socket.socket, socket.socketpair, lambda: socket.create_connection(("127.0.0.1", 9)), os.fork,
        lambda: subprocess.run(["/bin/true"], check=True), lambda: os.execv("/bin/true", ["true"]),
        lambda: os.kill(os.getppid(), 0),
    ],
    ids=["socket", "socketpair", "connect", "fork", "run", "exec", "kill"],
)  # fmt: skip
def test_it_may_not_reach_out(act: Callable[[], object]) -> None:
    assert _confined(act) == "PermissionError"


@pytest.mark.parametrize("what", ["write", "append", "create", "unlink", "rename", "mkdir", "chmod", "link"])
def test_it_may_not_change_files(what: str, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("x")
    acts: dict[str, Callable[[], object]] = {
        "write": lambda: file.write_text("y"),
        "append": lambda: file.open("a"),
        "create": lambda: (tmp_path / "new").touch(),
        "unlink": file.unlink,
        "rename": lambda: file.rename(tmp_path / "other"),
        "mkdir": lambda: (tmp_path / "folder").mkdir(),
        "chmod": lambda: file.chmod(0o777),
        "link": lambda: os.link(file, tmp_path / "link"),
    }
    assert _confined(acts[what]) == "PermissionError"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert file.read_text() == "x"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_stays_in_it(machine: str) -> None:
    steps = list(struct.iter_unpack("=HBBI", sandbox.program(machine)))
    assert steps[-1] == (0x06, 0, 0, 0x7FFF0000)
    for at, (code, yes, no, _) in enumerate(steps):
        assert code == 0x06 or at + 1 + max(yes, no) < len(steps)


def test_another_machine_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert sandbox.confine() is False


def test_the_numbers_are_those_of_this_machine() -> None:
    """By asking for something harmless under the number that is to be denied."""
    code = (
        "import ctypes,sys\nfrom pacs.pixels import sandbox\nlibc=ctypes.CDLL(None,use_errno=True)\n"
        "libc.prctl(38,1,0,0,0)\nassert sandbox.confine()\n"
        "import platform\nwrong=[n for n,k in sandbox._DENIED[platform.machine()].items()"
        " if libc.syscall(k,-1,0,0,0,0,0)!=-1 or ctypes.get_errno()!=1]\n"
        "print(wrong); sys.exit(bool(wrong))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
