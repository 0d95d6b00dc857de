"""Bring what lies in folders, files, ZIP archives and DICOMDIR trees into the archive.

What is in the archive already is found by content, so an import that was interrupted is simply started again. Nothing
is ever written to a name that comes from outside: members of ZIP archives go to the spool like everything else.
"""

import logging
import os
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pacs.archive import Archive
from pacs.dataset.envelope import looks_like_dicom, media_storage_class
from storage.errors import ArchiveError, InvalidInstance, StorageUnavailable
from storage.model.archive import ALREADY_STORED, CONFLICT, QUARANTINED, STORED, Origin, Outcome

log = logging.getLogger(__name__)

MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
HEAD = 4096
BLOCK = 1 << 20
ZIP_MAGIC = b"PK\x03\x04"
MOST_MEMBERS = 200_000
MOST_DIRECTORY_BYTES = 64 << 20
MOST_MEMBER_BYTES = 16 << 30
MOST_INFLATION = 100
INFLATION_FROM = 16 << 20  # a ratio means something only from here on
THREADS = 2
WAITING = 128  # objects that may wait for their commit

Advance = Callable[[int], None]


@dataclass(slots=True)
class Summary:
    """What became of everything an import looked at. `quarantined` and `failed` are (name, reason)."""

    stored: int = 0
    already: int = 0
    conflict: int = 0
    quarantined: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: int = 0  # not DICOM, or a DICOMDIR
    bytes: int = 0
    seconds: float = 0.0
    studies: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Source:
    """One file or member to import: its name for people, and how to read it."""

    name: str
    open: Callable[[], "IO[bytes]"]
    limit: int | None = None  # bytes it says it has, for members of ZIP archives
    packed: int = 0


def import_paths(archive: Archive, origin: Origin, paths: Sequence[Path], advance: Advance | None = None) -> Summary:
    """Import everything below `paths`. `advance(bytes)` is called after each file, from several threads at a time.

    Raises StorageUnavailable or StorageFull when the archive itself cannot keep anything.
    """
    begun = time.monotonic()
    run = _Run(archive, origin, advance or (lambda size: None))
    try:
        with ThreadPoolExecutor(THREADS, thread_name_prefix="import") as pool:
            _submit_all(run, pool, paths)
    finally:
        run.finish()
    run.raise_trouble()
    run.summary.seconds = time.monotonic() - begun
    return run.summary


def count_files(paths: Iterable[Path]) -> int:
    """How many files an import of `paths` will look at (a ZIP archive counts as one)."""
    return sum(1 for _ in files_below(paths))


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """All regular files, folder by folder in the order of their names. Links to folders are not followed. A DICOMDIR
    stands for the folder it is in: what it refers to is found there, and also what it forgot."""
    for path in paths:
        if path.is_file() and path.name.upper() == "DICOMDIR":
            path = path.absolute().parent
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders.sort()
                for name in sorted(names):
                    file = Path(folder) / name
                    if file.is_file():
                        yield file
        elif path.is_file():
            yield path


def _submit_all(run: "_Run", pool: ThreadPoolExecutor, paths: Iterable[Path]) -> None:
    pending: set[Future[None]] = set()
    try:
        for path in files_below(paths):
            pending.add(pool.submit(run.file, path))
            if len(pending) >= 8 * THREADS:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                _raise_first(done)
        _raise_first(wait(pending).done)
    except BaseException:
        run.stopped.set()
        raise


def no_instance(head: bytes) -> str:
    """Why a file that begins with these bytes (HEAD of them, or all) is no instance to keep; "" when it may be one."""
    if not looks_like_dicom(head):
        return "this is not a DICOM file"
    if media_storage_class(head) == MEDIA_DIRECTORY:
        return "a DICOMDIR is only an index of other files"
    return ""


