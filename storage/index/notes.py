"""Where the archive's own long work is, so that it goes on after a restart."""

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.types import now_ms, upsert

_TABLE = schema.note


def get(db: Connection, name: str) -> dict[str, Any]:
    """What was written under this name; nothing when nothing was."""
    text = db.execute(sa.select(_TABLE.c.value).where(_TABLE.c.name == name)).scalar()
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def put(db: Connection, name: str, value: dict[str, Any]) -> None:
    """Write it down in the place of what was there."""
    row = {"value": json.dumps(value, sort_keys=True), "at": now_ms()}
    statement = upsert(db, _TABLE).values(name=name, **row)
    db.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


def forget(db: Connection, name: str) -> None:
    """Nothing is written under this name any more."""
    db.execute(_TABLE.delete().where(_TABLE.c.name == name))
