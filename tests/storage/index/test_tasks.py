"""Tasks: claimed under a lease, fenced, tried again, done exactly once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.errors import NotFound
from storage.index import changes, schema, tasks
from storage.index.database import Database
from storage.model.archive import Hospital
from storage.model.work import ChangeKind

ROOT = Path(__file__).parents[3]


def _enqueue(database: Database, *args: object, **more: object) -> int:
    with database.writing() as db:
        return tasks.enqueue(db, *args, **more)  # type: ignore[arg-type]


def _set(database: Database, **values: object) -> None:
    with database.writing() as db:
        db.execute(schema.task.update().values(**values))


def _count(database: Database) -> dict[str, int]:
    with database.reading() as db:
        return tasks.counts(db)


def test_claims_what_is_due_in_order_of_priority(database: Database) -> None:
    _enqueue(database, "a", {"n": 1})
    _enqueue(database, "a", '{"n": 2}', priority=5)
    _enqueue(database, "b", {})
    _enqueue(database, "a", {"n": 3}, delay=60)
    assert tasks.claim(database, [], 30) == []
    claimed = tasks.claim(database, ["a"], 30, n=10)
    assert [(task.kind, task.arguments, task.tries) for task in claimed] == [("a", '{"n": 2}', 1), ("a", '{"n": 1}', 1)]
    assert tasks.claim(database, ["a"], 30) == []
    assert [task.kind for task in tasks.claim(database, ["a", "b"], 30)] == ["b"]


def test_says_when_the_next_can_be_claimed(database: Database) -> None:
    def next_due(*kinds: str) -> int | None:
        with database.reading() as db:
            return tasks.next_due(db, kinds)

    assert next_due("a") is None
    _enqueue(database, "a", {})
    _set(database, run_at=5000)
    assert (next_due("a"), next_due("b")) == (5000, None)
    assert len(tasks.claim(database, ["a"], 30)) == 1
    _set(database, lease_until=7000)
    assert next_due("a", "b") == 7001
    _set(database, state="dead")
    assert next_due("a") is None


def test_finishing_takes_it_away_with_its_effect(database: Database) -> None:
    _enqueue(database, "a", {})
    task = tasks.claim(database, ["a"], 30)[0]
    with database.writing() as db:
        assert tasks.finish(db, task)
        assert not tasks.finish(db, task)
    assert _count(database) == {}


def test_a_lost_lease_is_fenced_off(database: Database) -> None:
    _enqueue(database, "a", {})
    slow = tasks.claim(database, ["a"], 0)[0]
    time.sleep(0.01)
    quick = tasks.claim(database, ["a"], 30)[0]
    assert (quick.id, quick.tries) == (slow.id, 2)
    assert not tasks.renew(database, slow, 30)
    assert not tasks.fail(database, slow, "late")
    with database.writing() as db:
        assert not tasks.finish(db, slow)
    assert tasks.renew(database, quick, 30)
    with database.writing() as db:
        assert tasks.finish(db, quick)


def test_a_failed_one_waits_longer_each_time_and_dies_at_last(database: Database) -> None:
    _enqueue(database, "a", {}, key="k")
    for tries in range(1, tasks.MAX_TRIES + 1):
        task = tasks.claim(database, ["a"], 30)[0]
        assert task.tries == tries
        before = time.time() * 1000
        assert tasks.fail(database, task, "no\x00 luck")
        after = time.time() * 1000
        with database.reading() as db:
            state = tasks.get(db, task.id)
            run_at = db.execute(sa.select(schema.task.c.run_at)).scalar_one()
        assert (state.state, state.error) == ("dead" if tries == tasks.MAX_TRIES else "ready", "no luck")
        assert run_at - before > 450 * 2**tries
        assert run_at - after < 1600 * 2**tries
        _set(database, run_at=0)
    assert tasks.claim(database, ["a"], 30) == []
    _enqueue(database, "a", {}, key="k")  # somebody asks again
    assert tasks.claim(database, ["a"], 30)[0].tries == 1


def test_one_whose_worker_ends_again_and_again_dies(database: Database) -> None:
    _enqueue(database, "a", {})
    for _ in range(tasks.MAX_TRIES):
        assert tasks.claim(database, ["a"], 30)
        _set(database, lease_until=0)
    assert tasks.claim(database, ["a"], 30) == []
    assert _count(database) == {"dead": 1}


def test_a_key_makes_it_one_task(database: Database) -> None:
    first = _enqueue(database, "a", {"n": 1}, key="series 1")
    assert _enqueue(database, "a", {"n": 2}, key="series 1") == first
    assert _enqueue(database, "a", {}, key="series 2") != first
    task = tasks.claim(database, ["a"], 30)[0]
    assert task.arguments == '{"n": 2}'


def test_asked_for_while_running_it_runs_once_more(database: Database) -> None:
    _enqueue(database, "a", {}, key="k")
    task = tasks.claim(database, ["a"], 30)[0]
    _enqueue(database, "a", {}, key="k")
    _enqueue(database, "a", {}, key="k")
    assert tasks.claim(database, ["a"], 30) == []
    with database.writing() as db:
        assert tasks.finish(db, task)
    again = tasks.claim(database, ["a"], 30)[0]
    assert (again.id, again.tries) == (task.id, 1)
    with database.writing() as db:
        assert tasks.finish(db, again)
    assert _count(database) == {}


def test_waits_until_it_is_quiet_but_not_for_ever(database: Database) -> None:
    _enqueue(database, "a", {}, key="k", delay=2, at_most=10)

    def run_in() -> float:
        with database.reading() as db:
            row = db.execute(sa.select(schema.task)).one()
            return float(row.run_at - row.created_at) / 1000

    assert 1.9 < run_in() < 2.1
    _enqueue(database, "a", {}, key="k", delay=5, at_most=10)
    assert 4.9 < run_in() < 6
    _enqueue(database, "a", {}, key="k", delay=30, at_most=10)
    assert run_in() == 10
    _enqueue(database, "a", {}, key="k", delay=0)  # without a limit the waiting one stays as it is
    assert run_in() == 10


def test_progress_is_told_and_stays_to_be_seen(database: Database, hospital: Hospital) -> None:
    number = _enqueue(database, "samples", {}, key="k")
    task = tasks.claim(database, ["samples"], 30)[0]
    with database.writing() as db:
        tasks.progress(db, task, 3, 10, hospital.id)
    with database.writing() as db:
        assert tasks.get(db, number).done == 3
        tasks.progress(db, task, 10, 10, hospital.id)
        assert tasks.finish(db, task)
    with database.writing() as db:
        state = tasks.get(db, number)
        assert (state.state, state.done, state.total) == ("done", 10, 10)
        lines = changes.after(db, 0)
        assert [line.kind for line in lines] == [ChangeKind.TASK_PROGRESS] * 2
        assert '"state": "done"' in lines[1].detail
        assert tasks.enqueue(db, "samples", {}, key="k") != number
        assert [one.state for one in tasks.all(db)] == ["ready", "done"]
        assert tasks.sweep(db, before=int(time.time() * 1000) + 1000) == 1
        with pytest.raises(NotFound):
            tasks.get(db, number)


WORKER = """
import sys, time
from storage.index import changes, tasks
from storage.index.database import Database
from storage.model.work import ChangeKind
database = Database(sys.argv[1])
while True:
    for task in tasks.claim(database, ["count"], 3, n=4):
        time.sleep(0.002)
        with database.writing() as db:
            changes.append(db, 1, ChangeKind.STUDY_CHANGED, detail=task.arguments)
            if not tasks.finish(db, task):
                raise SystemExit("fenced off")
"""


def test_every_task_takes_effect_exactly_once_though_workers_are_killed(
    database: Database, hospital: Hospital, url: str
) -> None:
    total, kills = 150, 6
    with database.writing() as db:
        for number in range(total):
            tasks.enqueue(db, "count", {"n": number})

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-c", WORKER, url], cwd=ROOT, stderr=subprocess.DEVNULL)

    workers = [start(), start()]
    chance = random.Random(1)
    began = time.monotonic()
    try:
        while _count(database) and time.monotonic() - began < 240:
            time.sleep(0.3 + chance.random() * 0.4)
            for position, worker in enumerate(workers):
                kill = kills > 0 and position == kills % 2
                if kill:
                    os.kill(worker.pid, signal.SIGKILL)
                    kills -= 1
                if kill or worker.poll() is not None:
                    worker.wait()
                    workers[position] = start()
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    with database.reading() as db:
        done = [line.detail for line in changes.after(db, 0, limit=10 * total)]
    assert sorted(done) == sorted(f'{{"n": {number}}}' for number in range(total))
