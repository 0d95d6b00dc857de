"""Other processes as the kernel shows them. Whatever is read here may be gone in the next moment."""

import os
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The processes that one has begun and that are there; none when it is gone itself."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def family(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(one for child in children(pid) for one in family(child))]


def open_files(pid: int) -> list[str]:
    """What the descriptors of a process lead to: paths, and names like "socket:[123]"."""
    found: list[str] = []
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):  # closed since it was listed
                found.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return found


def parent(pid: int) -> int:
    """Who began a process; 0 when it is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def is_gone(pid: int) -> bool:
    """Whether a process has ended, even if nobody has asked how."""
    fields = _stat(pid)
    return not fields or fields[0] in "ZX"


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP has stopped a process."""
    return _stat(pid)[:1] == ["T"]


def processor_seconds(pid: int) -> float:
    """User and system time of a process and of its children that have ended; 0 when it is gone."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0


def listening(port: int) -> set[str]:
    """The sockets that listen on a TCP port, as `open_files` names them."""
    return _sockets("0A", port)


def established(port: int, others: set[int] | None = None) -> set[str]:
    """The connections to a local TCP port, of all or of these remote ports, as `open_files` names them."""
    return _sockets("01", port, others)


def _sockets(state: str, port: int, others: set[int] | None = None) -> set[str]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        f"socket:[{row[9]}]" for row in rows
        if row[3] == state and _port(row[1]) == port and (others is None or _port(row[2]) in others)
    }  # fmt: skip


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, beginning with the state; none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
