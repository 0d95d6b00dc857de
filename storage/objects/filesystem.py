"""Objects as files: the key is the path below one root folder.

A file appears under its key whole and durable or not at all: its bytes are synchronised before it is linked, its folder
after. It is never written again (mode 0444, and linking refuses to replace).
"""

import errno
import hashlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from storage.errors import ObjectCorrupt, ObjectMissing, StorageUnavailable
from storage.model.archive import StoredObject
from storage.objects.base import Condition, Synchronise
from storage.objects.disk import fsync, link_or_rename, said, synchronise
from storage.objects.names import checked_key, checked_prefix, is_key, sha256_of_key
from storage.objects.streams import FileRange
from storage.objects.threads import Threads
from storage.objects.trust import Trust

_COPY = 1 << 20
_HALF_DONE = ".tmp"  # no key has a part that starts with a dot
_HALF_DONE_S = 24 * 3600
_RECHECKED_S = 3600  # what was stored so long before an fsync failed is read back when the disk is looked at again


class FilesystemStore:
    """Objects below `root`, which is made when it is missing. Several processes may share it."""

    def __init__(self, root: Path, *, sync_threads: int = 8) -> None:
        self._root = root.absolute()
        self._root_path = str(self._root)
        self._half_done = self._root / _HALF_DONE
        self._durable_folders: set[str] = set()
        self._trust = Trust(self._root)
        self._same_device: dict[Path, bool] = {}
        self._threads = Threads(sync_threads, "fsync")

    def put(self, key: str, source: Path, sha256: str, *, consume: bool = False) -> StoredObject:
        return self.put_many([(key, source, sha256)], consume=consume)[0]

    def synchroniser(self, folder: Path) -> Synchronise | None:
        if folder not in self._same_device:
            with said(self._root):
                self._make_durable(str(self._root))
                place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
                self._same_device[folder] = os.stat(place).st_dev == os.stat(self._root).st_dev
        return self._synchronise_file if self._same_device[folder] else None

    def _synchronise_file(self, descriptor: int) -> None:
        self._trust.must_hold()
        with said(self._root, self._trust):
            fsync(descriptor)

    def put_many(
        self, items: list[tuple[str, Path, str]], *, consume: bool = False, synced: bool = False
    ) -> list[StoredObject]:
        """One round: synchronise all files, link them, synchronise each folder once, then let go of the sources."""
        self._trust.must_hold()
        return self._put_many(items, consume=consume, synced=synced)

    def _put_many(
        self, items: list[tuple[str, Path, str]], *, consume: bool, synced: bool = False
    ) -> list[StoredObject]:
        with said(self._root, self._trust):
            self._make_durable(self._root_path)
            targets = [f"{self._root_path}/{checked_key(key)}" for key, _, _ in items]
            device = os.stat(self._root_path).st_dev if consume else None
            if synced:
                ready = [self._ready(source, sha256, device, synced=True) for _, source, sha256 in items]
            else:
                ready = self._threads.over(lambda item: self._ready(item[1], item[2], device), items)
            try:
                stored = [
                    _stored(key, sha256, self._link(file, status, target, key))
                    for (key, _, sha256), (file, status), target in zip(items, ready, targets, strict=True)
                ]
                self._threads.over(synchronise, sorted({_folder(target) for target in targets}))
            except BaseException:
                _unlink(file for file, _ in ready if _folder(file) == str(self._half_done))
                raise
            _unlink({file for file, _ in ready} | {str(source) for _, source, _ in items if consume})
            return stored

    def put_bytes(self, key: str, data: bytes) -> StoredObject:
        checked_key(key)
        self._trust.must_hold()
        return self._put_bytes(key, data)

    def _put_bytes(self, key: str, data: bytes) -> StoredObject:
        with said(self._root, self._trust):
            descriptor, name = self._new_file()
            try:
                with open(descriptor, "wb") as file:
                    file.write(data)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        return self._put_many([(key, Path(name), hashlib.sha256(data).hexdigest())], consume=True)[0]

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        with self._opened(key) as descriptor:
            wanted = _range(key, os.fstat(descriptor).st_size, offset, length)
            data = os.pread(descriptor, wanted, offset)
            while len(data) < wanted:
                more = os.pread(descriptor, wanted - len(data), offset + len(data))
                if not more:
                    raise ObjectCorrupt(f"{key} ended after {offset + len(data)} bytes of {offset + wanted}")
                data += more
            return data

    def open(self, key: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        with self._opened(key) as descriptor:
            wanted = _range(key, os.fstat(descriptor).st_size, offset, length)
            if offset == 0 and length is None:
                return open(os.dup(descriptor), "rb")
            return io.BufferedReader(FileRange(os.dup(descriptor), offset, wanted), _COPY >> 3)

    def stat(self, key: str) -> StoredObject | None:
        path = self._path(key)
        with said(self._root):
            try:
                return _stored(key, sha256_of_key(key), path.stat())
            except (FileNotFoundError, NotADirectoryError):
                return None

    def delete(self, key: str) -> None:
        path = self._path(key)
        with said(self._root):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            synchronise(path.parent)

    def set_aside(self, key: str, aside: str) -> None:
        path, target = self._path(key), self._path(aside)
        with said(self._root):
            self._make_durable(str(target.parent))
            try:
                os.rename(path, target)
            except (FileNotFoundError, NotADirectoryError):
                return
            synchronise(target.parent)
            synchronise(path.parent)

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        """Walks folder by folder, so it holds one folder's names at a time."""
        yield from self._walk(self._root, "", checked_prefix(prefix))

    def verified(self, key: str) -> StoredObject | None:
        try:
            with self._opened(key) as descriptor, said(self._root):
                digest = _digest_from_disk(descriptor, key)
                stored = _stored(key, sha256_of_key(key), os.fstat(descriptor))
        except ObjectMissing:
            return None
        if stored.sha256 not in ("", digest):
            raise ObjectCorrupt(f"{key} does not have the SHA-256 it was stored under")
        return stored

    def settle(self, most: int = 16) -> int:
        return 0

    def condition(self) -> Condition:
        lost = self._trust.lost
        return Condition(trouble="sync-failed", detail=lost) if lost else Condition()

    def check_final(self) -> str:
        return self.check()

    def recheck(self) -> str:
        lost = self._trust.lost
        self._try()
        if not lost:
            return f"{self._root}: nothing was wrong"
        self._durable_folders.clear()
        read = 0
        since = (self._trust.lost_at() - _RECHECKED_S) * 1000
        for stored in self.keys():
            if stored.stored_at >= since:
                self._drop_from_memory(stored.key)
                self.verified(stored.key)
                read += 1
        self._trust.restore()
        return f"{self._root}: taken again; {read} objects of the hour before and since were read back"

    def local_path(self, key: str) -> Path | None:
        path = self._path(key)
        with suppress(OSError):  # who reads it will hear why it cannot be read
            return path if path.is_file() else None
        return None

    def descriptor(self, key: str, end: int) -> int | None:
        with said(self._root):
            try:
                descriptor = os.open(f"{self._root}/{checked_key(key)}", os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                raise ObjectMissing(f"{key} is not in the store") from None
            size = os.fstat(descriptor).st_size
            if size < end:
                os.close(descriptor)
                raise ObjectCorrupt(f"{key} has {size} bytes, {end} were asked for")
            return descriptor

    def check(self) -> str:
        begun = time.perf_counter()
        self._trust.must_hold()
        self._try()
        with said(self._root):
            free = shutil.disk_usage(self._root).free
            self._sweep_half_done()
        ms = (time.perf_counter() - begun) * 1000
        return f"{self._root}: wrote, read back and deleted an object in {ms:.0f} ms; {free / 1e9:.1f} GB free"

    def _try(self) -> None:
        key, data = f"check/{os.urandom(16).hex()}", os.urandom(64)
        self._put_bytes(key, data)
        try:
            if self.get(key) != data:
                raise StorageUnavailable(f"{self._root} gave back other bytes than it was given")
        finally:
            self.delete(key)

    def _drop_from_memory(self, key: str) -> None:
        """So that reading asks the disk."""
        with self._opened(key) as descriptor:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _ready(
        self, source: Path, sha256: str, device: int | None, *, synced: bool = False
    ) -> tuple[str, os.stat_result]:
        """A durable file on our file system with the bytes of `source`: itself when it may be taken because it is on
        our `device`, else a copy."""
        if synced:
            status = os.stat(source)
            if status.st_dev == device:
                return str(source), status
        if device is not None:
            descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
            try:
                status = os.fstat(descriptor)
                if status.st_dev == device:
                    os.fchmod(descriptor, 0o444)
                    fsync(descriptor)
                    return str(source), status
            finally:
                os.close(descriptor)
        return self._copied(source, sha256)

    def _copied(self, source: Path, sha256: str) -> tuple[str, os.stat_result]:
        digest = hashlib.sha256()
        descriptor, name = self._new_file()
        try:
            with open(descriptor, "wb", buffering=0) as copy, open(source, "rb", buffering=0) as original:
                while data := original.read(_COPY):
                    digest.update(data)
                    view = memoryview(data)
                    while view:
                        view = view[copy.write(view) :]
                if digest.hexdigest() != sha256:
                    raise ObjectCorrupt(f"{source.name} does not have the SHA-256 {sha256}")
                os.fchmod(copy.fileno(), 0o444)
                fsync(copy.fileno())
                return name, os.fstat(copy.fileno())
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _new_file(self) -> tuple[int, str]:
        self._make_durable(str(self._root))
        self._half_done.mkdir(exist_ok=True)
        return tempfile.mkstemp(dir=self._half_done)

    def _link(self, file: str, status: os.stat_result, target: str, key: str) -> os.stat_result:
        """`file` also under `target`. What is there already stays, and must have the same size. The status of what is
        there now."""
        self._make_durable(_folder(target))
        try:
            link_or_rename(file, target)
        except FileNotFoundError:  # the folder went away after we made it
            self._durable_folders.clear()
            self._make_durable(_folder(target))
            link_or_rename(file, target)
        except FileExistsError:
            kept = os.stat(target)
            if status.st_size != kept.st_size:
                raise ObjectCorrupt(f"{key} has {kept.st_size} bytes, the same content has {status.st_size}") from None
            return kept
        return status

    def _make_durable(self, name: str) -> None:
        """The folder exists, and so it will after a power cut."""
        if name in self._durable_folders:
            return
        folder = Path(name)
        ours = [path for path in (folder, *folder.parents) if path.is_relative_to(self._root) and path != self._root]
        folder.mkdir(parents=True, exist_ok=True)
        if str(self._root) not in self._durable_folders:
            self._make_root_durable()
        for path in ours:  # also those that another process made: it may not have come to this line yet
            if str(path) not in self._durable_folders:
                synchronise(path.parent)
        self._durable_folders.update(str(path) for path in ours)
        self._durable_folders.add(name)

    def _make_root_durable(self) -> None:
        """The root and the folders it lies in, once in a process, whoever made them: as far up as the same disk goes
        and we may look."""
        device = os.stat(self._root).st_dev
        for folder in self._root.parents:
            if os.stat(folder).st_dev != device or not os.access(folder, os.R_OK):
                return
            synchronise(folder)

    @contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        path = f"{self._root}/{checked_key(key)}"
        with said(self._root):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                raise ObjectMissing(f"{key} is not in the store") from None
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    def _walk(self, folder: Path, above: str, prefix: str) -> Iterator[StoredObject]:
        with said(self._root):
            try:
                with os.scandir(folder) as entries:
                    # "/" sorts a folder's objects where their keys belong: "a-b/x" comes before "a/x"
                    found = sorted(
                        (above + entry.name + ("/" if entry.is_dir(follow_symlinks=False) else ""), entry)
                        for entry in entries
                        if not entry.name.startswith(".")
                    )
            except (FileNotFoundError, NotADirectoryError):
                return
        for name, entry in found:
            if name.endswith("/"):
                if name.startswith(prefix) or prefix.startswith(name):
                    yield from self._walk(folder / entry.name, name, prefix)
            elif name.startswith(prefix) and is_key(name):
                stored = self.stat(name)
                if stored is not None:
                    yield stored

    def _sweep_half_done(self) -> None:
        """Copies that a killed process left behind a day ago."""
        if not self._half_done.is_dir():
            return
        for file in self._half_done.iterdir():
            if file.stat().st_mtime < time.time() - _HALF_DONE_S:
                file.unlink(missing_ok=True)


def _digest_from_disk(descriptor: int, key: str) -> str:
    """The SHA-256 of what lies on the disk, not of what the page cache remembers; it leaves nothing there either. A
    sector that cannot be read is this object's fault: they go bad one by one."""
    with suppress(OSError):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        if error.errno == errno.EIO:
            raise ObjectCorrupt(f"{key} cannot be read: {error.strerror}") from error
        raise
    with suppress(OSError):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    return digest


def _unlink(files: Iterable[str]) -> None:
    for file in files:
        with suppress(FileNotFoundError):
            os.unlink(file)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _stored(key: str, sha256: str, status: os.stat_result) -> StoredObject:
    return StoredObject(key, status.st_size, sha256, status.st_mtime_ns // 1_000_000)


def _range(key: str, size: int, offset: int, length: int | None) -> int:
    """How many bytes to read; the object must have them all."""
    wanted = size - offset if length is None else length
    if offset < 0 or wanted < 0 or offset + wanted > size:
        raise ObjectCorrupt(f"{key} has {size} bytes, {wanted} from {offset} were asked for")
    return wanted
