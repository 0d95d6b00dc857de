"""What is remembered is bounded, and what is asked for stays."""

from pacs.recent import Recent


def test_the_last_ones_are_remembered_and_never_more_than_twice_as_many() -> None:
    recent = Recent[int, str](10)
    for number in range(1000):
        recent.put(number, str(number))
        assert [recent._young.get(last) or recent._old.get(last) for last in range(max(0, number - 9), number + 1)] == [
            str(last) for last in range(max(0, number - 9), number + 1)
        ]
        assert len(recent._young) + len(recent._old) <= 20
    assert recent.get(0) is None


def test_what_is_asked_for_stays() -> None:
    recent = Recent[str, int](10)
    recent.put("kept", 1)
    for number in range(100):
        recent.put(str(number), number)
        assert recent.get("kept") == 1
    assert recent.get("5") is None
