"""Matching in Python: quick for every pattern, however it is made."""

import time

import pytest

from storage.index.residual import wildcard


@pytest.mark.parametrize(
    ("pattern", "text", "selected"),
    [
        ("", "", True),
        ("*", "", True),
        ("a", "a", True),
        ("a", "ab", False),
        ("a*", "a", True),
        ("*a", "ba", True),
        ("*a", "ab", False),
        ("a*b*a", "abba", True),
        ("a*b*a", "aba", True),
        ("a*a", "a", False),
        ("*ab*ab", "abxab", True),
        ("*ab*ab", "xab", False),
        ("**?**", "x", True),
        ("?", "", False),
        ("a.*", "a.x", True),
        ("a.*", "abx", False),
        ("a*", "a\nb", True),
    ],
)
def test_wildcards(pattern: str, text: str, selected: bool) -> None:
    assert (wildcard(pattern).fullmatch(text) is not None) is selected


def test_no_pattern_takes_long() -> None:
    began = time.process_time()
    assert wildcard("*a" * 30 + "*b").fullmatch("a" * 1000) is None
    assert time.process_time() - began < 5  # what tries every way to match takes years
