"""``hoichan verify``: read back what is stored and compare three sets: indexed and missing, stored and not indexed,
corrupt.

Works beside a running server. What is found wrong is noted, as the background scrub does, and corrupt bytes are moved
aside; sending the same object again repairs it.
"""

import os
import sys
import time

from pacs.assembly import open_archive, prepare
from pacs.command.progress import Progress
from pacs.command.serve import make_folders
from pacs.config import Config
from pacs.jobs.scrub import adopt
from pacs.logs import configure_logging
from pacs.verifying import Verified, verify
from storage.index import damage

IN_ORDER, LOST, UNINDEXED = 0, 3, 4  # exit codes; 1: not done, 2: wrong usage
LISTED = 1000


def run_read_back(config: Config, percent: float, *, adopting: bool) -> int:
    """Print what was found; 0 in order, 3 something is missing or corrupt, 4 something is only not indexed."""
    configure_logging("critical", config.log.format)
    make_folders(config)
    prepare(config).database.close()
    archive = open_archive(config)
    begun = time.monotonic()
    try:
        with archive.database.reading() as db:
            total = round(damage.instances_in_all(db) * percent / 100)
        progress = Progress("objects", total)
        threads = min(8, 2 * (os.cpu_count() or 1))
        found = verify(archive.database, archive.objects, archive.clock(), progress.advance, percent / 100, threads)
        progress.finish()
        adopted = [adopt(archive, stored) for stored in found.unindexed] if adopting else []
    finally:
        archive.close()
    _print(found, sum(adopted), time.monotonic() - begun)
    if found.missing or found.corrupt:
        return LOST
    return UNINDEXED if len(found.unindexed) > sum(adopted) else IN_ORDER


def _print(found: Verified, adopted: int, seconds: float) -> None:
    print()
    print(f"  read back           {found.checked:>10,}  ({found.bytes / 1e6:,.1f} MB in {seconds:,.1f} s)")
    if found.waiting:
        print(f"  not in final store  {found.waiting:>10,}  (still on this machine)")
    print(f"  indexed, missing    {len(found.missing):>10,}")
    print(f"  stored, not indexed {len(found.unindexed):>10,}" + (f"  ({adopted:,} taken in)" if adopted else ""))
    print(f"  corrupt             {len(found.corrupt):>10,}")
    for title, keys in (
        ("missing", found.missing),
        ("not indexed", [stored.key for stored in found.unindexed]),
        ("corrupt", found.corrupt),
    ):
        for key in sorted(keys)[:LISTED]:
            print(f"  {title}: {key}")
        if len(keys) > LISTED:
            print(f"  … and {len(keys) - LISTED:,} more {title}")
    sys.stdout.flush()
