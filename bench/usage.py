"""Processor time and memory of a server's process tree (Linux)."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")


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
    return _mb(pid, "VmHWM")


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
    """``with Usage(pid) as usage: …`` then `cpu` seconds, `before` and `peak` memory in MB; nothing for pid 0.

    The kernel itself notes the most each process had (VmHWM), so that nobody looks while it is measured: adding up the
    pages of ten processes five times a second took a twentieth of this machine. `peak` is at most too large: pages that
    several processes share count for each of them.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._resident: dict[int, float] = {}
        self.cpu = self.before = self.peak = 0.0

    def __enter__(self) -> Self:
        if self._pid:
            self.before = pss_mb(self._pid)
            self._resident = {one: _forget_most(one) for one in tree(self._pid)}
            self.cpu = -cpu_seconds(self._pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid:
            self.cpu += cpu_seconds(self._pid)
            grown = sum(max(0.0, _mb(one, "VmHWM") - had) for one, had in self._resident.items())
            self.peak = max(self.before + grown, pss_mb(self._pid))


def _forget_most(pid: int) -> float:
    """Let the kernel note from now on the most memory a process has; what it has now, in MB."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _mb(pid, "VmHWM")


def _mb(pid: int, field: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
