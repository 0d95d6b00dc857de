"""Whether something out of the ordinary was written down before."""

import zlib
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.types import POSTGRESQL, clean

_HOLD = 0x486F6944  # the lock class of held objects; the same in every process


def conflict(db: Connection, hospital_id: int, sop_instance_uid: str, sha256: str) -> bool:
    """Whether these bytes are already kept as a conflict under this SOP Instance UID."""
    table = schema.conflict.c
    identity = f"{clean(sop_instance_uid)} {sha256}"
    found = sa.select(table.id).where(
        table.hospital_id == hospital_id, table.kind == "instance", table.identity == identity
    )
    return db.execute(found.limit(1)).first() is not None


def decision(db: Connection, hospital_id: int, kind: str, identity: str) -> tuple[str, str, int | None]:
    """What a person decided about this before the index was made anew: action, target and when; "" for nothing."""
    table = schema.decision.c
    found = db.execute(
        sa.select(table.action, table.target, table.at).where(
            table.hospital_id == hospital_id, table.kind == kind, table.identity == identity
        )
    ).first()
    return ("", "", None) if found is None else (found.action, found.target, found.at)


def hold(db: Connection, object_keys: Iterable[str]) -> None:
    """Until the transaction ends nobody else holds one of these objects. SQLite writers are alone anyway."""
    if db.dialect.name != POSTGRESQL:
        return
    for number in sorted({zlib.crc32(key.encode()) - (1 << 31) for key in object_keys}):
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(_HOLD, number)))
