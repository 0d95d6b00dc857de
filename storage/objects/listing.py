"""What lies in a folder of a filesystem store, oldest first, without reading what did not change."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from storage.errors import StorageUnavailable
from storage.objects.names import is_key

_RACY_NS = 2_000_000_000  # a folder that changed so lately may change again within the same tick of its time


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """One object: when it arrived (nanoseconds), its key and size, and since when it lies here (seconds)."""

    at: int
    key: str
    size: int
    since: float


@dataclass(frozen=True, slots=True)
class _Folder:
    changed: int
    folders: tuple[str, ...]
    entries: tuple[Entry, ...]


class Listing:
    """All objects below `root`; what somebody tries out (``check/…``) and half-done files are none."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, _Folder] = {}

    def read(self) -> list[Entry]:
        """Every object, oldest first. Costs one look at each folder, and reads those that changed. Raises
        StorageUnavailable."""
        found: list[Entry] = []
        known: dict[str, _Folder] = {}
        try:
            self._read("", found, known)
        except OSError as error:
            raise StorageUnavailable(f"{self._root} cannot be read: {error.strerror}") from error
        self._known = known
        return sorted(found)

    def _read(self, name: str, found: list[Entry], known: dict[str, _Folder]) -> None:
        path = self._root / name
        try:
            changed = path.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return
        folder = self._known.get(name)
        if folder is None or folder.changed != changed:
            racy = time.time_ns() - changed < _RACY_NS
            folder = _look(path, name, -1 if racy else changed)
        known[name] = folder
        found.extend(folder.entries)
        for inner in folder.folders:
            self._read(inner, found, known)


def _look(path: Path, name: str, changed: int) -> _Folder:
    folders: list[str] = []
    entries: list[Entry] = []
    with os.scandir(path) as inside:
        for one in inside:
            key = f"{name}/{one.name}" if name else one.name
            if one.name.startswith(".") or key == "check":
                continue
            if one.is_dir(follow_symlinks=False):
                folders.append(key)
            elif is_key(key):
                try:
                    status = one.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                entries.append(Entry(status.st_mtime_ns, key, status.st_size, status.st_ctime))
    return _Folder(changed, tuple(folders), tuple(entries))
