"""Two places: what arrives is durable on this machine at once, and is brought to its final store in the background.

    put → waiting/<key> (file and folder synchronised) ─settle→ final store, read back ─→ kept/<key> ─→ freed

The folder is the queue: nothing is noted elsewhere, so a crash at any point loses nothing, and at worst an object is
sent again, which is harmless because its key is its content. `kept` holds only what the final store has and has been
read back from it, or what was fetched from it and had the SHA-256 of its key; it may be lost at any time.

An object moves only in this order, so who looks in this order finds it.
"""

import hashlib
import heapq
import io
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from storage.errors import ObjectCorrupt, ObjectMissing, StorageFull, StorageUnavailable
from storage.model.archive import StoredObject
from storage.objects.base import Condition, ObjectStore, Synchronise
from storage.objects.filesystem import FilesystemStore
from storage.objects.names import checked_key, sha256_of_key
from storage.objects.settling import Limits, Settling

log = logging.getLogger(__name__)

WHOLE = 32 << 20  # objects up to this size are fetched whole, checked and kept; of larger ones only the asked range
_LOCKS = 64

Item = tuple[str, Path, str]
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Fetched:
    """An object of the final store: kept on this machine now, or in memory where there was no room for it."""

    data: bytes | None


class StagedStore:
    """`folder` on a local disk in front of `final`. Several processes may share the folder; any of them may settle."""

    def __init__(self, folder: Path, final: ObjectStore, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._final = final
        self._waiting = FilesystemStore(folder / "waiting")
        self._kept = FilesystemStore(folder / "kept")
        self._settling = Settling(folder, final, self._limits)
        self._fetching = [threading.Lock() for _ in range(_LOCKS)]
        os.register_at_fork(after_in_child=self._forget_locks)

    def put(self, key: str, source: Path, sha256: str, *, consume: bool = False) -> StoredObject:
        return self.put_many([(key, source, sha256)], consume=consume)[0]

    def synchroniser(self, folder: Path) -> Synchronise | None:
        return None if self._limits.strict else self._waiting.synchroniser(folder)

    def put_many(self, items: list[Item], *, consume: bool = False, synced: bool = False) -> list[StoredObject]:
        if self._limits.strict:
            return self._put_finally(items, consume=consume)
        self._must_take_more()
        known = {key for key, _, _ in items if self._kept.stat(checked_key(key)) is not None}
        stored: dict[str, StoredObject] = {}
        for store, part in (
            (self._kept, [item for item in items if item[0] in known]),
            (self._waiting, [item for item in items if item[0] not in known]),
        ):
            for one in store.put_many(part, consume=consume, synced=synced) if part else []:
                stored[one.key] = one
        return [stored[key] for key, _, _ in items]

    def put_bytes(self, key: str, data: bytes) -> StoredObject:
        digest = hashlib.sha256(data).hexdigest()
        if sha256_of_key(checked_key(key)) not in ("", digest):
            raise ObjectCorrupt(f"the bytes for {key} have the SHA-256 {digest}")
        if self._limits.strict:
            return self._final.put_bytes(key, data)
        self._must_take_more()
        store = self._waiting if self._kept.stat(key) is None else self._kept
        return store.put_bytes(key, data)

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        def finally_() -> bytes:
            fetched = self._fetch(key)
            if fetched is None:
                return self._final.get(key, offset, length)
            if fetched.data is None:
                return self._kept.get(key, offset, length)
            return _part(key, fetched.data, offset, length)

        return self._first(key, lambda store: store.get(key, offset, length), finally_)

    def open(self, key: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        def finally_() -> BinaryIO:
            fetched = self._fetch(key)
            if fetched is None:
                return self._final.open(key, offset, length)
            if fetched.data is None:
                return self._kept.open(key, offset, length)
            return io.BytesIO(_part(key, fetched.data, offset, length))

        return self._first(key, lambda store: store.open(key, offset, length), finally_)

    def stat(self, key: str) -> StoredObject | None:
        return self._waiting.stat(key) or self._kept.stat(key) or self._final.stat(key)

    def delete(self, key: str) -> None:
        """First in the final store: when it does not answer, nothing is forgotten anywhere."""
        self._final.delete(checked_key(key))
        self._kept.delete(key)
        self._waiting.delete(key)

    def set_aside(self, key: str, aside: str) -> None:
        """What is wrong in the final store is mended by a copy that is still here and is right."""
        self._final.set_aside(key, aside)
        try:
            right = self._kept.verified(key)
        except ObjectCorrupt:
            self._kept.delete(key)
            return
        path = self._kept.local_path(key)
        if right is not None and path is not None:
            self._final.put(key, path, sha256_of_key(key))

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        last = ""
        stores: tuple[ObjectStore, ...] = (self._waiting, self._kept, self._final)
        for stored in heapq.merge(*(store.keys(prefix) for store in stores), key=lambda stored: stored.key):
            if stored.key != last:
                yield stored
            last = stored.key

    def verified(self, key: str) -> StoredObject | None:
        return None if self._waiting.stat(key) is not None else self._final.verified(key)

    def settle(self, most: int = 16) -> int:
        return self._settling.settle(most)

    def recheck(self) -> str:
        if self._kept.condition().trouble:
            self._kept.recheck()
        return self._final.recheck() if self._limits.strict else self._waiting.recheck()

    def condition(self) -> Condition:
        condition = self._settling.condition()
        disk = self._waiting.condition()
        return replace(condition, trouble=disk.trouble, detail=disk.detail) if disk.trouble else condition

    def local_path(self, key: str) -> Path | None:
        return self._waiting.local_path(key) or self._kept.local_path(key)

    def descriptor(self, key: str, end: int) -> int | None:
        for place in (self._waiting, self._kept, self._waiting):  # it may move on between two looks
            try:
                return place.descriptor(key, end)
            except ObjectMissing:
                continue
        return None

    def check(self) -> str:
        """The place that has to take what arrives; whether the final store answers is said by `condition`."""
        if self._limits.strict:
            return self._final.check()
        return self._waiting.check()

    def check_final(self) -> str:
        return self._final.check()

    def _put_finally(self, items: list[Item], *, consume: bool) -> list[StoredObject]:
        """In the final store before this returns; a copy stays here when there is room."""
        stored = self._final.put_many(items)
        with suppress(StorageUnavailable, ObjectCorrupt):
            self._kept.put_many(items, consume=consume)
            for one in stored:
                self._same_time(one)
        if consume:
            for _, source, _ in items:
                source.unlink(missing_ok=True)
        return stored

    def _must_take_more(self) -> None:
        condition = self._settling.condition()
        if condition.waiting_bytes >= self._limits.waiting_bytes:
            raise StorageFull(
                f"{condition.waiting_bytes / 1e9:.1f} GB wait for the object store, more may not; it does not answer"
            )

    def _first(self, key: str, ask: Callable[[ObjectStore], Answer], finally_: Callable[[], Answer]) -> Answer:
        """The answer of the first place that has the object. A kept copy that cannot be read is no loss."""
        with suppress(ObjectMissing):
            return ask(self._waiting)
        try:
            return ask(self._kept)
        except ObjectMissing:
            pass
        except StorageUnavailable as error:
            log.warning("a kept copy cannot be read, asking the object store: %s", error)
            return ask(self._final)
        return finally_()

    def _fetch(self, key: str) -> _Fetched | None:
        """Bring a whole object of the final store here, checked; None when it is too large for that."""
        with self._fetching[hash(key) % _LOCKS]:
            if self._kept.local_path(key) is not None:
                return _Fetched(None)
            found = self._final.stat(key)
            if found is None:
                raise ObjectMissing(f"{key} is not in the store")
            if found.size > WHOLE:
                return None
            data = self._final.get(key)
            with suppress(StorageUnavailable):
                self._kept.put_bytes(key, data)
                self._same_time(found)
            return _Fetched(data)

    def _same_time(self, stored: StoredObject) -> None:
        """A kept copy says the same time as the final store."""
        path = self._kept.local_path(stored.key)
        if path is not None:
            with suppress(OSError):
                os.utime(path, ns=(stored.stored_at * 1_000_000,) * 2)

    def _forget_locks(self) -> None:
        """A lock that was held when this process was forked would be held for ever."""
        self._fetching = [threading.Lock() for _ in range(_LOCKS)]


def _part(key: str, data: bytes, offset: int, length: int | None) -> bytes:
    wanted = len(data) - offset if length is None else length
    if offset < 0 or wanted < 0 or offset + wanted > len(data):
        raise ObjectCorrupt(f"{key} has {len(data)} bytes, {wanted} from {offset} were asked for")
    return data[offset : offset + wanted]
