"""Places for associations, counted over processes that may be killed at any moment."""

import os
import signal

from pacs.dimse.slots import Slots


def test_a_place_is_taken_and_given_back() -> None:
    slots = Slots(1, total=2)
    places = slots.places(0)
    first, second = places.take("A", 9), places.take("B", 9)
    assert first > 0
    assert second > 0
    assert places.take("C", 9) == 0
    places.give_back(first)
    assert places.take("C", 9) > 0


def test_a_peer_has_only_its_own() -> None:
    places = Slots(1, total=10).places(0)
    assert [places.take("A", 2) > 0 for _ in range(3)] == [True, True, False]
    assert places.take("A", 2) == -1
    assert places.take("B", 2) > 0


def test_the_last_places_are_for_peers_that_have_none() -> None:
    slots = Slots(1, total=8, reserved=2)
    places = slots.places(0)
    assert [places.take("A", 99) > 0 for _ in range(7)] == [True] * 6 + [False]
    assert places.take("B", 99) > 0
    assert places.take("C", 99) > 0
    assert places.take("D", 99) == 0
    assert len(slots.taken()) == 8


def test_processes_count_together_and_a_killed_one_leaves_nothing_behind() -> None:
    slots = Slots(2, total=4)
    here = slots.places(0)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        there = slots.places(1)
        for _ in range(3):
            there.take("B", 9)
        os.write(write, b"x")
        signal.pause()
        os._exit(0)
    try:
        assert os.read(read, 1) == b"x"
        assert here.take("A", 9) > 0
        assert here.take("A", 9) == 0, "four are taken, in both together"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)
    assert [here.take("A", 9) > 0 for _ in range(4)] == [True, True, True, False]


def test_a_process_that_starts_again_finds_its_region_empty() -> None:
    slots = Slots(2, total=3)
    slots.places(1).take("A", 9)
    assert len(slots.taken()) == 1
    slots.places(1)
    assert slots.taken() == []
