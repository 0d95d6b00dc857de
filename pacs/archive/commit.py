"""Group commit: objects that are ready at the same time share one durability round and one index transaction.

One thread of a process leads at a time. While it makes one group durable the next one gathers, so nobody waits for a
timer; then one of those who wait leads. Who comes alone leads at once, without another thread. The order is the
promise: bytes durable, then rows durable, then the answer. Whatever fails before the rows are durable is answered by
an error; the bytes that were written are then unreferenced, and the same content finds its place again.
"""

import json
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacs.archive.rejections import heed
from pacs.archive.spool import Incoming
from pacs.dataset.preamble import TIFF, ZERO, kind_of
from storage.errors import (
    ArchiveError,
    ObjectCorrupt,
    ObjectMissing,
    StorageUnavailable,
)
from storage.index import audit, damage, instances, noted, rejecting
from storage.index.anew import begun_anew
from storage.index.database import Database
from storage.index.types import POSTGRESQL
from storage.model.archive import (
    ALREADY_STORED,
    CONFLICT,
    QUARANTINED,
    STORED,
    Description,
    Instance,
    Origin,
    Outcome,
    StoredObject,
)
from storage.model.audit import AuditEvent
from storage.model.rejection import KEY_OBJECT_SELECTION
from storage.objects.base import ObjectStore, object_key, quarantine_key

if TYPE_CHECKING:
    from storage.index.database import Connection

log = logging.getLogger(__name__)

GROUP = 64
TRIES = 3  # of a transaction that the index was not available to
SameContent = Callable[[Description, StoredObject, Instance], bool]


@dataclass(slots=True)
class Waiting:
    """One object on its way: described, or with the reason why it could not be."""

    incoming: Incoming
    sha256: str
    description: Description | None
    reason: str = ""
    future: "Future[Outcome]" = field(default_factory=Future)
    stored: StoredObject | None = None
    existing: Instance | None = None  # the canonical one that was found to be another content
    damaged: bool = False  # the same bytes were stored before and were found damaged or missing since
    rejected: bool = False  # a note says so
    finished: bool = False
    turn: "threading.Lock | None" = None  # of a thread that waits: released when finished, or when it is to lead
    may_lead: bool = True

    @property
    def origin(self) -> Origin:
        return self.incoming.origin

    @property
    def key(self) -> str:
        place = object_key if self.description is not None else quarantine_key
        return place(self.origin.hospital_code, self.sha256)


