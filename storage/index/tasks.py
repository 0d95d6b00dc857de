"""Work to do later: claimed under a lease, fenced by a token, tried again with growing pauses.

A task's effect on the index and its `finish` belong in one transaction: then it happens exactly once, whatever is
killed when. Effects elsewhere (objects, peers) must be harmless when repeated.
"""

import json
import random
import uuid
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from storage.errors import NotFound
from storage.index import changes, schema
from storage.index.database import Database
from storage.index.types import POSTGRESQL, among, clean, now_ms
from storage.model.work import ChangeKind, Task, TaskState

MAX_TRIES = 8
_TABLE = schema.task


def enqueue(
    db: Connection,
    kind: str,
    arguments: Mapping[str, Any] | str,
    key: str | None = None,
    delay: float = 0,
    priority: int = 0,
    at_most: float | None = None,
) -> int:
    """Ask for a task, `delay` seconds from now; its id. Higher `priority` goes first.

    A `key` makes it one task however often it is asked for: a waiting one stays as it is, or with `at_most` waits
    `delay` anew but never longer than `at_most` seconds in all; a running one runs once more; a dead one is revived.
    """
    now = now_ms()
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, sort_keys=True)
    row = {
        "kind": kind,
        "arguments": clean(text),
        "key": key,
        "priority": priority,
        "state": "ready",
        "run_at": now + int(delay * 1000),
        "created_at": now,
    }
    return int(db.execute(_asking(db.dialect.name, key is not None, at_most), row).scalar_one())


def claim(database: Database, kinds: Collection[str], lease_s: float, n: int = 1) -> list[Task]:
    """Up to `n` tasks of these kinds that are due, for `lease_s` seconds; after that others may claim them."""
    now = now_ms()
    given = {"kinds": sorted(kinds), "now": now}
    with database.reading() as db:  # most of the time there is nothing, and looking takes no lock
        if db.execute(_ANY_DUE, given).first() is None:
            return []
    token = uuid.uuid4().hex
    with database.writing() as db:
        ids = list(db.execute(_PICK, given | {"most": n}).scalars())
        if not ids:
            return []
        db.execute(
            _TABLE.update()
            .where(_TABLE.c.id.in_(ids), _TABLE.c.tries >= MAX_TRIES)
            .values(state="dead", token="", lease_until=None, error="its worker ended again and again")
        )
        rows = db.execute(
            _TABLE.update()
            .where(_TABLE.c.id.in_(ids), _TABLE.c.tries < MAX_TRIES)
            .values(state="running", lease_until=now + int(lease_s * 1000), token=token, tries=_TABLE.c.tries + 1)
            .returning(_TABLE.c.id, _TABLE.c.kind, _TABLE.c.arguments, _TABLE.c.tries, _TABLE.c.token)
        )
        tasks = {row.id: Task(int(row.id), row.kind, row.arguments, int(row.tries), row.token) for row in rows}
    return [tasks[id] for id in ids if id in tasks]


def next_due(db: Connection, kinds: Collection[str]) -> int | None:
    """When the first of the tasks of these kinds can be claimed, in UTC milliseconds; None when there are none."""
    found = db.execute(_NEXT_DUE, {"kinds": sorted(kinds)}).scalar()
    return None if found is None else int(found)


def renew(database: Database, task: Task, lease_s: float) -> bool:
    """Hold the task for `lease_s` seconds more; False when it is no longer this holder's."""
    with database.writing() as db:
        done = db.execute(_held(task).values(lease_until=now_ms() + int(lease_s * 1000)))
        return done.rowcount == 1


def finish(db: Connection, task: Task) -> bool:
    """The task is done, in the transaction of its effect. When this returns False the lease was lost and another
    worker has the task: the caller must then raise, so that the effect is not kept."""
    again = db.execute(
        _held(task)
        .where(_TABLE.c.again_at.is_not(None))
        .values(
            state="ready", run_at=_TABLE.c.again_at, again_at=None, token="", lease_until=None, tries=0,
            created_at=now_ms(), error="", done=0, total=0,
        )
    )  # fmt: skip
    if again.rowcount == 1:
        return True
    told = db.execute(_held(task).where(_TABLE.c.total > 0).values(state="done", key=None, token="", lease_until=None))
    if told.rowcount == 1:
        return True
    mine = (_TABLE.c.id == task.id) & (_TABLE.c.token == task.token) & (_TABLE.c.state == "running")
    return db.execute(_TABLE.delete().where(mine)).rowcount == 1


def fail(database: Database, task: Task, error: str, *, final: bool = False) -> bool:
    """The task did not succeed: it waits 2, 4, 8 … seconds (an hour at most) or, after MAX_TRIES or when `final`,
    is dead until somebody asks for it again. False when the lease was lost."""
    dead = final or task.tries >= MAX_TRIES
    pause = min(3600.0, 2.0**task.tries) * (0.5 + random.random())
    with database.writing() as db:
        done = db.execute(
            _held(task).values(
                state="dead" if dead else "ready",
                run_at=now_ms() + int(pause * 1000),
                again_at=None,
                token="",
                lease_until=None,
                error=clean(error)[:2000],
            )
        )
        return done.rowcount == 1


