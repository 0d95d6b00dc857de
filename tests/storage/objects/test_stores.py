"""What every object store promises: the same tests over files, a real S3 server, and memory."""

import hashlib
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import ObjectCorrupt, ObjectMissing
from storage.objects.base import ObjectStore, aside_key, derived_key, object_key, quarantine_key
from storage.objects.filesystem import FilesystemStore
from storage.objects.memory import MemoryStore
from storage.objects.s3 import S3Store
from storage.objects.settling import Limits
from storage.objects.staged import StagedStore

Spooled = Callable[[bytes], Path]
SIZES = [0, 1, 4096, 525_312, 1 << 20, (1 << 20) + 1, 6 << 20]


@pytest.fixture(params=["filesystem", "s3", "memory", "staged", "strict"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "filesystem":
        return FilesystemStore(tmp_path / "objects")
    if request.param == "s3":
        server = request.getfixturevalue("s3_server")
        prefix = f"p{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}"
        return S3Store(server.url("stores", prefix), server.access_key, server.secret_key)
    if request.param in ("staged", "strict"):
        return StagedStore(tmp_path / "staging", MemoryStore(), Limits(strict=request.param == "strict"))
    return MemoryStore()


@pytest.fixture
def spooled(tmp_path: Path) -> Spooled:
    folder = tmp_path / "spool"
    folder.mkdir()

    def spool(data: bytes) -> Path:
        path = folder / os.urandom(8).hex()
        path.write_bytes(data)
        return path

    return spool


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def key_of(data: bytes) -> str:
    return object_key("bv-a", sha256(data))


@pytest.mark.parametrize("size", SIZES)
def test_gives_back_what_it_was_given(store: ObjectStore, spooled: Spooled, size: int) -> None:
    data = os.urandom(size)
    stored = store.put(key_of(data), spooled(data), sha256(data))
    assert (stored.key, stored.size, stored.sha256) == (key_of(data), size, sha256(data))
    assert stored.stored_at > 1_600_000_000_000
    assert store.get(key_of(data)) == data
    assert store.stat(key_of(data)) == stored
    with store.open(key_of(data)) as stream:
        assert stream.read() == data


def test_keeps_the_source_unless_it_may_consume_it(store: ObjectStore, spooled: Spooled) -> None:
    kept, consumed = spooled(b"kept"), spooled(b"consumed")
    store.put(key_of(b"kept"), kept, sha256(b"kept"))
    store.put(key_of(b"consumed"), consumed, sha256(b"consumed"), consume=True)
    assert kept.read_bytes() == b"kept"
    assert not consumed.exists()
    assert store.get(key_of(b"consumed")) == b"consumed"


def test_the_same_again_is_harmless(store: ObjectStore, spooled: Spooled) -> None:
    data = os.urandom(1000)
    first = store.put(key_of(data), spooled(data), sha256(data), consume=True)
    again = spooled(data)
    assert store.put(key_of(data), again, sha256(data), consume=True) == first
    assert not again.exists()
    assert store.put_bytes(key_of(data), data) == first


def test_other_bytes_never_replace_what_is_there(store: ObjectStore, spooled: Spooled) -> None:
    data = os.urandom(1000)
    store.put(key_of(data), spooled(data), sha256(data))
    with pytest.raises(ObjectCorrupt):
        store.put_bytes(key_of(data), data + b"more")
    assert store.get(key_of(data)) == data


def test_a_copy_must_have_its_sha256(store: ObjectStore, spooled: Spooled) -> None:
    with pytest.raises(ObjectCorrupt):
        store.put(key_of(b"right"), spooled(b"wrong"), sha256(b"right"))
    assert store.stat(key_of(b"right")) is None


def test_keeps_a_group_in_one_round(store: ObjectStore, spooled: Spooled) -> None:
    group = [os.urandom(3000 + number) for number in range(20)]
    group.append(group[0])  # the same instance may come twice at once
    items = [(key_of(data), spooled(data), sha256(data)) for data in group]
    stored = store.put_many(items, consume=True)
    assert [one.key for one in stored] == [key for key, _, _ in items]
    assert [store.get(one.key) for one in stored] == group
    assert not any(source.exists() for _, source, _ in items)
    assert store.put_many([], consume=True) == []


def test_a_group_fails_when_one_of_it_fails(store: ObjectStore, spooled: Spooled) -> None:
    good, bad = spooled(b"good"), spooled(b"bad")
    items = [(key_of(b"good"), good, sha256(b"good")), (key_of(b"other"), bad, sha256(b"other"))]
    with pytest.raises(ObjectCorrupt):
        store.put_many(items)
    assert good.exists()
    assert store.stat(key_of(b"other")) is None


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 1), (0, 5000), (4999, 1), (100, 900), (17, None), (5000, None), (8, 0)]
)
def test_gives_ranges(store: ObjectStore, spooled: Spooled, offset: int, length: int | None) -> None:
    data = os.urandom(5000)
    store.put(key_of(data), spooled(data), sha256(data))
    wanted = data[offset:] if length is None else data[offset : offset + length]
    assert store.get(key_of(data), offset, length) == wanted
    with store.open(key_of(data), offset, length) as stream:
        assert stream.read() == wanted


