"""What a rebuild of the index has still to read.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, INT, TEXT

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rebuild_item",
        sa.Column("object_key", TEXT, primary_key=True),
        sa.Column("size", BIG, nullable=False, server_default="0"),
        sa.Column("stored_at", BIG, nullable=False),
        sa.Column("rank", INT, nullable=False, server_default="1"),
        sa.Column("door", TEXT, nullable=False, server_default=""),
        sa.Column("source", TEXT, nullable=False, server_default=""),
        sa.Column("address", TEXT, nullable=False, server_default=""),
    )
    op.create_index("rebuild_order", "rebuild_item", ["rank", "stored_at", "object_key"])


def downgrade() -> None:
    op.drop_table("rebuild_item")
