"""Reading ahead: the order stays, so much is announced and no more, what cannot be announced is given all the same."""

import os
from dataclasses import replace

import pytest

from pacs.archive.announcing import announce, announced
from storage.model.archive import Instance
from storage.model.damage import CORRUPT
from tests.pacs.parts import House, Made


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The inode of each file the kernel was told to read, and how much of it."""
    found: list[tuple[int, int]] = []

    def note(descriptor: int, offset: int, length: int, advice: int) -> None:
        assert (offset, advice) == (0, os.POSIX_FADV_WILLNEED)
        found.append((os.fstat(descriptor).st_ino, length))

    monkeypatch.setattr("os.posix_fadvise", note)
    return found


def _stored(here: House, count: int) -> list[Instance]:
    made = [Made(sop=f"1.2.3.1.{number}") for number in range(1, count + 1)]
    for one in made:
        here.put(one.part10())
    return [here.instance(one) for one in made]


def _inode(here: House, instance: Instance) -> int:
    path = here.archive.local_path(instance)
    assert path is not None
    return path.stat().st_ino


def test_those_that_follow_are_announced_in_their_order(here: House, told: list[tuple[int, int]]) -> None:
    instances = _stored(here, 6)
    order = announced(here.archive.objects, instances, lambda _: 10, most=20)
    for given, instance in enumerate(instances):
        assert next(order) is instance
        so_far = min(given + 3, 6)  # itself, and two that follow are twenty bytes
        assert told == [(_inode(here, one), 10) for one in instances[:so_far]]
    assert next(order, None) is None


def test_one_that_is_large_follows_by_itself(here: House, told: list[tuple[int, int]]) -> None:
    instances = _stored(here, 3)
    order = announced(here.archive.objects, instances, lambda _: 50, most=20)
    assert next(order) is instances[0]
    assert len(told) == 2


def test_what_is_damaged_or_gone_is_given_all_the_same(here: House, told: list[tuple[int, int]]) -> None:
    damaged, gone, right = _stored(here, 3)
    damaged = replace(damaged, damage=CORRUPT)
    here.archive.objects.delete(gone.stored.key)
    assert list(announced(here.archive.objects, [damaged, gone, right], lambda _: 10)) == [damaged, gone, right]
    assert told == [(_inode(here, right), 10)]


def test_no_file_is_left_open(here: House) -> None:
    (instance,) = _stored(here, 1)
    before = os.listdir("/proc/self/fd")
    announce(here.archive.objects, instance, 10)
    assert os.listdir("/proc/self/fd") == before
