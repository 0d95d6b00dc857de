"""A disk whose power can be cut: a file system in an image file, and a snapshot of that image.

The image lies on XFS, where a copy of it costs nothing and is of one moment (FICLONE). The snapshot has what the file
system had written to its disk; what was only in the page cache is not in it. Needs root, loop devices, mkfs.ext4 and
mkfs.xfs (Debian: e2fsprogs, xfsprogs).
"""

import fcntl
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

FILE_SYSTEMS = ("ext4", "xfs")
NEEDED = "root, loop devices and mkfs: as root, apt-get install e2fsprogs xfsprogs mount"
_FICLONE = 0x40049409
_HOST_BYTES, _DISK_BYTES = 12 << 30, 4 << 30  # both sparse
_UMOUNT_SECONDS = 60
_MAKE = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q", "-f")}


class CannotCut(Exception):
    """This machine does not let us make a disk."""


class Disk:
    """A file system of one kind at `mounted`."""

    def __init__(self, folder: Path, kind: str) -> None:
        """`folder` holds mount points; the bytes are in memory when there is room, because only order matters."""
        if reason := why_not():
            raise CannotCut(f"{reason}. A power cut needs {NEEDED}")
        self.mounted = folder / "disk"
        self._kind = kind
        self._host = folder / "host"
        memory = Path("/dev/shm")
        place = memory if memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30 else folder
        self._host_image = place / f"hoichan-power-{os.getpid()}-{time.monotonic_ns()}.img"
        self._image, self._snapshot = self._host / "disk.img", self._host / "cut.img"

    def __enter__(self) -> Self:
        try:
            for path in (self.mounted, self._host):
                path.mkdir(parents=True)
            _sparse(self._host_image, _HOST_BYTES)
            _run("mkfs.xfs", "-q", "-f", "-m", "reflink=1", str(self._host_image))
            _run("mount", "-o", "loop", str(self._host_image), str(self._host))
            _sparse(self._image, _DISK_BYTES)
            _run(*_MAKE[self._kind], str(self._image))
            self._mount()
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def cut(self) -> None:
        """The moment the power goes: what is on the disk now is what there will be."""
        with self._image.open("rb") as image, self._snapshot.open("wb") as snapshot:
            fcntl.ioctl(snapshot.fileno(), _FICLONE, image.fileno())

    def power_on(self) -> None:
        """After everybody has let go of the disk: mount what there was at the moment of the cut."""
        _umount(self.mounted)
        self._snapshot.replace(self._image)
        self._mount()

    def settle(self) -> None:
        """Write everything: what happened before is not under test."""
        os.sync()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.mounted))

    def _let_go(self) -> None:
        for path in (self.mounted, self._host):
            if os.path.ismount(path):
                _umount(path)
        self._host_image.unlink(missing_ok=True)


def why_not() -> str:
    """Why no disk can be made on this machine; "" when it can."""
    if os.geteuid() != 0:
        return "this is not root"
    if missing := [name for name in ("mkfs.ext4", "mkfs.xfs", "mount", "umount") if shutil.which(name) is None]:
        return f"{', '.join(missing)} is missing"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices"
    return ""


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def _umount(path: Path) -> None:
    deadline = time.monotonic() + _UMOUNT_SECONDS
    while True:
        done = subprocess.run(["umount", str(path)], capture_output=True, text=True)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise CannotCut(f"umount: {done.stderr.strip()} {_who_holds(path)}")
        time.sleep(0.02)


def _who_holds(path: Path) -> str:
    """The processes that have something of a folder open, or stand in it."""
    found: dict[str, str] = {}
    for link in (*Path("/proc").glob("[0-9]*/cwd"), *Path("/proc").glob("[0-9]*/fd/*")):
        with suppress(OSError):
            if str(link.readlink()).startswith(str(path)):
                process = link.parts[2]
                line = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[process] = f"{link.readlink()} of {process}: {line[:200]}"
    return "; ".join(found.values()) or "(nobody in sight)"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CannotCut(f"{' '.join(command)}: {done.stderr.strip()}. A power cut needs {NEEDED}")
