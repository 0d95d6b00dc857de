"""The datasets that are to be sent, in the transfer syntaxes the peer accepted, and the next ones made ready meanwhile.

As stored on this machine: a file, which the kernel is told to read early. From an object store, or in another transfer
syntax: made in threads, at most so many ahead that a peer that takes its time costs little memory.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import IO, BinaryIO, Protocol

from pacs.archive import Archive
from pacs.archive.frames import sound
from pacs.association.contexts import Context
from pacs.errors import UnsupportedTransferSyntax
from storage.errors import ArchiveError, ObjectCorrupt
from storage.model.archive import Instance

AHEAD = 3  # instances that are made ready while one is being sent
_IN_MEMORY = 16 << 20  # of an instance that is made ready; the rest waits in the spool folder
_BLOCK = 1 << 18

Accepted = Mapping[str, Mapping[str, Context]]  # by SOP Class UID and transfer syntax UID


class Source(Protocol):
    """A dataset from its first byte to its last, and the context to send it in. Must be closed."""

    context: Context

    def readinto(self, view: memoryview) -> int:
        """Fill `view`; fewer bytes only at the end. Raises ArchiveError."""
        ...

    def close(self) -> None: ...


class FileSource:
    """The rest of a file from an offset on. Owns the descriptor."""

    def __init__(self, context: Context, descriptor: int, offset: int, end: int) -> None:
        self.context = context
        self._descriptor = descriptor
        self._at = offset
        self._end = end
        os.posix_fadvise(descriptor, offset, end - offset, os.POSIX_FADV_WILLNEED)

    def readinto(self, view: memoryview) -> int:
        wanted, done = min(len(view), self._end - self._at), 0
        while done < wanted:
            count = os.preadv(self._descriptor, [view[done:wanted]], self._at)
            if not count:
                raise ObjectCorrupt("the object is shorter than it was")
            done += count
            self._at += count
        return wanted

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class StreamSource:
    """A stream that stands at the dataset's first byte. Owns it."""

    def __init__(self, context: Context, stream: BinaryIO | IO[bytes]) -> None:
        self.context = context
        self._stream = stream

    def readinto(self, view: memoryview) -> int:
        done = 0
        while done < len(view):
            data = self._stream.read(len(view) - done)
            if not data:
                break
            view[done : done + len(data)] = data
            done += len(data)
        return done

    def close(self) -> None:
        self._stream.close()


class Sources:
    """Opens the instances one after the other. A context manager: what was made ready and not taken is let go."""

    def __init__(self, archive: Archive, accepted: Accepted) -> None:
        self._archive = archive
        self._accepted = accepted
        self._coming: list[Instance] = []  # the next one last
        self._ready: dict[int, Callable[[], Source]] = {}  # by identity: a list may name an instance twice
        self._making: dict[int, Future[Source]] = {}
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Sources":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def expect(self, instances: Sequence[Instance]) -> None:
        """These will be taken, in this order."""
        self._coming = list(reversed(instances))

    def take(self, instance: Instance) -> Source:
        """The dataset of an instance; the caller closes it. Raises ArchiveError when it cannot be had."""
        if self._coming and self._coming[-1] is instance:
            self._coming.pop()
        ready = self._ready.pop(id(instance), None)
        self._making.pop(id(instance), None)
        source = ready() if ready is not None else self._source(instance)
        try:
            for following in reversed(self._coming[-AHEAD:]):
                if id(following) not in self._ready:
                    self._prepare(following)
        except BaseException:
            source.close()
            raise
        return source

    def is_ready(self, instance: Instance) -> bool:
        """Whether taking it takes no time."""
        place = id(instance)
        return place in self._ready and (place not in self._making or self._making[place].done())

    def close(self) -> None:
        """Let go of what nobody took."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
        for place, ready in self._ready.items():
            if place not in self._making or not self._making[place].cancelled():
                with suppress(ArchiveError):
                    ready().close()
        self._ready.clear()
        self._making.clear()

    def _prepare(self, instance: Instance) -> None:
        place = id(instance)
        try:
            file = self._file(instance)
        except ArchiveError:
            return  # said when it is its turn
        if file is not None:
            self._ready[place] = lambda: file
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="ahead")
        making = self._threads.submit(self._made, instance)
        self._making[place], self._ready[place] = making, making.result

    def _source(self, instance: Instance) -> Source:
        return self._file(instance) or self._stream(instance)

    def _file(self, instance: Instance) -> FileSource | None:
        """The stored file, when it is on this machine and its transfer syntax was accepted."""
        context = self._contexts(instance).get(instance.facts.transfer_syntax_uid)
        if context is None:
            return None
        descriptor = self._archive.objects.descriptor(sound(instance), instance.stored.size)
        if descriptor is None:
            return None
        return FileSource(context, descriptor, instance.facts.dataset_offset, instance.stored.size)

    def _stream(self, instance: Instance) -> StreamSource:
        contexts = self._contexts(instance)
        context = contexts.get(instance.facts.transfer_syntax_uid)
        if context is not None:
            source = self._archive.objects.open(sound(instance), instance.facts.dataset_offset)
            return StreamSource(context, source)
        source, transfer_syntax = self._archive.transcoded(instance, tuple(contexts))
        try:
            skip_file_meta(source)
        except BaseException:
            source.close()
            raise
        return StreamSource(contexts[transfer_syntax], source)

    def _made(self, instance: Instance) -> Source:
        """The dataset, whole, in memory or in the spool folder."""
        with ExitStack() as undone:
            kept = undone.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(self._archive.spool)))
            source = self._stream(instance)
            undone.callback(source.close)
            block = memoryview(bytearray(_BLOCK))
            while count := source.readinto(block):
                kept.write(block[:count])
            kept.seek(0)
            undone.pop_all()
            source.close()
        return StreamSource(source.context, kept)

    def _contexts(self, instance: Instance) -> Mapping[str, Context]:
        accepted = self._accepted.get(instance.facts.sop_class_uid)
        if not accepted:
            raise UnsupportedTransferSyntax(f"the peer does not accept SOP Class {instance.facts.sop_class_uid}")
        return accepted


def skip_file_meta(source: BinaryIO) -> None:
    """Move a Part 10 stream to its dataset (PS3.10 §7.1)."""
    head = source.read(144)
    if head[128:132] != b"DICM" or head[132:136] != b"\x02\x00\x00\x00":
        raise ObjectCorrupt("not a Part 10 stream")
    remaining = int.from_bytes(head[140:144], "little")
    while remaining:
        skipped = len(source.read(min(remaining, 65536)))
        if not skipped:
            raise ObjectCorrupt("File Meta Information without end")
        remaining -= skipped
