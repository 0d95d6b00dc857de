"""Room on real, small disks: a tmpfs where we may mount one, else a mark no disk can reach."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.errors import StorageFull
from storage.objects.room import MOST, Room
from tests.pacs.parts import Made, house


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """32 MB, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root: sudo .venv/bin/pytest tests/storage/objects/test_room.py")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here ({mounted.stderr.strip()}); run the tests in a machine of their own")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_the_mark_is_a_share_of_a_small_disk_and_bounded_on_a_large_one(tmp_path: Path) -> None:
    (space,) = Room([tmp_path, tmp_path / ".."]).spaces()
    assert space.mark == min(space.total // 20, MOST)
    assert Room([tmp_path], keep_free=7).spaces()[0].mark == 7
    assert Room([tmp_path / "nothing"]).spaces() == []
    Room([tmp_path], keep_free=1).must_have()


def test_below_the_mark_nothing_is_taken_and_above_it_again(tmp_path: Path) -> None:
    here = house(tmp_path)
    here.put(Made().part10())
    free = Room([tmp_path]).spaces()[0].free
    here.archive.room = Room([tmp_path], keep_free=free * 2)
    with pytest.raises(StorageFull, match="nothing more is taken"):
        here.put(Made(sop="1.2.9").part10())
    assert here.archive.bytes_of(here.instance(Made())) == Made().part10()
    assert here.spooled() == []
    here.archive.room = Room([tmp_path], keep_free=1)
    here.put(Made(sop="1.2.9").part10())
    here.archive.close()


@pytest.mark.parametrize("mark", [0, 1])
def test_a_full_disk_refuses_loses_nothing_and_takes_again(small_disk: Path, mark: int) -> None:
    """With the mark, and with a mark that is never reached, so that every write may meet ENOSPC: the spool, the
    objects, the index."""
    here = house(small_disk)
    here.archive.room = Room([small_disk], keep_free=mark)
    kept, refused = [], 0
    for number in range(400):
        made = Made(sop=f"1.2.{number}", pixels=os.urandom(150_000))
        try:
            here.put(made.part10())
            kept.append(made)
        except StorageFull:
            refused += 1
            if refused == 60:
                break
    assert len(kept) > 50
    assert refused == 60
    assert here.spooled() == []
    for made in kept:
        assert here.archive.bytes_of(here.instance(made)) == made.part10()
    for made in kept[:30]:  # somebody makes room
        here.archive.objects.delete(here.instance(made).stored.key)
    here.put(Made(sop="1.2.9.9", pixels=os.urandom(150_000)).part10())
    here.archive.close()
