"""Bit rot: one bit is flipped in each of so many stored objects, and reading back must find all of them, and no other.

python -m tests.faults.rot [--flips 1000] [--objects 5000]

Then the same objects are sent again, and all must be whole and marked as such. The negative control flips nothing.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from pacs.verifying import Verified, verify
from storage.model.archive import Instance
from storage.model.damage import CORRUPT
from storage.model.query import Level, Query
from tests.pacs.parts import House, Made, house


def made(number: int) -> Made:
    """A small CT slice of its own."""
    pixels = random.Random(number).randbytes(2 * 64 * 64)
    sop = f"1.2.3.{number // 500 + 1}.{number}"
    return Made(series=f"1.2.3.{number // 500 + 1}", sop=sop, number=number, rows=64, columns=64, pixels=pixels)


def flip(here: House, instance: Instance, rng: random.Random) -> None:
    """Change one bit of the stored file."""
    path = here.archive.local_path(instance)
    assert path is not None
    path.chmod(0o600)
    with path.open("r+b") as file:
        place = rng.randrange(instance.stored.size)
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << rng.randrange(8)]))


def looked(here: House) -> Verified:
    """Everything read back."""
    return verify(here.archive.database, here.archive.objects, here.archive.clock(), lambda count, size: None)


def run(folder: Path, flips: int, objects: int, seed: int) -> tuple[bool, str]:
    """Whether all flips were found and mended, and the figures."""
    here, rng = house(folder), random.Random(seed)
    numbers = range(1, objects + 1)
    for number in numbers:
        here.put(made(number).part10())
    control = looked(here)
    chosen = rng.sample(numbers, flips)
    keys = set()
    for number in chosen:
        instance = here.instance(made(number))
        flip(here, instance, rng)
        keys.add(instance.stored.key)
    begun = time.monotonic()
    found = looked(here)
    seconds = time.monotonic() - begun
    marked = {number for number in chosen if here.instance(made(number)).damage == CORRUPT}
    for number in chosen:
        here.put(made(number).part10())
    healed = looked(here)
    still = {number for number in chosen if here.instance(made(number)).damage}
    count = sum(1 for _ in here.archive.find(Query(Level.IMAGE, here.scope, (), ("SOPInstanceUID",))))
    here.archive.close()
    good = (
        set(found.corrupt) == keys
        and not found.missing
        and control.checked == objects
        and not control.corrupt
        and len(marked) == flips
        and not healed.corrupt
        and not healed.missing
        and not still
        and count == objects
    )
    rate = found.bytes / 1e6 / seconds
    return good, (
        f"rot: {flips} flips in {objects} objects, {len(set(found.corrupt) & keys)} found, "
        f"{len(set(found.corrupt) - keys)} false, {len(marked) - len(still)} mended by sending again; "
        f"{found.checked / seconds:,.0f} objects/s, {rate:,.0f} MB/s; control {len(control.corrupt)}"
    )


def main() -> int:
    """0 when every flip was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hoichan-rot-") as folder:
        good, figures = run(Path(folder), arguments.flips, max(arguments.objects, arguments.flips), arguments.seed)
    print(figures, flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
