"""The second factor of accounts, recovery codes, and sessions that still wait for it.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, INT, TEXT

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user_account", sa.Column("totp_secret", TEXT, nullable=False, server_default=""))
    op.add_column("user_account", sa.Column("totp_step", BIG, nullable=False, server_default="0"))
    op.add_column("session", sa.Column("stage", TEXT, nullable=False, server_default=""))
    op.add_column("session", sa.Column("pending", TEXT, nullable=False, server_default=""))
    op.create_table(
        "recovery_code",
        sa.Column(
            "user_id", INT, sa.ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True, nullable=False
        ),
        sa.Column("code_sha256", TEXT, primary_key=True, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("recovery_code")
    for table, column in (
        ("session", "pending"), ("session", "stage"), ("user_account", "totp_step"), ("user_account", "totp_secret"),
    ):  # fmt: skip
        op.drop_column(table, column)
