"""Where bytes wait until they are durable in the object store: one file for each object that is arriving."""

import contextlib
import errno
import hashlib
import os
import socket
import time
import uuid
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.errors import StorageFull, StorageUnavailable
from storage.model.archive import Origin

SUFFIX = ".part"
ABANDONED_SECONDS = 3600
_DEAD_SECONDS = 60
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


class Incoming:
    """An object that is arriving: a spool file that is hashed while it is written.

    Leaving the context removes the file unless the object was handed to `Archive.store`, which removes it itself.
    """

    def __init__(self, folder: Path, origin: Origin) -> None:
        self.origin = origin
        self.path = folder / f"{_owner()}-{uuid.uuid4().hex}{SUFFIX}"
        self.size = 0
        self.handed_over = False
        self._digest = hashlib.sha256()
        try:
            try:
                self._file = os.open(self.path, _NEW, 0o600)
            except FileNotFoundError:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._file = os.open(self.path, _NEW, 0o600)
        except OSError as error:
            raise said(error) from error
        self._open = True

    @property
    def sha256(self) -> str:
        """Of what has been written so far."""
        return self._digest.hexdigest()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take the next bytes. Raises StorageFull or StorageUnavailable."""
        view = memoryview(data)
        size = view.nbytes
        self._digest.update(view)
        try:
            written = os.write(self._file, view)
            while written < size:
                written += os.write(self._file, view[written:])
        except OSError as error:
            raise said(error) from error
        self.size += size
        return size

    def seal(self) -> None:
        """No more bytes come."""
        if self._open:
            self._open = False
            try:
                os.close(self._file)
            except OSError as error:
                raise said(error) from error

    def discard(self) -> None:
        """Remove the spool file; harmless when the object store has taken it."""
        with contextlib.suppress(StorageUnavailable):
            self.seal()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.handed_over:
            self.discard()


def said(error: OSError) -> StorageUnavailable:
    """What the operating system reports, in our words."""
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return StorageFull(f"no room left in the spool folder ({reason})")
    return StorageUnavailable(f"the spool folder cannot be used: {reason}")


def sweep(folder: Path) -> int:
    """Remove what crashed processes left: files of processes that are gone, and files nobody has written to for an
    hour. How many went."""
    removed = 0
    host = _host()
    try:
        found = list(folder.glob(f"*{SUFFIX}"))
    except OSError as error:
        raise said(error) from error
    for path in found:
        try:
            idle = time.time() - path.stat().st_mtime
            owner_host, process, started, _ = path.name.split("-", 3)
            dead = owner_host == host and _started(int(process)) != started and idle > _DEAD_SECONDS
        except FileNotFoundError:
            continue
        except ValueError:
            dead = False
        if dead or idle > ABANDONED_SECONDS:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _owner() -> str:
    return _owner_of(os.getpid())


@lru_cache(maxsize=1)
def _owner_of(process: int) -> str:
    return f"{_host()}-{process}-{_started(process)}"


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12]


def _started(process: int) -> str:
    """When the process began, as the kernel counts; "0" where that is not known, "" when there is no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        pass
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "0"
