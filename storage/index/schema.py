"""The tables. What they mean is in docs/decisions/0003-index.md; migrations/ holds how they came to be.

The budget for patient, study, series and instance is eight secondary indexes in all; a test counts them. Indexes
that serve an order lead with the sorted column and carry the hospital, so that a page for one hospital and a page
for all of them both read the index in order.
"""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table

from storage.index.annotation_tables import annotation_event as annotation_event
from storage.index.columns import count, text
from storage.index.columns import metadata as metadata
from storage.index.consult_tables import consult as consult
from storage.index.consult_tables import consult_attachment as consult_attachment
from storage.index.consult_tables import consult_event as consult_event
from storage.index.consult_tables import consult_notice as consult_notice
from storage.index.consult_tables import consult_seen as consult_seen
from storage.index.consult_tables import consult_study as consult_study
from storage.index.consult_tables import invitation as invitation
from storage.index.consult_tables import study_grant as study_grant
from storage.index.kept_tables import audit_mark as audit_mark
from storage.index.kept_tables import commitment as commitment
from storage.index.kept_tables import damage as damage
from storage.index.kept_tables import note as note
from storage.index.kept_tables import rebuild_item as rebuild_item
from storage.index.kept_tables import rejected as rejected
from storage.index.kept_tables import rejection as rejection
from storage.index.link_tables import guest_session as guest_session
from storage.index.link_tables import share_copy as share_copy
from storage.index.link_tables import share_link as share_link
from storage.index.link_tables import share_series as share_series
from storage.index.link_tables import share_study as share_study
from storage.index.live_tables import room as room
from storage.index.live_tables import room_case as room_case
from storage.index.live_tables import room_event as room_event
from storage.index.live_tables import room_member as room_member
from storage.index.live_tables import room_sound as room_sound
from storage.index.live_tables import room_ticket as room_ticket
from storage.index.live_tables import room_track as room_track
from storage.index.minutes_tables import minutes as minutes
from storage.index.minutes_tables import minutes_addendum as minutes_addendum
from storage.index.minutes_tables import minutes_signature as minutes_signature
from storage.index.types import BIG, BOOL, BYTES, INT, TEXT

HEAD = "0022"  # the newest revision in migrations/versions


def _told() -> "tuple[Column[int], Column[bytes]]":
    """Whose facts these are: the earliest instance by time of storing, then by SHA-256. So the order in which
    instances are indexed does not matter, and a rebuilt index equals the original."""
    return Column("told_at", BIG, nullable=False), Column("told_by", BYTES, nullable=False)


hospital = Table(
    "hospital",
    metadata,
    Column("id", INT, primary_key=True),
    Column("code", TEXT, nullable=False, unique=True),
    text("name"),
)

patient = Table(
    "patient",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    # "id:" and the normalised Patient ID; or "study:" and the study's UID when there is no Patient ID
    Column("patient_key", TEXT, nullable=False),
    text("issuer"),
    text("patient_id"),
    text("name"),
    text("name_fold"),
    Column("fold_version", INT, nullable=False),
    Column("birth_date", INT),
    text("sex"),
    Column("attributes", TEXT, nullable=False, server_default="{}"),
    *_told(),
    Index("patient_identity", "patient_key", "hospital_id", "issuer", unique=True),
)

name_token = Table(
    "name_token",
    metadata,
    Column("token", TEXT, primary_key=True),
    Column("patient_id", BIG, ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True),
    Index("name_token_of_patient", "patient_id", "token"),
    sqlite_with_rowid=False,
)

study = Table(
    "study",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("patient_id", BIG, ForeignKey("patient.id"), nullable=False),
    Column("uid", TEXT, nullable=False),
    text("study_id"),
    Column("study_date", INT, nullable=False, server_default="0"),  # 0 when unknown, so that it sorts alike
    text("study_time"),
    text("accession_number"),
    text("accession_issuer"),
    text("description"),
    text("description_fold"),
    text("referring"),
    text("referring_fold"),
    text("institution"),
    Column("fold_version", INT, nullable=False),
    text("modalities"),  # "\CT\SR\": sorted, each value between backslashes
    text("sop_classes"),
    count("series"),
    count("instances"),
    count("bytes"),
    Column("status", TEXT, nullable=False, server_default="unread"),
    count("conflicts"),
    Column("received_at", BIG, nullable=False),
    Column("changed_at", BIG, nullable=False),
    count("revision"),
    Column("attributes", TEXT, nullable=False, server_default="{}"),
    *_told(),
    Index("study_uid", "uid", "hospital_id", unique=True),
    Index("study_by_date", "study_date", "study_time", "id", "hospital_id"),
    Index("study_by_arrival", "received_at", "id", "hospital_id"),
    Index("study_of_patient", "patient_id"),
    Index("study_accession", "accession_number", "hospital_id"),
)

