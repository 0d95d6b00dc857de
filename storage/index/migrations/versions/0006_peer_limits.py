"""Certificates and limits of peers; the certificate that was offered with what we refused.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import BOOL, INT, TEXT

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("peer", sa.Column("certificate", TEXT, nullable=False, server_default=""))
    op.add_column("peer", sa.Column("plain", BOOL, nullable=False, server_default=sa.false()))
    op.add_column("peer", sa.Column("tls", BOOL, nullable=False, server_default=sa.false()))
    op.add_column("peer", sa.Column("min_rate", INT))
    op.add_column("peer", sa.Column("max_object_mb", INT))
    op.add_column("peer", sa.Column("max_associations", INT))
    op.add_column("refusal", sa.Column("certificate", TEXT, nullable=False, server_default=""))
