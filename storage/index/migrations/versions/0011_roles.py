"""`admin` becomes three roles: who had it keeps what they could do, and each part can be taken away.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

from storage.index.types import INT, TEXT

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ROLE = sa.table(
    "user_role", sa.column("user_id", INT), sa.column("hospital_id", INT), sa.column("role", TEXT)
)  # as it is now; the table may change later


def upgrade() -> None:
    """`admin` sees no images any more, and does not look after other hospitals. So that nobody is locked out, every
    administrator becomes a technologist of the same hospital, and those of the first hospital that has any look after
    the platform too."""
    db = op.get_bind()
    held = {(row.user_id, row.hospital_id, row.role) for row in db.execute(sa.select(_ROLE))}
    administrators = sorted((hospital, user) for user, hospital, role in held if role == "admin")
    given = {(user, hospital, "technologist") for hospital, user in administrators}
    given |= {(user, hospital, "platform") for hospital, user in administrators if hospital == administrators[0][0]}
    rows = [dict(zip(("user_id", "hospital_id", "role"), one, strict=True)) for one in sorted(given - held)]
    if rows:
        db.execute(_ROLE.insert(), rows)


def downgrade() -> None:
    op.execute(_ROLE.delete().where(_ROLE.c.role.in_(("platform", "expert"))))
