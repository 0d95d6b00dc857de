"""Grants on single studies of other hospitals.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, INT, TEXT

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "study_grant",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("consult_id", BIG),
        sa.Column("link_id", BIG),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("study_instance_uid", TEXT, nullable=False),
        sa.Column("to_user_id", INT, sa.ForeignKey("user_account.id", ondelete="CASCADE")),
        sa.Column("to_hospital_id", INT, sa.ForeignKey("hospital.id")),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("expires_at", BIG),
        sa.Column("revoked_at", BIG),
        sqlite_autoincrement=True,
    )
    for name, column in (
        ("study_grant_of_user", "to_user_id"),
        ("study_grant_of_hospital", "to_hospital_id"),
        ("study_grant_of_consult", "consult_id"),
        ("study_grant_of_link", "link_id"),
    ):
        op.create_index(name, "study_grant", [column])


def downgrade() -> None:
    op.drop_table("study_grant")
