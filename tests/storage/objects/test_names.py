"""No UID and no name leads out of the store: a hundred thousand are tried."""

import random
from pathlib import Path

import pytest

from pacs.describe import UID
from storage.objects.base import object_key, quarantine_key
from storage.objects.names import checked_key, is_key

COUNT = 100_000
_PIECES = [
    "..", ".", "/", "\\", "\0", "\n", " ", "~", "C:", "//", "%2e%2e", "\u2025", "\uff0e\uff0e", "\u2215", "\u202e", "1",
    "1.2", "1.2.840.10008", "0", "a", "é", "-", "_", "*", "?", "|", ";", "$(id)", "<", ">", "CON", "NUL.txt", "x" * 300,
    "٣", "१",
]  # fmt: skip


def _names() -> "list[str]":
    dice = random.Random(20261126)
    return ["".join(dice.choice(_PIECES) for _ in range(dice.randint(1, 6))) for _ in range(COUNT)]


def test_no_name_that_is_a_key_leaves_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "objects"
    keys = 0
    for name in _names():
        if is_key(name):
            keys += 1
            assert Path(str(root / checked_key(name))).resolve().is_relative_to(root), name
            assert name.isascii()
    assert keys > 100


def test_what_passes_for_a_uid_is_digits_and_dots() -> None:
    passed = [name for name in _names() if UID.fullmatch(name)]
    assert len(passed) > 100
    for uid in passed:
        assert set(uid) <= set("0123456789.")
        assert 1 <= len(uid) <= 64
        assert any(character.isdigit() for character in uid)


def test_keys_are_made_of_hashes_alone() -> None:
    sha256 = "ab" * 32
    assert checked_key(object_key("main", sha256)) == f"main/o/ab/{sha256}"
    assert checked_key(quarantine_key("main", sha256)) == f"main/q/ab/{sha256}"
    with pytest.raises(ValueError, match="not an object key"):
        checked_key(object_key("../main", sha256))
