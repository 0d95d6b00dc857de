"""Processor time and memory of a server's process tree (Linux)."""

import os
import threading
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")
_EVERY_SECONDS = 0.2


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree, with that of its children that have ended."""
    return sum(cpu_times(pid))


def cpu_times(pid: int) -> tuple[float, float]:
    """User and system time of the tree in seconds, each with that of its children that have ended."""
    fields = [one for one in map(_stat, tree(pid)) if one]
    user = sum(int(one[11]) + int(one[13]) for one in fields)
    return user / _TICK, sum(int(one[12]) + int(one[14]) for one in fields) / _TICK


def pss_mb(pid: int) -> float:
    """Proportional set size of the tree: what would be free without it."""
    total = 0
    for one in tree(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def listening(pid: int, ports: Collection[int]) -> list[int]:
    """The processes of the tree that listen at one of these TCP ports, or have it from who does."""
    sockets = {f"socket:[{inode}]" for port in ports for inode in _inodes(port)}
    return [one for one in tree(pid) if not sockets.isdisjoint(_open_files(one))]


def most_mb(pid: int) -> float:
    """The most memory this process had (resident, what it shares included)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _inodes(port: int) -> Iterator[str]:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]


def _open_files(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                yield os.readlink(path)


class Usage:
    """``with Usage(pid) as usage: …`` then `cpu` seconds, `before` and `peak` memory in MB; nothing for pid 0."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.cpu = self.before = self.peak = 0.0

    def __enter__(self) -> Self:
        if self._pid:
            self.cpu = -cpu_seconds(self._pid)
            self.before = self.peak = pss_mb(self._pid)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid:
            self._over.set()
            self._thread.join()
            self.peak = max(self.peak, pss_mb(self._pid))
            self.cpu += cpu_seconds(self._pid)

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self.peak = max(self.peak, pss_mb(self._pid))


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