class Committer:
    """Takes Waiting objects and resolves their futures when they are durable."""

    def __init__(self, database: Database, objects: ObjectStore, same_content: SameContent) -> None:
        self._database = database
        self._objects = objects
        self._same_content = same_content
        self._begin()
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _begin_anew(this()))

    def _begin(self) -> None:
        """No thread yet. A forked process begins so too: threads and held locks stay behind in the parent."""
        self._queue: deque[Waiting] = deque()
        self._lock = threading.Lock()  # over the queue and who leads
        self._led = False
        self._leader: ThreadPoolExecutor | None = None  # for what nobody waits for
        self._comparing: ThreadPoolExecutor | None = None

    def commit(self, waiting: Waiting) -> Outcome:
        """Returns when it is durable, or raises why it cannot become so. The calling thread may make others durable
        too."""
        waiting.turn = turn = threading.Lock()
        turn.acquire()
        if not self._join(waiting):
            turn.acquire()  # until it is finished, or its thread is to lead
            if waiting.finished:
                return waiting.future.result()
        self._lead()
        return waiting.future.result()

    def submit(self, waiting: Waiting) -> "Future[Outcome]":
        """Queue it; the future is resolved when it is durable or cannot become so."""
        if self._join(waiting):
            self._lead_elsewhere()
        return waiting.future

    def close(self) -> None:
        """Finish what is queued and stop."""
        while True:
            with self._lock:
                pools = [pool for pool in (self._leader, self._comparing) if pool is not None]
                self._leader = self._comparing = None
                if not pools and not self._led:
                    return
            for pool in pools:  # what they do may need one more round: comparing finds conflicts
                pool.shutdown(wait=True)
            if not pools:
                time.sleep(0.01)  # another thread leads

    def _join(self, waiting: Waiting) -> bool:
        """Queue it; whether the caller must lead."""
        waiting.incoming.handed_over = True
        with self._lock:
            self._queue.append(waiting)
            lead, self._led = not self._led, True
            return lead

    def _lead(self) -> None:
        """Make one group durable, then let the next one lead."""
        with self._lock:
            group = [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]
        try:
            self._commit(group)
        finally:
            with self._lock:
                self._led = bool(self._queue)
                following = self._queue[0] if self._queue else None
            if following is not None:
                self._appoint(following)

    def _appoint(self, following: Waiting) -> None:
        if following.turn is not None and following.may_lead:
            following.turn.release()
        else:
            self._lead_elsewhere()

    def _lead_elsewhere(self) -> None:
        with self._lock:
            if self._leader is None:
                self._leader = ThreadPoolExecutor(1, thread_name_prefix="commit")
            self._leader.submit(self._lead)

    def _commit(self, group: list[Waiting]) -> None:
        """Make a group durable; when one of it is at fault, each for itself, so that no one fails for another."""
        try:
            self._make_durable(group)
        except StorageUnavailable as error:
            _fail(group, error)
        except Exception as error:
            if len(group) == 1:
                if not isinstance(error, ArchiveError):
                    log.exception("an object could not be committed")
                _fail(group, error)
                return
            for waiting in group:
                if not waiting.finished:
                    self._commit([waiting])

    def _make_durable(self, group: list[Waiting]) -> None:
        self._put([waiting for waiting in group if waiting.stored is None])
        outcomes = self._index(group)
        self._heed(outcomes)
        for waiting, outcome in outcomes:
            if waiting.finished:
                continue
            if outcome is None:
                self._compare(waiting)
            elif waiting.damaged and not self._mended(waiting):
                _fail([waiting], ObjectCorrupt("the stored object is damaged and could not be replaced"))
            else:
                _finish(waiting, outcome)

    def _put(self, new: list[Waiting]) -> None:
        """The bytes of each, once when several bring the same."""
        if not new:
            return
        first = {waiting.key: waiting for waiting in reversed(new)}
        put = [(key, waiting.incoming.path, waiting.sha256) for key, waiting in first.items()]
        synced = all(waiting.incoming.durable for waiting in first.values())
        kept = dict(zip(first, self._objects.put_many(put, consume=True, synced=synced), strict=True))
        for waiting in new:
            waiting.stored = kept[waiting.key]

    def _index(self, group: list[Waiting]) -> list[tuple[Waiting, Outcome | None]]:
        """The rows of all of them; begun anew when the index was only busy. The objects have their names by then, and
        of an attempt that failed nothing is kept."""
        about = f"{len(group)} objects"
        return begun_anew(lambda: self._transaction(group), about, unavailable_tries=TRIES)

    def _transaction(self, group: list[Waiting]) -> list[tuple[Waiting, Outcome | None]]:
        outcomes: list[tuple[Waiting, Outcome | None]] = []
        plain = [waiting for waiting in group if waiting.description is not None and waiting.existing is None]
        conflicting = [waiting for waiting in group if waiting.existing is not None]
        with self._database.writing() as db:
            self._hold(conflicting, db)
            _take_turns(conflicting, plain, db)
            outcomes.extend((w, _quarantined(w, db)) for w in group if w.description is None)
            outcomes.extend((w, _conflicting(w, db)) for w in conflicting)
            added = instances.add(db, [(_described(w), _kept(w), w.origin) for w in plain]) if plain else []
            if rejecting.alone(db):
                self._hit(db, plain)
            for waiting in group:
                if waiting.description is None or waiting.existing is not None:
                    _note_preamble(waiting, db)
            for waiting, one in zip(plain, added, strict=True):
                if one.kind == STORED:
                    _note_preamble(waiting, db)
        outcomes.extend((waiting, _added(waiting, one)) for waiting, one in zip(plain, added, strict=True))
        return outcomes

    def _hit(self, db: "Connection", plain: list[Waiting]) -> None:
        """Which of these a rejection note rejects."""
        uids = {_described(waiting).instance.sop_instance_uid for waiting in plain}
        found = rejecting.hit(db, {w.origin.hospital_id for w in plain}, uids) if plain else set[tuple[int, str]]()
        for waiting in plain:
            waiting.rejected = (waiting.origin.hospital_id, _described(waiting).key.sop_instance_uid) in found

    def _heed(self, outcomes: list[tuple[Waiting, Outcome | None]]) -> None:
        """Rejection notes reject before their sender is answered, and what was rejected is out of sight before its
        sender is. Where others write meanwhile, both look after their commit: one of them sees the other."""
        plain = [w for w, outcome in outcomes if outcome is not None and outcome.kind in (STORED, ALREADY_STORED)]
        if plain and self._database.engine_name == POSTGRESQL:
            with self._database.reading() as db:
                self._hit(db, plain)
        concerned = [w for w in plain if w.rejected or _described(w).instance.sop_class_uid == KEY_OBJECT_SELECTION]
        if not concerned:
            return
        hit = {(w.origin.hospital_id, _described(w).key.sop_instance_uid) for w in concerned if w.rejected}
        try:
            heed(self._database, self._objects, [(_described(w), _kept(w), w.origin) for w in concerned], hit)
        except ArchiveError as error:
            _fail(concerned, error)

    def _mended(self, waiting: Waiting) -> bool:
        """The same bytes again, where those that were stored had been lost: read back, they are there now."""
        key = _kept(waiting).key
        try:
            if self._objects.verified(key) is None and self._objects.stat(key) is None:
                return False
        except ObjectCorrupt:
            return False
        with self._database.writing() as db:
            damage.repaired(db, key)
        log.info("%s was damaged and is repaired", key)
        return True

    def _compare(self, waiting: Waiting) -> None:
        """The same UID with other bytes: whether it is the same content takes long, so it is found out elsewhere."""
        with self._lock:
            if self._comparing is None:
                self._comparing = ThreadPoolExecutor(1, thread_name_prefix="compare")
            self._comparing.submit(self._compared, waiting)

    def _compared(self, waiting: Waiting) -> None:
        description, stored, existing = _described(waiting), _kept(waiting), waiting.existing
        assert existing is not None
        try:
            if self._noted(waiting):
                _finish(waiting, _conflict(waiting))
            elif self._same_content(description, stored, existing):
                self._forget(waiting)
                reason = "the same attributes and pixels in another encoding"
                _finish(waiting, _outcome(ALREADY_STORED, waiting, existing.stored, reason))
            else:
                waiting.may_lead = False  # its thread awaits the result only
                self.submit(waiting)  # to be written as a conflict
        except Exception as error:
            if not isinstance(error, ArchiveError):
                log.exception("two objects could not be compared")
            _fail([waiting], error)

    def _noted(self, waiting: Waiting) -> bool:
        uid = _described(waiting).instance.sop_instance_uid
        with self._database.reading() as db:
            return noted.conflict(db, waiting.origin.hospital_id, uid, waiting.sha256)

    def _forget(self, waiting: Waiting) -> None:
        """Bytes that say what the canonical ones say, and that nothing points to, are not kept twice. While they are
        held nobody can note them as a conflict: another process may have come to another result."""
        hospital_id, key = waiting.origin.hospital_id, _kept(waiting).key
        uid = _described(waiting).instance.sop_instance_uid
        try:
            with self._database.writing() as db:
                noted.hold(db, [key])
                if not noted.conflict(db, hospital_id, uid, waiting.sha256):
                    self._objects.delete(key)
        except ArchiveError:
            log.warning("an alternate encoding stays in the store: %s", key)

    def _hold(self, conflicting: list[Waiting], db: "Connection") -> None:
        """Nothing may be noted that is not kept: the same bytes, sent twice, may have been forgotten meanwhile."""
        noted.hold(db, [_kept(waiting).key for waiting in conflicting])
        for waiting in conflicting:
            if self._objects.stat(_kept(waiting).key) is None:
                raise ObjectMissing("the same bytes were just found to be another encoding; send them again")