study_token = Table(
    "study_token",
    metadata,
    Column("token", TEXT, primary_key=True),
    Column("study_id", BIG, ForeignKey("study.id", ondelete="CASCADE"), primary_key=True),
    Index("study_token_of_study", "study_id", "token"),
    sqlite_with_rowid=False,
)

# What people set and objects do not say; it survives a rebuild of everything else.
study_mark = Table(
    "study_mark",
    metadata,
    Column("hospital_id", INT, ForeignKey("hospital.id"), primary_key=True),
    Column("study_instance_uid", TEXT, primary_key=True),
    Column("status", TEXT, nullable=False),
)

series = Table(
    "series",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("study_id", BIG, ForeignKey("study.id"), nullable=False),
    Column("uid", TEXT, nullable=False),
    text("modality"),
    Column("number", BIG),
    text("description"),
    text("body_part"),
    text("station"),
    count("instances"),
    count("bytes"),
    count("revision"),
    text("manifest_key"),
    count("manifest_revision"),
    text("thumbnail_key"),
    text("door"),
    text("source"),
    Column("attributes", TEXT, nullable=False, server_default="{}"),
    *_told(),
    Index("series_uid", "study_id", "uid", unique=True),
)

instance = Table(
    "instance",
    metadata,
    Column("series_id", BIG, ForeignKey("series.id"), primary_key=True),
    Column("uid", TEXT, primary_key=True),
    Column("hospital_id", INT, nullable=False),
    text("sop_class_uid"),
    text("transfer_syntax_uid"),
    Column("number", BIG),
    Column("rows", INT),
    Column("columns", INT),
    Column("bits_allocated", INT),
    count("frames"),
    count("dataset_offset"),
    Column("pixel_offset", BIG),
    Column("pixel_length", BIG),
    Column("frame_length", BIG),
    Column("frame_table", BYTES),  # NULL when native; see frame_table.py
    Column("attributes", TEXT, nullable=False, server_default="{}"),
    text("object_key"),  # with "*" for the SHA-256, see rows.py
    count("size"),
    Column("sha256", BYTES, nullable=False),
    Column("stored_at", BIG, nullable=False),
    text("damage"),  # "corrupt" or "missing" while the table `damage` says so
    Index("instance_uid", "uid", "hospital_id", unique=True),
    sqlite_with_rowid=False,
)

conflict = Table(
    "conflict",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("kind", TEXT, nullable=False),  # "instance": other bytes under its UID; "patient": another patient's study
    Column("identity", TEXT, nullable=False),  # what makes two reports the same report
    text("study_instance_uid"),
    text("series_instance_uid"),
    text("sop_instance_uid"),
    text("patient_id"),
    text("issuer"),
    text("patient_name"),
    text("kept_sha256"),
    text("sha256"),
    text("object_key"),
    count("size"),
    count("stored_at"),
    text("door"),
    text("source"),
    text("address"),
    Column("at", BIG, nullable=False),
    Column("resolved", BOOL, nullable=False, server_default=sa.false()),
    text("action"),
    Column("before", TEXT, nullable=False, server_default="{}"),  # what undoing needs to know
    Index("conflict_identity", "hospital_id", "kind", "identity", unique=True),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("sha256", TEXT, nullable=False),
    text("object_key"),
    count("size"),
    count("stored_at"),
    text("reason"),
    text("door"),
    text("source"),
    text("address"),
    Column("at", BIG, nullable=False),
    text("action"),
    text("target"),
    Column("decided_at", BIG),
    Index("quarantine_object", "hospital_id", "sha256", unique=True),
)

