"""Requests for storage commitment.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, INT, TEXT

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "commitment",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("ae_title", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False, server_default=""),
        sa.Column("transaction_uid", TEXT, nullable=False),
        sa.Column("identity", TEXT, nullable=False),
        sa.Column("refs", TEXT, nullable=False),
        sa.Column("instances", BIG, nullable=False, server_default="0"),
        sa.Column("failed", BIG, nullable=False, server_default="0"),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("requested_at", BIG, nullable=False),
        sa.Column("checked_at", BIG),
        sa.Column("reported_at", BIG),
        sa.Column("token", TEXT, nullable=False, server_default=""),
        sa.Column("lease_until", BIG),
        sa.Column("tries", BIG, nullable=False, server_default="0"),
        sa.Column("error", TEXT, nullable=False, server_default=""),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "commitment_request", "commitment", ["hospital_id", "ae_title", "transaction_uid", "identity"], unique=True
    )


def downgrade() -> None:
    op.drop_table("commitment")
