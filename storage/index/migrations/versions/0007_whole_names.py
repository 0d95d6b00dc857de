"""Names are found by how they begin, not only by their words: each component group of a name stands whole among its
tokens.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, TEXT
from storage.model.text import WHOLE, name_tokens

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 5000


def upgrade() -> None:
    patient = sa.table("patient", sa.column("id", BIG), sa.column("name", TEXT))
    name_token = sa.table("name_token", sa.column("token", TEXT), sa.column("patient_id", BIG))
    db = op.get_bind()
    last = 0
    while rows := db.execute(
        sa.select(patient.c.id, patient.c.name).where(patient.c.id > last).order_by(patient.c.id).limit(_AT_ONCE)
    ).all():
        made = [
            {"token": token, "patient_id": row.id}
            for row in rows
            for token in name_tokens(row.name)
            if token.startswith(WHOLE)
        ]
        if made:
            db.execute(sa.insert(name_token), made)
        last = rows[-1].id
