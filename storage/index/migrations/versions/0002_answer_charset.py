"""The character set a peer's answers are written in.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import TEXT

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("peer", sa.Column("charset", TEXT, nullable=False, server_default=""))
