"""What was read from the index, remembered for exactly as long as nothing was committed to it.

A cache that lives by the clock would show a signed-out session or a rejected instance for a while. This one asks the
engine, each time, whether anything was committed since: SQLite counts commits in the shared header of its log
(``PRAGMA data_version``, 4 µs), PostgreSQL names the transactions a new snapshot sees (``pg_current_snapshot()``).
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import exc

from storage.errors import StorageUnavailable
from storage.index.types import SQLITE

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Stamp = tuple[int, object]


class Clock:
    """Tells states of the index apart: two equal stamps mean that nothing was committed in between.

    It owns one connection that only looks. What is read after a stamp was taken is at least as new as the stamp.
    """

    def __init__(self, engine: "Engine") -> None:
        module: Any = engine.dialect.dbapi
        self._errors: tuple[type[Exception], ...] = (exc.DBAPIError, module.Error)
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: Any = None
        self._cursor: Any = None
        self._owner = 0  # the process that opened the connection: it must not be used in a fork
        self._opened = 0
        self._left_alone: list[Any] = []  # the parents' connections: closing them here would release their locks

    def stamp(self) -> Stamp:
        """Which state the index is in. Raises StorageUnavailable."""
        with self._lock:
            try:
                return self._look()
            except self._errors:
                self._forget()  # the connection may be one from before the server was restarted
            try:
                return self._look()
            except self._errors as error:
                self._forget()
                raise StorageUnavailable(f"the index does not answer ({type(error).__name__})") from error

    def close(self) -> None:
        """Close the connection; the next stamp opens another and equals none before."""
        with self._lock:
            if self._owner == os.getpid():
                self._forget()

    def _look(self) -> Stamp:
        if self._owner != os.getpid():
            self._left_alone.append(self._connection)
            self._open()
        if self._engine.dialect.name == SQLITE:
            self._cursor.execute("PRAGMA data_version")
        else:
            self._cursor.execute("SELECT pg_current_snapshot()::text")
        return self._opened, self._cursor.fetchone()[0]

    def _open(self) -> None:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        if self._engine.dialect.name != SQLITE:
            connection.rollback()
            connection.autocommit = True
        self._connection, self._cursor, self._owner = connection, connection.cursor(), os.getpid()
        self._opened += 1

    def _forget(self) -> None:
        connection, self._connection, self._owner = self._connection, None, 0
        if connection is not None:
            with suppress(*self._errors):
                connection.close()


class Remembered(Generic[Key, Value]):
    """The last `most` values that were read, each good only while the index stays as it was. Threads may share it."""

    def __init__(self, stamp: Callable[[], Stamp], most: int) -> None:
        self._stamp = stamp
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, tuple[Stamp, Value]] = OrderedDict()

    def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """The value of `key`, from `read` unless it is remembered. What `read` raises is not remembered."""
        stamp = self._stamp()
        found = self.known(key, stamp)
        if found is not None:
            return found
        value = read()
        self.keep(key, value, stamp)
        return value

    def known(self, key: Key, stamp: Stamp) -> Value | None:
        """The value when it was kept under this very stamp, which the caller has just taken."""
        found = self._values.get(key)
        return found[1] if found is not None and found[0] == stamp else None

    def keep(self, key: Key, value: Value, stamp: Stamp) -> None:
        """Remember a value; `stamp` must have been taken before it was read."""
        with self._lock:
            self._values[key] = (stamp, value)
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
