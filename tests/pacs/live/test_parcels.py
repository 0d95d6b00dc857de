"""Messages between nodes as payloads of a notice."""

import random
from typing import Any

import pytest

from pacs.live.parcels import MOST_OPEN, Opening, packed
from storage.index.notices import LONGEST


def told(*payloads: str) -> list[Any]:
    opening = Opening()
    return [found for one in payloads if (found := opening.add(one)) is not None]


@pytest.mark.parametrize("length", [0, 10, LONGEST - 30, LONGEST, 12_000, 60_000])
def test_what_is_packed_is_what_comes_out(length: int) -> None:
    noise = "".join(random.Random(7).choices("0123456789abcdefôế", k=length))
    message = ["r", "node", 7, "user-1", "user-2", {"sdp": noise}]
    payloads = packed(message)
    assert max(len(one.encode()) for one in payloads) <= LONGEST
    assert told(*payloads) == [message]


def test_parts_come_in_any_order_and_beside_others() -> None:
    noise = ["".join(random.Random(seed).choices("0123456789abcdef", k=40_000)) for seed in (1, 2)]
    first, second = packed(["r", noise[0]]), packed(["r", noise[1]])
    mixed = [one for pair in zip(reversed(first), second, strict=False) for one in pair]
    rest = [one for one in (*first, *second) if one not in mixed]
    assert sorted(told(*mixed, *rest)) == sorted([["r", noise[0]], ["r", noise[1]]])


def test_what_is_no_message_is_left_alone() -> None:
    assert told("", "j", "j{}", "j[]", "x", "p", "pa.0.1.%%%", "pa.2.1.abc", "pa.0.99999.abc", "pname.zero.1.x") == []


def test_messages_that_never_end_do_not_pile_up() -> None:
    opening = Opening()
    for number in range(2 * MOST_OPEN):
        assert opening.add(f"p{number}.0.2.half") is None
    assert len(opening._open) <= MOST_OPEN
