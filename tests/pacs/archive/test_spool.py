"""The spool: what is written is hashed, what is left behind goes."""

import errno
import hashlib
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pacs.archive import spool
from pacs.archive.blocks import BLOCK
from pacs.archive.spool import HEAD, SMALL, Incoming
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


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("size", [0, 1, SMALL + 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 4096, 3 * BLOCK + 5])
def test_any_length_arrives_whole(tmp_path: Path, size: int, durable: bool) -> None:
    data = random.Random(size).randbytes(size)
    with Incoming(tmp_path, ORIGIN, os.fsync if durable else None) as incoming:
        for at in range(0, size, 100_001):
            incoming.write(data[at : at + 100_001])
        assert incoming.size == size
        incoming.seal()
        assert incoming.path.read_bytes() == data
        assert incoming.sha256 == hashlib.sha256(data).hexdigest()
        assert incoming.head == data[: len(incoming.head)]
        assert len(incoming.head) == min(size, HEAD)
        assert incoming.path.stat().st_mode & 0o222 == (0 if durable else 0o200)
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_do_not_mix(tmp_path: Path) -> None:
    datas = [random.Random(n).randbytes(BLOCK + 1000 * n) for n in range(9)]
    incoming = [Incoming(tmp_path, ORIGIN, os.fsync) for _ in datas]
    for at in range(0, BLOCK + 9000, 70_000):
        for data, one in zip(datas, incoming, strict=True):
            one.write(data[at : at + 70_000])
    with ThreadPoolExecutor(len(incoming)) as pool:
        list(pool.map(Incoming.seal, incoming))
    for data, one in zip(datas, incoming, strict=True):
        assert one.path.read_bytes() == data
        assert one.sha256 == hashlib.sha256(data).hexdigest()
        one.discard()


def test_memory_is_one_block_whatever_the_size(tmp_path: Path) -> None:
    piece = bytes(BLOCK // 2)
    with Incoming(tmp_path, ORIGIN, os.fsync) as incoming:
        incoming.write(piece)
        before = _private_kib()
        for _ in range(127):
            incoming.write(piece)
        assert _private_kib() - before < 4096
        assert incoming.size == 64 * BLOCK


def _private_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])


def test_durable_means_synchronised_when_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    real_write, real_sync = os.write, os.fsync

    def write(file: int, data: memoryview) -> int:
        events.append("write")
        return real_write(file, data)

    def sync(file: int) -> None:
        events.append("sync")
        real_sync(file)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fsync", sync)
    with Incoming(tmp_path, ORIGIN, os.fsync) as incoming:
        incoming.write(bytes(BLOCK + 5))
        incoming.seal()
        assert events[-1] == "sync"
        assert events.count("sync") == 1


@pytest.mark.parametrize("most", [3, 4096, 5000])
def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:most]))
    data = random.Random(1).randbytes(20_000 if most == 3 else 100_000)
    with Incoming(tmp_path, ORIGIN, os.fsync) as incoming:
        incoming.write(data)
        incoming.seal()
        assert incoming.path.read_bytes() == data


def test_a_file_system_that_cannot_go_past_the_page_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuses(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", refuses)
    data = random.Random(2).randbytes(BLOCK + 77)
    with Incoming(tmp_path, ORIGIN, os.fsync) as incoming:
        incoming.write(data)
        incoming.seal()
        assert incoming.path.read_bytes() == data


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, StorageFull), (errno.EIO, StorageUnavailable)])
@pytest.mark.parametrize("size", [1, BLOCK + 1])
def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type, size: int) -> None:
    def fails(file: int, data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "write", fails)

    def receive() -> None:
        with Incoming(tmp_path, ORIGIN) as incoming:
            incoming.write(bytes(size))
            incoming.seal()

    with pytest.raises(kind):
        receive()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_synchronisation_is_said(tmp_path: Path) -> None:
    def fails(_: int) -> None:
        raise StorageUnavailable("the disk does not answer")

    def receive() -> None:
        with Incoming(tmp_path, ORIGIN, fails) as incoming:
            incoming.write(b"x")
            incoming.seal()

    with pytest.raises(StorageUnavailable):
        receive()
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
