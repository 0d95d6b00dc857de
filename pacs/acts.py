"""Acts on their way to the audit log: what is looked at, searched, taken out, brought in and refused.

What changes something is written by whoever changes it, in the same transaction. What only looks is noted here and put
into the chain by a thread, all of one moment in one transaction, half a second later at most. While that fails nothing
that must be noted is done: `note` raises StorageUnavailable until what is waiting was written.
"""

import hashlib
import hmac
import json
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace

from storage.errors import ArchiveError, StorageUnavailable
from storage.index import audit
from storage.index.database import Connection, Database
from storage.index.types import now_ms
from storage.model.archive import Scope
from storage.model.audit import DONE, REFUSED, Actor
from storage.model.query import Match, Query
from storage.model.text import fold

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
VIEW_SECONDS = 15 * 60.0  # somebody who goes on looking at a study is noted again after so long
SEARCH_SECONDS = 60.0  # the same question of the same caller is noted once
MOST_WAITING = 20_000  # different acts between two writings
MOST_OF_ACTOR = 50  # different searches or refusals of one caller between two writings; further ones are counted
MOST_TOLD = 20_000  # what is remembered as noted already
_LONGEST = 200
_SPARE_MS = 1000  # a mark in the index ends so much before what the process that set it remembers
# Values of these keys say nothing about who a patient is.
PLAIN = frozenset(
    {
        "StudyDate", "StudyTime", "SeriesDate", "SeriesTime", "Modality", "ModalitiesInStudy", "BodyPartExamined",
        "SOPClassUID", "SOPClassesInStudy", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SeriesNumber",
        "InstanceNumber",
    }
)  # fmt: skip

Keys = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Act:
    """Who did what, in the words of AuditEvent; `detail` are further facts, counts come beside it. What has a `mark` is
    written once within so many seconds, whichever process notes it; `key` is what that process remembers it by."""

    actor: Actor
    hospital_ids: frozenset[int]
    action: str
    object: str = ""
    patient: str = ""
    result: str = DONE
    detail: Keys = ()
    mark: tuple[str, ...] = ()
    mark_seconds: float = 0.0
    key: Hashable = ()


@dataclass(slots=True)
class _Noted:
    at: int
    counts: Counter[str]


