"""``hoichan index rebuild``: throw the index of objects away and make it anew from the objects and their receipts.

Accounts, peers, the audit log and what people decided stay. Killed, it goes on where it was when it is started again;
until it came to its end the server does not start.
"""

import os
import sys
from functools import partial

from pacs.assembly import open_objects, prepare
from pacs.command.progress import Progress
from pacs.command.serve import make_folders, only_server
from pacs.config import Config
from pacs.logs import configure_logging
from pacs.rebuilding import Rebuilt, rebuild_index, unfinished


def run_rebuild(config: Config) -> int:
    """Rebuild and print what was found; needs the server to be stopped. 1 when an object could not be read."""
    configure_logging("error", config.log.format)
    make_folders(config)
    with only_server(config):
        prepared = prepare(config)
        if unfinished(prepared.database):
            print("An earlier rebuild did not come to its end; going on with it.", file=sys.stderr)
        progress: Progress | None = None

        def advance(done: int, total: int, size: int) -> None:
            nonlocal progress
            if progress is None:
                progress = Progress("objects", total)
            progress.advance(done, size)

        processes = min(8, max(1, (os.cpu_count() or 1) - 1))  # and this one, which writes
        rebuilt = rebuild_index(prepared.database, partial(open_objects, config), advance, processes)
        if progress is not None:
            progress.finish()
        prepared.database.close()
    _print(rebuilt)
    return 1 if rebuilt.unreadable else 0


def _print(rebuilt: Rebuilt) -> None:
    print(f"  instances       {rebuilt.instances:>9,}")
    print(f"  conflicts       {rebuilt.conflicts:>9,}")
    print(f"  quarantined     {rebuilt.quarantined:>9,}")
    print(f"  unreadable      {len(rebuilt.unreadable):>9,}")
    print(f"  origin unknown  {rebuilt.without_receipt:>9,}")
    for key, reason in rebuilt.unreadable:
        print(f"  {key}: {reason}", file=sys.stderr)
