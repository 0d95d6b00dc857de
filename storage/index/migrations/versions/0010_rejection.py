"""Rejected objects and what rejects them.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, BOOL, INT, TEXT

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TEXTS = (
    "study_instance_uid", "series_instance_uid", "sop_instance_uid", "sop_class_uid", "modality", "patient_id",
    "patient_name", "study_description", "object_key", "door", "source", "address",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "rejection",
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), primary_key=True),
        sa.Column("sop_instance_uid", TEXT, primary_key=True),
        sa.Column("note_uid", TEXT, primary_key=True),
        sa.Column("study_instance_uid", TEXT, nullable=False, server_default=""),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False, server_default=""),
        sa.Column("source", TEXT, nullable=False, server_default=""),
        sa.Column("at", BIG, nullable=False),
    )
    op.create_table(
        "rejected",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        *(sa.Column(name, TEXT, nullable=False, server_default="") for name in _TEXTS),
        sa.Column("study_date", INT, nullable=False, server_default="0"),
        sa.Column("size", BIG, nullable=False, server_default="0"),
        sa.Column("stored_at", BIG, nullable=False, server_default="0"),
        sa.Column("note", BOOL, nullable=False, server_default=sa.false()),
        sa.Column("beside", BOOL, nullable=False, server_default=sa.false()),
        sa.Column("rejected_at", BIG, nullable=False, server_default="0"),
    )
    op.create_index("rejected_object", "rejected", ["hospital_id", "sha256"], unique=True)
    op.create_index("rejected_of_study", "rejected", ["hospital_id", "study_instance_uid", "sop_instance_uid"])
    op.create_index("rejected_uid", "rejected", ["sop_instance_uid"])


def downgrade() -> None:
    op.drop_table("rejected")
    op.drop_table("rejection")
