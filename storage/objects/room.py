"""How much room the disks have on which we write, and below which mark nothing more is taken."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from storage.errors import StorageFull

SHARE = 0.05
MOST = 10**9


@dataclass(frozen=True, slots=True)
class Space:
    """One disk: bytes, and the mark below which nothing more is taken."""

    folder: Path
    free: int
    total: int
    mark: int

    @property
    def full(self) -> bool:
        return self.free < self.mark


class Room:
    """The disks under some folders. Below the mark (`keep_free` bytes, or 5 % of the disk but at most 1 GB) new objects
    are refused, so that the index, the audit log and deletions have room to go on; above it they are taken again."""

    def __init__(self, folders: Iterable[Path] = (), keep_free: int = 0) -> None:
        self._folders = tuple(folders)
        self._keep_free = keep_free

    def must_have(self) -> None:
        """Raise StorageFull below the mark. Costs two microseconds for a folder, so nobody remembers the answer."""
        for space in self.spaces():
            if space.full:
                raise StorageFull(
                    f"{space.free / 1e6:,.0f} MB are free on the disk of {space.folder.name}, "
                    f"below {space.mark / 1e6:,.0f} MB nothing more is taken"
                )

    def spaces(self) -> list[Space]:
        """What each disk has; a folder that cannot be asked is left out, writing to it will say why."""
        found: dict[tuple[int, int], Space] = {}
        for folder in self._folders:
            try:
                status = os.statvfs(folder)
            except OSError:
                continue
            free, total = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
            mark = self._keep_free or min(int(total * SHARE), MOST)
            found.setdefault((status.f_fsid, total), Space(folder, free, total, mark))
        return list(found.values())
