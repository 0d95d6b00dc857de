"""Minutes of consultations, their signatures and addenda.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, INT, TEXT

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, TEXT, nullable=False, server_default="")


def _consult() -> "sa.Column[int]":
    return sa.Column("consult_id", BIG, sa.ForeignKey("consult.id"), primary_key=True)


def _user(name: str) -> "sa.Column[int]":
    return sa.Column(name, INT, sa.ForeignKey("user_account.id"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "minutes",
        _consult(),
        sa.Column("version", BIG, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("changed_at", BIG, nullable=False),
        _user("changed_by"),
        _text("number"),
        sa.Column("frozen_at", BIG),
        _text("sha256"),
    )
    op.create_table(
        "minutes_signature",
        _consult(),
        sa.Column("part", INT, primary_key=True),
        sa.Column("side", TEXT, primary_key=True),
        _user("user_id"),
        _text("name"),
        _text("title"),
        _text("hospital"),
        sa.Column("at", BIG, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
    )
    op.create_table(
        "minutes_addendum",
        _consult(),
        sa.Column("number", INT, primary_key=True),
        sa.Column("text", TEXT, nullable=False),
        _text("language"),
        sa.Column("at", BIG, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
    )


def downgrade() -> None:
    for name in ("minutes_addendum", "minutes_signature", "minutes"):
        op.drop_table(name)
