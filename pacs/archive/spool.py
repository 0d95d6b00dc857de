"""Where bytes wait until they are durable in the object store: one file for each object that is arriving."""

import contextlib
import errno
import fcntl
import hashlib
import itertools
import mmap
import os
import secrets
import socket
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

from pacs.archive import blocks
from pacs.archive.beside import beside
from storage.errors import StorageFull, StorageUnavailable
from storage.model.archive import Origin

SUFFIX = ".part"
ABANDONED_SECONDS = 3600
_DEAD_SECONDS = 10
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_DIRECT = getattr(os, "O_DIRECT", 0)
HEAD = 64 * 1024  # most headers end before this
SMALL = 64 * 1024  # up to here neither a second thread nor a way past the page cache pays

_RANDOM = secrets.token_hex(12)
_numbers = itertools.count()  # random numbers for each would let another thread have the interpreter
_active: "list[Incoming]" = []  # those of this process that are arriving


class Incoming:
    """An object that is arriving: gathered in one block of memory, hashed, and written to a spool file block by block.

    Memory stays one block, whatever the size. With a `synchronise` the file is made durable when it is sealed, ready
    to become an object by its name alone. Leaving the context removes the file unless the object was handed to
    `Archive.store`, which removes it itself.
    """

    def __init__(self, folder: Path, origin: Origin, synchronise: Callable[[int], None] | None = None) -> None:
        self.origin = origin
        self.path = folder / f"{_owner()}-{_RANDOM}{next(_numbers):x}{SUFFIX}"  # the file, there once it is sealed
        self.size = 0
        self.handed_over = False
        self.durable = synchronise is not None
        self._synchronise = synchronise
        self.head = b""  # the first bytes, once sealed
        self._digest = hashlib.sha256()
        self._block: mmap.mmap | None = None
        self._filled = 0
        self._file = -1
        self._written = 0
        self._direct = False
        self._sealed = False
        _active.append(self)

    @property
    def sha256(self) -> str:
        """Of what has been written so far."""
        digest = self._digest
        if self._block is not None and not self._sealed:
            digest = digest.copy()
            digest.update(self._block[: self._filled])
        return digest.hexdigest()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take the next bytes. Raises StorageFull or StorageUnavailable."""
        view = memoryview(data)
        done, size = 0, view.nbytes
        if self._block is None:
            self._block = blocks.take()
        while done < size:
            count = min(blocks.BLOCK - self._filled, size - done)
            self._block[self._filled : self._filled + count] = view[done : done + count]
            self._filled += count
            self.size += count
            done += count
            if self._filled == blocks.BLOCK:
                self._flush(self._block, last=False)
        return size

    def seal(self) -> None:
        """No more bytes come: all are hashed and in the file, synchronised when it is to be durable."""
        if self._sealed:
            return
        try:
            self._flush(self._block, last=True)
            self._sealed = True
        finally:
            self._let_go()

    def discard(self) -> None:
        """Remove the spool file; harmless when the object store has taken it."""
        self._sealed = True
        self._let_go()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def _flush(self, block: mmap.mmap | None, *, last: bool) -> None:
        """Hash and write what the block holds, the one beside the other when nobody else needs the processors."""
        if self._written == 0 and block is not None:
            self.head = block[: min(self._filled, HEAD)]
        with memoryview(block or b"")[: self._filled] as view:
            hashing = beside(lambda: self._digest.update(view)) if arriving() == 1 and self._filled > SMALL else None
            try:
                if hashing is None:
                    self._digest.update(view)
                self._keep(view, last=last)
            except OSError as error:
                raise said(error) from error
            finally:
                if hashing is not None:
                    hashing.result()
        self._filled = 0

    def _keep(self, view: memoryview, *, last: bool) -> None:
        if self._file < 0:
            self._open(large=not last or self._filled > SMALL)
        whole = self._filled - self._filled % blocks.ALIGNMENT if self._direct else self._filled
        self._write_all(view[:whole])
        if whole < self._filled:  # the rest of the last one is no whole disk block
            self._through_the_cache()
            self._write_all(view[whole:])
        if last and self._synchronise is not None:
            self._synchronise(self._file)

    def _open(self, *, large: bool) -> None:
        """Large files that are to be durable go past the page cache: copying them into new pages costs more than all
        the rest of writing, and pushes out what readers read. A file system that cannot do so says EINVAL."""
        mode = 0o444 if self.durable else 0o600
        flags = _NEW | (_DIRECT if large and self.durable else 0)
        self._direct = bool(flags & _DIRECT)
        try:
            self._file = os.open(self.path, flags, mode)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self.path, flags, mode)
        except OSError as error:
            if not self._direct or error.errno != errno.EINVAL:
                raise
            self.path.unlink(missing_ok=True)
            self._direct = False
            self._file = os.open(self.path, _NEW, mode)

    def _write_all(self, view: memoryview) -> None:
        while view:
            try:
                count = os.write(self._file, view)
            except OSError as error:
                if not self._direct or error.errno != errno.EINVAL:
                    raise
                count = 0
            self._written += count
            view = view[count:]
            if self._direct and (count == 0 or count % blocks.ALIGNMENT):
                self._through_the_cache()

    def _through_the_cache(self) -> None:
        self._direct = False
        fcntl.fcntl(self._file, fcntl.F_SETFL, 0)

    def _let_go(self) -> None:
        """Of the block and the descriptor."""
        with contextlib.suppress(ValueError):
            _active.remove(self)
        if self._block is not None:
            blocks.give(self._block)
            self._block = None
        if self._file >= 0:
            file, self._file = self._file, -1
            with contextlib.suppress(OSError):
                os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.handed_over:
            self.discard()


def arriving() -> int:
    """How many objects this process is receiving."""
    return len(_active)


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
    alive: dict[str, str] = {}  # by process: when it began
    try:
        found = list(folder.glob(f"*{SUFFIX}"))
    except OSError as error:
        raise said(error) from error
    for path in found:
        try:
            idle = time.time() - path.stat().st_mtime
            owner_host, process, started, _ = path.name.split("-", 3)
            if process not in alive:
                alive[process] = _started(int(process))
            dead = owner_host == host and alive[process] != started and idle > _DEAD_SECONDS
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