def _take_turns(conflicting: list[Waiting], plain: list[Waiting], db: "Connection") -> None:
    """Conflicts are counted at their studies before others are added to: all of these are taken in one order."""
    if conflicting:
        held = [waiting.existing for waiting in conflicting if waiting.existing is not None]
        items = [(_described(waiting), _kept(waiting), waiting.origin) for waiting in plain]
        instances.take_turns(db, items, held)


def _begin_anew(committer: Committer | None) -> None:
    if committer is not None:
        committer._begin()


def _described(waiting: Waiting) -> Description:
    assert waiting.description is not None
    return waiting.description


def _kept(waiting: Waiting) -> StoredObject:
    assert waiting.stored is not None
    return waiting.stored


def _added(waiting: Waiting, added: instances.Added) -> Outcome | None:
    """The answer, or None when the content has to be compared first."""
    if added.kind == STORED:
        return _outcome(STORED, waiting, _kept(waiting))
    if added.kind == ALREADY_STORED:
        waiting.damaged = added.existing is not None and added.existing.damage != ""
        return _outcome(ALREADY_STORED, waiting, _kept(waiting))
    waiting.existing = added.existing
    return None


def _note_preamble(waiting: Waiting, db: "Connection") -> None:
    """An object that other programs could run is kept as it came, and is seen."""
    kind = kind_of(waiting.incoming.head)
    if kind in (ZERO, TIFF):
        return
    origin, description = waiting.origin, waiting.description
    detail = json.dumps({"preamble": kind, "sha256": waiting.sha256, "door": origin.door})
    audit.append(
        db,
        AuditEvent(
            origin.hospital_id,
            origin.hospital_code,
            origin.source or origin.door,
            "object.preamble",
            waiting.sha256 if description is None else description.key.sop_instance_uid,
            address=origin.address,
            patient="" if description is None else description.key.study_instance_uid,
            detail=detail,
        ),
    )


