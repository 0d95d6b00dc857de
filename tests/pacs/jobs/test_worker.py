"""The worker: what follows from a change is done once, soon, and also after kill -9."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from pacs.jobs import worker as room
from pacs.jobs.plan import BUSY_SECONDS, QUIET_SECONDS, SAMPLES, SUMMARISE, SWEEP, plan
from pacs.jobs.worker import Worker
from storage.errors import StorageUnavailable
from storage.index import changes, instances, schema, tasks
from storage.model.work import Change, ChangeKind
from tests.pacs.parts import House, Made, house
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.jobs.plan.QUIET_SECONDS", 0.1)
    monkeypatch.setattr("pacs.jobs.plan.BUSY_SECONDS", 0.5)


def summarised(here: House) -> bool:
    with here.archive.database.reading() as db:
        found = instances.series_of(db, here.scope, "1.2.3")
    return bool(found) and all(one.manifest_revision == one.revision for one in found)


class Running:
    """A worker in a thread."""

    def __init__(self, here: House) -> None:
        self.stop = threading.Event()
        self.thread = threading.Thread(target=Worker(here.archive, poll=0.05).run, args=(self.stop,))

    def __enter__(self) -> "Running":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


def test_a_change_becomes_one_task_for_its_series() -> None:
    found = [Change(n, 1, ChangeKind.INSTANCE_STORED, "1.2", f"1.2.{n % 2}", f"1.2.3.{n}", 0) for n in range(10)] + [
        Change(11, 1, ChangeKind.STUDY_CHANGED, "1.2", "", "", 0)
    ]
    planned = plan(found)
    assert sorted(one.key for one in planned) == ["summarise 1 1.2 1.2.0", "summarise 1 1.2 1.2.1"]
    assert QUIET_SECONDS < BUSY_SECONDS


def test_a_series_is_summarised_when_it_is_quiet(here: House) -> None:
    for number in range(1, 4):
        here.put(Made(sop=f"1.2.3.1.{number}", number=number).part10())
    with Running(here):
        until(lambda: summarised(here))
    here.put(Made(sop="1.2.3.1.9", number=9).part10())
    assert not summarised(here)
    with Running(here):
        until(lambda: summarised(here))
    with here.archive.database.reading() as db:
        kinds = [change.kind for change in changes.after(db, 0)]
    assert kinds.count(ChangeKind.SERIES_SUMMARISED) == 2


def test_a_failing_task_is_tried_again(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = type(here.archive).summarise, []

    def summarise(self: object, *arguments: object) -> int:
        calls.append(arguments)
        if len(calls) == 1:
            raise StorageUnavailable("away")
        return real(here.archive, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(here.archive), "summarise", summarise)
    here.put(Made().part10())
    with Running(here):
        until(lambda: summarised(here))
    assert len(calls) == 2


def test_a_mistake_in_a_task_does_not_end_the_worker(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with here.archive.database.writing() as db:
        tasks.enqueue(db, SUMMARISE, {"nonsense": 1}, key="nonsense", priority=9)
    here.put(Made().part10())
    with Running(here):
        until(lambda: summarised(here))


def test_a_series_that_is_gone_needs_no_summary(here: House) -> None:
    gone = {"hospital_id": here.origin.hospital_id, "study_instance_uid": "9.9", "series_instance_uid": "9.9.9"}
    with here.archive.database.writing() as db:
        tasks.enqueue(db, SUMMARISE, gone, key="gone")
    worker = Worker(here.archive)
    for _ in range(3):
        worker.step()
    with here.archive.database.reading() as db:
        assert [task.kind for task in tasks.all(db)] == ["scrub"]


def test_looking_again_costs_no_query_while_nothing_was_committed(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(here.archive)
    while worker.step():
        pass
    until(lambda: not worker.step() and worker._nothing_at is not None)
    looked: list[bool] = []

    def claim(*_: object) -> list[object]:
        looked.append(True)
        return []

    monkeypatch.setattr(tasks, "claim", claim)
    assert not worker.step()
    assert not looked
    with here.archive.database.writing() as db:
        tasks.enqueue(db, SUMMARISE, {}, key="later", delay=3600)
    assert not worker.step()
    assert len(looked) == 1
    assert not worker.step()
    assert len(looked) == 1
    monkeypatch.setattr(room, "now_ms", lambda: int((time.time() + 3601) * 1000))
    assert not worker.step()
    assert len(looked) == 2


def test_the_samples_tell_how_far_they_are(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(archive: object, origin: object, tell: Callable[[int, int], None]) -> None:
        for done in range(4):
            tell(done, 3)

    monkeypatch.setattr(room, "load_samples", load)
    monkeypatch.setattr(room, "PROGRESS_SECONDS", 0.0)
    arguments = {"hospital": "main", "hospital_id": here.origin.hospital_id, "source": "admin"}
    with here.archive.database.writing() as db:
        task = tasks.enqueue(db, SAMPLES, arguments, key="samples 1")
    with Running(here):
        until(lambda: _state(here, task) == "done")
    with here.archive.database.reading() as db:
        lines = [json.loads(c.detail) for c in changes.after(db, 0) if c.kind is ChangeKind.TASK_PROGRESS]
    assert [line["done"] for line in lines] == [0, 1, 2, 3]


def _state(here: House, task: int) -> str:
    with here.archive.database.reading() as db:
        return tasks.get(db, task).state


def test_stopping_interrupts_a_long_task(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(archive: object, origin: object, tell: Callable[[int, int], None]) -> None:
        for done in range(100_000):
            tell(done, 100_000)
            time.sleep(0.01)

    monkeypatch.setattr(room, "load_samples", load)
    arguments = {"hospital": "main", "hospital_id": here.origin.hospital_id}
    with here.archive.database.writing() as db:
        task = tasks.enqueue(db, SAMPLES, arguments, key="samples 1")
    with Running(here):
        until(lambda: _state(here, task) == "running")
    assert _state(here, task) == "ready", "somebody else will do it"


def test_sweeps_what_was_left(here: House) -> None:
    old = here.folder / "spool" / "x-1-1-y.part"
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(b"x")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    with Running(here):
        until(lambda: not old.exists())


def test_the_change_log_is_kept_for_a_week_and_for_the_slowest(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "KEPT_CHANGES", 2)
    monkeypatch.setattr(room, "FORGOTTEN_AT_ONCE", 2)
    week = 7 * 24 * 3600 * 1000
    now = here.archive.clock()
    with here.archive.database.writing() as db:
        for age in (week + 9, week + 8, week + 7, week + 6, week + 5, week - 60_000, 2, 1, 0):
            changes.append(db, here.origin.hospital_id, ChangeKind.STUDY_CHANGED, at=now - age)
    worker = Worker(here.archive)
    with here.archive.database.writing() as db:
        changes.set_cursor(db, "slow", 3)
    assert _steps(worker, here) == [3, 4, 5, 6, 7, 8, 9], "somebody has not read them yet"
    with here.archive.database.writing() as db:
        changes.set_cursor(db, "slow", 9)
        tasks.enqueue(db, SWEEP, {}, key=SWEEP)
    assert _steps(worker, here) == [6, 7, 8, 9]


def test_the_newest_lines_stay_however_old_they_are(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "KEPT_CHANGES", 3)
    with here.archive.database.writing() as db:
        for _ in range(6):
            changes.append(db, here.origin.hospital_id, ChangeKind.STUDY_CHANGED, at=1)
    assert _steps(Worker(here.archive), here) == [3, 4, 5, 6]


def test_what_an_older_version_folded_is_folded_again(here: House) -> None:
    here.put(Made(name="Nguyễn^Văn^Đức").part10())
    with here.archive.database.writing() as db:
        db.execute(schema.patient.update().values(fold_version=0, name_fold="old"))
    Worker(here.archive).step()
    with here.archive.database.reading() as db:
        assert db.execute(sa.select(schema.patient.c.name_fold)).scalar() == "nguyen van duc"


def _steps(worker: Worker, here: House) -> list[int]:
    """Follow and sweep; the sequences that are left."""
    worker.step()
    with here.archive.database.reading() as db:
        return [line.sequence for line in changes.after(db, 0)]


_WORKER = """
import sys, threading, time
from pathlib import Path
from pacs.archive import Archive
from pacs.jobs import plan
from pacs.jobs.worker import Worker
from tests.pacs.parts import house
plan.QUIET_SECONDS, plan.BUSY_SECONDS = 0.1, 0.5
made = house(Path(sys.argv[1]))
if sys.argv[2] == "hang":
    def hang(self, *arguments):
        print("working", flush=True)
        time.sleep(600)
    Archive.summarise = hang
print("ready", flush=True)
Worker(made.archive, poll=0.05, lease=1.5).run(threading.Event())
"""


def _process(folder: Path, how: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(folder), how], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_work_survives_kill_9(tmp_path: Path) -> None:
    here = house(tmp_path)
    here.put(Made().part10())
    first = _process(tmp_path, "hang")
    assert first.stdout is not None
    assert [first.stdout.readline(), first.stdout.readline()] == ["ready\n", "working\n"]
    time.sleep(2)  # longer than a lease: it is renewed while the worker lives
    with here.archive.database.reading() as db:
        assert tasks.counts(db)["running"] == 1
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not summarised(here)
    second = _process(tmp_path, "work")
    try:
        until(lambda: summarised(here))
    finally:
        second.kill()
        second.communicate()
    here.archive.close()


def test_an_idle_worker_costs_next_to_nothing(here: House) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=Worker(here.archive).run, args=(stop,))
    thread.start()
    time.sleep(1)
    clock = time.pthread_getcpuclockid(thread.ident or 0)
    before = time.clock_gettime(clock)
    time.sleep(3)
    used = time.clock_gettime(clock) - before
    stop.set()
    thread.join()
    assert used / 3 < 0.03
