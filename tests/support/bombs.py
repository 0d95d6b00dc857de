"""Hostile objects, each read by a process of its own whose memory and time are looked at.

``python -m tests.support.bombs`` prints what became of each, the seconds of processor and the growth of memory.
"""

import os
import resource
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pacs.dataset.syntaxes import Header
from pacs.describe import describe
from pacs.present import header_json
from storage.errors import InvalidInstance
from tests.pacs.parts import DEFLATED, EXPLICIT, IMPLICIT, RLE, SEQUENCE_END, UNDEFINED, Made, element, item

MOST_MB, MOST_SECONDS = 128.0, 2.0
BEFORE = Made(pixels=None).part10()
_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
_LONG_PRIVATE = struct.pack("<HH2sHI", 0x0009, 0x1001, b"UN", 0, 1_500_000_000)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object, seconds of processor, and MiB by which memory grew."""

    said: str
    seconds: float
    megabytes: float


def bombs() -> Iterator[tuple[str, bytes]]:
    """The objects by name."""
    sequence = element(0x00400275, "SQ", b"", length=UNDEFINED)
    deep = (sequence + struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)) * 100_000
    yield "100,000 sequences in each other", _with(deep)
    yield "500 sequences in each other, with lengths", _with(_nested(500))
    yield (
        "100,000 sequences of an implicit dataset",
        _with(
            (struct.pack("<HHI", 0x0040, 0x0275, UNDEFINED) + struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)) * 100_000,
            IMPLICIT,
        ),
    )
    private = element(0x00091001, "LO")
    yield "3.6 million private elements", _with(private * 3_600_000)
    yield (
        "3.6 million elements for a billion frames",
        _with(element(0x00280008, "IS", "999999999") + private * 3_600_000),
    )
    yield "3.6 million elements in an item", _with(element(0x00400275, "SQ", item(private * 3_600_000)))
    yield "3.6 million empty items", _with(element(0x00400275, "SQ", _ITEM * 3_600_000))
    yield "4 million empty items of an endless sequence", _with(sequence + _ITEM * 4_000_000)
    yield "a million sequences of one item", _with(element(0x00400275, "SQ", [b""]) * 1_000_000)
    yield "5 million empty fragments", Made(syntax=RLE, pixels=_ITEM * 5_000_000 + SEQUENCE_END).part10()
    yield "a value of 4 GB", BEFORE + element(0x00091001, "UN", b"x", length=0xFFFFFFFE)
    yield "1.5 GB deflated before the pixels", _deflated(_dataset() + _LONG_PRIVATE, 1_500)
    yield (
        "1.5 GB of deflated pixels",
        _deflated(_dataset() + element(0x7FE00010, "OW", b"", length=1_500_000_000), 1_500),
    )
    yield "40 million deflated elements", _deflated(_dataset(), 320, private * (1_000_000 // len(private)))
    yield (
        "a deflated bomb in a deflated frame table",
        _deflated(_dataset() + element(0x7FE00010, "OB", b"", length=UNDEFINED), 800, _ITEM * 125_000),
    )


def _dataset() -> bytes:
    return Made(pixels=None).dataset()


def _with(elements: bytes, syntax: str = EXPLICIT) -> bytes:
    made = Made(syntax=syntax, before=elements)
    return made.part10()


def _nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = element(0x00400275, "SQ", [inner])
    return inner


def _deflated(first: bytes, megabytes: int, block: bytes = b"") -> bytes:
    """`first`, then so many blocks of a megabyte, as deflating them would give; made without deflating each."""
    machine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = machine.compress(first) + machine.flush(zlib.Z_FULL_FLUSH)
    one = machine.compress(block or bytes(1_000_000)) + machine.flush(zlib.Z_FULL_FLUSH)
    return _meta() + head + one * megabytes + machine.flush()


def _meta() -> bytes:
    whole = Made(syntax=DEFLATED).part10()
    return whole[: 132 + 12 + struct.unpack_from("<I", whole, 140)[0]]


def read(path: Path) -> str:
    """What receiving does with an object, and metadata when it was accepted."""
    try:
        description = describe(path)
    except InvalidInstance as error:
        return f"{type(error).__name__}: {error}"
    facts = description.instance
    if facts.transfer_syntax_uid != DEFLATED:
        header = path.read_bytes()[facts.dataset_offset : facts.pixel_offset]
        header_json(Header(header, facts.transfer_syntax_uid), "/x")
    return "described"


def measured(act: Callable[[], str]) -> Outcome:
    """`act` in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            before, begun = _resident("VmRSS"), _processor()
            said = act()
            told = f"{said}\n{_processor() - begun}\n{_resident('VmHWM') - before}"
        except BaseException as error:
            told = f"{type(error).__name__} escaped\n0\n0"
        finally:
            os.write(writing, told.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said, seconds, kilobytes = pipe.read().split("\n")
    os.waitpid(child, 0)
    return Outcome(said, float(seconds), float(kilobytes) / 1024)


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident(field: str) -> int:
    """Kilobytes of this process, now (VmRSS) or at most since it began (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main() -> int:
    """Read every bomb; 0 when all stayed within their bounds."""
    bad = count = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, data in bombs():
            path = Path(folder) / "bomb"
            path.write_bytes(data)
            found = measured(lambda path=path: read(path))  # type: ignore[misc]
            over = found.megabytes > MOST_MB or found.seconds > MOST_SECONDS or found.said.endswith("escaped")
            bad, count = bad + over, count + 1
            print(
                f"{'!' if over else ' '} {name:<46} {len(data) / 1e6:>6.1f} MB in, {found.seconds:>5.2f} s, "
                f"+{found.megabytes:>6.1f} MiB  {found.said[:70]}"
            )
    print(f"  {count - bad} of {count} bombs refused within {MOST_SECONDS} s and {MOST_MB:.0f} MiB")
    return 1 if bad or not count else 0


if __name__ == "__main__":
    sys.exit(main())
