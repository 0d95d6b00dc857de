"""Tables of what hospitals ask and show each other: grants on single studies, consultations, invitations."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table

from storage.index.columns import count, metadata, text
from storage.index.types import BIG, BOOL, INT, TEXT

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

# A question from one hospital to those who answer for another, or to one person.
consult = Table(
    "consult",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("code", TEXT, nullable=False, unique=True),  # random: what addresses name
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("requester_id", INT, ForeignKey("user_account.id"), nullable=False),
    Column("to_hospital_id", INT, ForeignKey("hospital.id")),
    Column("to_user_id", INT, ForeignKey("user_account.id")),
    text("specialty"),
    Column("state", TEXT, nullable=False),
    text("waits_for"),  # "to", "from": whose turn it is; "": nobody's
    Column("urgency", TEXT, nullable=False),
    Column("due_at", BIG, nullable=False),
    Column("question_chips", TEXT, nullable=False, server_default="[]"),  # JSON: codes of pacs/consult/vocabulary.py
    text("question"),
    text("language"),
    Column("anonymise", BOOL, nullable=False, server_default=sa.false()),
    text("informed_how"),
    Column("informed_at", BIG),
    text("verdict"),  # of the last opinion
    text("outcome"),  # at closing, whether a transfer was avoided: "yes", "no", "na"
    Column("created_at", BIG, nullable=False),
    Column("changed_at", BIG, nullable=False),
    Column("answered_at", BIG),
    Column("concluded_at", BIG),
    Column("closed_at", BIG),
    Column("revoked_at", BIG),  # when the side that asks ended what the other side sees
    count("sequence"),  # of the last event
    Index("consult_from", "hospital_id", "state"),
    Index("consult_to_hospital", "to_hospital_id", "state"),
    Index("consult_to_user", "to_user_id", "state"),
    sqlite_autoincrement=True,
)

# The studies a consultation names. The addressed side sees `shown_*`: the study itself, or its de-identified copy.
consult_study = Table(
    "consult_study",
    metadata,
    Column("consult_id", BIG, ForeignKey("consult.id"), primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), primary_key=True),
    Column("study_instance_uid", TEXT, primary_key=True),
    Column("prior", BOOL, nullable=False, server_default=sa.false()),
    Column("expected", BIG, nullable=False, server_default="0"),  # images when it was named
    Column("shown_hospital_id", INT, ForeignKey("hospital.id")),
    Column("shown_study_instance_uid", TEXT),
    Index("consult_of_study", "study_instance_uid", "hospital_id"),
    Index("consult_shows_study", "shown_study_instance_uid"),
)

# What happened in a consultation, in order and without gaps; rows are only added.
consult_event = Table(
    "consult_event",
    metadata,
    Column("consult_id", BIG, ForeignKey("consult.id"), primary_key=True),
    Column("sequence", BIG, primary_key=True),
    Column("client_id", TEXT, nullable=False),  # of who sent it: the same again is the same event
    Column("at", BIG, nullable=False),
    Column("actor_id", INT, ForeignKey("user_account.id")),
    text("guest"),
    Column("hospital_id", INT, ForeignKey("hospital.id")),  # for which the actor spoke
    Column("kind", TEXT, nullable=False),
    Column("body", TEXT, nullable=False, server_default="{}"),
    Index("consult_event_of_client", "consult_id", "client_id", unique=True),
)

# Photos and PDFs of a consultation; the bytes are objects of the hospital that asked.
consult_attachment = Table(
    "consult_attachment",
    metadata,
    Column("consult_id", BIG, ForeignKey("consult.id"), primary_key=True),
    Column("client_id", TEXT, primary_key=True),
    Column("user_id", INT, ForeignKey("user_account.id")),
    Column("at", BIG, nullable=False),
    text("name"),
    Column("type", TEXT, nullable=False),
    count("size"),
    Column("object_key", TEXT, nullable=False),
)

# How far somebody has read.
consult_seen = Table(
    "consult_seen",
    metadata,
    Column("consult_id", BIG, ForeignKey("consult.id"), primary_key=True),
    Column("user_id", INT, ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True),
    count("sequence"),
)

# E-mail that is to be sent, once for each key.
consult_notice = Table(
    "consult_notice",
    metadata,
    Column("key", TEXT, primary_key=True),
    Column("consult_id", BIG, ForeignKey("consult.id"), nullable=False),
    Column("user_id", INT, ForeignKey("user_account.id", ondelete="CASCADE"), nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("at", BIG, nullable=False),
    Column("sent_at", BIG),
    text("outcome"),  # why it was not sent
)

# A person from elsewhere who is asked and has no password yet.
invitation = Table(
    "invitation",
    metadata,
    Column("user_id", INT, ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True),
    Column("hospital_id", INT, ForeignKey("hospital.id"), nullable=False),
    Column("invited_by", INT, ForeignKey("user_account.id"), nullable=False),
    text("secret_sha256"),  # of the link sent last
    Column("created_at", BIG, nullable=False),
    Column("expires_at", BIG, nullable=False),
    Column("used_at", BIG),
    Index("invitation_secret", "secret_sha256"),
)
