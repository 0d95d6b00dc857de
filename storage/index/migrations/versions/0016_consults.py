"""Consultations: who asked whom about which studies, what was said, e-mail about it, and invitations.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, BOOL, INT, TEXT

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consult",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("code", TEXT, nullable=False, unique=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("requester_id", INT, sa.ForeignKey("user_account.id"), nullable=False),
        sa.Column("to_hospital_id", INT, sa.ForeignKey("hospital.id")),
        sa.Column("to_user_id", INT, sa.ForeignKey("user_account.id")),
        sa.Column("specialty", TEXT, nullable=False, server_default=""),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("waits_for", TEXT, nullable=False, server_default=""),
        sa.Column("urgency", TEXT, nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("question_chips", TEXT, nullable=False, server_default="[]"),
        sa.Column("question", TEXT, nullable=False, server_default=""),
        sa.Column("language", TEXT, nullable=False, server_default=""),
        sa.Column("anonymise", BOOL, nullable=False, server_default=sa.false()),
        sa.Column("informed_how", TEXT, nullable=False, server_default=""),
        sa.Column("informed_at", BIG),
        sa.Column("verdict", TEXT, nullable=False, server_default=""),
        sa.Column("outcome", TEXT, nullable=False, server_default=""),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("changed_at", BIG, nullable=False),
        sa.Column("answered_at", BIG),
        sa.Column("concluded_at", BIG),
        sa.Column("closed_at", BIG),
        sa.Column("revoked_at", BIG),
        sa.Column("sequence", BIG, nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    op.create_index("consult_from", "consult", ["hospital_id", "state"])
    op.create_index("consult_to_hospital", "consult", ["to_hospital_id", "state"])
    op.create_index("consult_to_user", "consult", ["to_user_id", "state"])
    op.create_table(
        "consult_study",
        sa.Column("consult_id", BIG, sa.ForeignKey("consult.id"), primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), primary_key=True),
        sa.Column("study_instance_uid", TEXT, primary_key=True),
        sa.Column("prior", BOOL, nullable=False, server_default=sa.false()),
        sa.Column("expected", BIG, nullable=False, server_default="0"),
        sa.Column("shown_hospital_id", INT, sa.ForeignKey("hospital.id")),
        sa.Column("shown_study_instance_uid", TEXT),
    )
    op.create_index("consult_of_study", "consult_study", ["study_instance_uid", "hospital_id"])
    op.create_index("consult_shows_study", "consult_study", ["shown_study_instance_uid"])
    op.create_table(
        "consult_event",
        sa.Column("consult_id", BIG, sa.ForeignKey("consult.id"), primary_key=True),
        sa.Column("sequence", BIG, primary_key=True),
        sa.Column("client_id", TEXT, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("actor_id", INT, sa.ForeignKey("user_account.id")),
        sa.Column("guest", TEXT, nullable=False, server_default=""),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id")),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False, server_default="{}"),
    )
    op.create_index("consult_event_of_client", "consult_event", ["consult_id", "client_id"], unique=True)
    op.create_table(
        "consult_attachment",
        sa.Column("consult_id", BIG, sa.ForeignKey("consult.id"), primary_key=True),
        sa.Column("client_id", TEXT, primary_key=True),
        sa.Column("user_id", INT, sa.ForeignKey("user_account.id")),
        sa.Column("at", BIG, nullable=False),
        sa.Column("name", TEXT, nullable=False, server_default=""),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("size", BIG, nullable=False, server_default="0"),
        sa.Column("object_key", TEXT, nullable=False),
    )
    op.create_table(
        "consult_seen",
        sa.Column("consult_id", BIG, sa.ForeignKey("consult.id"), primary_key=True),
        sa.Column("user_id", INT, sa.ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sequence", BIG, nullable=False, server_default="0"),
    )
    op.create_table(
        "consult_notice",
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("consult_id", BIG, sa.ForeignKey("consult.id"), nullable=False),
        sa.Column("user_id", INT, sa.ForeignKey("user_account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("sent_at", BIG),
        sa.Column("outcome", TEXT, nullable=False, server_default=""),
    )
    op.create_table(
        "invitation",
        sa.Column("user_id", INT, sa.ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("invited_by", INT, sa.ForeignKey("user_account.id"), nullable=False),
        sa.Column("secret_sha256", TEXT, nullable=False, server_default=""),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.Column("used_at", BIG),
    )
    op.create_index("invitation_secret", "invitation", ["secret_sha256"])
    op.add_column("user_account", sa.Column("email", TEXT, nullable=False, server_default=""))
    op.add_column("user_account", sa.Column("mail", BOOL, nullable=False, server_default=sa.true()))
    op.add_column("user_account", sa.Column("specialties", TEXT, nullable=False, server_default=""))
    op.add_column("user_account", sa.Column("invited", BOOL, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for column in ("invited", "specialties", "mail", "email"):
        op.drop_column("user_account", column)
    for table in (
        "invitation", "consult_notice", "consult_seen", "consult_attachment", "consult_event", "consult_study",
        "consult",
    ):  # fmt: skip
        op.drop_table(table)
