"""What we ask of a disk, and what its answers mean."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import StorageFull, StorageUnavailable
from storage.objects.trust import Trust

FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class NotDurable(OSError):
    """An fsync failed."""


@contextmanager
def said(root: Path, trust: Trust | None = None) -> Iterator[None]:
    """What the operating system reports, in our words. A failed fsync of a put ends the trust in the disk."""
    try:
        yield
    except OSError as error:
        if trust is not None and isinstance(error, NotDurable):
            trust.lose(error)
        if error.errno in FULL:
            raise StorageFull(f"no room left in {root} ({os.strerror(error.errno)})") from error
        raise StorageUnavailable(f"{root} cannot be used: {error.strerror or type(error).__name__}") from error


def link_or_rename(file: str, target: str) -> None:
    try:
        os.link(file, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.exists(target):  # a file system without hard links: rename, which never leaves half a file either
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from None
        os.rename(file, target)


def fsync(descriptor: int) -> None:
    """Raises OSError for a file that has no room, which is then not linked and not believed again, and NotDurable for
    everything else."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in FULL and not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise
        raise NotDurable(error.errno, error.strerror) from error


def synchronise(folder: Path | str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fsync(descriptor)
    finally:
        os.close(descriptor)
