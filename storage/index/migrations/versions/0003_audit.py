"""The audit log, which only grows.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BIG, INT, POSTGRESQL, TEXT

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXTS = ("actor", "role", "address")
_SQLITE = """CREATE TRIGGER audit_no_{what} BEFORE {what} ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"""
_FUNCTION = """CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$"""
_ROWS = """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_only_grows()"""
_ALL = """CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()"""


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", BIG, primary_key=True, autoincrement=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("hospital_id", INT, nullable=False),
        sa.Column("hospital", TEXT, nullable=False),
        *(sa.Column(name, TEXT, nullable=False, server_default="") for name in _TEXTS),
        sa.Column("action", TEXT, nullable=False),
        *(sa.Column(name, TEXT, nullable=False, server_default="") for name in ("object", "patient", "reason")),
        sa.Column("result", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False, server_default="{}"),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
    )
    op.create_index("audit_object", "audit", ["object", "sequence"])
    op.create_index("audit_actor", "audit", ["actor", "sequence"])
    if op.get_bind().dialect.name == POSTGRESQL:
        for statement in (_FUNCTION, _ROWS, _ALL):
            op.execute(statement)
    else:
        for what in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(what=what))
