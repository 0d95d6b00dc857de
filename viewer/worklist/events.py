"""Changes as they happen: one reader of the change log per process, any number of listening browsers up to a cap."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from storage.errors import StorageUnavailable
from storage.index import changes
from storage.index.database import Database
from storage.model.archive import Scope
from storage.model.work import Change, ChangeKind
from viewer.errors import TooBusy

PERIOD = 0.25  # seconds between looks at the log: at most four events a second
HEARTBEAT = 15.0
LOOK = 1.0  # seconds between looks whether anybody still listens
KEPT = 4096  # changes kept in memory for those who are a little behind
BACKLOG = 20_000  # a client further behind than this is told to read the worklist anew
STUDY_KINDS = frozenset(
    {ChangeKind.INSTANCE_STORED, ChangeKind.INSTANCE_CONFLICT, ChangeKind.SERIES_SUMMARISED, ChangeKind.STUDY_CHANGED}
)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens: whose changes they may see, and whether refused associations are among them; the account and the
    hospitals it answers for, or the link a guest came by, since grants to these are theirs."""

    scope: Scope
    sees_refusals: bool
    user_id: int = 0
    answers_for: frozenset[int] = frozenset()
    asks_for: frozenset[int] = frozenset()
    link_id: int | None = None

    def takes_part(self, detail: dict[str, Any]) -> bool:
        """Whether a line about a consultation is about one of theirs; as storage/model/consult.py has it."""
        if detail.get("from") in self.asks_for or detail.get("user") == self.user_id:
            return True
        return detail.get("user") is None and detail.get("to") in self.answers_for

    def is_granted(self, detail: dict[str, Any]) -> bool:
        """Whether a line about a grant is about one of theirs."""
        if self.link_id is not None:
            return detail.get("link") == self.link_id
        return detail.get("user") == self.user_id or detail.get("hospital") in self.answers_for


@dataclass(slots=True)
class Digest:
    """What a client must know about a stretch of the log."""

    sequence: int
    studies: dict[str, None] = field(default_factory=dict)
    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    refused: list[dict[str, Any]] = field(default_factory=list)
    annotated: dict[str, None] = field(default_factory=dict)
    revoked: dict[str, None] = field(default_factory=dict)  # studies that may not be seen any more
    consults: dict[str, int] = field(default_factory=dict)  # codes, and the number of the newest event of each
    reset: bool = False

    def __bool__(self) -> bool:
        told = (self.studies, self.tasks, self.refused, self.annotated, self.revoked, self.consults)
        return any(told) or self.reset

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "sequence": self.sequence,
            "studies": list(self.studies),
            "tasks": list(self.tasks.values()),
            "refused": self.refused,
            "revoked": list(self.revoked),
            "consults": self.consults,
        }
        if self.annotated:
            document["annotated"] = list(self.annotated)
        if self.reset:
            document["reset"] = True
        return document

    def as_events(self) -> bytes:
        """The same as server-sent events. The id lets a browser continue where it was cut off."""
        change: dict[str, Any] = {"sequence": self.sequence, "studies": list(self.studies)}
        if self.annotated:
            change["annotated"] = list(self.annotated)
        if self.reset:
            change["reset"] = True
        events = [("task", task) for task in self.tasks.values()] + [("refused", who) for who in self.refused]
        events += [("revoked", {"study": uid}) for uid in self.revoked]
        events += [("consult", {"code": code, "sequence": sequence}) for code, sequence in self.consults.items()]
        events.append(("change", change))
        return "".join(
            f"id: {self.sequence}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
            for name, data in events
        ).encode()


def digest(found: Iterable[Change], listener: Listener, sequence: int) -> Digest:
    """What these changes mean to the listener; `sequence` is where they end."""
    summary = Digest(sequence)
    for change in found:
        if change.kind is ChangeKind.GRANT_CHANGED:
            _grant(summary, change, listener)
            continue
        if change.kind is ChangeKind.CONSULT_CHANGED:
            detail = _detail(change)
            if listener.takes_part(detail):
                summary.consults[str(detail["code"])] = int(detail["sequence"])
            continue
        if change.hospital_id not in listener.scope.at(change.study_instance_uid):
            continue
        detail = _detail(change)
        if change.kind is ChangeKind.ASSOCIATION_REFUSED:
            if listener.sees_refusals:
                summary.refused.append(detail)
        elif change.kind is ChangeKind.TASK_PROGRESS:
            if isinstance(detail.get("id"), int):
                summary.tasks[detail["id"]] = detail
        elif change.kind is ChangeKind.ANNOTATED:
            summary.annotated[change.study_instance_uid] = None
        elif change.kind in STUDY_KINDS and change.study_instance_uid:
            summary.studies[change.study_instance_uid] = None
    return summary


def _grant(summary: Digest, change: Change, listener: Listener) -> None:
    """A study that came or went with a grant; what is visible on another ground has not changed."""
    uid, detail = change.study_instance_uid, _detail(change)
    if not listener.is_granted(detail):
        return
    if change.hospital_id in listener.scope.at(uid):
        summary.studies[uid] = None
        summary.revoked.pop(uid, None)
    elif detail.get("ended"):
        summary.revoked[uid] = None


