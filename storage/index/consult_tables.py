"""Tables of what hospitals show each other: grants on single studies."""

from sqlalchemy import Column, ForeignKey, Index, Table

from storage.index.columns import metadata
from storage.index.types import BIG, INT, TEXT

# Who may see a study that is not their hospital's: one account, those who answer for a hospital, or guests of a link.
study_grant = Table(
    "study_grant",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("consult_id", BIG),
    Column("link_id", BIG),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),  # whose study it is
    Column("study_instance_uid", TEXT, nullable=False),
    Column("to_user_id", INT, ForeignKey("user_account.id", ondelete="CASCADE")),
    Column("to_hospital_id", INT, ForeignKey("hospital.id")),
    Column("created_at", BIG, nullable=False),
    Column("expires_at", BIG),  # NULL: until something ends it
    Column("revoked_at", BIG),  # when it ended, for whichever reason
    Index("study_grant_of_user", "to_user_id"),
    Index("study_grant_of_hospital", "to_hospital_id"),
    Index("study_grant_of_consult", "consult_id"),
    Index("study_grant_of_link", "link_id"),
    sqlite_autoincrement=True,
)
