"""Whether something out of the ordinary was written down before."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.types import clean


def conflict(db: Connection, hospital_id: int, sop_instance_uid: str, sha256: str) -> bool:
    """Whether these bytes are already kept as a conflict under this SOP Instance UID."""
    table = schema.conflict.c
    identity = f"{clean(sop_instance_uid)} {sha256}"
    found = sa.select(table.id).where(
        table.hospital_id == hospital_id, table.kind == "instance", table.identity == identity
    )
    return db.execute(found.limit(1)).first() is not None
