"""Finding by the C library says what bytearray.find says."""

import random

import pytest

from viewer.dicomweb import finding
from viewer.dicomweb.finding import Finder

LETTERS = b"\r\n-a\0"  # few, so that beginnings of what is looked for are everywhere


@pytest.mark.parametrize("own", [True, False])
def test_it_finds_what_python_finds(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if own:
        assert finding._memmem is not None, "the C library of this machine has no memmem"
    else:
        monkeypatch.setattr(finding, "_memmem", None)
    chance = random.Random(48)
    for _ in range(3000):
        block = bytearray(chance.choices(LETTERS, k=chance.randrange(1, 120)))
        finder = Finder(block)
        what = bytes(chance.choices(LETTERS, k=chance.randrange(1, 7)))
        start = chance.randrange(len(block) + 1)
        end = chance.randrange(start, len(block) + 1)
        assert finder.find(what, start, end) == block.find(what, start, end)


def test_what_is_written_later_is_found_and_the_block_stays_where_it_is() -> None:
    block = bytearray(4096)
    finder = Finder(block)
    assert finder.find(b"\r\n--end", 0, 4096) == -1
    block[4089:] = b"\r\n--end"
    assert finder.find(b"\r\n--end", 0, 4096) == 4089
    assert finder.find(b"\r\n--end", 0, 4095) == -1
    with pytest.raises(BufferError):
        block.extend(b"more")
