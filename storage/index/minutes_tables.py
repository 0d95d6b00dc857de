"""Tables of the minutes of consultations."""

from sqlalchemy import Column, ForeignKey, Table

from storage.index.columns import metadata, text
from storage.index.types import BIG, INT, TEXT

minutes = Table(
    "minutes",
    metadata,
    Column("consult_id", BIG, ForeignKey("consult.id"), primary_key=True),
    Column("version", BIG, nullable=False),
    Column("body", TEXT, nullable=False),  # JSON, see pacs/minutes/body.py
    Column("changed_at", BIG, nullable=False),
    Column("changed_by", INT, ForeignKey("user_account.id"), nullable=False),
    text("number"),
    Column("frozen_at", BIG),
    text("sha256"),
)

minutes_signature = Table(
    "minutes_signature",
    metadata,
    Column("consult_id", BIG, ForeignKey("consult.id"), primary_key=True),
    Column("part", INT, primary_key=True),  # 0: the minutes, n: addendum n
    Column("side", TEXT, primary_key=True),
    Column("user_id", INT, ForeignKey("user_account.id"), nullable=False),
    text("name"),
    text("title"),
    text("hospital"),
    Column("at", BIG, nullable=False),
    Column("sha256", TEXT, nullable=False),
)

minutes_addendum = Table(
    "minutes_addendum",
    metadata,
    Column("consult_id", BIG, ForeignKey("consult.id"), primary_key=True),
    Column("number", INT, primary_key=True),
    Column("text", TEXT, nullable=False),
    text("language"),
    Column("at", BIG, nullable=False),
    Column("sha256", TEXT, nullable=False),
)
