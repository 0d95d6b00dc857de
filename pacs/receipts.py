"""Receipts: what objects cannot say of themselves, kept in the object store, so that objects alone make the index.

The change log has a receipt with every object that was indexed; the worker writes them out, many in one small object,
a minute after they came about. Receiving waits for none of it.
"""

import gzip
import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence

from storage.errors import ArchiveError
from storage.index import changes, hospitals
from storage.index.database import Database
from storage.model.receipts import BESIDE, CANONICAL, Receipt
from storage.model.work import ChangeKind
from storage.objects.base import ObjectStore, receipt_key

log = logging.getLogger(__name__)

CURSOR = "receipts"
AT_ONCE = 5000
_RANKS = {
    ChangeKind.INSTANCE_STORED: CANONICAL,
    ChangeKind.INSTANCE_CONFLICT: BESIDE,
    ChangeKind.OBJECT_QUARANTINED: BESIDE,
}


def write(database: Database, objects: ObjectStore) -> int:
    """Write out every receipt of the change log that was not yet; how many. May be killed and done again."""
    written = 0
    while True:
        with database.reading() as db:
            lines = changes.after(db, changes.cursor(db, CURSOR), AT_ONCE)
            codes = {hospital.id: hospital.code for hospital in hospitals.every(db)}
        if not lines:
            return written
        grouped: dict[tuple[str, str], list[str]] = {}
        for line in lines:
            if line.kind in _RANKS and line.detail.startswith("["):
                day = time.strftime("%Y%m%d", time.gmtime(line.at / 1000))
                text = json.dumps([*json.loads(line.detail), _RANKS[line.kind]], ensure_ascii=False)
                grouped.setdefault((codes[line.hospital_id], day), []).append(text)
        for (code, day), texts in grouped.items():
            _keep(objects, code, day, texts)
            written += len(texts)
        with database.writing() as db:
            changes.set_cursor(db, CURSOR, lines[-1].sequence)


def write_quietly(database: Database, objects: ObjectStore) -> None:
    """The same for who must go on in any case: what could not be written is written next time."""
    try:
        write(database, objects)
    except ArchiveError as error:
        log.warning("receipts wait: %s", error)


def forget(database: Database) -> None:
    """What the change log says up to now needs no receipts: it was written by a rebuild, from receipts."""
    with database.writing() as db:
        changes.set_cursor(db, CURSOR, changes.last(db))


def read(objects: ObjectStore, hospital_code: str) -> Iterator[list[Receipt]]:
    """The receipts of a hospital, oldest day first, as they were written together."""
    for stored in objects.keys(f"{hospital_code}/r/"):
        try:
            lines = gzip.decompress(objects.get(stored.key)).decode().splitlines()
            yield [Receipt(*json.loads(line)) for line in lines]
        except (OSError, EOFError, ValueError, TypeError) as error:
            log.warning("receipts %s cannot be read, the origin of some objects is not known: %s", stored.key, error)


def _keep(objects: ObjectStore, code: str, day: str, texts: Sequence[str]) -> None:
    data = gzip.compress(("\n".join(texts) + "\n").encode(), mtime=0)
    objects.put_bytes(receipt_key(code, day, hashlib.sha256(data).hexdigest()), data)
