"""A rebuild of the index in steps that survive a kill: what is still to be read stands in a table, and an object leaves
it in the transaction that indexes it.

    listing → origins → reading → over
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import maintenance, notes, schema
from storage.index.bulk import insert_many
from storage.index.types import clean
from storage.model.receipts import Receipt, ToRead

LISTING, ORIGINS, READING, OVER = "listing", "origins", "reading", ""
_NOTE = "rebuild"
_TABLE = schema.rebuild_item
Place = tuple[int, int, str]
BEGINNING: Place = (-1, 0, "")


def stage(db: Connection) -> str:
    """Where a rebuild is; OVER when there is none."""
    return str(notes.get(db, _NOTE).get("stage", OVER))


def total(db: Connection) -> int:
    """How many objects the rebuild has in all."""
    return int(notes.get(db, _NOTE).get("total", 0))


def begin(db: Connection) -> None:
    """Forget everything that objects can tell again."""
    maintenance.clear(db)
    db.execute(_TABLE.delete())
    notes.put(db, _NOTE, {"stage": LISTING})


def go_on(db: Connection, next_stage: str) -> None:
    """This stage is over."""
    if next_stage == OVER:
        notes.forget(db, _NOTE)
        return
    count = db.execute(sa.select(sa.func.count()).select_from(_TABLE)).scalar_one()
    notes.put(db, _NOTE, {"stage": next_stage, "total": int(count)})


def list_objects(db: Connection, found: Sequence[ToRead]) -> None:
    """Objects of the store; the same again is harmless."""
    rows = [{"object_key": one.object_key, "size": one.size, "stored_at": one.stored_at} for one in found]
    insert_many(db, _TABLE, rows, ignore=True)


def list_receipts(db: Connection, receipts: Iterable[Receipt]) -> None:
    """What receipts say of objects that were listed."""
    rows = [
        {
            "b_key": one.object_key,
            "b_stored_at": one.stored_at,
            "b_rank": one.rank,
            "b_door": clean(one.door),
            "b_source": clean(one.source),
            "b_address": clean(one.address),
        }
        for one in receipts
    ]
    if rows:
        db.execute(_TOLD, rows)


def page(db: Connection, after: Place, limit: int) -> list[tuple[Place, ToRead]]:
    """The next objects and their places, in the order in which they are indexed: what was canonical first."""
    columns = (_TABLE.c.rank, _TABLE.c.stored_at, _TABLE.c.object_key)
    statement = sa.select(_TABLE).where(sa.tuple_(*columns) > after).order_by(*columns).limit(limit)
    return [
        (
            (int(row.rank), int(row.stored_at), row.object_key),
            ToRead(row.object_key, int(row.size), int(row.stored_at), row.door, row.source, row.address),
        )
        for row in db.execute(statement)
    ]


def done(db: Connection, object_keys: Sequence[str]) -> None:
    """These objects were read."""
    db.execute(_TABLE.delete().where(_TABLE.c.object_key.in_(object_keys)))


_TOLD = (
    _TABLE.update()
    .where(_TABLE.c.object_key == sa.bindparam("b_key"))
    .values(
        stored_at=sa.bindparam("b_stored_at"),
        rank=sa.bindparam("b_rank"),
        door=sa.bindparam("b_door"),
        source=sa.bindparam("b_source"),
        address=sa.bindparam("b_address"),
    )
)
