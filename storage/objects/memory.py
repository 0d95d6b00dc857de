"""An object store in memory, for tests: gone when the process ends."""

import hashlib
import io
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from storage.errors import ObjectCorrupt, ObjectMissing
from storage.model.archive import StoredObject
from storage.objects.base import Condition, Synchronise
from storage.objects.names import checked_key, checked_prefix, sha256_of_key


@dataclass(frozen=True, slots=True)
class _Kept:
    data: bytes
    at: int


class MemoryStore:
    """Keeps the promises of ObjectStore, except that nothing survives the process."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def put(self, key: str, source: Path, sha256: str, *, consume: bool = False) -> StoredObject:
        return self.put_many([(key, source, sha256)], consume=consume)[0]

    def synchroniser(self, folder: Path) -> Synchronise | None:
        return None

    def put_many(
        self, items: list[tuple[str, Path, str]], *, consume: bool = False, synced: bool = False
    ) -> list[StoredObject]:
        stored = []
        for key, source, sha256 in items:
            data = source.read_bytes()
            if hashlib.sha256(data).hexdigest() != sha256:
                raise ObjectCorrupt(f"the bytes for {key} do not have the SHA-256 {sha256}")
            stored.append(self._keep(checked_key(key), data, sha256))
        if consume:
            for _, source, _ in items:
                source.unlink(missing_ok=True)
        return stored

    def put_bytes(self, key: str, data: bytes) -> StoredObject:
        return self._keep(checked_key(key), data, hashlib.sha256(data).hexdigest())

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        data = self._of(key).data
        end = len(data) if length is None else offset + length
        if offset > len(data) or end > len(data):
            raise ObjectCorrupt(f"{key} has {len(data)} bytes, {offset}..{end} were asked for")
        return data[offset:end]

    def open(self, key: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        return io.BytesIO(self.get(key, offset, length))

    def stat(self, key: str) -> StoredObject | None:
        with self._lock:
            kept = self._kept.get(checked_key(key))
        return None if kept is None else StoredObject(key, len(kept.data), sha256_of_key(key), kept.at)

    def delete(self, key: str) -> None:
        with self._lock:
            self._kept.pop(checked_key(key), None)

    def set_aside(self, key: str, aside: str) -> None:
        with self._lock:
            kept = self._kept.pop(checked_key(key), None)
            if kept is not None:
                self._kept[checked_key(aside)] = kept

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        checked_prefix(prefix)
        with self._lock:
            names = sorted(key for key in self._kept if key.startswith(prefix))
        for key in names:
            stored = self.stat(key)
            if stored is not None:
                yield stored

    def verified(self, key: str) -> StoredObject | None:
        stored = self.stat(key)
        if stored is not None and stored.sha256 not in ("", hashlib.sha256(self.get(key)).hexdigest()):
            raise ObjectCorrupt(f"{key} does not have the SHA-256 it was stored under")
        return stored

    def settle(self, most: int = 16) -> int:
        return 0

    def check_final(self) -> str:
        return self.check()

    def recheck(self) -> str:
        return self.check()

    def condition(self) -> Condition:
        return Condition()

    def local_path(self, key: str) -> Path | None:
        checked_key(key)
        return None

    def descriptor(self, key: str, end: int) -> int | None:
        return None

    def check(self) -> str:
        with self._lock:
            return f"in memory: {len(self._kept)} objects"

    def _keep(self, key: str, data: bytes, sha256: str) -> StoredObject:
        with self._lock:
            kept = self._kept.setdefault(key, _Kept(data, time.time_ns() // 1_000_000))
        if len(kept.data) != len(data):
            raise ObjectCorrupt(f"{key} has {len(kept.data)} bytes, the same content has {len(data)}")
        return StoredObject(key, len(data), sha256, kept.at)

    def _of(self, key: str) -> _Kept:
        with self._lock:
            kept = self._kept.get(checked_key(key))
        if kept is None:
            raise ObjectMissing(f"{key} is not in the store")
        return kept
