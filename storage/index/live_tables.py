"""Tables of live rooms."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table

from storage.index.columns import count, metadata, text
from storage.index.types import BIG, BOOL, INT, TEXT

room = Table(
    "room",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("code", TEXT, nullable=False, unique=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    text("title"),
    Column("consult_id", BIG, index=True),
    Column("created_by", TEXT, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("ended_at", BIG),
    count("sequence"),
    text("presenter"),
    Column("step", INT, nullable=False, server_default="0"),
    Column("recording", BOOL, nullable=False, server_default=sa.true()),
    Column("guests", BOOL, nullable=False, server_default=sa.false()),
    sqlite_autoincrement=True,
)

room_case = Table(
    "room_case",
    metadata,
    Column("room_id", BIG, ForeignKey("room.id", ondelete="CASCADE"), primary_key=True),
    Column("position", INT, primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("study_instance_uid", TEXT, nullable=False),
    text("label"),
    Column("place", INT, nullable=False, server_default="0"),
    Column("removed", BOOL, nullable=False, server_default=sa.false()),
    Index("room_case_study", "study_instance_uid", "hospital_id"),
)

room_member = Table(
    "room_member",
    metadata,
    Column("room_id", BIG, ForeignKey("room.id", ondelete="CASCADE"), primary_key=True),
    Column("key", TEXT, primary_key=True),
    text("name"),
    text("hospital"),
    Column("colour", INT, nullable=False, server_default="0"),
    Column("first_at", BIG, nullable=False),
    Column("seen_at", BIG, nullable=False),
)

room_event = Table(
    "room_event",
    metadata,
    Column("room_id", BIG, ForeignKey("room.id", ondelete="CASCADE"), primary_key=True),
    Column("sequence", BIG, primary_key=True, autoincrement=False),
    Column("at", BIG, nullable=False),
    Column("member", TEXT, nullable=False),
    Column("client_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Index("room_event_sent", "room_id", "client_id", unique=True),
)

room_track = Table(
    "room_track",
    metadata,
    Column("room_id", BIG, ForeignKey("room.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BIG, primary_key=True, autoincrement=False),
    Column("began_at", BIG, nullable=False),
    Column("moves", TEXT, nullable=False),
)

room_ticket = Table(
    "room_ticket",
    metadata,
    Column("ticket_sha256", TEXT, primary_key=True),
    Column("room_id", BIG, ForeignKey("room.id", ondelete="CASCADE"), nullable=False),
    Column("member", TEXT, nullable=False),
    text("session_id"),
    Column("expires_at", BIG, nullable=False),
)

room_sound = Table(
    "room_sound",
    metadata,
    Column("room_id", BIG, ForeignKey("room.id", ondelete="CASCADE"), primary_key=True),
    Column("client_id", TEXT, primary_key=True),
    Column("member", TEXT, nullable=False),
    Column("take", BIG, nullable=False),
    Column("position", INT, nullable=False),
    Column("at", BIG, nullable=False),
    Column("duration_ms", INT, nullable=False),
    Column("type", TEXT, nullable=False),
    Column("size", INT, nullable=False),
    Column("object_key", TEXT, nullable=False),
    Column("deleted", BOOL, nullable=False, server_default=sa.false()),
)
