"""What the steps of receiving cost, each alone in one thread: describing, the rows, and what follows.

    python -m bench.receiving [--folder /dev/shm]

Microseconds of processor for an instance, the best of a few rounds. On a folder in memory nothing waits, so little but
the program itself is measured.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.datasets import KINDS, Kind, study
from pacs import describe, describing_again
from pacs.archive import Archive
from pacs.archive.arriving import Arriving
from pacs.archive.pieces import Pieces
from pacs.archive.transcode import file_meta
from pacs.dataset.syntaxes import Header
from pacs.instance_text import InstanceTexts
from pacs.jobs.ahead import Ahead
from storage.index import hospitals, instances
from storage.index.database import Database
from storage.model.archive import Description, Instance, Origin, StoredObject
from storage.objects.filesystem import FilesystemStore

ROUNDS = 5
EXPLICIT = "1.2.840.10008.1.2.1"
HEAD = 64 * 1024
TINY = KINDS["tiny"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    _describing()
    with tempfile.TemporaryDirectory(prefix="bench-receiving-", dir=arguments.folder) as folder:
        _storing(Path(folder))


def _describing() -> None:
    kind = Kind("ct", KINDS["ct"].sop_class, "CT", 512, 512, count=100)
    objects = [file_meta(kind.sop_class, uid, EXPLICIT) + data for uid, data in study(kind, 1, 1)]
    heads = [(one[:HEAD], len(one)) for one in objects]
    _print("a CT header, read whole", _best(lambda: [describe.describe_head(*head) for head in heads]), len(heads))
    again = _best(lambda: [describing_again.describe_head(*head) for head in heads])
    _print("a CT header that resembles the one before", again, len(heads))
    given = [_with_header(one) for one in objects]
    _print(
        "its metadata as text, the first of a series",
        _best(lambda: [InstanceTexts().text(*one, "") for one in given]),
        len(given),
    )
    texts = InstanceTexts()
    _print(
        "the same of one that resembles those before",
        _best(lambda: [texts.text(*one, "") for one in given]),
        len(given),
    )


def _with_header(data: bytes) -> tuple[Instance, Header]:
    found = describe.describe(data)
    facts = found.instance
    instance = Instance(1, found.key, facts, StoredObject("", len(data), "", 0), found.series.modality)
    return instance, Header(data[facts.dataset_offset : facts.pixel_offset], facts.transfer_syntax_uid)


def _storing(folder: Path) -> None:
    database = Database(f"sqlite:///{folder / 'index.sqlite'}")
    database.migrate()
    with database.writing() as db:
        own = hospitals.ensure(db, "bench", "Bench")
    objects = FilesystemStore(folder / "objects")
    archive, origin = Archive(database, objects, folder / "spool"), Origin(own.id, own.code, "dimse", "BENCH")
    for run, size in enumerate((1, 4, 16), 10):
        _print(f"the rows of one in a group of {size}", _best(_rows(database, origin, run, size)), TINY.count)
    _print("all of the archive: spool file to commit", _best(_stored(archive, origin, 20)), TINY.count)
    ahead = Ahead(database, Arriving(database, objects, Pieces(folder / "pieces")))
    ahead.step()
    store, best = _stored(archive, origin, 30), float("inf")
    for _ in range(ROUNDS):
        store()
        best = min(best, _once(lambda: [ahead.step(), ahead.step()]))
    _print("metadata made ahead", best, TINY.count)
    archive.close()


def _rows(database: Database, origin: Origin, run: int, size: int) -> Callable[[], object]:
    made = [_items(run * 100 + number, origin) for number in range(ROUNDS)]

    def write() -> None:
        items = made.pop()
        for first in range(0, len(items), size):
            with database.writing() as db:
                instances.add(db, items[first : first + size])

    return write


def _items(run: int, origin: Origin) -> list[tuple[Description, StoredObject, Origin]]:
    found = []
    for number, (uid, data) in enumerate(study(TINY, run, 1)):
        whole = file_meta(TINY.sop_class, uid, EXPLICIT) + data
        sha256 = hashlib.sha256(whole).hexdigest()
        stored = StoredObject(f"bench/o/{sha256[:2]}/{sha256}", len(whole), sha256, 1_700_000_000_000 + number)
        found.append((describe.describe(whole), stored, origin))
    return found


def _stored(archive: Archive, origin: Origin, run: int) -> Callable[[], None]:
    made = [study(TINY, run * 100 + number, 1) for number in range(ROUNDS)]

    def store() -> None:
        for uid, data in made.pop():
            with archive.receive(origin) as incoming:
                incoming.write(file_meta(TINY.sop_class, uid, EXPLICIT))
                incoming.write(data)
                archive.store(incoming)

    return store


def _best(work: Callable[[], object]) -> float:
    return min(_once(work) for _ in range(ROUNDS))


def _once(work: Callable[[], object]) -> float:
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def _print(what: str, seconds: float, count: int) -> None:
    print(f"{what:46} {seconds / count * 1e6:7.0f} µs", flush=True)


if __name__ == "__main__":
    main()
