"""Recorded voices of live rooms.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, BOOL, INT, TEXT

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room_sound",
        sa.Column("room_id", BIG, sa.ForeignKey("room.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("client_id", TEXT, primary_key=True),
        sa.Column("member", TEXT, nullable=False),
        sa.Column("take", BIG, nullable=False),
        sa.Column("position", INT, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("duration_ms", INT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("size", INT, nullable=False),
        sa.Column("object_key", TEXT, nullable=False),
        sa.Column("deleted", BOOL, nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_table("room_sound")
