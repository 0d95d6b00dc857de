"""Live rooms: agendas, members, events, tracks and tickets.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, BOOL, INT, TEXT

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def _room(*, key: bool = True) -> "sa.Column[int]":
    return sa.Column("room_id", BIG, sa.ForeignKey("room.id", ondelete="CASCADE"), primary_key=key, nullable=False)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, TEXT, nullable=False, server_default="")


def upgrade() -> None:
    op.create_table(
        "room",
        sa.Column("id", BIG, primary_key=True, nullable=False),
        sa.Column("code", TEXT, nullable=False, unique=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        _text("title"),
        sa.Column("consult_id", BIG),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("ended_at", BIG),
        sa.Column("sequence", BIG, nullable=False, server_default="0"),
        _text("presenter"),
        sa.Column("step", INT, nullable=False, server_default="0"),
        sa.Column("recording", BOOL, nullable=False, server_default=sa.true()),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_room_consult_id", "room", ["consult_id"])
    op.create_table(
        "room_case",
        _room(),
        sa.Column("position", INT, primary_key=True, nullable=False),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("study_instance_uid", TEXT, nullable=False),
        _text("label"),
    )
    op.create_index("room_case_study", "room_case", ["study_instance_uid", "hospital_id"])
    op.create_table(
        "room_member",
        _room(),
        sa.Column("key", TEXT, primary_key=True, nullable=False),
        _text("name"),
        _text("hospital"),
        sa.Column("colour", INT, nullable=False, server_default="0"),
        sa.Column("first_at", BIG, nullable=False),
        sa.Column("seen_at", BIG, nullable=False),
    )
    op.create_table(
        "room_event",
        _room(),
        sa.Column("sequence", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("at", BIG, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("member", "client_id", "kind", "body")),
    )
    op.create_index("room_event_sent", "room_event", ["room_id", "client_id"], unique=True)
    op.create_table(
        "room_track",
        _room(),
        sa.Column("number", BIG, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("began_at", BIG, nullable=False),
        sa.Column("moves", TEXT, nullable=False),
    )
    op.create_table(
        "room_ticket",
        sa.Column("ticket_sha256", TEXT, primary_key=True, nullable=False),
        _room(key=False),
        sa.Column("member", TEXT, nullable=False),
        _text("session_id"),
        sa.Column("expires_at", BIG, nullable=False),
    )


def downgrade() -> None:
    for name in ("room_ticket", "room_track", "room_event", "room_member", "room_case", "room"):
        op.drop_table(name)
