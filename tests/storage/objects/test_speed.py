"""Says how quick the durable filesystem store is on this machine; only a gross loss fails."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from storage.objects.base import object_key
from storage.objects.filesystem import FilesystemStore

SIZE = 512 * 1024
COUNT = 60


@pytest.mark.parametrize("group", [1, 20])
def test_puts_and_gets_of_half_a_megabyte(tmp_path: Path, capsys: pytest.CaptureFixture[str], group: int) -> None:
    store = FilesystemStore(tmp_path / "objects")
    items = []
    for number in range(COUNT):
        data = os.urandom(SIZE)
        source = tmp_path / str(number)
        source.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        items.append((object_key("bv", digest), source, digest))
    begun = time.perf_counter()
    for first in range(0, COUNT, group):
        store.put_many(items[first : first + group], consume=True)
    puts = COUNT / (time.perf_counter() - begun)
    begun = time.perf_counter()
    for key, _, _ in items:
        assert len(store.get(key)) == SIZE
    gets = COUNT / (time.perf_counter() - begun)
    with capsys.disabled():
        print(f"\n512 KB with fsync in groups of {group}: {puts:.0f} put/s, {gets:.0f} get/s")
    assert puts > 2
    assert gets > 50
