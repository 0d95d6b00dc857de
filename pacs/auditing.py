"""The audit log outside the index: anchors in the object store, exports as JSON lines, and checking both.

An anchor is a small object that says which hash a record had. It is written every few minutes by the worker, so that
a log whose newest records were cut off, or that was written anew from some record on, does not fit its anchors.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from storage.errors import ArchiveError
from storage.index import audit
from storage.index.database import Database
from storage.model.audit import Chain, as_object
from storage.objects.base import ObjectStore

log = logging.getLogger(__name__)

PREFIX = "anchors.audit/"  # no hospital's code has a dot
MOST_FAULTS = 100
Link = dict[str, str | int]


@dataclass(slots=True)
class Checked:
    """What checking found. `head` is the sequence and hash of the last record: written down elsewhere, it is one more
    anchor."""

    records: int
    head: tuple[int, str]
    anchors: int
    faults: list[str] = field(default_factory=list)


def anchor(database: Database, objects: ObjectStore) -> int:
    """Write down which record is the newest, in the object store; its sequence, 0 when there is no record."""
    with database.reading() as db:
        sequence, last = audit.head(db)
    key = f"{PREFIX}{sequence:012d}-{last}"
    if sequence and objects.stat(key) is None:
        objects.put_bytes(key, json.dumps({"seq": sequence, "hash": last}).encode())
    return sequence


def anchors(objects: ObjectStore) -> tuple[dict[int, str], list[str]]:
    """The anchors by sequence, and what they say against each other."""
    found: dict[int, str] = {}
    faults = []
    for stored in objects.keys(PREFIX):
        number, _, claimed = stored.key.removeprefix(PREFIX).partition("-")
        if not number.isdigit():
            continue
        if found.setdefault(int(number), claimed) != claimed:
            faults.append(f"record {int(number)} was written down twice, differently")
    return found, faults


def check(database: Database, objects: ObjectStore) -> Checked:
    """Check the whole log of the index against itself and its anchors."""
    known, faults = anchors(objects)
    chain = Chain(known)
    with database.reading() as db:
        links = ({**as_object(record), "hash": record.hash} for record in audit.records(db))
        _collect(faults, chain.take(links))
    _collect(faults, chain.end())
    return Checked(chain.records, chain.head, len(known), faults)


def export(database: Database, hospital: str = "") -> Iterator[str]:
    """The log as JSON lines, the last of which says where it ends. Of records that are not `hospital`'s only sequence
    and hash are given, so that the chain can be checked and nothing of another hospital is told."""
    with database.reading() as db:
        head: Link = {"head": 0, "hash": ""}
        for record in audit.records(db):
            link: Link = {**as_object(record), "hash": record.hash}
            if hospital and record.hospital != hospital:
                link = {"seq": record.sequence, "hash": record.hash}
            head = {"head": record.sequence, "hash": record.hash}
            yield _line(link)
    yield _line(head)


def check_export(lines: Iterable[str]) -> Checked:
    """Check an export without the index."""
    chain = Chain()
    faults: list[str] = []
    head: Link | None = None
    for number, line in enumerate(lines, 1):
        try:
            link = json.loads(line)
        except ValueError:
            link = None
        if not isinstance(link, dict) or head is not None:
            _collect(faults, [f"line {number} does not belong here"])
        elif "head" in link:
            head = link
        else:
            _collect(faults, chain.take([link]))
    if head is None:
        _collect(faults, ["the export does not say where it ends: something is missing"])
    elif (head["head"], head.get("hash")) != (chain.sequence, chain.head[1] if chain.sequence else ""):
        _collect(faults, ["the export ends elsewhere than it says"])
    return Checked(chain.records, chain.head, 0, faults)


def anchor_quietly(database: Database, objects: ObjectStore) -> None:
    """`anchor`, for the worker: what fails is tried again the next time."""
    try:
        anchor(database, objects)
    except ArchiveError as error:
        log.warning("the audit log was not anchored: %s", error)


def _collect(faults: list[str], more: Iterable[str]) -> None:
    for fault in more:
        if len(faults) < MOST_FAULTS:
            faults.append(fault)


def _line(link: Link) -> str:
    return json.dumps(link, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