@pytest.mark.parametrize(("offset", "length"), [(0, 5001), (4999, 2), (5001, None), (6000, 1), (5001, 0)])
def test_a_range_beyond_the_end_is_corrupt(store: ObjectStore, offset: int, length: int | None) -> None:
    data = bytes(5000)
    store.put_bytes(key_of(data), data)
    with pytest.raises(ObjectCorrupt):
        store.get(key_of(data), offset, length)
    with pytest.raises(ObjectCorrupt), store.open(key_of(data), offset, length) as stream:
        stream.read()


def test_streams_can_seek(store: ObjectStore) -> None:
    data = os.urandom(700_000)
    store.put_bytes(key_of(data), data)
    with store.open(key_of(data), 1000, 600_000) as stream:
        assert stream.seekable()
        assert stream.read(10) == data[1000:1010]
        assert stream.seek(500_000) == 500_000
        assert stream.read(7) == data[501_000:501_007]
        assert stream.seek(-5, io.SEEK_END) == 599_995
        assert stream.read() == data[600_995:601_000]
        assert stream.read() == b""
        assert stream.seek(0) == 0
        assert stream.read() == data[1000:601_000]


def test_says_what_is_missing(store: ObjectStore) -> None:
    key = key_of(b"never kept")
    assert store.stat(key) is None
    for offset, length in [(0, None), (5, None), (0, 10), (0, 0)]:
        with pytest.raises(ObjectMissing):
            store.get(key, offset, length)
        with pytest.raises(ObjectMissing), store.open(key, offset, length) as stream:
            stream.read()


def test_forgets_and_forgetting_again_is_harmless(store: ObjectStore) -> None:
    store.put_bytes(key_of(b"x"), b"x")
    store.delete(key_of(b"x"))
    store.delete(key_of(b"x"))
    assert store.stat(key_of(b"x")) is None
    assert store.put_bytes(key_of(b"x"), b"x").size == 1


