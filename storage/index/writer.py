"""The one SQLite connection that a process writes with again and again.

Taking a connection from the pool, opening a transaction through the engine's events and giving it back costs more than
the statements of a C-STORE. SQLite has one writer at a time anyway. Whoever comes while it is in use takes one from the
pool; so does everybody on PostgreSQL, where the pool looks first whether the server is still there.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine

from storage.index.types import SQLITE

WRITING = "hoichan_writing"


class Writer:
    """Lends connections that begin as writers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._spare: deque[tuple[int, Connection]] = deque()  # at most one, and the process that opened it
        self._left_alone: list[Connection] = []  # a parent's: closing it here would release its locks

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """A connection outside of any transaction; after an error it is not lent again."""
        connection = self._taken() or self._engine.connect().execution_options(**{WRITING: True})
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if self._engine.dialect.name == SQLITE and not self._spare and not connection.in_transaction():
            self._spare.append((os.getpid(), connection))
        else:
            connection.close()

    def close(self) -> None:
        """Close what is spare; the next one is opened anew."""
        connection = self._taken()
        while connection is not None:
            connection.close()
            connection = self._taken()

    def _taken(self) -> Connection | None:
        while True:
            try:
                owner, connection = self._spare.pop()
            except IndexError:
                return None
            if owner == os.getpid():
                return connection
            self._left_alone.append(connection)
