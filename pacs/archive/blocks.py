"""Blocks of memory that a disk can read from directly, used again, so that receiving costs no new pages."""

import mmap
from collections import deque

BLOCK = 1 << 20
ALIGNMENT = 4096  # what the strictest disks want of address, offset and length
_SPARE = 16  # as many as one request of STOW-RS, or sixteen associations, have at once

_spare: "deque[mmap.mmap]" = deque()


def take() -> mmap.mmap:
    """A block of BLOCK bytes, whatever is in it."""
    try:
        return _spare.pop()
    except IndexError:
        return mmap.mmap(-1, BLOCK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def give(block: mmap.mmap) -> None:
    """Take it back; nothing may look into it any more."""
    if len(_spare) < _SPARE:
        _spare.append(block)
    else:
        block.close()
