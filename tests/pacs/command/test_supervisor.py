"""The supervisor with real processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.processes import is_gone
from tests.support.waiting import until

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from pacs.command import supervisor
from pacs.command.supervisor import Part, Supervisor

folder = Path(sys.argv[1])

def steady(ready):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    (folder / f"steady-{os.getpid()}").touch()
    ready()
    while not stop:
        time.sleep(0.02)
    (folder / "steady-ended").touch()

def stubborn(ready):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready()
    time.sleep(600)

if len(sys.argv) > 2:
    supervisor.GRACE_SECONDS = 1.0
else:
    supervisor.GRACE_SECONDS = 600.0
parts = [Part("steady", steady)] + ([Part("stubborn", stubborn)] if len(sys.argv) > 2 else [])
sys.exit(Supervisor(parts, folder / "ready", lambda: print("announced", flush=True)).run())
"""


def start(folder: Path, *more: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "announced\n"
    return process


def children(folder: Path) -> set[int]:
    return {int(path.name.split("-")[1]) for path in folder.glob("steady-[0-9]*")}


def test_ends_its_parts_in_order_and_says_so(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert (tmp_path / "steady-ended").exists()
    assert not list((tmp_path / "ready").iterdir())


def test_starts_a_killed_part_again(tmp_path: Path) -> None:
    process = start(tmp_path)
    (first,) = children(tmp_path)
    os.kill(first, signal.SIGKILL)
    until(lambda: len(children(tmp_path)) == 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_kills_a_part_that_does_not_end(tmp_path: Path) -> None:
    process = start(tmp_path, "stubborn")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 1


def test_parts_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    process = start(tmp_path)
    (part,) = children(tmp_path)
    process.kill()
    process.wait(60)
    until(lambda: is_gone(part))


def test_a_part_whose_supervisor_died_before_it_could_ask_ends_at_once() -> None:
    program = "import sys; from pacs.command.supervisor import die_with_parent; die_with_parent(int(sys.argv[1]))"
    for parent, code in ((os.getpid(), 0), (os.getppid(), 1)):
        assert subprocess.run([sys.executable, "-c", program, str(parent)]).returncode == code
