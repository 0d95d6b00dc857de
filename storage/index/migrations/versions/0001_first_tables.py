"""The first tables.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, BOOL, BYTES, INT, TEXT

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hospital",
        sa.Column("id", INT, primary_key=True),
        sa.Column("code", TEXT, nullable=False, unique=True),
        sa.Column("name", TEXT, nullable=False, server_default=""),
    )
    op.create_table(
        "patient",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("patient_key", TEXT, nullable=False),
        sa.Column("issuer", TEXT, nullable=False, server_default=""),
        sa.Column("patient_id", TEXT, nullable=False, server_default=""),
        sa.Column("name", TEXT, nullable=False, server_default=""),
        sa.Column("name_fold", TEXT, nullable=False, server_default=""),
        sa.Column("fold_version", INT, nullable=False),
        sa.Column("birth_date", INT),
        sa.Column("sex", TEXT, nullable=False, server_default=""),
        sa.Column("attributes", TEXT, nullable=False, server_default="{}"),
        sa.Column("told_at", BIG, nullable=False),
        sa.Column("told_by", BYTES, nullable=False),
    )
    op.create_index("patient_identity", "patient", ["patient_key", "hospital_id", "issuer"], unique=True)
    op.create_table(
        "name_token",
        sa.Column("token", TEXT, primary_key=True),
        sa.Column("patient_id", BIG, sa.ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("name_token_of_patient", "name_token", ["patient_id", "token"])
    op.create_table(
        "study",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("patient_id", BIG, sa.ForeignKey("patient.id"), nullable=False),
        sa.Column("uid", TEXT, nullable=False),
        sa.Column("study_id", TEXT, nullable=False, server_default=""),
        sa.Column("study_date", INT, nullable=False, server_default="0"),
        sa.Column("study_time", TEXT, nullable=False, server_default=""),
        sa.Column("accession_number", TEXT, nullable=False, server_default=""),
        sa.Column("accession_issuer", TEXT, nullable=False, server_default=""),
        sa.Column("description", TEXT, nullable=False, server_default=""),
        sa.Column("description_fold", TEXT, nullable=False, server_default=""),
        sa.Column("referring", TEXT, nullable=False, server_default=""),
        sa.Column("referring_fold", TEXT, nullable=False, server_default=""),
        sa.Column("institution", TEXT, nullable=False, server_default=""),
        sa.Column("fold_version", INT, nullable=False),
        sa.Column("modalities", TEXT, nullable=False, server_default=""),
        sa.Column("sop_classes", TEXT, nullable=False, server_default=""),
        sa.Column("series", BIG, nullable=False, server_default="0"),
        sa.Column("instances", BIG, nullable=False, server_default="0"),
        sa.Column("bytes", BIG, nullable=False, server_default="0"),
        sa.Column("status", TEXT, nullable=False, server_default="unread"),
        sa.Column("conflicts", BIG, nullable=False, server_default="0"),
        sa.Column("received_at", BIG, nullable=False),
        sa.Column("changed_at", BIG, nullable=False),
        sa.Column("revision", BIG, nullable=False, server_default="0"),
        sa.Column("attributes", TEXT, nullable=False, server_default="{}"),
        sa.Column("told_at", BIG, nullable=False),
        sa.Column("told_by", BYTES, nullable=False),
    )
    op.create_index("study_accession", "study", ["accession_number", "hospital_id"])
    op.create_index("study_by_arrival", "study", ["received_at", "id", "hospital_id"])
    op.create_index("study_by_date", "study", ["study_date", "study_time", "id", "hospital_id"])
    op.create_index("study_of_patient", "study", ["patient_id"])
    op.create_index("study_uid", "study", ["uid", "hospital_id"], unique=True)
    op.create_table(
        "study_token",
        sa.Column("token", TEXT, primary_key=True),
        sa.Column("study_id", BIG, sa.ForeignKey("study.id", ondelete="CASCADE"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("study_token_of_study", "study_token", ["study_id", "token"])
    op.create_table(
        "study_mark",
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), primary_key=True),
        sa.Column("study_instance_uid", TEXT, primary_key=True),
        sa.Column("status", TEXT, nullable=False),
    )
    op.create_table(
        "series",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("study_id", BIG, sa.ForeignKey("study.id"), nullable=False),
        sa.Column("uid", TEXT, nullable=False),
        sa.Column("modality", TEXT, nullable=False, server_default=""),
        sa.Column("number", BIG),
        sa.Column("description", TEXT, nullable=False, server_default=""),
        sa.Column("body_part", TEXT, nullable=False, server_default=""),
        sa.Column("station", TEXT, nullable=False, server_default=""),
        sa.Column("instances", BIG, nullable=False, server_default="0"),
        sa.Column("bytes", BIG, nullable=False, server_default="0"),
        sa.Column("revision", BIG, nullable=False, server_default="0"),
        sa.Column("manifest_key", TEXT, nullable=False, server_default=""),
        sa.Column("manifest_revision", BIG, nullable=False, server_default="0"),
        sa.Column("thumbnail_key", TEXT, nullable=False, server_default=""),
        sa.Column("door", TEXT, nullable=False, server_default=""),
        sa.Column("source", TEXT, nullable=False, server_default=""),
        sa.Column("attributes", TEXT, nullable=False, server_default="{}"),
        sa.Column("told_at", BIG, nullable=False),
        sa.Column("told_by", BYTES, nullable=False),
    )
    op.create_index("series_uid", "series", ["study_id", "uid"], unique=True)
    op.create_table(
        "instance",
        sa.Column("series_id", BIG, sa.ForeignKey("series.id"), primary_key=True),
        sa.Column("uid", TEXT, primary_key=True),
        sa.Column("hospital_id", INT, nullable=False),
        sa.Column("sop_class_uid", TEXT, nullable=False, server_default=""),
        sa.Column("transfer_syntax_uid", TEXT, nullable=False, server_default=""),
        sa.Column("number", BIG),
        sa.Column("rows", INT),
        sa.Column("columns", INT),
        sa.Column("bits_allocated", INT),
        sa.Column("frames", BIG, nullable=False, server_default="0"),
        sa.Column("dataset_offset", BIG, nullable=False, server_default="0"),
        sa.Column("pixel_offset", BIG),
        sa.Column("pixel_length", BIG),
        sa.Column("frame_length", BIG),
        sa.Column("frame_table", BYTES),
        sa.Column("attributes", TEXT, nullable=False, server_default="{}"),
        sa.Column("object_key", TEXT, nullable=False, server_default=""),
        sa.Column("size", BIG, nullable=False, server_default="0"),
        sa.Column("sha256", BYTES, nullable=False),
        sa.Column("stored_at", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("instance_uid", "instance", ["uid", "hospital_id"], unique=True)
    op.create_table(
        "conflict",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("identity", TEXT, nullable=False),
        sa.Column("study_instance_uid", TEXT, nullable=False, server_default=""),
        sa.Column("series_instance_uid", TEXT, nullable=False, server_default=""),
        sa.Column("sop_instance_uid", TEXT, nullable=False, server_default=""),
        sa.Column("patient_id", TEXT, nullable=False, server_default=""),
        sa.Column("issuer", TEXT, nullable=False, server_default=""),
        sa.Column("patient_name", TEXT, nullable=False, server_default=""),
        sa.Column("kept_sha256", TEXT, nullable=False, server_default=""),
        sa.Column("sha256", TEXT, nullable=False, server_default=""),
        sa.Column("object_key", TEXT, nullable=False, server_default=""),
        sa.Column("size", BIG, nullable=False, server_default="0"),
        sa.Column("stored_at", BIG, nullable=False, server_default="0"),
        sa.Column("door", TEXT, nullable=False, server_default=""),
        sa.Column("source", TEXT, nullable=False, server_default=""),
        sa.Column("address", TEXT, nullable=False, server_default=""),
        sa.Column("at", BIG, nullable=False),
        sa.Column("resolved", BOOL, nullable=False, server_default=sa.false()),
    )
    op.create_index("conflict_identity", "conflict", ["hospital_id", "kind", "identity"], unique=True)
    op.create_table(
        "quarantine",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("object_key", TEXT, nullable=False, server_default=""),
        sa.Column("size", BIG, nullable=False, server_default="0"),
        sa.Column("stored_at", BIG, nullable=False, server_default="0"),
        sa.Column("reason", TEXT, nullable=False, server_default=""),
        sa.Column("door", TEXT, nullable=False, server_default=""),
        sa.Column("source", TEXT, nullable=False, server_default=""),
        sa.Column("address", TEXT, nullable=False, server_default=""),
        sa.Column("at", BIG, nullable=False),
    )
    op.create_index("quarantine_object", "quarantine", ["hospital_id", "sha256"], unique=True)
    op.create_table(
        "change",
        sa.Column("sequence", BIG, primary_key=True),
        sa.Column("hospital_id", INT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("study_instance_uid", TEXT, nullable=False, server_default=""),
        sa.Column("series_instance_uid", TEXT, nullable=False, server_default=""),
        sa.Column("sop_instance_uid", TEXT, nullable=False, server_default=""),
        sa.Column("at", BIG, nullable=False),
        sa.Column("detail", TEXT, nullable=False, server_default="{}"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cursor",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("sequence", BIG, nullable=False, server_default="0"),
    )
    op.create_table(
        "task",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("arguments", TEXT, nullable=False, server_default="{}"),
        sa.Column("key", TEXT, unique=True),
        sa.Column("priority", INT, nullable=False, server_default="0"),
        sa.Column("state", TEXT, nullable=False, server_default="ready"),
        sa.Column("run_at", BIG, nullable=False),
        sa.Column("lease_until", BIG),
        sa.Column("token", TEXT, nullable=False, server_default=""),
        sa.Column("tries", BIG, nullable=False, server_default="0"),
        sa.Column("done", BIG, nullable=False, server_default="0"),
        sa.Column("total", BIG, nullable=False, server_default="0"),
        sa.Column("again_at", BIG),
        sa.Column("error", TEXT, nullable=False, server_default=""),
        sa.Column("created_at", BIG, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("task_ready", "task", ["state", "run_at"])
    op.create_table(
        "user_account",
        sa.Column("id", INT, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_key", TEXT, nullable=False, unique=True),
        sa.Column("display_name", TEXT, nullable=False, server_default=""),
        sa.Column("language", TEXT, nullable=False, server_default="vi"),
        sa.Column("disabled", BOOL, nullable=False, server_default=sa.false()),
        sa.Column("password_hash", TEXT, nullable=False, server_default=""),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("last_sign_in_at", BIG),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "user_role",
        sa.Column("user_id", INT, sa.ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), primary_key=True),
        sa.Column("role", TEXT, primary_key=True),
    )
    op.create_table(
        "session",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("user_id", INT, sa.ForeignKey("user_account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("csrf", TEXT, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("seen_at", BIG, nullable=False),
        sa.Column("address", TEXT, nullable=False, server_default=""),
        sa.Column("agent", TEXT, nullable=False, server_default=""),
    )
    op.create_index("ix_session_user_id", "session", ["user_id"])
    op.create_table(
        "token",
        sa.Column("id", INT, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("secret_sha256", TEXT, nullable=False, unique=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("used_at", BIG),
        sa.Column("revoked", BOOL, nullable=False, server_default=sa.false()),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "setup_secret",
        sa.Column("secret_sha256", TEXT, primary_key=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("expires_at", BIG, nullable=False),
        sa.Column("used_at", BIG),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("name_key", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("at", BIG, nullable=False),
    )
    op.create_index("sign_in_failure_account", "sign_in_failure", ["name_key", "at"])
    op.create_index("sign_in_failure_address", "sign_in_failure", ["address", "at"])
    op.create_table(
        "peer",
        sa.Column("ae_title", TEXT, primary_key=True),
        sa.Column("hospital_id", INT, sa.ForeignKey("hospital.id"), nullable=False),
        sa.Column("host", TEXT, nullable=False, server_default=""),
        sa.Column("port", INT),
        sa.Column("allow", TEXT, nullable=False, server_default=""),
        sa.Column("description", TEXT, nullable=False, server_default=""),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("last_association_at", BIG),
        sa.Column("last_stored_at", BIG),
    )
    op.create_table(
        "refusal",
        sa.Column("ae_title", TEXT, primary_key=True),
        sa.Column("called_ae_title", TEXT, primary_key=True),
        sa.Column("address", TEXT, primary_key=True),
        sa.Column("reason", TEXT, primary_key=True),
        sa.Column("count", BIG, nullable=False, server_default="0"),
        sa.Column("first_at", BIG, nullable=False),
        sa.Column("last_at", BIG, nullable=False),
    )
