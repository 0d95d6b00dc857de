"""Bombs are refused before they cost memory; ``python -m tests.support.bombs`` prints the figures."""

import pytest

from tests.support.bombs import MOST_MB, bombs, measured, read

BOMBS = dict(bombs())


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_and_costs_little(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bomb") / "bomb"
    path.write_bytes(BOMBS[name])
    found = measured(lambda: read(path))
    path.unlink()
    assert found.said.startswith(("LimitExceeded", "InvalidInstance")), found
    assert found.megabytes <= MOST_MB, found


def test_measuring_sees_memory_and_mistakes() -> None:
    assert measured(lambda: str(len(bytearray(b"x" * (200 << 20))))).megabytes > MOST_MB
    assert measured(lambda: str(1 // 0)).said == "ZeroDivisionError escaped"
