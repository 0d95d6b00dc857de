"""What people decide about conflicts and quarantine.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, INT, TEXT

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decision",
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), primary_key=True),
        sa.Column("kind", TEXT, primary_key=True),
        sa.Column("identity", TEXT, primary_key=True),
        sa.Column("action", TEXT, nullable=False),
        *(sa.Column(name, TEXT, nullable=False, server_default="") for name in ("target", "actor", "reason")),
        sa.Column("at", BIG, nullable=False),
    )
    op.add_column("conflict", sa.Column("action", TEXT, nullable=False, server_default=""))
    op.add_column("conflict", sa.Column("before", TEXT, nullable=False, server_default="{}"))
    op.add_column("quarantine", sa.Column("action", TEXT, nullable=False, server_default=""))
    op.add_column("quarantine", sa.Column("target", TEXT, nullable=False, server_default=""))
    op.add_column("quarantine", sa.Column("decided_at", BIG))
