"""Damaged and missing objects, and where long work is.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, INT, TEXT

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instance", sa.Column("damage", TEXT, nullable=False, server_default=""))
    op.create_table(
        "damage",
        sa.Column("object_key", TEXT, primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("aside_key", TEXT, nullable=False, server_default=""),
        sa.Column("size", BIG, nullable=False, server_default="0"),
        sa.Column("found_at", BIG, nullable=False),
        sa.Column("study_instance_uid", TEXT, nullable=False, server_default=""),
        sa.Column("series_instance_uid", TEXT, nullable=False, server_default=""),
        sa.Column("sop_instance_uid", TEXT, nullable=False, server_default=""),
    )
    op.create_table(
        "note",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("at", BIG, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("note")
    op.drop_table("damage")
    op.drop_column("instance", "damage")
