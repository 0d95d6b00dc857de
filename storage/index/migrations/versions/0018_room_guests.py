"""Whether a room lets guests in.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BOOL

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("room", sa.Column("guests", BOOL, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("room", "guests")