def test_lists_keys_in_order(store: ObjectStore) -> None:
    hospitals = ["bv", "bv-a", "bv-a-1", "bv0", "a"]
    contents = {sha256(str(number).encode() * number): str(number).encode() * number for number in range(1, 13)}
    digests = list(contents)
    keys = [
        make(hospital, digest) for hospital in hospitals for digest in digests for make in (object_key, quarantine_key)
    ]
    keys += [derived_key("bv", kind, digests[0]) for kind in ("manifest", "thumbnail")]
    stored = {key: store.put_bytes(key, contents[key[-64:]]) for key in keys}
    listed = list(store.keys())
    assert [one.key for one in listed] == sorted(keys)
    assert [(one.size, one.stored_at) for one in listed] == [
        (stored[key].size, stored[key].stored_at) for key in sorted(keys)
    ]
    assert all(one.sha256 == one.key[-64:] for one in listed)
    for prefix in ("bv", "bv/", "bv/o/", "bv-a/o/" + digests[0][:2], "bv/d/m", "nothing"):
        assert [one.key for one in store.keys(prefix)] == sorted(key for key in keys if key.startswith(prefix))


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.hidden", "a/", "a\x00b", "a\nb", "ă/b", "a" * 200, "a\\b", "."],
)
def test_refuses_keys_that_could_lead_astray(store: ObjectStore, tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not an object key"):
        store.put_bytes(key, b"x")
    for ask in (store.get, store.stat, store.open, store.delete, store.local_path):
        with pytest.raises(ValueError, match="not an object key"):
            ask(key)
    with pytest.raises(ValueError, match="not a prefix"):
        list(store.keys("../"))


def test_verifies_what_is_in_the_final_store(store: ObjectStore, spooled: Spooled) -> None:
    data = os.urandom(70_000)
    assert store.verified(key_of(data)) is None
    store.put(key_of(data), spooled(data), sha256(data))
    while store.settle():
        pass
    verified = store.verified(key_of(data))
    assert verified is not None
    assert (verified.key, verified.size, verified.sha256) == (key_of(data), len(data), sha256(data))
    assert store.get(key_of(data)) == data
    assert store.condition().trouble == ""
    assert store.condition().waiting == 0


def test_what_is_set_aside_leaves_its_place_free(store: ObjectStore, spooled: Spooled) -> None:
    data = os.urandom(70_000)
    store.put(key_of(data), spooled(data), sha256(data))
    while store.settle():
        pass
    aside = aside_key(key_of(data), 1)
    store.set_aside(key_of(data), aside)
    assert store.get(aside) == data
    store.put(key_of(data), spooled(data), sha256(data))
    assert store.get(key_of(data)) == data
    store.set_aside(key_of(b"nothing"), aside_key(key_of(b"nothing"), 1))
    assert store.stat(aside_key(key_of(b"nothing"), 1)) is None


def test_many_at_once_do_not_disturb_each_other(store: ObjectStore, spooled: Spooled) -> None:
    shared = os.urandom(20_000)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            own = bytes([number]) * 20_000
            for data in (own, shared):
                store.put(key_of(data), spooled(data), sha256(data), consume=True)
                assert store.get(key_of(data)) == data
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(list(store.keys())) == 9


def test_works_after_a_fork(store: ObjectStore, spooled: Spooled) -> None:
    group = [os.urandom(100) for _ in range(4)]
    items = [(key_of(data), spooled(data), sha256(data)) for data in group]
    store.put_many(items)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            more = [(key_of(data * 2), spooled(data * 2), sha256(data * 2)) for data in group]
            status = 0 if len(store.put_many(more)) == 4 and store.get(items[0][0]) == group[0] else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.get(items[1][0]) == group[1]


def test_check_says_it_works_in_a_sentence_and_leaves_nothing(store: ObjectStore) -> None:
    assert len(store.check()) > 10
    assert list(store.keys()) == []


def test_only_files_have_a_path(store: ObjectStore) -> None:
    store.put_bytes(key_of(b"x"), b"x")
    if isinstance(store, StagedStore):
        assert store.get(key_of(b"x")) == b"x"  # read, if not waiting, and so kept here
    path = store.local_path(key_of(b"x"))
    if isinstance(store, FilesystemStore | StagedStore):
        assert path is not None
        assert path.read_bytes() == b"x"
    else:
        assert path is None
    assert store.local_path(key_of(b"y")) is None


def test_a_descriptor_is_the_file_itself_and_is_checked(store: ObjectStore, spooled: Spooled) -> None:
    data = os.urandom(5000)
    store.put(key_of(data), spooled(data), sha256(data))
    descriptor = store.descriptor(key_of(data), 5000)
    if descriptor is None:
        assert store.local_path(key_of(data)) is None
        return
    assert os.pread(descriptor, 100, 4950) == data[4950:]
    os.close(descriptor)
    with pytest.raises(ObjectCorrupt):
        store.descriptor(key_of(data), 5001)
    if isinstance(store, FilesystemStore):
        with pytest.raises(ObjectMissing):
            store.descriptor(key_of(b"other"), 1)
