"""Parts of files: whether they are in the kernel's memory, and how what is not gets there."""

import os
from pathlib import Path

import pytest

from tests.support.waiting import until
from viewer import sending
from viewer.sending import FileBody

SIZE = 600_000
PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "object"
    path.write_bytes(os.urandom(SIZE))
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    return path


def body_of(path: Path, offset: int, length: int) -> FileBody:
    return FileBody(os.open(path, os.O_RDONLY), offset, length)


def is_there(path: Path, offset: int, length: int) -> bool:
    body = body_of(path, offset, length)
    try:
        return body.is_in_memory()
    finally:
        body.close()


@pytest.mark.parametrize(
    ("offset", "length"), [(0, SIZE), (1500, 526_000), (9000, 5000), (300_000, 200_000), (SIZE - 1, 1), (100, 1)]
)
def test_what_is_read_is_in_memory_then(file: Path, offset: int, length: int) -> None:
    whole = file.read_bytes()[offset : offset + length]
    first, again = body_of(file, offset, length), body_of(file, offset, length)
    can_be = first.is_in_memory()
    assert b"".join(first) == whole
    assert again.is_in_memory() is can_be
    first.close()
    again.close()


def test_looking_has_the_kernel_begin_to_read(file: Path) -> None:
    can_be = bool(sending._NOWAIT) and not is_there(file, 0, 2 * PAGE)  # a file system in memory has it anyway
    until(lambda: is_there(file, 0, 2 * PAGE) or not can_be)


def test_it_is_looked_at_once(file: Path) -> None:
    body = body_of(file, 1500, 500_000)
    said = body.is_in_memory()
    file.read_bytes()
    assert body.is_in_memory() is said
    body.close()


def test_where_the_kernel_does_not_say_nothing_is_in_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_NOWAIT", 0)
    assert not is_there(file, 0, 10)
