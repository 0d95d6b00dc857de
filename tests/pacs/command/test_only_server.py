"""One server works on a data folder; the next one waits for what is left of one that was killed."""

import fcntl
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import pytest

from pacs.command import serve
from pacs.config import Config, load
from storage.errors import Conflict


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(None, {"HOICHAN_DATA": str(tmp_path)})


def test_a_second_server_is_refused_at_once(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.command.serve.time.sleep", lambda _: pytest.fail("it waited for a server that lives"))
    with (
        serve.only_server(config),
        pytest.raises(Conflict, match="already works on"),
        serve.only_server(config),
    ):
        pass


def test_parts_of_a_killed_server_are_waited_for(config: Config) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path = config.data / "run" / "lock"
    path.parent.mkdir(parents=True)
    path.write_text(str(gone.pid))
    part, asked = path.open("a+"), threading.Event()
    fcntl.flock(part, fcntl.LOCK_EX)

    def leave() -> None:
        asked.wait(10)
        part.close()

    leaving = threading.Thread(target=leave)
    leaving.start()
    real = serve._locked

    def locked(handle: IO[str]) -> bool:
        taken = real(handle)
        asked.set()
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve, "_locked", locked)
        with serve.only_server(config):
            assert asked.is_set()
    leaving.join(10)


def test_what_is_left_for_too_long_is_a_conflict(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    monkeypatch.setattr(serve, "LEAVE_SECONDS", 0.2)
    path = config.data / "run" / "lock"
    path.parent.mkdir(parents=True)
    path.write_text(str(gone.pid))
    with path.open("a+") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        with pytest.raises(Conflict), serve.only_server(config):
            pass
