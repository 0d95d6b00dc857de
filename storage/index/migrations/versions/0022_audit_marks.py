"""What was noted in the audit log lately, so that several processes note it once.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, TEXT

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_mark",
        sa.Column("mark", TEXT, primary_key=True),
        sa.Column("until", BIG, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("audit_mark")
