"""Tables of share links: the links, what they show, who came by them, and which object is whose copy."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table

from storage.index.columns import count, metadata, text
from storage.index.types import BIG, BOOL, INT, TEXT

share_link = Table(
    "share_link",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("code", TEXT, unique=True),  # NULL for copies that are made for a consultation
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("maker_id", INT, ForeignKey("user_account.id"), nullable=False, index=True),
    Column("consult_id", BIG),
    text("purpose"),
    text("recipient"),
    Column("created_at", BIG, nullable=False),
    Column("expires_at", BIG, nullable=False),
    Column("max_opens", INT, nullable=False),
    Column("download", BOOL, nullable=False, server_default=sa.false()),
    Column("anonymise", BOOL, nullable=False, server_default=sa.false()),
    Column("dates", TEXT, nullable=False, server_default="removed"),
    Column("characteristics", BOOL, nullable=False, server_default=sa.false()),
    text("secret_sha256"),
    text("pin_hash"),
    text("key"),  # hexadecimal; "" when nothing is anonymised, and when the copies are gone
    count("opens"),
    count("tries"),  # wrong PINs since the last right one
    Column("locked_at", BIG),
    Column("revoked_at", BIG),
    Column("purged_at", BIG),
    Column("state", TEXT, nullable=False),
    count("done"),
    count("total"),
    count("left"),
    sqlite_autoincrement=True,
)

share_study = Table(
    "share_study",
    metadata,
    Column("link_id", BIG, ForeignKey("share_link.id", ondelete="CASCADE"), primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), primary_key=True),
    Column("study_instance_uid", TEXT, primary_key=True),
    Column("copy_uid", TEXT, nullable=False),
    Index("share_study_copy", "copy_uid"),
)

share_series = Table(
    "share_series",
    metadata,
    Column("link_id", BIG, ForeignKey("share_link.id", ondelete="CASCADE"), primary_key=True),
    Column("hospital_id", INT, primary_key=True),
    Column("study_instance_uid", TEXT, nullable=False),
    Column("series_instance_uid", TEXT, primary_key=True),
    Column("verdict", TEXT, nullable=False),
    text("reason"),
    count("instances"),
    count("copied"),
    count("left"),
    Column("confirmed_by", INT),
    Column("confirmed_at", BIG),
)

share_copy = Table(
    "share_copy",
    metadata,
    Column("link_id", BIG, ForeignKey("share_link.id", ondelete="CASCADE"), primary_key=True),
    Column("sop_instance_uid", TEXT, primary_key=True),
    Column("series_instance_uid", TEXT, nullable=False),
    Column("study_instance_uid", TEXT, nullable=False),
    Column("copy_sop", TEXT, nullable=False),
    Column("copy_series", TEXT, nullable=False),
    Column("copy_study", TEXT, nullable=False),
)

guest_session = Table(
    "guest_session",
    metadata,
    Column("id", TEXT, primary_key=True),  # SHA-256 of the cookie's secret
    Column("link_id", BIG, ForeignKey("share_link.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", TEXT, nullable=False),
    text("name"),
    text("institution"),
    Column("created_at", BIG, nullable=False),
    Column("seen_at", BIG, nullable=False),
    text("address"),
    text("agent"),
    Column("ended_at", BIG),
)
