"""Two places in one store: durable here at once, in the final store when it answers, and read from wherever it is."""

import hashlib
import os
from pathlib import Path

import pytest

from storage.errors import ObjectCorrupt, StorageFull, StorageUnavailable
from storage.model.archive import StoredObject
from storage.objects.base import object_key
from storage.objects.breaker import FAILURES, Breaker
from storage.objects.listing import Listing
from storage.objects.memory import MemoryStore
from storage.objects.settling import Limits
from storage.objects.staged import WHOLE, StagedStore


class Away(MemoryStore):
    """A final store that can be away, and that can lie."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.order: list[str] = []
        self.reads = 0

    def put(self, key: str, source: Path, sha256: str, *, consume: bool = False) -> StoredObject:
        self._must_be_there()
        self.order.append(key)
        return super().put(key, source, sha256, consume=consume)

    def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        self._must_be_there()
        self.reads += 1
        return super().get(key, offset, length)

    def stat(self, key: str) -> StoredObject | None:
        self._must_be_there()
        return super().stat(key)

    def delete(self, key: str) -> None:
        self._must_be_there()
        super().delete(key)

    def _must_be_there(self) -> None:
        if self.away:
            raise StorageUnavailable("away")


def objects(count: int, size: int = 1000) -> dict[str, bytes]:
    made = [os.urandom(size) for _ in range(count)]
    return {object_key("bv", hashlib.sha256(data).hexdigest()): data for data in made}


def settle(store: StagedStore) -> int:
    moved = 0
    while more := store.settle():
        moved += more
    return moved


def test_is_durable_here_while_the_final_store_is_away_and_drains_in_order(tmp_path: Path) -> None:
    final = Away()
    store = StagedStore(tmp_path, final, Limits(threads=1))
    final.away = True
    kept = objects(40)
    for number, (key, data) in enumerate(kept.items()):
        store.put_bytes(key, data)
        path = store.local_path(key)
        assert path is not None
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    assert settle(store) == 0
    condition = store.condition()
    assert (condition.trouble, condition.waiting, condition.waiting_bytes) == ("unreachable", 40, 40_000)
    assert condition.oldest_at == 1_000_000_000
    assert all(store.get(key) == data for key, data in kept.items())
    assert store.verified(next(iter(kept))) is None
    final.away = False
    again = StagedStore(tmp_path, final, Limits(threads=1))  # another process, which knows nothing but the folder
    assert settle(again) == 40
    assert final.order == list(kept)
    assert all(again.verified(key) is not None for key in kept)
    assert (again.condition().trouble, again.condition().waiting) == ("", 0)


def test_what_waits_has_a_limit(tmp_path: Path) -> None:
    final = Away()
    final.away = True
    store = StagedStore(tmp_path, final, Limits(waiting_bytes=3000))
    (first, data), *others = objects(5).items()
    for key, bytes_ in ((first, data), *others[:2]):
        store.put_bytes(key, bytes_)
    store.settle()
    assert store.condition().trouble == "waiting-full"
    with pytest.raises(StorageFull):
        store.put_bytes(*others[3])
    assert store.get(first) == data
    final.away = False
    settle(store)
    store.put_bytes(*others[3])


def test_kept_copies_are_freed_and_fetched_again(tmp_path: Path) -> None:
    final = Away()
    store = StagedStore(tmp_path, final, Limits(keep_bytes=0))
    (key, data), *_ = objects(1).items()
    store.put_bytes(key, data)
    settle(store)
    assert store.local_path(key) is None
    assert store.get(key, 10, 20) == data[10:30]
    assert store.local_path(key) is not None
    final.away = True
    assert store.get(key) == data
    with store.open(key, 5) as stream:
        assert stream.read() == data[5:]
    assert final.reads == 1


def test_nothing_is_freed_that_was_not_verified(tmp_path: Path) -> None:
    class Forgetful(Away):
        def put(self, key: str, source: Path, sha256: str, *, consume: bool = False) -> StoredObject:
            raise StorageUnavailable("did not keep the bytes it was given")

    store = StagedStore(tmp_path, Forgetful(), Limits(keep_bytes=0, keep_seconds=0))
    (key, data), *_ = objects(1).items()
    store.put_bytes(key, data)
    for _ in range(3):
        assert store.settle() == 0
    assert store.get(key) == data


def test_a_copy_that_was_damaged_here_is_said_and_stops_nobody(tmp_path: Path) -> None:
    final = Away()
    store = StagedStore(tmp_path, final)
    kept = objects(3)
    for key, data in kept.items():
        store.put_bytes(key, data)
    damaged = next(iter(kept))
    path = store.local_path(damaged)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(bytes(1000))
    settle(store)
    assert (store.condition().trouble, store.condition().stuck, store.condition().waiting) == ("stuck", 1, 0)
    assert len(list(final.keys())) == 2
    assert store.verified(damaged) is None
    store.put_bytes(damaged, kept[damaged])  # sent again
    settle(store)
    assert (store.condition().trouble, store.condition().stuck) == ("", 0)
    assert store.verified(damaged) is not None


def test_bytes_that_the_final_store_damaged_are_not_given_out(tmp_path: Path) -> None:
    final = Away()
    store = StagedStore(tmp_path, final, Limits(keep_bytes=0))
    (key, data), *_ = objects(1).items()
    final.put_bytes(key, data)

    class Lying(Away):
        def get(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
            raise ObjectCorrupt("other bytes")

        def stat(self, key: str) -> StoredObject | None:
            return final.stat(key)

    lying = StagedStore(tmp_path, Lying())
    for length in (None, 10):
        with pytest.raises(ObjectCorrupt):
            lying.get(key, 0, length)
    assert store.get(key) == data


def test_large_objects_are_read_by_range(tmp_path: Path) -> None:
    final = Away()
    store = StagedStore(tmp_path, final)
    data = bytes(WHOLE + 1)
    key = object_key("bv", hashlib.sha256(data).hexdigest())
    final.put_bytes(key, data)
    assert store.get(key, 100, 50) == bytes(50)
    assert store.local_path(key) is None


def test_what_is_forgotten_while_it_travels_is_forgotten_there_too(tmp_path: Path) -> None:
    class Slow(Away):
        def put(self, key: str, source: Path, sha256: str, *, consume: bool = False) -> StoredObject:
            stored = super().put(key, source, sha256, consume=consume)
            source.unlink()
            return stored

    final = Slow()
    store = StagedStore(tmp_path, final)
    (key, data), *_ = objects(1).items()
    store.put_bytes(key, data)
    settle(store)
    assert store.stat(key) is None
    assert list(final.keys()) == []


def test_deleting_needs_the_final_store(tmp_path: Path) -> None:
    final = Away()
    store = StagedStore(tmp_path, final)
    (key, data), *_ = objects(1).items()
    store.put_bytes(key, data)
    final.away = True
    with pytest.raises(StorageUnavailable):
        store.delete(key)
    assert store.get(key) == data


def test_the_pace_is_measured(tmp_path: Path) -> None:
    store = StagedStore(tmp_path, Away(), Limits(bytes_per_second=1))
    kept = objects(3)
    for key, data in kept.items():
        store.put_bytes(key, data)
    assert store.settle(1) == 1
    assert store.settle(1) == 0  # a thousand bytes are a thousand seconds
    assert store.condition().waiting == 2


def test_listing_reads_again_only_what_changed(tmp_path: Path) -> None:
    for name in ("a/1", "a/2", "b/3", "check/x", ".tmp/y"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
        os.utime((tmp_path / name), (int(name[-1], 36), int(name[-1], 36)))
    for folder in ("a", "b", "."):
        os.utime(tmp_path / folder, (1, 1))
    listing = Listing(tmp_path)
    assert [entry.key for entry in listing.read()] == ["a/1", "a/2", "b/3"]
    (tmp_path / "a/1").unlink()
    os.utime(tmp_path / "a", (1, 1))  # as if nothing had happened
    assert len(listing.read()) == 3
    os.utime(tmp_path / "a", (2, 2))
    assert [entry.key for entry in listing.read()] == ["a/2", "b/3"]


def test_a_breaker_opens_and_closes() -> None:
    now = 100.0
    breaker = Breaker(lambda: now)
    calls = 0

    def call(*, fails: bool) -> None:
        nonlocal calls
        with breaker.guarding():
            calls += 1
            if fails:
                raise StorageUnavailable("no answer")

    for _ in range(FAILURES + 3):
        with pytest.raises(StorageUnavailable, match="no answer"):
            call(fails=True)
    assert (calls, breaker.open) == (FAILURES, True)
    now += 2
    with pytest.raises(StorageUnavailable):
        call(fails=True)
    with pytest.raises(StorageUnavailable):
        call(fails=False)
    assert calls == FAILURES + 1
    now += 10
    call(fails=False)
    assert not breaker.open
    call(fails=False)


def test_a_full_store_answers() -> None:
    breaker = Breaker()
    for _ in range(2 * FAILURES):
        with pytest.raises(StorageFull), breaker.guarding():
            raise StorageFull("full")
    assert not breaker.open
