"""System calls that fail when a test says so, and a disk that remembers only what was made durable.

In-process and exhaustive: the calls by which an object is stored are numbered, and each of them fails once. What a
power cut would leave is modelled from the calls that succeeded: bytes of a file after its fsync, a name after an fsync
of its folder. It is stricter than real file systems, which often keep more.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CALLS = ("open", "write", "fsync", "fchmod", "link", "rename", "mkdir", "unlink", "stat", "close")
ERRORS: dict[str, int] = {
    "EIO": errno.EIO,
    "ENOSPC": errno.ENOSPC,
    "EINTR": errno.EINTR,
}
SHORT = "short write"


@dataclass
class Disk:
    """What of the files below `root` would be there after a power cut."""

    root: Path
    files: set[tuple[int, int]] = field(default_factory=set)  # device and number of each synchronised file
    names: dict[str, set[str]] = field(default_factory=dict)  # of each synchronised folder

    def synchronised(self, descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            self.names[path] = set(os.listdir(path))
        else:
            self.files.add((status.st_dev, status.st_ino))

    def keeps(self, path: Path) -> bool:
        """Whether this file and the way to it from the root are durable."""
        status = path.stat()
        if (status.st_dev, status.st_ino) not in self.files:
            return False
        while path != self.root:
            if path.name not in self.names.get(str(path.parent), set()):
                return False
            path = path.parent
        return True


@dataclass
class Calls:
    """Counts the calls on files below `root` and lets the one of number `fails` fail with `error`."""

    disk: Disk
    fails: int = 0
    error: str = ""
    count: int = 0
    seen: list[str] = field(default_factory=list)
    _ours: set[int] = field(default_factory=set)

    @contextmanager
    def watching(self, patch: pytest.MonkeyPatch) -> Iterator["Calls"]:
        """While the block runs, the calls of this process go through us."""
        with patch.context() as patched:
            for name in CALLS:
                patched.setattr(os, name, self._through(name, getattr(os, name)))
            yield self

    def _through(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(first: Any, *rest: Any, **more: Any) -> Any:
            if not self._is_ours(name, first):
                return real(first, *rest, **more)
            self.count += 1
            self.seen.append(name)
            if self.count == self.fails:
                if self.error != SHORT:
                    if name == "close":
                        real(first)
                    raise OSError(ERRORS[self.error], os.strerror(ERRORS[self.error]))
                if name == "write" and len(rest[0]) > 1:
                    return real(first, memoryview(rest[0])[: len(rest[0]) // 2])
            answer = real(first, *rest, **more)
            if name == "open":
                self._ours.add(answer)
            elif name == "close":
                self._ours.discard(first)
            elif name == "fsync":
                self.disk.synchronised(first)
            return answer

        return call

    def _is_ours(self, name: str, first: Any) -> bool:
        if isinstance(first, int):
            return first in self._ours
        return str(first).startswith(f"{self.disk.root}/") or str(first) == str(self.disk.root)
