"""Telling the kernel what will be read: what just arrived went past its memory to the disk, and a disk reads several
objects in little more time than one."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from pacs.archive.frames import READ_WHOLE, sound
from pacs.dataset.envelope import DEFLATED
from storage.errors import ArchiveError
from storage.model.archive import Instance
from storage.objects.base import ObjectStore

AHEAD = 4 << 20  # bytes that are being read while what stands before them is sent


def announce(objects: ObjectStore, instance: Instance, length: int) -> None:
    """Have the kernel begin to read the first bytes of an object. Nothing where it is not a file of this machine."""
    with suppress(ArchiveError):  # who reads it will hear why it cannot be read
        descriptor = objects.descriptor(sound(instance), length)
        if descriptor is None:
            return
        try:
            os.posix_fadvise(descriptor, 0, length, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(descriptor)


def announce_headers(objects: ObjectStore, found: Iterable[Instance]) -> None:
    """The same for the headers of these instances, which will be wanted one by one."""
    for instance in found:
        facts = instance.facts
        if facts.transfer_syntax_uid in DEFLATED or facts.pixel_offset is None or facts.pixel_offset > READ_WHOLE:
            continue
        announce(objects, instance, facts.pixel_offset)


def announced(
    objects: ObjectStore, instances: Iterable[Instance], length: Callable[[Instance], int], most: int = AHEAD
) -> Iterator[Instance]:
    """The same instances in their order. Of those that follow the one that is given the kernel has begun to read so
    many bytes as `length` says of each, `most` in all or one instance more."""
    following: deque[tuple[Instance, int]] = deque()
    ahead = 0
    for instance in instances:
        size = length(instance)
        announce(objects, instance, size)
        following.append((instance, size))
        ahead += size
        while ahead - following[0][1] >= most:
            first, size = following.popleft()
            ahead -= size
            yield first
    for first, _ in following:
        yield first
