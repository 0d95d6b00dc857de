"""What people draw and write on images.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, INT, TEXT

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "annotation_event",
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), primary_key=True),
        sa.Column("study_instance_uid", TEXT, primary_key=True),
        sa.Column("sequence", BIG, primary_key=True),
        sa.Column("annotation_id", TEXT, nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("client_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("author_id", INT, sa.ForeignKey("user_account.id")),
        sa.Column("guest", TEXT, nullable=False, server_default=""),
        sa.Column("consult_id", BIG),
        sa.Column("at", BIG, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
    of_study = ["hospital_id", "study_instance_uid"]
    op.create_index("annotation_version", "annotation_event", [*of_study, "annotation_id", "version"], unique=True)
    op.create_index("annotation_act", "annotation_event", [*of_study, "client_id"], unique=True)


def downgrade() -> None:
    op.drop_table("annotation_event")