def changes_after(database: Database, sequence: int, listener: Listener) -> Digest:
    """Everything since `sequence`; a digest that says reset when that is too long ago to tell."""
    with database.reading() as db:
        newest = changes.last(db)
        if sequence > newest or newest - sequence > BACKLOG:
            return Digest(newest, reset=True)
        found: list[Change] = []
        while sequence < newest:
            page = changes.after(db, sequence, 2000)
            if not page:
                break
            found += page
            sequence = page[-1].sequence
    return digest(found, listener, max(sequence, newest))


class Tail:
    """Follows the change log for all streams of this process, in one thread that runs while somebody listens."""

    def __init__(self, database: Database, streams: int) -> None:
        self._database = database
        self._free = threading.BoundedSemaphore(max(1, streams))
        self._news = threading.Condition()
        self._recent: deque[Change] = deque(maxlen=KEPT)
        self._sequence = -1
        self._listeners = 0
        self._running = False
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End every stream now; the process is about to end."""
        self._stopped.set()
        threading.Thread(target=self._wake, daemon=True).start()

    def stream(
        self,
        listener: Listener,
        after: int | None,
        alive: Callable[[], bool],
        again: Callable[[], Listener] | None = None,
    ) -> "Stream":
        """Server-sent events until the client goes, `alive` says no, or we stop. `again` makes the listener anew once
        a grant of theirs has changed. Raises TooBusy over the cap."""
        if self._stopped.is_set() or not self._free.acquire(blocking=False):
            raise TooBusy("too many event streams are open; ask /api/changes instead")
        try:
            first = changes_after(self._database, after, listener) if after is not None else None
            with self._news:
                self._listeners += 1
                if not self._running:
                    self._start()
                sequence = first.sequence if first is not None else self._sequence
        except BaseException:
            self._free.release()
            raise
        return Stream(self, listener, sequence, first, alive, again or (lambda: listener))

    def _start(self) -> None:
        """Begin to follow from the newest line; called with the lock held."""
        with self._database.reading() as db:
            self._sequence = changes.last(db)
        self._recent.clear()
        self._running = True
        threading.Thread(target=self._follow, name="change-log-tail", daemon=True).start()

    def _follow(self) -> None:
        while not self._stopped.wait(PERIOD):
            with self._news:
                if self._listeners == 0:
                    self._running = False
                    return
            try:
                with self._database.reading() as db:
                    page = changes.after(db, self._sequence, 2000)
            except StorageUnavailable:
                continue
            if page:
                with self._news:
                    self._recent.extend(page)
                    self._sequence = page[-1].sequence
                    self._news.notify_all()

    def _wake(self) -> None:
        with self._news:
            self._news.notify_all()

    def wait(self, sequence: int, seconds: float) -> bool:
        """Wait for a change after `sequence`; False when none came in time. Raises EndOfStream when we stop."""
        with self._news:
            if self._sequence <= sequence and not self._stopped.is_set():
                self._news.wait(seconds)
            if self._stopped.is_set():
                raise EndOfStream
            return self._sequence > sequence

    def since(self, sequence: int, listener: Listener) -> Digest:
        """What happened after `sequence`, from memory when it reaches that far."""
        with self._news:
            recent, newest = list(self._recent), self._sequence
        if newest > sequence and (not recent or recent[0].sequence > sequence + 1):
            return changes_after(self._database, sequence, listener)
        return digest((change for change in recent if change.sequence > sequence), listener, newest)

    def regranted(self, sequence: int, listener: Listener) -> bool:
        """Whether a grant of the listener's may have changed after `sequence`."""
        with self._news:
            recent, newest = list(self._recent), self._sequence
        if newest > sequence and (not recent or recent[0].sequence > sequence + 1):
            return True
        return any(
            change.kind is ChangeKind.GRANT_CHANGED and listener.is_granted(_detail(change))
            for change in recent
            if change.sequence > sequence
        )

    def leave(self) -> None:
        """One stream has ended."""
        with self._news:
            self._listeners -= 1
        self._free.release()


class EndOfStream(Exception):
    """The streams end."""


class Stream:
    """The body of one event stream; closing it frees its place."""

    def __init__(
        self,
        tail: Tail,
        listener: Listener,
        sequence: int,
        first: Digest | None,
        alive: Callable[[], bool],
        again: Callable[[], Listener],
    ) -> None:
        self._tail = tail
        self._again = again
        self._parts = self._events(listener, sequence, first, alive)
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        if self._open:
            self._open = False
            self._parts.close()
            self._tail.leave()

    def _events(
        self, listener: Listener, sequence: int, first: Digest | None, alive: Callable[[], bool]
    ) -> Generator[bytes, None, None]:
        yield b"retry: 3000\n\n"
        yield (first or Digest(sequence)).as_events()
        beat = look = time.monotonic()
        while True:
            try:
                came = self._tail.wait(sequence, LOOK)
            except EndOfStream:
                return
            now = time.monotonic()
            if now - look >= LOOK:
                look = now
                if not alive():
                    return
            if came:
                if self._tail.regranted(sequence, listener):
                    listener = self._again()
                news = self._tail.since(sequence, listener)
                sequence = news.sequence
                if news:
                    beat = now
                    yield news.as_events()
            elif now - beat >= HEARTBEAT:
                beat = now
                yield b": still here\n\n"


def _detail(change: Change) -> dict[str, Any]:
    try:
        detail = json.loads(change.detail)
    except ValueError:
        return {}
    return detail if isinstance(detail, dict) else {}
