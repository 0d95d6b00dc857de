"""Where all tables are listed, and columns that many of them have."""

import sqlalchemy as sa
from sqlalchemy import Column

from storage.index.types import BIG, TEXT

metadata = sa.MetaData()


def text(name: str) -> "Column[str]":
    """Text that is never NULL."""
    return Column(name, TEXT, nullable=False, server_default="")


def count(name: str) -> "Column[int]":
    """A number from 0 on that is never NULL."""
    return Column(name, BIG, nullable=False, server_default="0")
