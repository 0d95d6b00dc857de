"""The spool: what is written is hashed, what is left behind goes."""

import errno
import hashlib
import os
import time
from pathlib import Path

import pytest

from pacs.archive import spool
from pacs.archive.spool import Incoming
from storage.errors import StorageFull, StorageUnavailable
from storage.model.archive import Origin

ORIGIN = Origin(1, "main", "test", "test")


def test_hashes_what_is_written(tmp_path: Path) -> None:
    with Incoming(tmp_path, ORIGIN) as incoming:
        for piece in (b"abc", bytearray(b"def"), memoryview(b"ghi")):
            incoming.write(piece)
        assert incoming.size == 9
        assert incoming.sha256 == hashlib.sha256(b"abcdefghi").hexdigest()
        incoming.seal()
        assert incoming.path.read_bytes() == b"abcdefghi"
        assert incoming.path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:3]))
    with Incoming(tmp_path, ORIGIN) as incoming:
        incoming.write(b"0123456789")
        incoming.seal()
        assert incoming.path.read_bytes() == b"0123456789"


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, StorageFull), (errno.EIO, StorageUnavailable)])
def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type) -> None:
    def fails(file: int, data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    with Incoming(tmp_path, ORIGIN) as incoming:
        monkeypatch.setattr(os, "write", fails)
        with pytest.raises(kind):
            incoming.write(b"x")
    assert list(tmp_path.iterdir()) == []


def _left(folder: Path, name: str, idle: float) -> Path:
    path = folder / name
    path.write_bytes(b"x")
    then = time.time() - idle
    os.utime(path, (then, then))
    return path


def test_sweeps_what_dead_processes_left(tmp_path: Path) -> None:
    with Incoming(tmp_path, ORIGIN) as alive:
        host, process, _, _ = alive.path.name.split("-", 3)
        _left(tmp_path, alive.path.name, 600)
        dead = _left(tmp_path, f"{host}-{process}-1-abc.part", 120)
        fresh = _left(tmp_path, f"{host}-{process}-1-def.part", 5)
        elsewhere = _left(tmp_path, f"other-{process}-1-abc.part", 120)
        old = _left(tmp_path, f"other-{process}-1-def.part", 4000)
        strange = _left(tmp_path, "what.part", 4000)
        kept = _left(tmp_path, "not-ours.dcm", 4000)
        assert spool.sweep(tmp_path) == 3
        assert [path.exists() for path in (dead, old, strange)] == [False] * 3
        assert all(path.exists() for path in (alive.path, fresh, elsewhere, kept))


def test_sweeping_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert spool.sweep(tmp_path / "none") == 0
