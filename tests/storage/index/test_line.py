"""Writers of one SQLite index stand in line; whatever becomes of one, the others go on."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.index import hospitals
from storage.index.database import Database
from storage.index.line import Line

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0
HOLDER = """
import sys
import sqlalchemy as sa
from storage.index.line import Line
with Line(sa.make_url(sys.argv[1])).stood() as turn:
    print(turn, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'index.sqlite'}"


@contextmanager
def _holder(address: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has the turn until it is told to go, or killed."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDER, address], cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as one:
        try:
            assert one.stdout is not None
            assert one.stdout.readline() == "True\n"
            yield one
        finally:
            one.kill()


def _line(address: str, longest: float = PATIENCE_S) -> Line:
    return Line(sa.make_url(address), longest)


def test_who_waits_is_woken_when_the_other_has_gone(address: str) -> None:
    mine = _line(address)
    with _holder(address) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: _turn(mine))
        assert not waiting.done()
        assert other.stdin is not None
        other.stdin.write("go\n")
        other.stdin.flush()
        assert waiting.result(PATIENCE_S)
    mine.close()


def test_a_killed_one_leaves_the_line(address: str) -> None:
    mine = _line(address)
    with _holder(address) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: _turn(mine))
        other.send_signal(signal.SIGKILL)
        assert waiting.result(PATIENCE_S)
    mine.close()


def test_nobody_waits_for_good(address: str) -> None:
    """Another process stands still with the turn: one goes on without it, and has it once it is free."""
    mine = _line(address, 0.01)
    with _holder(address) as other:
        assert [_turn(mine) for _ in range(3)] == [False] * 3
        other.kill()
        other.wait()
    patient = _line(address)
    assert _turn(patient), "what came for one that gave up was given back"
    assert any(_turn(mine) for _ in range(1000))
    for line in (mine, patient):
        line.close()


def test_threads_of_one_process_and_its_forks_have_turns_one_after_the_other(address: str) -> None:
    mine = _line(address)
    assert _turn(mine)
    inside, most = 0, 0
    guard = threading.Lock()

    def work(_: int) -> bool:
        nonlocal inside, most
        with mine.stood() as turn:
            with guard:
                inside += 1
                most = max(most, inside)
            with guard:
                inside -= 1
        return turn

    child = os.fork()
    if child == 0:
        os._exit(0 if all(_turn(mine) for _ in range(200)) else 1)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert most == 1
    mine.close()


def test_a_fork_has_no_part_in_the_turn_of_its_parent(address: str) -> None:
    mine = _line(address, 0.01)
    with mine.stood() as turn:
        child = os.fork()
        if child == 0:
            os._exit(int(_turn(mine)))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert turn
        assert not _turn(_line(address, 0.01))
    mine.close()


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "sqlite:////nowhere/index.sqlite",
                                     "postgresql+psycopg://nobody@127.0.0.1:1/none"])  # fmt: skip
def test_elsewhere_nobody_stands_in_line(address: str) -> None:
    mine = _line(address)
    assert not _turn(mine)
    mine.close()


def test_a_closed_one_comes_anew(address: str) -> None:
    mine = _line(address)
    for _ in range(2):
        assert _turn(mine)
        mine.close()
    with _holder(address):
        impatient = _line(address, 0.01)
        assert not _turn(impatient)
        impatient.close()  # its thread waits in the kernel still
    assert _turn(mine)
    mine.close()


def test_the_index_is_written_without_the_turn(tmp_path: Path, address: str) -> None:
    """A program that stands still in line, and never begins to write, keeps nobody from writing."""
    database = Database(address)
    database.migrate()
    with _holder(address), database.writing() as db:
        hospitals.ensure(db, "a", "A")
    with database.reading() as db:
        assert [one.code for one in hospitals.all(db)] == ["a"]
    database.close()


def _turn(line: Line) -> bool:
    with line.stood() as turn:
        return turn