def progress(db: Connection, task: Task, done: int, total: int, hospital_id: int) -> None:
    """Tell how far the task is; the change log of the hospital hears of it."""
    db.execute(_held(task).values(done=done, total=total))
    state = "done" if total and done >= total else "running"
    detail = {"id": task.id, "kind": task.kind, "done": done, "total": total, "state": state}
    changes.append(db, hospital_id, ChangeKind.TASK_PROGRESS, detail=json.dumps(detail))


def get(db: Connection, task_id: int) -> TaskState:
    """How far this task is."""
    row = db.execute(sa.select(_TABLE).where(_TABLE.c.id == task_id)).first()
    if row is None:
        raise NotFound(f"there is no task {task_id}")
    return _state(row)


def all(db: Connection, limit: int = 200) -> list[TaskState]:
    """The tasks there are, the newest first."""
    return [_state(row) for row in db.execute(sa.select(_TABLE).order_by(_TABLE.c.id.desc()).limit(limit))]


def counts(db: Connection) -> dict[str, int]:
    """How many tasks are in each state."""
    rows = db.execute(sa.select(_TABLE.c.state, sa.func.count().label("n")).group_by(_TABLE.c.state))
    return {row.state: int(row.n) for row in rows}


def sweep(db: Connection, before: int) -> int:
    """Forget the done and dead tasks made before this instant; how many went."""
    gone = _TABLE.delete().where(_TABLE.c.state.in_(("done", "dead")), _TABLE.c.created_at < before)
    return db.execute(gone).rowcount


@lru_cache(maxsize=64)
def _asking(engine: str, keyed: bool, at_most: float | None) -> Any:
    """What asks for a task; made once for each way of asking, because making it costs more than running it."""
    statement = (postgresql if engine == POSTGRESQL else sqlite).insert(_TABLE)
    if keyed:
        again = _asked_again(statement.excluded, at_most)
        statement = statement.on_conflict_do_update(index_elements=["key"], set_=again)
    return statement.returning(_TABLE.c.id)


def _asked_again(asked: Any, at_most: float | None) -> dict[str, Any]:
    """What becomes of the task of this key that is already there."""
    state = _TABLE.c.state
    waiting: sa.ColumnElement[int] = _TABLE.c.run_at
    if at_most is not None:
        latest = _TABLE.c.created_at + int(at_most * 1000)
        waiting = sa.case((asked.run_at < latest, asked.run_at), else_=latest)
    dead = state == "dead"
    return {
        "again_at": sa.case((state == "running", asked.run_at), else_=sa.null()),
        "run_at": sa.case((state == "ready", waiting), (dead, asked.run_at), else_=_TABLE.c.run_at),
        "created_at": sa.case((dead, asked.created_at), else_=_TABLE.c.created_at),
        "tries": sa.case((dead, 0), else_=_TABLE.c.tries),
        "arguments": asked.arguments,
        "state": sa.case((dead, "ready"), else_=state),
    }


def _held(task: Task) -> "sa.Update":
    return _TABLE.update().where(_TABLE.c.id == task.id, _TABLE.c.token == task.token, _TABLE.c.state == "running")


def _state(row: Any) -> TaskState:
    return TaskState(
        id=int(row.id), kind=row.kind, state=row.state, done=int(row.done), total=int(row.total),
        tries=int(row.tries), error=row.error, created_at=int(row.created_at), hospital_id=_hospital_id(row.arguments),
    )  # fmt: skip


def _hospital_id(arguments: str) -> int | None:
    try:
        found = json.loads(arguments)
    except ValueError:
        return None
    hospital_id = found.get("hospital_id") if isinstance(found, dict) else None
    return hospital_id if isinstance(hospital_id, int) else None


# Made once, like those of the receiving path: workers look several times a second while instances arrive.
_DUE = among(_TABLE.c.kind, "kinds") & sa.or_(
    (_TABLE.c.state == "ready") & (_TABLE.c.run_at <= sa.bindparam("now")),
    (_TABLE.c.state == "running") & (_TABLE.c.lease_until < sa.bindparam("now")),
)
_ANY_DUE = sa.select(_TABLE.c.id).where(_DUE).limit(1)
_PICK = (
    sa.select(_TABLE.c.id)
    .where(_DUE)
    .order_by(_TABLE.c.priority.desc(), _TABLE.c.run_at, _TABLE.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)
_NEXT_DUE = sa.select(
    sa.func.min(sa.case((_TABLE.c.state == "ready", _TABLE.c.run_at), else_=_TABLE.c.lease_until + 1))
).where(among(_TABLE.c.kind, "kinds"), _TABLE.c.state.in_(("ready", "running")))
