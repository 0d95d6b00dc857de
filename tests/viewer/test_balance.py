"""Connections are spread over the web workers, and one that is stuck holds up nobody."""

from viewer.balance import PATIENCE, Shares, Turn


def test_who_holds_more_waits_for_the_others_but_not_for_ever() -> None:
    shares = Shares()
    first, second = Turn(shares, 1), Turn(shares, 2)
    assert first.has_come(5), "alone, it takes all"
    assert second.has_come(0)
    assert not first.has_come(5)
    shares.tell(2, 5)
    assert first.has_come(5), "as many as the other is its turn"
    shares.tell(2, 1)
    assert [first.has_come(5) for _ in range(PATIENCE)] == [False] * PATIENCE
    assert first.has_come(5), "nobody took it"
    shares.leave(2)
    assert first.has_come(5), "who is no more is not waited for"


def test_the_places_of_workers_that_follow_each_other_are_used_again() -> None:
    shares = Shares()
    shares.tell(1, 3)
    shares.leave(1)
    shares.tell(65, 0)
    assert shares.fewest_elsewhere(2) == 0
