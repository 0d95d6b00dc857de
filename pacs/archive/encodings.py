"""Frames that were encoded on demand, kept in a bounded folder for the next one who asks.

The folder may be lost at any time and is shared by processes: a frame appears under its name whole, with a digest of
itself in front, and one that does not fit its digest (a power cut) is none. A name is made of the SHA-256 of the stored
object, the frame and the transfer syntax, so it can never be out of date; whether the object may be seen, or still is,
has been decided before anybody looks here.
"""

import fcntl
import hashlib
import os
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from pacs.pixels.syntaxes import GENERATION
from storage.model.archive import Instance

_DIGEST = 16
_LOCK = ".sweeping"
_KEPT = 0.8  # of the limit after a sweep
_TOUCHED_SECONDS = 300  # how exact "last used" has to be


class Encodings:
    """Keeps at most about `most_bytes` below `folder`, those used last. Threads and processes may share the folder."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._written = most_bytes  # by this process since it last looked at the whole: it looks at its first writing
        self._lock = threading.Lock()

    def get(self, instance: Instance, number: int, transfer_syntax: str) -> bytes | None:
        """The frame when it is kept."""
        path = self._path(instance.stored.sha256, number, transfer_syntax)
        try:
            with open(path, "rb") as file:
                found = file.read()
                status = os.fstat(file.fileno())
        except OSError:
            return None
        data = found[_DIGEST:]
        if _digest(data) != found[:_DIGEST]:
            with suppress(OSError):
                path.unlink()
            return None
        if status.st_mtime + _TOUCHED_SECONDS < time.time():
            with suppress(OSError):
                os.utime(path)
        return data

    def put(self, instance: Instance, number: int, transfer_syntax: str, data: bytes) -> None:
        """Keep the frame; when that is not possible, it is not kept."""
        if len(data) > self._most // 4:
            return
        path = self._path(instance.stored.sha256, number, transfer_syntax)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
            try:
                with open(descriptor, "wb") as file:
                    file.write(_digest(data) + data)
                os.replace(name, path)
            except BaseException:
                os.unlink(name)
                raise
            self._count(len(data))

    def forget(self, sha256: str) -> None:
        """Let go of everything made of this object: it was purged."""
        for path in (self._folder / sha256[:2]).glob(f"{sha256}-*"):
            with suppress(OSError):
                path.unlink()

    def _count(self, size: int) -> None:
        with self._lock:
            self._written += size
            if self._written < self._most // 16:
                return
            self._written = 0
        self._sweep()

    def _sweep(self) -> None:
        """Down to the limit, oldest first; one process at a time, the others need not."""
        with open(self._folder / _LOCK, "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return
            found = sorted(_files(self._folder))
            total = sum(size for _, size, _ in found)
            if total <= self._most:
                return
            for _, size, path in found:
                with suppress(OSError):
                    os.unlink(path)
                total -= size
                if total <= self._most * _KEPT:
                    return

    def _path(self, sha256: str, number: int, transfer_syntax: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}-{number}-{transfer_syntax}-{GENERATION}"


def _files(folder: Path) -> list[tuple[float, int, str]]:
    """Last use, size and path of every file that is kept or was left half written."""
    found = []
    for below in os.scandir(folder):
        if below.is_dir(follow_symlinks=False):
            for entry in os.scandir(below.path):
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime, status.st_size, entry.path))
    return found


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()
