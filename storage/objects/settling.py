"""From where objects wait to their final store: oldest first, at a measured pace, for as long as it takes."""

import hashlib
import json
import logging
import os
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from storage.errors import ObjectCorrupt, StorageUnavailable
from storage.objects.base import Condition, ObjectStore
from storage.objects.listing import Entry, Listing
from storage.objects.names import sha256_of_key
from storage.objects.room import Room
from storage.objects.threads import Threads

log = logging.getLogger(__name__)

GB = 10**9
FRESH_S = 0.5  # what was read of the note is good for so long
STALE_S = 60.0  # a note that is older was left by a worker that is gone
LOOK_S = 5.0  # the queue is read from the folder again after this
TRIM_S = 300.0
NOTE_S = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait and stay, and how fast it goes."""

    strict: bool = False
    waiting_bytes: int = 200 * GB
    keep_seconds: float = 24 * 3600
    keep_bytes: int = 50 * GB
    threads: int = 4
    bytes_per_second: int = 0  # 0: as fast as it goes
    keep_free: int = 0  # what the disk must have free (see Room); kept copies make room before twice that is passed


class Settling:
    """Moves objects of `folder`/waiting to `final` and then to `folder`/kept, and frees what was kept long enough.

    What it finds is written to `folder`/condition.json for the other processes.
    """

    def __init__(self, folder: Path, final: ObjectStore, limits: Limits) -> None:
        self._folder = folder
        self._final = final
        self._limits = limits
        self._room = Room([folder], limits.keep_free)
        self._waiting = Listing(folder / "waiting")
        self._kept = Listing(folder / "kept")
        self._damaged = Listing(folder / "damaged")
        self._threads = Threads(limits.threads, "settle")
        self._lock = threading.Lock()
        self._queue: deque[Entry] = deque()
        self._looked_at = self._trimmed_at = float("-inf")
        self._not_before = self._noted_at = float("-inf")
        self._now = Condition()
        self._read: tuple[float, Condition] = (float("-inf"), Condition())
        self._counted_at = float("-inf")

    def settle(self, most: int) -> int:
        """Up to `most` objects, oldest first. How many arrived and were read back; those that did not stay."""
        if time.monotonic() < self._not_before:
            return 0
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock:
            self._look()
            batch = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        if not batch:
            self._trim()
            self._note(replace(self._now, trouble="stuck" if self._now.stuck else "", detail=self._stuck_words()))
            return 0
        begun = time.monotonic()
        errors = self._threads.over(self._bring, batch)
        failed = [entry for entry, error in zip(batch, errors, strict=True) if error]
        with self._lock:
            self._queue.extendleft(reversed(failed))
        self._tell(batch, failed, next((error for error in errors if error), ""))
        self._trim()
        self._pace(sum(entry.size for entry in batch) - sum(entry.size for entry in failed), begun)
        return len(batch) - len(failed)

    def condition(self) -> Condition:
        """What the worker noted last; counted anew when there is no worker."""
        at, condition = self._read
        if time.monotonic() - at < FRESH_S:
            return condition
        noted = self._noted()
        if noted is None:
            if time.monotonic() - self._counted_at < LOOK_S:
                return condition
            self._counted_at = time.monotonic()
            try:
                noted = self._counted()
            except StorageUnavailable as error:
                noted = replace(condition, trouble="disk", detail=str(error))
        self._read = time.monotonic(), noted
        return noted

    def _look(self) -> None:
        """Read the queue anew when it is empty or a while has passed."""
        if self._queue and time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        found = self._waiting.read()
        self._queue = deque(found)
        self._now = replace(
            self._now,
            waiting=len(found),
            waiting_bytes=sum(entry.size for entry in found),
            oldest_at=found[0].at // 1_000_000 if found else 0,
            stuck=len(self._damaged.read()),
        )

    def _bring(self, entry: Entry) -> str:
        """One object to the final store; "" when it is there or gone, else what went wrong."""
        path = self._folder / "waiting" / entry.key
        try:
            self._final.put(entry.key, path, sha256_of_key(entry.key) or _sha256(path))
            self._keep(entry.key, path)
        except ObjectCorrupt as error:
            log.error("%s was damaged while it waited, and is set aside: %s", entry.key, error)
            self._move(entry.key, path, "damaged")
        except (StorageUnavailable, OSError) as error:
            return "" if not path.exists() else str(error)
        return ""

    def _keep(self, key: str, path: Path) -> None:
        """It is in the final store. One that was deleted meanwhile is deleted there as well."""
        if not self._move(key, path, "kept") and not (self._folder / "kept" / key).exists():
            self._final.delete(key)
        (self._folder / "damaged" / key).unlink(missing_ok=True)

    def _move(self, key: str, path: Path, name: str) -> bool:
        """Whether it was still there to be moved."""
        target = self._folder / name / key
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            os.rename(path, target)
        except FileNotFoundError:
            return False
        return True

    def _tell(self, batch: list[Entry], failed: list[Entry], error: str) -> None:
        gone = [entry for entry in batch if entry not in failed]
        now = replace(
            self._now,
            waiting=max(0, self._now.waiting - len(gone)),
            waiting_bytes=max(0, self._now.waiting_bytes - sum(entry.size for entry in gone)),
            oldest_at=self._queue[0].at // 1_000_000 if self._queue else self._now.oldest_at if failed else 0,
            stuck=len(self._damaged.read()),
        )
        if error and self._now.trouble != "unreachable":
            log.warning("%d objects wait for the object store: %s", now.waiting, error)
        elif not error and self._now.trouble == "unreachable":
            log.info("the object store answers again; %d objects wait", now.waiting)
        full = now.waiting_bytes >= self._limits.waiting_bytes
        trouble = ("waiting-full" if full else "unreachable") if error else "stuck" if now.stuck else ""
        self._now = now
        self._note(replace(now, trouble=trouble, detail=error or self._stuck_words()))

    def _stuck_words(self) -> str:
        damaged = self._folder / "damaged"
        return f"{self._now.stuck} objects were damaged while they waited: {damaged}" if self._now.stuck else ""

    def _pace(self, sent: int, begun: float) -> None:
        """Nothing more goes before the time that these bytes may take is over."""
        if self._limits.bytes_per_second:
            self._not_before = begun + sent / self._limits.bytes_per_second

    def _trim(self) -> None:
        """Free kept copies: those kept long enough, then the oldest while they are too many or the disk is short."""
        if time.monotonic() - self._trimmed_at < TRIM_S and not self._short():
            return
        self._trimmed_at = time.monotonic()
        kept = sorted(self._kept.read(), key=lambda entry: entry.since)
        count, size = len(kept), sum(entry.size for entry in kept)
        for entry in kept:
            old = time.time() - entry.since > self._limits.keep_seconds
            if not old and size <= self._limits.keep_bytes and not self._short():
                break
            (self._folder / "kept" / entry.key).unlink(missing_ok=True)
            count, size = count - 1, size - entry.size
        self._now = replace(self._now, kept=count, kept_bytes=size)

    def _short(self) -> bool:
        return any(space.free < 2 * space.mark for space in self._room.spaces())

    def _note(self, condition: Condition) -> None:
        """For the other processes; a disk that does not take it is no reason to stop."""
        same = condition == self._read[1] and time.monotonic() - self._noted_at < NOTE_S
        self._now = condition
        self._read = time.monotonic(), condition
        if same:
            return
        self._noted_at = time.monotonic()
        half = self._folder / f".condition-{os.getpid()}"
        try:
            half.write_text(json.dumps({"at": time.time(), **asdict(condition)}), encoding="utf-8")
            os.replace(half, self._folder / "condition.json")
        except OSError as error:
            log.warning("what waits for the object store cannot be noted: %s", error.strerror)

    def _noted(self) -> Condition | None:
        try:
            noted = json.loads((self._folder / "condition.json").read_text(encoding="utf-8"))
            if not 0 <= time.time() - noted.pop("at") <= STALE_S:
                return None
            return Condition(**noted)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _counted(self) -> Condition:
        waiting, kept = self._waiting.read(), self._kept.read()
        return Condition(
            waiting=len(waiting),
            waiting_bytes=sum(entry.size for entry in waiting),
            oldest_at=waiting[0].at // 1_000_000 if waiting else 0,
            kept=len(kept),
            kept_bytes=sum(entry.size for entry in kept),
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