class Acts:
    """Of one process; threads may share it, a fork makes its own thread when it first notes something."""

    def __init__(self, database: Database, key: bytes = b"") -> None:
        self._database = database
        self._key = key or os.urandom(32)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._waiting: dict[Act, _Noted] = {}
        self._of_actor: Counter[tuple[str, str]] = Counter()
        self._told: dict[Hashable, float] = {}
        self._thread: threading.Thread | None = None
        self._failing = False

    def note(self, act: Act, **counts: int) -> None:
        """This was done, or is about to be answered. The same again before the next writing only counts."""
        self.must_write()
        with self._lock:
            noted = self._waiting.get(act)
            if noted is None:
                act = self._bounded(act, counts)
                noted = self._waiting.setdefault(act, _Noted(now_ms(), Counter()))
            noted.counts.update(counts)
            if self._thread is None or not self._thread.is_alive():
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name="acts", daemon=True)
                self._thread.start()
        self._wake.set()

    def must_write(self) -> None:
        """Raise StorageUnavailable while what was noted before cannot be written."""
        if self._failing or len(self._waiting) >= MOST_WAITING:
            raise StorageUnavailable("the audit log cannot be written, so nothing is shown")

    def once(self, key: Hashable, seconds: float, make: Callable[[], Act], **counts: int) -> None:
        """Note an act unless this process has noted one of this key in the last `seconds`."""
        if self._failing:
            self.must_write()
        now = time.monotonic()
        if self._told.get(key, 0.0) > now:
            return
        self.note(make(), **counts)
        with self._lock:
            if len(self._told) >= MOST_TOLD:
                self._told = {one: until for one, until in self._told.items() if until > now}
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            self._told[key] = now + seconds

    def once_anywhere(self, mark: tuple[str, ...], seconds: float, make: Callable[[], Act]) -> None:
        """Note an act unless any process has noted one of this mark in the last `seconds`, an hour at most. Which of
        them does is settled when it is written, so the caller waits for nothing."""
        self.once(mark, seconds, lambda: replace(make(), mark=mark, mark_seconds=seconds, key=mark))

    def viewed(
        self,
        who: str,
        study: str,
        actor: Callable[[], Actor],
        hospital_id: Callable[[], int],
        how: str = "view",
        at: int | None = None,
    ) -> None:
        """Somebody (a session or a token) opened a study (`view`), or saw what it is about (`details`). Two hospitals
        may have a study of this UID: `at` is the one that was named, None where none was."""
        key = (who, how, study, at)

        def act() -> Act:
            where = hospital_id()
            mark = (who, how, study, str(where))
            return Act(actor(), frozenset({where}), f"study.{how}", study, "", DONE, (), mark, VIEW_SECONDS, key)

        self.once(key, VIEW_SECONDS, act)

    def queried(self, actor: Actor, door: str, query: Query, answers: int) -> None:
        """Somebody asked this question."""

        def act() -> Act:
            return _search(actor, query.scope, door, query.level, self.keys_of(query))

        key = (actor.name, actor.address, door, query.level, query.matches)
        self.once(key, SEARCH_SECONDS, act, answers=answers, times=1)

    def searched(self, actor: Actor, scope: Scope, door: str, level: str, keys: Keys, answers: int) -> None:
        """The same of a question that is no query: with what may be said of its keys."""
        key = (actor.name, actor.address, door, level, keys)
        self.once(key, SEARCH_SECONDS, lambda: _search(actor, scope, door, level, keys), answers=answers, times=1)

    def exported(self, actor: Actor, hospital_id: int, study: str, door: str, instances: int, **facts: str) -> None:
        """So many instances of a study leave the archive."""
        detail = (("door", door), *sorted(facts.items()))
        self.note(Act(actor, frozenset({hospital_id}), "study.export", study, detail=detail), instances=instances)

    def stored(self, actor: Actor, hospital_id: int, study: str, door: str, instances: int = 1) -> None:
        """So many instances of a study were brought in."""
        act = Act(actor, frozenset({hospital_id}), "study.store", study, detail=(("door", door),))
        self.note(act, instances=instances)

    def refused(self, actor: Actor, hospital_ids: Iterable[int], what: str, why: str) -> None:
        """Somebody was not permitted to do something; never raises, since it was refused anyway."""
        act = Act(actor, frozenset(hospital_ids), "access.refuse", what, result=REFUSED, detail=(("why", why),))
        try:
            self.note(act, times=1)
        except StorageUnavailable:
            log.warning("a refusal could not be noted")

    def veiled(self, text: str) -> str:
        """A name or number as it may stand in the log: equal for equal text, of no use without the secret key."""
        return "~" + hmac.digest(self._key, fold(text).encode(), hashlib.sha256)[:12].hex()

    def keys_of(self, query: Query) -> Keys:
        """The matching keys of a query as they may stand in the log."""
        return tuple(sorted(self._key_of(match) for match in query.matches))

    def flush(self) -> None:
        """Write what was noted; raises StorageUnavailable, and keeps it, when that cannot be."""
        with self._writing:
            with self._lock:
                waiting, self._waiting = self._waiting, {}
                self._of_actor.clear()
            if not waiting:
                self._failing = False
                return
            try:
                with self._database.writing() as db:
                    known, held = audit.codes(db), _held(db, waiting)
                    for act, noted in waiting.items():
                        if act in held:
                            continue
                        detail = {**dict(act.detail), **noted.counts}
                        audit.note(
                            db, act.actor, act.hospital_ids, act.action, act.object, patient=act.patient,
                            result=act.result, detail=json.dumps(detail, ensure_ascii=False, sort_keys=True),
                            at=noted.at, known=known,
                        )  # fmt: skip
            except BaseException:
                self._failing = True
                with self._lock:
                    for act, noted in self._waiting.items():
                        waiting.setdefault(act, _Noted(noted.at, Counter())).counts.update(noted.counts)
                    self._waiting = waiting
                raise
            self._failing = False
            self._tell(held)

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(10 * FLUSH_SECONDS)
        try:
            self.flush()
        except ArchiveError as error:
            log.error("%d acts are not in the audit log: %s", len(self._waiting), error)

    def _tell(self, held: dict[Act, float]) -> None:
        """What another process has noted is noted again when its time is over, not that of this one."""
        now = time.monotonic()
        with self._lock:
            self._told.update({act.key: now + left for act, left in held.items()})

    def _bounded(self, act: Act, counts: dict[str, int]) -> Act:
        """The act itself; of a flood of searches or refusals what is told of the rest together."""
        if act.action not in ("study.search", "access.refuse"):
            return act
        self._of_actor[act.actor.name, act.action] += 1
        if self._of_actor[act.actor.name, act.action] <= MOST_OF_ACTOR:
            return act
        counts["further"] = 1
        return replace(act, object="", patient="", detail=())

    def _key_of(self, match: Match) -> tuple[str, str]:
        if match.keyword in PLAIN:
            return match.keyword, f"{match.matching}: {' '.join(match.values)}"[:_LONGEST]
        if match.items:
            return match.keyword, ",".join(self.veiled(" ".join(one.values)) for one in match.items)[:_LONGEST]
        return match.keyword, self.veiled(" ".join(match.values))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            self._stopping.wait(FLUSH_SECONDS)
            try:
                self.flush()
            except Exception as error:  # tried again; until then whatever must be noted is refused
                log.error("the audit log cannot be written: %s", type(error).__name__)
                self._wake.set()


def _held(db: Connection, waiting: dict[Act, _Noted]) -> dict[Act, float]:
    """The acts that were written already, and for how many seconds yet; the marks of all others are set."""
    held: dict[Act, float] = {}
    names: dict[str, Act] = {}
    for act in waiting:
        if act.mark and names.setdefault(_digest(act.mark), act) is not act:
            held[act] = act.mark_seconds
    if names:
        now = now_ms()
        marks = {
            name: min(waiting[act].at, now) + int(act.mark_seconds * 1000) - _SPARE_MS for name, act in names.items()
        }
        held |= {names[name]: (until - now) / 1000 for name, until in audit.mark(db, marks, now).items()}
    return held


def _digest(mark: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(mark).encode()).hexdigest()


def _search(actor: Actor, scope: Scope, door: str, level: str, keys: Keys) -> Act:
    return Act(
        actor, scope.hospital_ids, "study.search", patient=dict(keys).get("PatientID", ""),
        detail=(("door", door), ("level", level), *((f"key.{name}", value) for name, value in keys)),
    )  # fmt: skip
