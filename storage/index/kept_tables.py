"""Tables of the archive's own promises: what it was asked to answer for, what it lost, where its long work is."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table

from storage.index.columns import count, metadata, text
from storage.index.types import BIG, BOOL, INT, TEXT

# What a peer asked us to answer for, and whether it has heard.
commitment = Table(
    "commitment",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("ae_title", TEXT, nullable=False),
    text("address"),
    Column("transaction_uid", TEXT, nullable=False),
    Column("identity", TEXT, nullable=False),  # SHA-256 of what was asked for
    Column("refs", TEXT, nullable=False),  # JSON: [SOP Class UID, SOP Instance UID, Failure Reason or 0] for each
    count("instances"),
    count("failed"),
    Column("state", TEXT, nullable=False),  # "requested", "checked", "reported", "given up"
    Column("requested_at", BIG, nullable=False),
    Column("checked_at", BIG),
    Column("reported_at", BIG),
    text("token"),  # of who is reporting it
    Column("lease_until", BIG),
    count("tries"),
    text("error"),
    Index("commitment_request", "hospital_id", "ae_title", "transaction_uid", "identity", unique=True),
    sqlite_autoincrement=True,
)

# Objects that are not in the store any more, or not as they were stored; it survives a rebuild, which cannot know.
damage = Table(
    "damage",
    metadata,
    Column("object_key", TEXT, primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("kind", TEXT, nullable=False),
    text("aside_key"),  # where the wrong bytes are kept
    count("size"),
    Column("found_at", BIG, nullable=False),
    text("study_instance_uid"),
    text("series_instance_uid"),
    text("sop_instance_uid"),
)

# Where the archive's own long work is: a name and JSON.
note = Table(
    "note",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("value", TEXT, nullable=False),
    Column("at", BIG, nullable=False),
)

# What was noted in the audit log lately and is not to be noted again so soon, by whichever process it is done.
audit_mark = Table(
    "audit_mark",
    metadata,
    Column("mark", TEXT, primary_key=True),  # SHA-256 of who did what to which object
    Column("until", BIG, nullable=False),
)

# What a rebuild of the index has still to read; empty at all other times.
rebuild_item = Table(
    "rebuild_item",
    metadata,
    Column("object_key", TEXT, primary_key=True),
    count("size"),
    Column("stored_at", BIG, nullable=False),
    Column("rank", INT, nullable=False, server_default="1"),  # 0: was canonical, 1: not known, 2: was a conflict
    text("door"),
    text("source"),
    text("address"),
    Index("rebuild_order", "rank", "stored_at", "object_key"),
)

# What rejection notes say: one row for each instance a note refers to, whether it is here or not. Restoring takes the
# rows away and writes a decision.
rejection = Table(
    "rejection",
    metadata,
    Column("hospital_id", INT, ForeignKey("hospital.id"), primary_key=True),
    Column("sop_instance_uid", TEXT, primary_key=True),
    Column("note_uid", TEXT, primary_key=True),
    text("study_instance_uid"),
    Column("title", TEXT, nullable=False),
    text("text"),
    text("source"),
    Column("at", BIG, nullable=False),
)

# Objects of rejected instances, and rejection notes: in no other table, so no door can show them.
rejected = Table(
    "rejected",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("sha256", TEXT, nullable=False),
    text("study_instance_uid"),
    text("series_instance_uid"),
    text("sop_instance_uid"),
    text("sop_class_uid"),
    text("modality"),
    text("patient_id"),
    text("patient_name"),
    text("study_description"),
    text("object_key"),
    text("door"),
    text("source"),
    text("address"),
    Column("study_date", INT, nullable=False, server_default="0"),
    count("size"),
    count("stored_at"),
    Column("note", BOOL, nullable=False, server_default=sa.false()),
    Column("beside", BOOL, nullable=False, server_default=sa.false()),
    count("rejected_at"),
    Index("rejected_object", "hospital_id", "sha256", unique=True),
    Index("rejected_of_study", "hospital_id", "study_instance_uid", "sop_instance_uid"),
    Index("rejected_uid", "sop_instance_uid"),
)
