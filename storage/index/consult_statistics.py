"""What is counted of consultations: one row each, without what was asked and about whom."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.index import schema
from storage.index.rows import mine

_CONSULT = schema.consult


@dataclass(frozen=True, slots=True)
class Counted:
    """One consultation as numbers; instants are UTC milliseconds."""

    hospital_id: int
    to_hospital_id: int | None
    to_user_id: int | None
    specialty: str
    urgency: str
    state: str
    verdict: str
    outcome: str
    created_at: int
    due_at: int
    answered_at: int | None


def counted(db: Connection, hospital_ids: frozenset[int], since: int, until: int) -> list[Counted]:
    """The consultations that these hospitals asked for, or were asked for, in this span; the oldest first."""
    column = _CONSULT.c
    columns = [column[name] for name in Counted.__slots__]
    statement = sa.select(*columns).where(
        sa.or_(mine(column.hospital_id, hospital_ids), mine(column.to_hospital_id, hospital_ids)),
        column.created_at >= since,
        column.created_at < until,
    )
    return [Counted(**row._mapping) for row in db.execute(statement.order_by(column.created_at, column.id))]