def _conflicting(waiting: Waiting, db: "Connection") -> Outcome:
    assert waiting.existing is not None
    instances.add_conflict(db, _described(waiting), _kept(waiting), waiting.origin, waiting.existing)
    return _conflict(waiting)


def _conflict(waiting: Waiting) -> Outcome:
    return _outcome(CONFLICT, waiting, _kept(waiting), "another content is stored under this SOP Instance UID")


def _quarantined(waiting: Waiting, db: "Connection") -> Outcome:
    instances.add_quarantine(db, _kept(waiting), waiting.origin, waiting.reason)
    return Outcome(QUARANTINED, None, "", _kept(waiting), waiting.reason)


def _outcome(kind: str, waiting: Waiting, stored: StoredObject, reason: str = "") -> Outcome:
    description = _described(waiting)
    return Outcome(kind, description.key, description.instance.sop_class_uid, stored, reason)


def _finish(waiting: Waiting, outcome: Outcome) -> None:
    _let_go(waiting)
    waiting.finished = True
    waiting.future.set_result(outcome)
    if waiting.turn is not None:
        waiting.turn.release()


def _fail(group: Sequence[Waiting], error: Exception) -> None:
    for waiting in group:
        if not waiting.finished:
            _let_go(waiting)
            waiting.finished = True
            waiting.future.set_exception(error)
            if waiting.turn is not None:
                waiting.turn.release()


def _let_go(waiting: Waiting) -> None:
    """Whoever waits is answered, also when the spool file cannot be removed; sweeping removes it later."""
    try:
        waiting.incoming.discard()
    except OSError as error:
        log.warning("a spool file stays: %s", error.strerror)
