"""Connections are spread over processes, and one that is stuck or was killed holds up nobody."""

import os

from pacs.balance import PATIENCE, Share, Shares, Turn


def test_who_holds_more_waits_for_the_others_but_not_for_ever() -> None:
    shares = Shares()
    first, second = Turn(shares, 1), Turn(shares, 2)
    assert first.has_come(5), "alone, it takes all"
    shares.tell(2, 0)
    assert second.has_come(0)
    assert not first.has_come(5)
    shares.tell(2, 5)
    assert first.has_come(5), "as many as the other is its turn"
    shares.tell(2, 1)
    assert [first.has_come(5) for _ in range(PATIENCE)] == [False] * PATIENCE
    assert first.has_come(5), "nobody took it"
    shares.leave(2)
    assert first.has_come(5), "who is no more is not waited for"


def test_of_many_a_few_more_make_no_difference() -> None:
    shares = Shares(2)
    for elsewhere, most in ((0, 0), (7, 7), (8, 9), (80, 90)):
        shares.tell(1, elsewhere)
        turn = Turn(shares, 0)
        assert [count for count in range(100) if turn.is_ours(count)][-1] == most


def test_the_places_of_workers_that_follow_each_other_are_used_again() -> None:
    shares = Shares()
    shares.tell(1, 3)
    shares.leave(1)
    shares.tell(65, 0)
    assert shares.fewest_elsewhere(2) == 0


def test_who_was_killed_is_not_waited_for() -> None:
    shares = Shares(2)
    child = os.fork()
    if child == 0:
        shares.tell(1, 0)
        os._exit(0)
    os.waitpid(child, 0)
    assert shares.fewest_elsewhere(0) is None
    assert Turn(shares, 0).has_come(5)


def test_what_a_process_holds_is_told_until_it_takes_no_more() -> None:
    shares = Shares(2)
    one, other = Share(shares, 0), Share(shares, 1)
    one.come()
    assert not one.may_go_on()
    assert not one.may_take()
    assert other.may_take()
    other.come()
    assert one.may_take()
    other.go()
    assert not one.may_take()
    other.leave()
    other.go()
    assert one.may_take(), "the other takes no more, whatever it still holds"
