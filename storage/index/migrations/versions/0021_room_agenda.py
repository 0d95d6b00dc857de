"""The agenda of a live room has an order of its own, and cases may be taken off it.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BOOL, INT

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("room_case", sa.Column("place", INT, nullable=False, server_default="0"))
    op.add_column("room_case", sa.Column("removed", BOOL, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("room_case", "removed")
    op.drop_column("room_case", "place")
