"""The audit log outside the index: anchors in the object store, exports as JSON lines, and checking both.

An anchor is a small object that says which hash a record had. It is written every few minutes by the worker, so that
a log whose newest records were cut off, or that was written anew from some record on, does not fit its anchors. It is
signed with a key derived from the installation's secret key, and the newest one is noted beside that key: who can write
the index and the object store, but has no access to the folder of the key, can neither make anchors nor take any away.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pacs import keyfile
from pacs.errors import ConfigError
from storage.errors import ArchiveError
from storage.index import audit
from storage.index.database import Connection, Database
from storage.model import anchors
from storage.model.anchors import Anchor
from storage.model.audit import Chain, as_object
from storage.model.faults import Fault
from storage.objects.base import ObjectStore

log = logging.getLogger(__name__)

PREFIX = "anchors.audit/"  # no hospital's code has a dot
NOTED = "audit.anchored"  # beside the secret key: the name of the newest anchor this machine has seen
MOST_FAULTS = 100
AT_ONCE = 1000  # records in one transaction while checking
Link = dict[str, str | int]


@dataclass(slots=True)
class Checked:
    """What checking found. `head` is the sequence and hash of the last record: written down elsewhere, it is one more
    anchor. `signed_to` is the last record that a signed anchor vouches for, 0 when there is none; `fits` the newest
    signed anchor that no fault touches."""

    records: int
    head: tuple[int, str]
    anchors: int = 0
    unsigned: int = 0  # anchors of before signatures
    signed_to: int = 0
    fits: Anchor | None = None
    faults: list[Fault] = field(default_factory=list)


class Anchoring:
    """Writes anchors and checks the log against them, for the installation whose data folder this is."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError when the secret key cannot be read or made."""
        self._key = keyfile.derived(keyfile.load(folder), keyfile.ANCHORS)
        self._note = folder / NOTED
        self._last: Anchor | None = None

    def anchor(self, database: Database, objects: ObjectStore) -> int:
        """Write down which record is the newest, in the object store; its sequence, 0 when there is no record. Before
        it is signed, what was added since the last anchor is checked: a log that does not continue is written down as
        such, so nobody has a forgery signed by waiting."""
        with database.reading() as db:
            about = audit.head(db)[0]
        last = self._newest(objects, about)
        with database.reading() as db:  # after the anchors: what another machine has written down is in it
            head = audit.head(db)
            made = anchors.following(self._key, last, head, _links(db, last.sequence if last else 0))
        if made is not None:
            said = {"seq": made.sequence, "hash": made.hash, "serial": made.serial, "continues": made.continues}
            objects.put_bytes(PREFIX + made.name, json.dumps(said).encode())
            if not made.continues:
                log.error("the audit log does not continue what was written down: see `hoichan audit verify`")
        newest = made or last
        if newest is not None and newest.signature and newest != self._noted():
            self._keep_note(newest)
        self._last = newest
        return head[0]

    def anchor_quietly(self, database: Database, objects: ObjectStore) -> bool:
        """`anchor`, for the worker: what fails is tried again the next time. Whether the whole log should be checked
        now: this was the first anchor, or the log did not continue what was written down."""
        before = self._last
        try:
            self.anchor(database, objects)
        except (ArchiveError, ConfigError) as error:
            log.warning("the audit log was not anchored: %s", error)
        made = self._last
        return made is not None and made != before and (made.serial == 1 or not made.continues)

    def check(self, database: Database, objects: ObjectStore, between: Callable[[], None] = lambda: None) -> Checked:
        """Check the whole log of the index against itself and its anchors; `between` is called every now and then and
        may raise."""
        noted = self._noted()  # first: what is written down meanwhile is then found, and not missed
        found = anchors.judge(self._key, list(written(objects)), noted)
        faults: list[Fault] = []
        _collect(faults, found.faults)
        chain = Chain(found.known)
        for page in _pages(database):
            between()
            _collect(faults, chain.take(page))
        _collect(faults, chain.end())
        signed_to = found.last.sequence if found.last else 0
        fits = found.fitting(faults)
        return Checked(chain.records, chain.head, len(found.signed), found.unsigned, signed_to, fits, faults)

    def _newest(self, objects: ObjectStore, sequence: int) -> Anchor | None:
        """The newest anchor anybody has written: as remembered, as noted, and as found; where one is remembered, only
        names that can be newer are listed."""
        prefix = PREFIX
        if self._last is not None:
            prefix += _shared(f"{self._last.sequence:012d}", f"{sequence:012d}")
        known = [one for one in (self._last, self._noted()) if one is not None]
        return anchors.newest(self._key, [*known, *written(objects, prefix)])

    def _noted(self) -> Anchor | None:
        """What is noted beside the key; something that no key signed when the note is none."""
        try:
            text = self._note.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            text = ""
        except OSError as error:
            raise ConfigError(f"{self._note}: {error.strerror}") from error
        return anchors.read(text) or Anchor(0, "", signature="-")

    def _keep_note(self, made: Anchor) -> None:
        beside = self._note.with_name(f"{NOTED}.{os.urandom(8).hex()}")
        try:
            with beside.open("x", encoding="ascii") as file:
                file.write(made.name + "\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._note)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise ConfigError(f"{self._note}: {error.strerror}") from error


def written(objects: ObjectStore, prefix: str = PREFIX) -> Iterator[Anchor]:
    """The anchors in the object store, whoever put them there."""
    for stored in objects.keys(prefix):
        found = anchors.read(stored.key.removeprefix(PREFIX))
        if found is not None:
            yield found


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
    faults: list[Fault] = []
    head: Link | None = None
    for number, line in enumerate(lines, 1):
        try:
            link = json.loads(line)
        except ValueError:
            link = None
        if not isinstance(link, dict) or head is not None:
            _collect(faults, [Fault("line", count=number)])
        elif "head" in link:
            head = link
        else:
            _collect(faults, chain.take([link]))
    if head is None:
        _collect(faults, [Fault("unfinished")])
    elif (head["head"], head.get("hash")) != (chain.sequence, chain.head[1] if chain.sequence else ""):
        _collect(faults, [Fault("elsewhere")])
    return Checked(chain.records, chain.head, faults=faults)


def _shared(one: str, other: str) -> str:
    """What both begin with."""
    return one[: next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))]


def _links(db: Connection, after: int = 0) -> Iterator[Link]:
    return ({**as_object(record), "hash": record.hash} for record in audit.records(db, after))


def _pages(database: Database) -> Iterator[list[Link]]:
    """All links, in transactions of their own: a long one would keep SQLite from tidying up its log."""
    after = 0
    while True:
        with database.reading() as db:
            page = list(islice(_links(db, after), AT_ONCE))
        yield page
        if len(page) < AT_ONCE:
            return
        after = int(page[-1]["seq"])


def _collect(faults: list[Fault], more: Iterable[Fault]) -> None:
    for fault in more:
        if len(faults) < MOST_FAULTS:
            faults.append(fault)


def _line(link: Link) -> str:
    return json.dumps(link, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
