"""What a screen shows, as differences."""

from typing import Any

import pytest

from pacs.live.states import Malformed, difference, merged, shown, within

ONE = "1.2.840.113619.2.1.1"
TWO = "1.2.840.113619.2.1.2"
SIDE_BY_SIDE = {"c": 0, "l": [2, 0], "s": "1.2.3", "i": ONE, "f": 1, "s1": "1.2.4", "i1": TWO, "f1": 3}


def test_a_screen_between_two_studies_shows_no_image() -> None:
    before = {"c": 0, "s": "1.2.3", "i": "1.2.3.4", "f": 2, "r": [1, 6]}
    between = {"c": 1, "r": [0, 4]}
    assert merged(before, difference(before, between)) == between


def test_panes_come_whole_and_then_as_what_changed() -> None:
    assert difference({}, SIDE_BY_SIDE) == SIDE_BY_SIDE
    assert merged({}, SIDE_BY_SIDE) == SIDE_BY_SIDE
    scrolled = {**SIDE_BY_SIDE, "i": TWO, "f": 2}
    assert difference(SIDE_BY_SIDE, scrolled) == {"i": [19, "2"], "f": 2}
    beside = {**SIDE_BY_SIDE, "i1": ONE, "w1": [40, 400, 0], "z1": [0, 0, 0, 350.5, 0, 0, 0]}
    changed = {"i1": [19, "1"], "w1": [40, 400, 0], "z1": [0, 0, 0, 350.5, 0, 0, 0]}
    assert difference(SIDE_BY_SIDE, beside) == changed
    assert merged(SIDE_BY_SIDE, changed) == beside


def test_another_pane_becomes_active_and_one_is_left() -> None:
    other = {"c": 0, "l": [2, 1], "s": "1.2.4", "i": TWO, "f": 3, "s0": "1.2.3", "i0": ONE, "f0": 1}
    assert merged(SIDE_BY_SIDE, difference(SIDE_BY_SIDE, other)) == other
    alone = {"c": 0, "l": [1, 0], "s": "1.2.4", "i": TWO, "f": 3}
    assert merged(other, difference(other, alone)) == alone


def test_only_who_leads_shows_their_panes() -> None:
    assert shown(SIDE_BY_SIDE, leads=True) == SIDE_BY_SIDE
    pointed = shown({**SIDE_BY_SIDE, "p": [1, 2]}, leads=False)
    assert pointed == {"c": 0, "s": "1.2.3", "i": ONE, "f": 1, "p": [1, 2]}


def test_of_a_case_beside_only_its_number_is_known_to_who_may_not_see_it() -> None:
    beside = {**SIDE_BY_SIDE, "b1": 1, "w1": [40, 400, 0], "z1": [0, 0, 0, 350.5, 0, 0, 0], "p": [1, 2]}
    assert merged({}, beside) == within(beside, {0, 1}) == beside
    assert within(beside, {0}) == {"c": 0, "l": [2, 0], "s": "1.2.3", "i": ONE, "f": 1, "b1": 1, "p": [1, 2]}
    assert within(beside, {1}) == {"c": 0}
    assert merged({}, within(beside, {0})) == within(beside, {0})
    on_it = {
        "c": 0,
        "l": [2, 1],
        "s": "1.2.4",
        "i": TWO,
        "f": 3,
        "b": 1,
        "m": [1],
        "p": [1, 2],
        "s0": "1.2.3",
        "i0": ONE,
    }
    assert within(on_it, {0}) == {"c": 0, "l": [2, 1], "b": 1, "s0": "1.2.3", "i0": ONE}
    assert shown(on_it, leads=False) == {"c": 0, "s": "1.2.4", "i": TWO, "f": 3, "b": 1, "p": [1, 2]}


@pytest.mark.parametrize(
    "given",
    [
        {"l": [3, 0]},
        {"l": [5, 0]},
        {"l": [2, 2]},
        {"l": [2, -1]},
        {"l": [2]},
        {"l": [2, 0, 0]},
        {"l": [2, 0.5]},
        {"l": [True, 0]},
        {"l": "1x2"},
        {"s1": "1.2"},
        {"l": [1, 0], "s1": "1.2"},
        {"l": [2, 0], "s2": "1.2"},
        {"l": [2, 1], "i1": "1.2"},
        {"l": [4, 0], "s4": "1.2"},
        {"l": [2, 0], "s1": "x"},
        {"l": [2, 0], "i1": "1" * 65},
        {"l": [2, 0], "f1": -1},
        {"l": [2, 0], "f1": [1]},
        {"l": [2, 0], "w1": "wide"},
        {"l": [2, 0], "z1": [0] * 17},
        {"l": [2, 0], "p1": [1, 2]},
        {"l": [2, 0], "w0": [40, 400, 0]},
        {"c": None},
        {"b": "1.2"},
        {"l": [2, 0], "b0": 1},
    ],
)
def test_what_no_layout_has_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        merged({}, given)


def test_a_pane_goes_with_the_layout_that_had_it() -> None:
    with pytest.raises(Malformed):
        merged(SIDE_BY_SIDE, {"l": [1, 0]})
