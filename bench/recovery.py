"""What follows a crash or a loss: objects a second of a rebuild of the index and of reading back, seconds for a full
spool.

python -m bench.recovery [--objects 3000] [--spool 10000]
"""

import argparse
import os
import random
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

from pacs import rebuilding as rebuilding_room
from pacs import receipts
from pacs.archive import spool
from pacs.rebuilding import rebuild_index
from pacs.verifying import verify
from storage.index.database import Database
from storage.index.dump import canonical
from storage.objects.filesystem import FilesystemStore
from tests.pacs.parts import House, Made, house

ROWS = 256  # a quarter of the bytes of a usual CT slice: what counts here is the header


def fill(folder: Path, count: int) -> House:
    """An archive of so many CT slices in series of 300."""
    here, rng = house(folder), random.Random(1)
    pixels = rng.randbytes(2 * ROWS * ROWS)
    waiting = []
    for number in range(count):
        series = f"1.2.3.{number // 300}"
        made = Made(study=f"1.2.{number // 900}", series=series, sop=f"{series}.{number}", number=number, rows=ROWS,
                    columns=ROWS, pixels=pixels[:-8] + number.to_bytes(8, "little"))  # fmt: skip
        incoming = here.archive.receive(here.origin)
        incoming.write(made.part10())
        waiting.append(here.archive.store_async(incoming))
        if len(waiting) == 64:
            for outcome in waiting:
                outcome.result()
            waiting.clear()
    for outcome in waiting:
        outcome.result()
    receipts.write(here.archive.database, here.archive.objects)
    return here


def cpu() -> float:
    """Seconds of CPU this process and its children that ended have used."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def rebuilding(here: House, processes: int) -> tuple[float, float]:
    """Objects a second, and milliseconds of CPU for each; the result must be equal."""
    database = Database(f"sqlite:///{here.folder / f'new-{processes}.sqlite'}")
    database.migrate()
    begun, used = time.monotonic(), cpu()
    rebuilt = rebuild_index(
        database, partial(FilesystemStore, here.folder / "objects"), lambda done, total, size: None, processes
    )
    seconds, used = time.monotonic() - begun, cpu() - used
    with database.reading() as new, here.archive.database.reading() as old:
        assert list(canonical(new, origins=True)) == list(canonical(old, origins=True)), "the index is another one"
    database.close()
    return rebuilt.instances / seconds, used / rebuilt.instances * 1000


def spooled(folder: Path, count: int) -> tuple[float, int]:
    """Seconds to sweep so many files of a process that is gone, and how many went."""
    folder.mkdir()
    for number in range(count):
        path = folder / f"{spool._host()}-999999999-1-{number:032x}{spool.SUFFIX}"
        path.write_bytes(b"x" * 4096)
        os.utime(path, (1, 1))
    begun = time.monotonic()
    gone = spool.sweep(folder)
    return time.monotonic() - begun, gone


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=3000)
    parser.add_argument("--spool", type=int, default=10000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hoichan-recovery-") as folder:
        here = fill(Path(folder), arguments.objects)
        rebuilding_room.FEW = 0
        for processes in (0, 1, os.cpu_count() or 1):
            rate, used = rebuilding(here, processes)
            print(f"rebuild, {processes} reading processes: {rate:,.0f}/s, {used:.2f} ms of CPU each, index equal")
        begun, used = time.monotonic(), cpu()
        found = verify(here.archive.database, here.archive.objects, here.archive.clock(), lambda count, size: None)
        seconds, used = time.monotonic() - begun, (cpu() - used) / found.checked * 1000
        rate = found.bytes / seconds / 1e6
        print(f"verify: {found.checked / seconds:,.0f}/s, {rate:,.0f} MB/s from disk, {used:.2f} ms of CPU each")
        here.archive.close()
        seconds, gone = spooled(Path(folder) / "full", arguments.spool)
        print(f"spool: {gone:,} files of a process that is gone swept in {seconds:.2f} s")


if __name__ == "__main__":
    main()
