"""What only files can do wrong, and must not."""

import errno
import hashlib
import os
import time
from pathlib import Path

import pytest

from storage.errors import ObjectCorrupt, StorageFull, StorageUnavailable
from storage.objects.base import object_key
from storage.objects.filesystem import FilesystemStore

DATA = b"\x00DICM" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
KEY = object_key("bv", SHA256)


@pytest.fixture
def store(tmp_path: Path) -> FilesystemStore:
    return FilesystemStore(tmp_path / "deep" / "objects")


@pytest.fixture
def spooled(tmp_path: Path) -> Path:
    path = tmp_path / "spooled"
    path.write_bytes(DATA)
    return path


def fails_with(number: int, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, fail)


def everything_in(store: FilesystemStore) -> list[Path]:
    return [path for path in store._root.rglob("*") if path.is_file()]


def test_takes_the_very_file_when_it_may(store: FilesystemStore, spooled: Path) -> None:
    inode = spooled.stat().st_ino
    store.put(KEY, spooled, SHA256, consume=True)
    path = store.local_path(KEY)
    assert path is not None
    assert path.stat().st_ino == inode
    assert path.stat().st_nlink == 1


def test_objects_cannot_be_written(store: FilesystemStore, spooled: Path) -> None:
    store.put(KEY, spooled, SHA256)
    store.put_bytes("bv/d/thumbnail/x", b"x")
    assert {path.stat().st_mode & 0o777 for path in everything_in(store)} == {0o444}
    assert spooled.stat().st_mode & 0o200


def test_the_file_is_durable_before_it_has_a_name_and_its_folder_after(
    store: FilesystemStore, spooled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    synchronise, link = os.fsync, os.link

    def fsync(descriptor: int) -> None:
        steps.append(f"fsync {os.readlink(f'/proc/self/fd/{descriptor}')}")
        synchronise(descriptor)

    def linked(source: Path, target: Path) -> None:
        steps.append("link")
        link(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", linked)
    store.put(KEY, spooled, SHA256, consume=True)
    folder = (store._root / KEY).parent
    assert steps.index(f"fsync {spooled}") < steps.index("link") < len(steps) - 1
    assert steps[-1] == f"fsync {folder}"
    made_on_the_way = {
        f"fsync {path}" for path in (folder.parent, folder.parent.parent, store._root, store._root.parent)
    }
    assert made_on_the_way <= set(steps)


def test_a_group_synchronises_each_folder_once(
    store: FilesystemStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = []
    for number in range(30):
        source = tmp_path / f"s{number}"
        source.write_bytes(bytes([number]))
        items.append((f"bv/o/{number % 3:02}/{number:064x}", source, hashlib.sha256(bytes([number])).hexdigest()))
    for folder in range(3):
        store.put_bytes(f"bv/o/{folder:02}/first", b"")
    synchronised: list[str] = []
    synchronise = os.fsync

    def fsync(descriptor: int) -> None:
        synchronised.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        synchronise(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    store.put_many(items, consume=True)
    assert len(synchronised) == 30 + 3


@pytest.mark.parametrize("call", ["fsync", "link"])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EIO, StorageUnavailable),
        (errno.EROFS, StorageUnavailable),
        (errno.EACCES, StorageUnavailable),
    ],
)
def test_failures_are_said_in_our_words_and_the_source_stays(
    store: FilesystemStore,
    spooled: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    error: type[StorageUnavailable],
) -> None:
    store.put_bytes("bv/o/first", b"")
    for consume in (True, False):
        with monkeypatch.context() as patched:
            fails_with(number, patched, call)
            with pytest.raises(StorageUnavailable) as raised:
                store.put(KEY, spooled, SHA256, consume=consume)
        assert type(raised.value) is error
        assert spooled.read_bytes() == DATA
        lost = call == "fsync" and error is not StorageFull
        assert (store.condition().trouble == "sync-failed") == lost
        if lost:
            with pytest.raises(StorageUnavailable, match="could not make something durable"):
                store.put(KEY, spooled, SHA256, consume=consume)
            assert store.get("bv/o/first") == b""
            assert "1 objects" in store.recheck()
        assert len(everything_in(store)) == 1, "nothing half done is left"
    assert store.put(KEY, spooled, SHA256, consume=True).size == len(DATA)


def test_reading_failures_are_said_in_our_words(
    store: FilesystemStore, spooled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(KEY, spooled, SHA256)
    fails_with(errno.EIO, monkeypatch, "pread")
    with pytest.raises(StorageUnavailable):
        store.get(KEY)


def test_works_without_hard_links(store: FilesystemStore, spooled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_with(errno.EPERM, monkeypatch, "link")
    store.put(KEY, spooled, SHA256, consume=True)
    assert store.get(KEY) == DATA
    assert not spooled.exists()
    spooled.write_bytes(DATA)
    store.put(KEY, spooled, SHA256, consume=True)
    assert not spooled.exists()
    assert len(everything_in(store)) == 1


def test_copies_from_another_file_system(store: FilesystemStore) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == Path("/tmp").stat().st_dev:
        pytest.skip("no second file system")
    source = shm / f"hoichan-test-{os.getpid()}"
    source.write_bytes(DATA)
    try:
        store.put(KEY, source, SHA256, consume=True)
        assert store.get(KEY) == DATA
        assert not source.exists()
    finally:
        source.unlink(missing_ok=True)


def test_a_file_that_became_shorter_is_corrupt(store: FilesystemStore, spooled: Path) -> None:
    store.put(KEY, spooled, SHA256)
    path = store._root / KEY
    path.chmod(0o644)
    os.truncate(path, 100)
    with pytest.raises(ObjectCorrupt):
        store.get(KEY, 0, len(DATA))
    with pytest.raises(ObjectCorrupt), store.open(KEY, 50, 100):
        pass
    with pytest.raises(ObjectCorrupt):
        store.put(KEY, spooled, SHA256, consume=True)


def test_check_removes_copies_that_a_killed_process_left(store: FilesystemStore) -> None:
    store.check()
    left = store._root / ".tmp" / "left"
    young = store._root / ".tmp" / "young"
    left.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(left, (time.time() - 2 * 86400,) * 2)
    store.check()
    assert not left.exists()
    assert young.exists()


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageUnavailable):
        FilesystemStore(tmp_path / "file" / "objects").check()


def test_what_is_no_object_of_ours_is_not_listed(tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path / "objects")
    kept = store.put_bytes("main/o/aa/x", b"ours")
    (tmp_path / "objects" / "main" / "copy of x.txt").write_bytes(b"somebody's")
    (tmp_path / "objects" / "lost & found").mkdir()
    (tmp_path / "objects" / "lost & found" / "x").write_bytes(b"somebody's")
    assert [found.key for found in store.keys("")] == [kept.key]


def test_what_is_synchronised_already_is_not_again(
    store: FilesystemStore, spooled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.synchroniser(spooled.parent) is not None
    store.put_bytes(str(Path(KEY).parent / "first"), b"")
    synchronised: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synchronised.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    (stored,) = store.put_many([(KEY, spooled, SHA256)], consume=True, synced=True)
    assert synchronised == [str((store._root / KEY).parent)]
    assert store.get(stored.key) == DATA
