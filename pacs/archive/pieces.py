"""Texts of the metadata of a series, made while it arrives and kept in a folder until its manifest is there.

A piece has the texts of some instances, each named by the SHA-256 of its object: the text says only what these bytes
say, so it can never be out of date. Which instances a series has, and in which order, is asked of the index at every
request. The file of a series grows by whole pieces, each with a digest of itself; one that was cut off is none. Beside
it grows a file with the same texts as they are, for who takes no gzip. All of it may be lost at any time: then the
headers are read.
"""

import hashlib
import os
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pacs.archive.members import Deflated, deflated, inflated

GENERATION = 2  # of the texts: another number makes older pieces unknown
KEPT_SECONDS = 3600.0
MOST_BYTES = 64_000_000  # of one series; what is beyond is read from the headers
_FRONT = struct.Struct("<I16s")  # bytes that follow the digest, and the digest of them
_HEAD = struct.Struct("<IIIQ")  # instances, checksum and size of the text, and where it stands as it is
_NAME = 32
_NOWHERE = (1 << 64) - 1
_PLAIN = ".text"


@dataclass(frozen=True, slots=True)
class Piece:
    """The texts of instances, commas between them; `names` are the SHA-256 of their objects, `sizes` are in bytes."""

    names: tuple[bytes, ...]
    sizes: tuple[int, ...]
    text: Deflated
    place: int = _NOWHERE  # in the file of texts as they are
    digest: bytes = b""  # of all this, when it was read from a file

    def texts(self) -> dict[bytes, bytes]:
        """Each text by its name."""
        whole, found, position = inflated(self.text), {}, 0
        for name, size in zip(self.names, self.sizes, strict=True):
            found[name] = whole[position : position + size]
            position += size + 1
        return found

    def plain(self, written: memoryview) -> bytes | memoryview:
        """The text as it is: out of the file of such texts, or inflated when that does not have it."""
        text = written[self.place : self.place + self.text.size]
        return text if len(text) == self.text.size and zlib.crc32(text) == self.text.crc else inflated(self.text)


class Pieces:
    """The pieces of all series below a folder. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, hospital_id: int, study_instance_uid: str, series_instance_uid: str) -> list[Piece]:
        """What was made of a series, oldest first."""
        try:
            data = self._path(hospital_id, study_instance_uid, series_instance_uid).read_bytes()
        except OSError:
            return []
        found, position = [], 0
        while position + _FRONT.size <= len(data):
            size, digest = _FRONT.unpack_from(data, position)
            packed = data[position + _FRONT.size : position + _FRONT.size + size]
            if len(packed) != size or _digest(packed) != digest:
                break
            found.append(_unpacked(packed, digest))
            position += _FRONT.size + size
        return found

    def plain(self, hospital_id: int, study_instance_uid: str, series_instance_uid: str) -> memoryview:
        """The texts of a series as they are, each at the place its piece tells; nothing when they are lost."""
        try:
            return memoryview(self._path(hospital_id, study_instance_uid, series_instance_uid, _PLAIN).read_bytes())
        except OSError:
            return memoryview(b"")

    def add(
        self, hospital_id: int, study_instance_uid: str, series_instance_uid: str, texts: Sequence[tuple[bytes, bytes]]
    ) -> None:
        """Keep a piece of named texts; when that is not possible, it is not kept. For one thread of one process."""
        whole = b",".join(text for _, text in texts)
        names, sizes = tuple(name for name, _ in texts), tuple(len(text) for _, text in texts)
        series = hospital_id, study_instance_uid, series_instance_uid
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            place = _appended(self._path(*series, _PLAIN), whole)
            packed = _packed(Piece(names, sizes, deflated(whole), _NOWHERE if place is None else place))
            _appended(self._path(*series), _FRONT.pack(len(packed), _digest(packed)) + packed)

    def sweep(self, now: float | None = None) -> int:
        """Remove what nothing was added to for an hour; how many files went."""
        before, gone = (time.time() if now is None else now) - KEPT_SECONDS, 0
        with suppress(OSError):
            for entry in os.scandir(self._folder):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        os.unlink(entry.path)
                        gone += 1
        return gone

    def _path(self, hospital_id: int, study_instance_uid: str, series_instance_uid: str, kind: str = "") -> Path:
        named = f"{GENERATION} {hospital_id} {study_instance_uid} {series_instance_uid}"
        return self._folder / (hashlib.blake2b(named.encode(), digest_size=16).hexdigest() + kind)


def arranged(
    names: Sequence[bytes | None], pieces: Sequence[Piece], make: Callable[[list[int]], list[bytes]]
) -> list[Piece | bytes]:
    """The texts of these names in their order, to be joined by commas: whole pieces where they fit, single texts of
    pieces where they do not, and the others, as those without a name, from `make`, which is given their positions."""
    known = {name: piece for piece in pieces for name in piece.names}
    starting = {piece.names[0]: piece for piece in pieces}
    wanted = [at for at, name in enumerate(names) if name is None or name not in known]
    made = dict(zip(wanted, make(wanted), strict=True)) if wanted else {}
    opened: dict[int, dict[bytes, bytes]] = {}
    found: list[Piece | bytes] = []
    loose: list[bytes] = []
    at = 0
    while at < len(names):
        name = names[at]
        whole = starting.get(name) if name is not None else None
        if whole is not None and tuple(names[at : at + len(whole.names)]) == whole.names:
            if loose:
                found.append(b",".join(loose))
                loose = []
            found.append(whole)
            at += len(whole.names)
            continue
        if name is None or at in made:
            loose.append(made[at])
        else:
            of = known[name]
            loose.append(opened.setdefault(id(of), {}).get(name) or _opened(of, opened)[name])
        at += 1
    if loose:
        found.append(b",".join(loose))
    return found


def _opened(of: Piece, opened: dict[int, dict[bytes, bytes]]) -> dict[bytes, bytes]:
    opened[id(of)] = of.texts()
    return opened[id(of)]


def _appended(path: Path, data: bytes) -> int | None:
    """Where in the file the data stands now; None when the file is full."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        place = os.fstat(descriptor).st_size
        if place + len(data) > MOST_BYTES:
            return None
        if os.write(descriptor, data) < len(data):
            os.unlink(path)  # what follows the part that was written could not be found
            return None
        return place
    finally:
        os.close(descriptor)


def _packed(piece: Piece) -> bytes:
    count = len(piece.names)
    head = _HEAD.pack(count, piece.text.crc, piece.text.size, piece.place)
    return head + b"".join(piece.names) + struct.pack(f"<{count}I", *piece.sizes) + piece.text.data


def _unpacked(data: bytes, digest: bytes) -> Piece:
    count, crc, size, place = _HEAD.unpack_from(data)
    sizes = _HEAD.size + _NAME * count
    names = tuple(data[at : at + _NAME] for at in range(_HEAD.size, sizes, _NAME))
    text = Deflated(data[sizes + 4 * count :], crc, size)
    return Piece(names, struct.unpack_from(f"<{count}I", data, sizes), text, place, digest)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
