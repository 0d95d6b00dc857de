"""The table of what people draw and write on images."""

from sqlalchemy import Column, ForeignKey, Index, Table

from storage.index.columns import metadata, text
from storage.index.types import BIG, INT, TEXT

# Only ever added to; it survives a rebuild, which cannot know it.
annotation_event = Table(
    "annotation_event",
    metadata,
    Column("hospital_id", INT, ForeignKey("hospital.id"), primary_key=True),  # whose study it is
    Column("study_instance_uid", TEXT, primary_key=True),
    Column("sequence", BIG, primary_key=True),  # 1, 2, 3 … within the study
    Column("annotation_id", TEXT, nullable=False),
    Column("version", BIG, nullable=False),  # 1, 2, 3 … within the annotation
    Column("client_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("author_id", INT, ForeignKey("user_account.id")),
    text("guest"),
    Column("consult_id", BIG),  # whose parties see it too
    Column("at", BIG, nullable=False),
    Column("body", TEXT, nullable=False),
    Index("annotation_version", "hospital_id", "study_instance_uid", "annotation_id", "version", unique=True),
    Index("annotation_act", "hospital_id", "study_instance_uid", "client_id", unique=True),
    sqlite_with_rowid=False,
)
