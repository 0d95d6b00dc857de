"""Share links, the guests who come by them, and anonymised copies.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, BOOL, INT, TEXT

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, TEXT, nullable=False, server_default="")


def _count(name: str) -> "sa.Column[int]":
    return sa.Column(name, BIG, nullable=False, server_default="0")


def _link(*, key: bool = True) -> "sa.Column[int]":
    foreign = sa.ForeignKey("share_link.id", ondelete="CASCADE")
    return sa.Column("link_id", BIG, foreign, primary_key=key, nullable=False)


def upgrade() -> None:
    op.create_table(
        "share_link",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("code", TEXT, unique=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("maker_id", INT, sa.ForeignKey("user_account.id"), nullable=False),
        sa.Column("consult_id", BIG),
        _text("purpose"),
        _text("recipient"),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.Column("max_opens", INT, nullable=False),
        sa.Column("download", BOOL, nullable=False, server_default=sa.false()),
        sa.Column("anonymise", BOOL, nullable=False, server_default=sa.false()),
        sa.Column("dates", TEXT, nullable=False, server_default="removed"),
        sa.Column("characteristics", BOOL, nullable=False, server_default=sa.false()),
        *(_text(name) for name in ("secret_sha256", "pin_hash", "key")),
        *(_count(name) for name in ("opens", "tries")),
        *(sa.Column(name, BIG) for name in ("locked_at", "revoked_at", "purged_at")),
        sa.Column("state", TEXT, nullable=False),
        *(_count(name) for name in ("done", "total", "left")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_share_link_maker_id", "share_link", ["maker_id"])
    op.create_table(
        "share_study",
        _link(),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), primary_key=True, nullable=False),
        sa.Column("study_instance_uid", TEXT, primary_key=True, nullable=False),
        sa.Column("copy_uid", TEXT, nullable=False),
    )
    op.create_index("share_study_copy", "share_study", ["copy_uid"])
    op.create_table(
        "share_series",
        _link(),
        sa.Column("hospital_id", INT, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("study_instance_uid", TEXT, nullable=False),
        sa.Column("series_instance_uid", TEXT, primary_key=True, nullable=False),
        sa.Column("verdict", TEXT, nullable=False),
        _text("reason"),
        *(_count(name) for name in ("instances", "copied", "left")),
        sa.Column("confirmed_by", INT),
        sa.Column("confirmed_at", BIG),
    )
    op.create_table(
        "share_copy",
        _link(),
        sa.Column("sop_instance_uid", TEXT, primary_key=True, nullable=False),
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("series_instance_uid", "study_instance_uid", "copy_sop", "copy_series", "copy_study")
        ),
    )
    op.create_table(
        "guest_session",
        sa.Column("id", TEXT, primary_key=True, nullable=False),
        _link(key=False),
        sa.Column("csrf", TEXT, nullable=False),
        _text("name"),
        _text("institution"),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("seen_at", BIG, nullable=False),
        _text("address"),
        _text("agent"),
        sa.Column("ended_at", BIG),
    )
    op.create_index("ix_guest_session_link_id", "guest_session", ["link_id"])


def downgrade() -> None:
    for name in ("guest_session", "share_copy", "share_series", "share_study", "share_link"):
        op.drop_table(name)