class _Run:
    """One import: what it has found so far, shared by its threads."""

    def __init__(self, archive: Archive, origin: Origin, advance: Advance) -> None:
        self.archive = archive
        self.origin = origin
        self.advance = advance
        self.summary = Summary()
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(WAITING)
        self._trouble: StorageUnavailable | None = None

    def file(self, path: Path) -> None:
        """Import a file, or the members of a ZIP archive."""
        if self.stopped.is_set():
            return
        size = 0
        try:
            with path.open("rb") as stream:
                head = stream.read(HEAD)
                size = os.fstat(stream.fileno()).st_size
            if head.startswith(ZIP_MAGIC) and not looks_like_dicom(head):
                self._zip(path)
            else:
                self._one(_Source(str(path), lambda: path.open("rb")))
        except OSError as error:
            self._failed(str(path), error.strerror or type(error).__name__)
        finally:
            self.advance(size)

    def finish(self) -> None:
        """Wait until everything that was handed over has its answer."""
        for _ in range(WAITING):
            self._free.acquire()

    def raise_trouble(self) -> None:
        if self._trouble is not None:
            raise self._trouble

    def _zip(self, path: Path) -> None:
        try:
            with path.open("rb") as stream:
                _check_directory(stream)
            with zipfile.ZipFile(path) as container:
                members = container.infolist()
                _check_overlaps(members, path.stat().st_size)
                for member in members:
                    if not self.stopped.is_set() and not member.is_dir():
                        self._member(path, container, member)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            self._failed(str(path), f"not a readable ZIP archive ({type(error).__name__})")
        except InvalidInstance as error:
            self._failed(str(path), str(error))

    def _member(self, path: Path, container: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        name = f"{path}:{_printable(member.filename)}"
        if member.flag_bits & 1:
            self._failed(name, "it is encrypted")
        elif member.file_size > MOST_MEMBER_BYTES:
            self._failed(name, f"more than {MOST_MEMBER_BYTES} bytes")
        else:
            self._one(_Source(name, lambda: container.open(member), member.file_size, member.compress_size))

    def _one(self, source: _Source) -> None:
        """Import one object when it is one."""
        try:
            with source.open() as stream:
                head = stream.read(HEAD)
                if source.limit is not None and head.startswith(ZIP_MAGIC) and not looks_like_dicom(head):
                    self._failed(source.name, "a ZIP archive inside a ZIP archive")
                elif no_instance(head):
                    self._count("skipped")
                else:
                    self._hand_over(source, head, stream)
        except StorageUnavailable as error:
            self._stop(error)
        except InvalidInstance as error:
            self._failed(source.name, str(error))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            self._failed(source.name, f"it cannot be unpacked ({type(error).__name__})")
        except OSError as error:
            self._failed(source.name, error.strerror or type(error).__name__)

    def _hand_over(self, source: _Source, head: bytes, stream: "IO[bytes]") -> None:
        self._free.acquire()
        try:
            with self.archive.receive(self.origin) as incoming:
                for block in _blocks(source, head, stream):
                    incoming.write(block)
                size = incoming.size
                future = self.archive.store_async(incoming)
        except BaseException:
            self._free.release()
            raise
        future.add_done_callback(lambda done: self._done(source.name, size, done))

    def _done(self, name: str, size: int, future: "Future[Outcome]") -> None:
        try:
            error = future.exception()
            if isinstance(error, StorageUnavailable):
                self._stop(error)
            elif error is not None:
                self._failed(name, str(error) if isinstance(error, ArchiveError) else type(error).__name__)
            else:
                self._note(name, size, future.result())
        finally:
            self._free.release()

    def _note(self, name: str, size: int, outcome: Outcome) -> None:
        with self._lock:
            self.summary.bytes += size
            if outcome.kind == QUARANTINED:
                self.summary.quarantined.append((name, outcome.reason))
            elif outcome.kind == STORED:
                self.summary.stored += 1
            elif outcome.kind == ALREADY_STORED:
                self.summary.already += 1
            elif outcome.kind == CONFLICT:
                self.summary.conflict += 1
            if outcome.key is not None:
                self.summary.studies.add(outcome.key.study_instance_uid)

    def _count(self, what: str) -> None:
        with self._lock:
            setattr(self.summary, what, getattr(self.summary, what) + 1)

    def _failed(self, name: str, reason: str) -> None:
        with self._lock:
            self.summary.failed.append((name, reason))

    def _stop(self, error: StorageUnavailable) -> None:
        """The archive cannot keep anything now: to go on would only read the rest for nothing."""
        with self._lock:
            self._trouble = self._trouble or error
        self.stopped.set()


def _blocks(source: _Source, head: bytes, stream: "IO[bytes]") -> Iterator[bytes]:
    """The bytes of a source; a ZIP member may not grow beyond what it says, nor out of proportion."""
    size = len(head)
    yield head
    while block := stream.read(BLOCK):
        size += len(block)
        if source.limit is not None:
            if size > source.limit:
                raise InvalidInstance("it is larger than the ZIP archive says")
            if size > INFLATION_FROM and size > MOST_INFLATION * max(source.packed, 1):
                raise InvalidInstance(f"it grows to more than {size} bytes from {source.packed}")
        yield block


def _check_directory(stream: "IO[bytes]") -> None:
    """The central directory is read whole by `zipfile`, so what its end record says of it is looked at before."""
    size = stream.seek(0, os.SEEK_END)
    start = stream.seek(max(0, size - 22 - 0xFFFF))
    tail = stream.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        raise zipfile.BadZipFile
    entries, length = struct.unpack_from("<HI", tail, place + 10)
    if place >= 20 and tail[place - 20 : place - 16] == b"PK\x06\x07":
        record = struct.unpack_from("<Q", tail, place - 12)[0]
        if not 0 <= record - start <= len(tail) - 56:
            raise zipfile.BadZipFile
        entries, length = struct.unpack_from("<QQ", tail, record - start + 32)
    if entries > MOST_MEMBERS or length > MOST_DIRECTORY_BYTES:
        raise InvalidInstance(f"a ZIP archive of more than {MOST_MEMBERS} members")


def _check_overlaps(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Members share no bytes: archives that grow without end are made by overlapping them."""
    end = 0
    for member in sorted(members, key=lambda one: one.header_offset):
        if member.header_offset < end:
            raise InvalidInstance("members of the ZIP archive overlap")
        end = member.header_offset + 30 + member.compress_size
    if end > size:
        raise InvalidInstance("the ZIP archive ends before its members")


def _raise_first(done: "Iterable[Future[None]]") -> None:
    for future in done:
        future.result()


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name)[:200]
