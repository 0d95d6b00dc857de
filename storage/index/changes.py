"""The change log: what happened, in the order in which it became visible. Whoever must follow reads it from a cursor.

`append` only notes the line; `Database.writing` writes all noted lines at the end of the transaction. On PostgreSQL
this happens under a lock held until the commit, so a reader that saw sequence n has seen, or can see, all before n.
"""

from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import prepared, schema
from storage.index.bulk import insert_many
from storage.index.types import POSTGRESQL, now_ms, upsert
from storage.model.archive import Scope
from storage.model.text import nfc
from storage.model.work import Change, ChangeKind

_PENDING = "hoichan_changes"
_LOCK = 0x486F6943  # any number; the same in every process
_TAKE_LOCK = sa.select(sa.func.pg_advisory_xact_lock(_LOCK))


def append(
    db: Connection,
    hospital_id: int,
    kind: ChangeKind,
    *,
    study_instance_uid: str = "",
    series_instance_uid: str = "",
    sop_instance_uid: str = "",
    detail: str = "{}",
    at: int | None = None,
) -> None:
    """Write this line when the transaction commits."""
    _pending(db).append(
        {
            "hospital_id": hospital_id,
            "kind": kind.value,
            "study_instance_uid": nfc(study_instance_uid),
            "series_instance_uid": nfc(series_instance_uid),
            "sop_instance_uid": nfc(sop_instance_uid),
            "at": now_ms() if at is None else at,
            "detail": nfc(detail),
        }
    )


def start(db: Connection) -> None:
    """Forget lines of an earlier transaction on this connection that was rolled back."""
    db.info[_PENDING] = []


def flush(db: Connection) -> None:
    """Write the noted lines; called once, last in the transaction."""
    lines = _pending(db)
    if lines:
        if db.dialect.name == POSTGRESQL:
            db.execute(_TAKE_LOCK)
        insert_many(db, schema.change, lines)
        db.info[_PENDING] = []


def after(db: Connection, sequence: int, limit: int = 1000, scope: Scope | None = None) -> list[Change]:
    """The lines after `sequence`, oldest first, at most `limit`."""
    if scope is None:
        return [_change(row) for row in prepared.rows(db, _AFTER, {"after": sequence, "most": limit})]
    table = schema.change
    statement = sa.select(table).where(table.c.sequence > sequence, _visible(scope))
    return [_change(row) for row in db.execute(statement.order_by(table.c.sequence).limit(limit))]


def gathered(db: Connection, sequence: int, limit: int = 1000) -> tuple[list[Change], int, bool]:
    """The next `limit` lines after `sequence`, those of one kind and series as one that names no instance; where they
    end, and whether there are more."""
    given = {"after": sequence, "most": limit}
    end, count = db.execute(_END, given).one()
    if not count:
        return [], sequence, False
    found = [_change(row) for row in db.execute(_GATHERED, {"after": sequence, "end": end})]
    return found, int(end), count == limit


def _visible(scope: Scope) -> "sa.ColumnElement[bool]":
    column = schema.change.c
    mine = column.hospital_id.in_(sorted(scope.hospital_ids))
    if not scope.studies:
        return mine
    return sa.or_(mine, sa.tuple_(column.hospital_id, column.study_instance_uid).in_(sorted(scope.studies)))


def last(db: Connection) -> int:
    """The newest sequence, 0 when nothing has happened yet."""
    return int(prepared.rows(db, _LAST, {})[0][0] or 0)


def since(db: Connection, at: int) -> int:
    """The sequence of the oldest line that is not older than this instant; after all of them when every line is."""
    table = schema.change
    found = db.execute(sa.select(table.c.sequence).where(table.c.at >= at).order_by(table.c.sequence).limit(1)).scalar()
    return last(db) + 1 if found is None else int(found)


def trim(db: Connection, before: int, most: int | None = None) -> int:
    """Forget the lines before this sequence, the oldest `most` of them; the newest line always stays. How many went."""
    sequence = schema.change.c.sequence
    end = min(before, last(db))
    if most is not None:
        oldest = db.execute(sa.select(sa.func.min(sequence))).scalar() or 0
        end = min(end, int(oldest) + most)
    return db.execute(schema.change.delete().where(sequence < end)).rowcount


def cursor(db: Connection, name: str) -> int:
    """How far the follower `name` has read; 0 at first."""
    return int(db.execute(_CURSOR, {"name": name}).scalar() or 0)


def set_cursor(db: Connection, name: str, sequence: int) -> None:
    """Note that `name` has dealt with everything up to `sequence`; a cursor never goes back."""
    statement = upsert(db, schema.cursor).values(name=name, sequence=sequence)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"sequence": statement.excluded.sequence},
            where=schema.cursor.c.sequence < statement.excluded.sequence,
        )
    )


def cursors(db: Connection) -> dict[str, int]:
    """All followers and how far they are."""
    return {row.name: int(row.sequence) for row in db.execute(sa.select(schema.cursor))}


def _pending(db: Connection) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", db.info.setdefault(_PENDING, []))


def _change(row: Any) -> Change:
    return Change(
        sequence=int(row.sequence),
        hospital_id=row.hospital_id,
        kind=ChangeKind(row.kind),
        study_instance_uid=row.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        sop_instance_uid=row.sop_instance_uid,
        at=int(row.at),
        detail=row.detail,
    )


# Made once: followers ask several times a second while instances arrive.
_LINE = schema.change.c
_LAST = sa.select(sa.func.max(_LINE.sequence).label("last"))
_AFTER = (
    sa.select(*_LINE).where(_LINE.sequence > sa.bindparam("after")).order_by(_LINE.sequence).limit(sa.bindparam("most"))
)
_CURSOR = sa.select(schema.cursor.c.sequence).where(schema.cursor.c.name == sa.bindparam("name"))
_NEXT = (
    sa.select(_LINE.sequence)
    .where(_LINE.sequence > sa.bindparam("after"))
    .order_by(_LINE.sequence)
    .limit(sa.bindparam("most"))
    .subquery()
)
_END = sa.select(sa.func.max(_NEXT.c.sequence), sa.func.count(_NEXT.c.sequence))
_GATHERED = (
    sa.select(
        sa.func.max(_LINE.sequence).label("sequence"),
        _LINE.hospital_id,
        _LINE.kind,
        _LINE.study_instance_uid,
        _LINE.series_instance_uid,
        sa.literal("").label("sop_instance_uid"),
        sa.func.max(_LINE.at).label("at"),
        sa.literal("{}").label("detail"),
    )
    .where(_LINE.sequence > sa.bindparam("after"), _LINE.sequence <= sa.bindparam("end"))
    .group_by(_LINE.hospital_id, _LINE.kind, _LINE.study_instance_uid, _LINE.series_instance_uid)
    .order_by(sa.func.max(_LINE.sequence))
)
