"""``hoichan index rebuild``: throw the index of objects away and make it anew from the objects alone.

Accounts, peers and the change log's place stay; what objects say about patients, studies, series and instances is
read again. Received times come from the store, the first stored of two contradicting objects stays canonical.
"""

import sys

from pacs.assembly import open_objects, prepare
from pacs.command.progress import Progress
from pacs.command.serve import make_folders, only_server
from pacs.config import Config
from pacs.logs import configure_logging
from pacs.rebuilding import Rebuilt, rebuild


def run_rebuild(config: Config) -> int:
    """Rebuild and print what was found; needs the server to be stopped."""
    configure_logging("error", config.log.format)
    make_folders(config)
    with only_server(config):
        prepared = prepare(config)
        objects = open_objects(config)
        progress: Progress | None = None

        def advance(done: int, total: int, size: int) -> None:
            nonlocal progress
            if progress is None:
                progress = Progress("objects", total)
            progress.advance(done, size)

        rebuilt = rebuild(prepared.database, objects, advance)
        if progress is not None:
            progress.finish()
        prepared.database.close()
    _print(rebuilt)
    return 1 if rebuilt.unreadable else 0


def _print(rebuilt: Rebuilt) -> None:
    print(f"  instances   {rebuilt.instances:>9,}")
    print(f"  conflicts   {rebuilt.conflicts:>9,}")
    print(f"  quarantined {rebuilt.quarantined:>9,}")
    print(f"  unreadable  {len(rebuilt.unreadable):>9,}")
    for key, reason in rebuilt.unreadable:
        print(f"  {key}: {reason}", file=sys.stderr)
