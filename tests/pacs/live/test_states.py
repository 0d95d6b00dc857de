"""What a screen shows, as differences."""

from pacs.live.states import difference, merged


def test_a_screen_between_two_studies_shows_no_image() -> None:
    before = {"c": 0, "s": "1.2.3", "i": "1.2.3.4", "f": 2, "r": [1, 6]}
    between = {"c": 1, "r": [0, 4]}
    assert merged(before, difference(before, between)) == between
