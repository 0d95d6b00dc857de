"""The tables' history (Alembic), run inside the caller's transaction and under a lock, so that two processes that
start together do not both make the tables."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from storage.index.types import POSTGRESQL

_LOCK = 0x486F694D


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the migrations that are missing."""
    if connection.dialect.name == POSTGRESQL:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    command.upgrade(config(connection), revision)


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for this folder, without an ini file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made