# What people decided about conflicts and quarantine; it survives a rebuild, which obeys it.
decision = Table(
    "decision",
    metadata,
    Column("hospital_id", INT, ForeignKey("hospital.id"), primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("identity", TEXT, primary_key=True),
    Column("action", TEXT, nullable=False),
    text("target"),
    text("actor"),
    text("reason"),
    Column("at", BIG, nullable=False),
)

change = Table(
    "change",
    metadata,
    Column("sequence", BIG, primary_key=True, autoincrement=True),
    Column("hospital_id", INT, nullable=False),
    Column("kind", TEXT, nullable=False),
    text("study_instance_uid"),
    text("series_instance_uid"),
    text("sop_instance_uid"),
    Column("at", BIG, nullable=False),
    Column("detail", TEXT, nullable=False, server_default="{}"),
    sqlite_autoincrement=True,
)

# Who did what; triggers refuse to change or delete a row. See storage/model/audit.py for the chain.
audit = Table(
    "audit",
    metadata,
    Column("sequence", BIG, primary_key=True, autoincrement=False),
    Column("at", BIG, nullable=False),
    Column("hospital_id", INT, nullable=False),
    Column("hospital", TEXT, nullable=False),
    text("actor"),
    text("role"),
    text("address"),
    Column("action", TEXT, nullable=False),
    text("object"),
    text("patient"),
    text("reason"),
    Column("result", TEXT, nullable=False),
    Column("detail", TEXT, nullable=False, server_default="{}"),
    Column("previous", TEXT, nullable=False),
    Column("hash", TEXT, nullable=False),
    Index("audit_object", "object", "sequence"),
    Index("audit_actor", "actor", "sequence"),
)

cursor = Table(
    "cursor",
    metadata,
    Column("name", TEXT, primary_key=True),
    count("sequence"),
)

task = Table(
    "task",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("arguments", TEXT, nullable=False, server_default="{}"),
    Column("key", TEXT, unique=True),
    Column("priority", INT, nullable=False, server_default="0"),
    Column("state", TEXT, nullable=False, server_default="ready"),  # "ready", "running", "dead"
    Column("run_at", BIG, nullable=False),
    Column("lease_until", BIG),
    text("token"),
    count("tries"),
    count("done"),
    count("total"),
    Column("again_at", BIG),  # asked for again while running
    text("error"),
    Column("created_at", BIG, nullable=False),
    Index("task_ready", "state", "run_at"),
    sqlite_autoincrement=True,
)

user = Table(
    "user_account",
    metadata,
    Column("id", INT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("name_key", TEXT, nullable=False, unique=True),  # without case, so that two cannot look alike
    text("display_name"),
    Column("language", TEXT, nullable=False, server_default="vi"),
    Column("disabled", BOOL, nullable=False, server_default=sa.false()),
    text("password_hash"),
    Column("created_at", BIG, nullable=False),
    Column("last_sign_in_at", BIG),
    text("totp_secret"),  # sealed (pacs/sealing.py); "" without a second factor
    count("totp_step"),  # the step of the one-time password used last
    text("email"),
    Column("mail", BOOL, nullable=False, server_default=sa.true()),  # whether notices are sent there
    text("specialties"),  # "chest,neuro": codes of pacs/consult/vocabulary.py
    Column("invited", BOOL, nullable=False, server_default=sa.false()),  # for consultations only, see `invitation`
    sqlite_autoincrement=True,
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("user_id", INT, ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True),
    Column("code_sha256", TEXT, primary_key=True),
)

role = Table(
    "user_role",
    metadata,
    Column("user_id", INT, ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), primary_key=True),
    Column("role", TEXT, primary_key=True),
)

session = Table(
    "session",
    metadata,
    Column("id", TEXT, primary_key=True),  # SHA-256 of the cookie's secret
    Column("user_id", INT, ForeignKey("user_account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", TEXT, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("seen_at", BIG, nullable=False),
    text("address"),
    text("agent"),
    text("stage"),  # "code", "enrol": the password was right, the second factor is owed; "": signed in
    text("pending"),  # the secret of a second factor that is shown and not yet in use
)

token = Table(
    "token",
    metadata,
    Column("id", INT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("scope", TEXT, nullable=False),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("secret_sha256", TEXT, nullable=False, unique=True),
    Column("created_at", BIG, nullable=False),
    Column("used_at", BIG),
    Column("revoked", BOOL, nullable=False, server_default=sa.false()),
    sqlite_autoincrement=True,
)

setup_secret = Table(
    "setup_secret",
    metadata,
    Column("secret_sha256", TEXT, primary_key=True),
    Column("created_at", BIG, nullable=False),
    Column("expires_at", BIG, nullable=False),
    Column("used_at", BIG),
)

sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("name_key", TEXT, nullable=False),
    Column("address", TEXT, nullable=False),
    Column("at", BIG, nullable=False),
    Index("sign_in_failure_account", "name_key", "at"),
    Index("sign_in_failure_address", "address", "at"),
)

peer = Table(
    "peer",
    metadata,
    Column("ae_title", TEXT, primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    text("host"),
    Column("port", INT),
    text("allow"),
    text("description"),
    Column("created_at", BIG, nullable=False),
    Column("last_association_at", BIG),
    Column("last_stored_at", BIG),
    text("charset"),
    text("certificate"),
    Column("plain", BOOL, nullable=False, server_default=sa.false()),
    Column("tls", BOOL, nullable=False, server_default=sa.false()),
    Column("min_rate", INT),
    Column("max_object_mb", INT),
    Column("max_associations", INT),
)

refusal = Table(
    "refusal",
    metadata,
    Column("ae_title", TEXT, primary_key=True),
    Column("called_ae_title", TEXT, primary_key=True),
    Column("address", TEXT, primary_key=True),
    Column("reason", TEXT, primary_key=True),
    count("count"),
    Column("first_at", BIG, nullable=False),
    Column("last_at", BIG, nullable=False),
    text("certificate"),
)
