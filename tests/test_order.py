"""The order in which several processes begin files of tests."""

from pathlib import Path

from tests.support.order import LONG, long_first

ROOT = Path(__file__).parents[1]


def test_every_file_that_is_said_to_take_long_is_there() -> None:
    assert [name for name in LONG if not (ROOT / name).is_file()] == []
    assert len(set(LONG)) == len(LONG)


def test_long_ones_come_first_then_those_of_many_tests() -> None:
    files = ["tests/a.py", "tests/b.py", "tests/b.py", LONG[1], LONG[0], "tests/a.py", "tests/a.py"]
    assert list(dict.fromkeys(sorted(files, key=long_first(files)))) == [LONG[0], LONG[1], "tests/a.py", "tests/b.py"]
