"""The background worker: reads the change log with its own cursor, plans tasks, claims and does them.

It may be killed at any moment. The cursor moves in the transaction that asks for the tasks, and a task is claimed for
the time of a lease that is renewed while it is being done: what was not finished is claimed again.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from pacs import receipts, reconciling, sharing
from pacs.archive import Archive
from pacs.archive.rejections import catch_up
from pacs.association.tls import TlsCredentials
from pacs.auditing import Anchoring
from pacs.config import ScrubConfig, SmtpConfig
from pacs.consult import acting, copying, translating
from pacs.jobs import audit_check
from pacs.jobs import scrub as scrubbing
from pacs.jobs.commitment import Commitments
from pacs.jobs.endings import Stopping
from pacs.jobs.mailing import Mailing
from pacs.jobs.plan import SAMPLES, SUMMARISE, SWEEP, plan
from pacs.jobs.uploads import uploading
from pacs.live import voices
from pacs.minutes import filing
from pacs.samples import load_samples
from storage.errors import ArchiveError, NotFound, StorageUnavailable
from storage.index import accounts, changes, commitments, grants, letters, maintenance, sounds, tasks
from storage.index.remembered import Stamp
from storage.index.types import now_ms
from storage.model.archive import Origin
from storage.model.work import Task

log = logging.getLogger(__name__)

CURSOR = "jobs"
POLL_SECONDS = 0.25
LEASE_SECONDS = 60.0
SWEEP_SECONDS = 3600.0
SWEEP_AGAIN_SECONDS = 15.0  # after the first: what a crash left in its last moment was too young then
ANCHOR_SECONDS = 600.0  # how far back the newest records of the audit log could be cut off unnoticed
PROGRESS_SECONDS = 0.5
RECEIPTS_SECONDS = 60.0
GRANTS_SECONDS = 5.0  # how late open viewers hear that a grant has run out; it counts no more from its moment on
AT_ONCE = 1000
KEPT_MS = 7 * 24 * 3600 * 1000  # how long lines of the change log and tasks that are over are kept
KEPT_CHANGES = 100_000  # the newest lines stay however old they are: more than a browser may be behind
FORGOTTEN_AT_ONCE = 20_000  # lines of the change log in one transaction: who stores must not wait long
KEPT_FAILURES_MS = 24 * 3600 * 1000
KEPT_COMMITMENTS_MS = 90 * 24 * 3600 * 1000  # requests for storage commitment that are over
# Tasks that wait for peers and disks have workers of their own, so that nobody waits for them.
SLOW = frozenset(
    {
        acting.COPY, commitments.TASK, filing.FILE, letters.MAIL, letters.REMIND, sharing.END, sharing.PREPARE,
        sounds.FORGET, translating.TASK,
    }
)  # fmt: skip
SLOWEST = frozenset({audit_check.TASK, scrubbing.TASK})
QUICK = frozenset({SUMMARISE, SAMPLES, SWEEP})


class Worker:
    """Does background work until it is stopped. Several may run at once, also for some `kinds` of tasks only; such a
    one does not plan, which one for all kinds or for what the others leave must do."""

    def __init__(
        self,
        archive: Archive,
        poll: float = POLL_SECONDS,
        lease: float = LEASE_SECONDS,
        own_ae: str = "HOICHAN",
        credentials: TlsCredentials | None = None,
        scrub: ScrubConfig | None = None,
        kinds: frozenset[str] | None = None,
        translator: str = "",
        smtp: SmtpConfig | None = None,
        base_url: str = "",
        sound_days: int = 0,
        anchoring: Anchoring | None = None,
    ) -> None:
        self._archive = archive
        self._anchoring = anchoring
        self._translator = translator
        self._sound_days = sound_days
        self._poll = poll
        self._lease = lease
        self._stop = threading.Event()
        self._next_sweep = self._next_anchor = self._next_receipts = self._next_grants = 0.0
        self._folded = self._swept = self._followed = False
        self._nothing_at: Stamp | None = None  # the state of the index in which there was nothing to do …
        self._nothing_until: float | None = None  # … before this instant, in UTC milliseconds
        self._commitments = Commitments(archive, own_ae, lambda: self._stop.is_set(), credentials)
        self._scrub = scrubbing.Scrub(archive, scrub or ScrubConfig(), lambda: self._stop.is_set())
        self._mailing = Mailing(archive.database, smtp or SmtpConfig(), base_url)
        done_by_kind: Mapping[str, Callable[[Task, dict[str, Any]], None]] = {
            SUMMARISE: self._summarise,
            SAMPLES: self._samples,
            SWEEP: self._sweep,
            commitments.TASK: self._commitment,
            scrubbing.TASK: self._scrub_on,
            audit_check.TASK: self._check_audit,
            letters.MAIL: lambda _, given: self._mailing.send(given["key"]),
            letters.REMIND: lambda _, given: self._mailing.remind(int(given["consult"])),
            sharing.PREPARE: self._prepare,
            acting.COPY: self._copy_consult,
            filing.FILE: lambda _, given: filing.file(archive, given),
            sharing.END: lambda _, given: sharing.finish(archive, int(given["link"])),
            sounds.FORGET: lambda _, given: voices.forget(archive.database, archive.objects, int(given["room"])),
            translating.TASK: self._translate,
        }
        self._done_by_kind = {kind: do for kind, do in done_by_kind.items() if kinds is None or kind in kinds}
        self._plans = SWEEP in self._done_by_kind

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. An index that does not answer is asked again a little later."""
        self._stop = stop
        with uploading(self._archive.objects, stop) if self._plans else nullcontext():
            self._work(stop)

    def _work(self, stop: threading.Event) -> None:
        troubled = False
        while not stop.is_set():
            try:
                busy = self.step()
                troubled = False
            except StorageUnavailable as error:
                if not troubled:
                    log.warning("waiting: %s", error)
                troubled, busy = True, False
            if not busy:  # while instances arrive, nothing can be due that was just put off
                stop.wait(self._poll * (2 if self._followed else 1))

    def step(self) -> bool:
        """Plan what is new and do one task; whether there was anything to do. When nothing was committed since there
        was nothing to do, and nothing has become due, looking costs microseconds."""
        stamp = self._archive.database.stamp()
        if stamp == self._nothing_at and not self._due():
            return False
        busy = self._look()
        if not busy:
            with self._archive.database.reading() as db:
                self._nothing_until = tasks.next_due(db, self._done_by_kind.keys())
        self._nothing_at = None if busy else stamp
        return busy

    def _due(self) -> bool:
        """Whether a task or one of our own rounds has become due since there was nothing to do."""
        own = min(self._next_sweep, self._next_anchor, self._next_receipts, self._next_grants)
        if self._plans and time.monotonic() >= own:
            return True
        return self._nothing_until is not None and now_ms() >= self._nothing_until

    def _look(self) -> bool:
        planned = self._plans and self._follow()
        if self._plans and time.monotonic() >= self._next_anchor:
            self._next_anchor = time.monotonic() + ANCHOR_SECONDS
            self._anchor()
        if self._plans and time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + (SWEEP_SECONDS if self._swept else SWEEP_AGAIN_SECONDS)
            self._swept = True
            with self._archive.database.writing() as db:
                tasks.enqueue(db, SWEEP, {}, key=SWEEP)
        if self._plans and time.monotonic() >= self._next_receipts:
            self._next_receipts = time.monotonic() + RECEIPTS_SECONDS
            receipts.write_quietly(self._archive.database, self._archive.objects)
            catch_up(self._archive.database, self._archive.objects)
        if self._plans and time.monotonic() >= self._next_grants:
            self._next_grants = time.monotonic() + GRANTS_SECONDS
            self._end_grants()
        claimed = tasks.claim(self._archive.database, self._done_by_kind.keys(), self._lease)
        for task in claimed:
            self._do(task)
        return planned or bool(claimed)

    def _anchor(self) -> None:
        """Anchor the audit log, and have it checked when the anchor gives cause to."""
        if self._anchoring is None:
            return
        if self._anchoring.anchor_quietly(self._archive.database, self._archive.objects):
            with self._archive.database.writing() as db:
                audit_check.ask(db)

    def _end_grants(self) -> None:
        """Tell of the grants that time has ended."""
        now = now_ms()
        with self._archive.database.reading() as db:
            due = grants.next_end(db)
        if due is not None and due <= now:
            with self._archive.database.writing() as db:
                log.info("%d grants have run out", grants.expire(db, now))

    def _follow(self) -> bool:
        """Ask for the tasks that follow from new lines of the change log; whether there may be more lines."""
        database = self._archive.database
        with database.reading() as db:
            found, end, more = changes.gathered(db, changes.cursor(db, CURSOR), AT_ONCE)
        self._followed = bool(found)
        if not found:
            return False
        with database.writing() as db:
            for one in plan(found):
                tasks.enqueue(db, one.kind, dict(one.arguments), one.key, one.delay, at_most=one.at_most)
            changes.set_cursor(db, CURSOR, end)
        return more

    def _do(self, task: Task) -> None:
        """Do a task and finish it; what fails is tried again later."""
        database = self._archive.database
        begun = time.monotonic()
        try:
            with self._held(task):
                self._done_by_kind[task.kind](task, json.loads(task.arguments))
            with database.writing() as db:
                if not tasks.finish(db, task):
                    log.warning("task %d (%s) was taken over by another worker", task.id, task.kind)
        except NotFound as error:
            log.info("task %d (%s) has nothing to do: %s", task.id, task.kind, error)
            with database.writing() as db:
                tasks.finish(db, task)
        except ArchiveError as error:
            log.warning("task %d (%s) failed: %s", task.id, task.kind, error)
            tasks.fail(database, task, str(error))
        except Exception as error:
            log.exception("task %d (%s) failed", task.id, task.kind)
            tasks.fail(database, task, type(error).__name__)
        else:
            log.info("task %d (%s) done in %.2f s", task.id, task.kind, time.monotonic() - begun)

    @contextmanager
    def _held(self, task: Task) -> Iterator[None]:
        """Renew the lease while the task is being done."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(self._lease / 3):
                try:
                    if not tasks.renew(self._archive.database, task, self._lease):
                        return
                except StorageUnavailable:
                    continue

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _summarise(self, task: Task, arguments: dict[str, Any]) -> None:
        self._archive.summarise(
            int(arguments["hospital_id"]), arguments["study_instance_uid"], arguments["series_instance_uid"]
        )

    def _commitment(self, task: Task, arguments: dict[str, Any]) -> None:
        self._commitments.do(int(arguments["commitment"]))

    def _scrub_on(self, task: Task, arguments: dict[str, Any]) -> None:
        try:
            delay = self._scrub.slice()
        except Stopping:
            delay = 0.0  # after the restart
        with self._archive.database.writing() as db:
            tasks.enqueue(db, scrubbing.TASK, {}, scrubbing.TASK, delay, scrubbing.PRIORITY)

    def _check_audit(self, task: Task, arguments: dict[str, Any]) -> None:
        if self._anchoring is not None:
            audit_check.run(self._archive, self._anchoring, self._stop.is_set)

    def _prepare(self, task: Task, arguments: dict[str, Any]) -> None:
        if not sharing.prepare(self._archive, int(arguments["link"]), self._stop.is_set):
            raise Stopping("the worker is stopping")

    def _translate(self, task: Task, arguments: dict[str, Any]) -> None:
        by = translating.translator(self._translator)
        if by is not None:
            translating.translate(self._archive.database, by, arguments)

    def _copy_consult(self, task: Task, arguments: dict[str, Any]) -> None:
        if not copying.copy(self._archive, int(arguments["consult"]), self._stop.is_set):
            raise Stopping("the worker is stopping")

    def _samples(self, task: Task, arguments: dict[str, Any]) -> None:
        origin = Origin(
            int(arguments["hospital_id"]), arguments["hospital"], "sample", arguments.get("source", "worker")
        )
        told = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal told
            if self._stop.is_set():
                raise Stopping("the worker is stopping")
            if done < total and time.monotonic() - told < PROGRESS_SECONDS:
                return
            told = time.monotonic()
            with self._archive.database.writing() as db:
                tasks.progress(db, task, done, total, origin.hospital_id)

        load_samples(self._archive, origin, tell)

    def _sweep(self, task: Task, arguments: dict[str, Any]) -> None:
        """What crashed processes left behind, and lines nobody will read any more."""
        files = self._archive.sweep_spool()
        purged = reconciling.purge(self._archive, self._stop.is_set)
        lines = self._trim_changes()
        with self._archive.database.writing() as db:
            old = tasks.sweep(db, self._archive.clock() - KEPT_MS)
            accounts.sweep_sign_in_failures(db, self._archive.clock() - KEPT_FAILURES_MS)
            commitments.sweep(db, self._archive.clock() - KEPT_COMMITMENTS_MS)
            for number in commitments.unfinished(db):
                commitments.ask(db, number)
            tasks.enqueue(db, scrubbing.TASK, {}, scrubbing.TASK, 0.0, scrubbing.PRIORITY)
            if self._anchoring is not None:
                audit_check.ask_when_due(db, self._archive.clock())
        self._mailing.again(self._archive.clock())
        mended = self._scrub.recheck()
        copying.sweep(self._archive.database, self._archive.clock())
        sharing.catch_up(self._archive.database, self._archive.clock())
        voices.retain(self._archive.database, self._sound_days, self._archive.clock())
        folded = self._refold()
        if files or lines or old or folded or purged or mended:
            log.info("swept %d spool files, %d changes, %d tasks; folded %d again", files, lines, old, folded)
            log.info("forgot %d quarantined objects that were deleted; %d damaged ones are mended", purged, mended)

    def _trim_changes(self) -> int:
        """Lines that everybody has followed, that are old and that are far behind, a part in each transaction."""
        database = self._archive.database
        with database.reading() as db:
            followed = min(changes.cursors(db).values(), default=0)
            young = changes.since(db, self._archive.clock() - KEPT_MS)
            before = min(followed, young, changes.last(db) - KEPT_CHANGES)
        gone = 0
        while not self._stop.is_set():
            with database.writing() as db:
                went = changes.trim(db, before, FORGOTTEN_AT_ONCE)
            gone += went
            if went == 0:
                break
        return gone

    def _refold(self) -> int:
        """What an older version folded is folded as this one does; looked for once in the life of a worker."""
        folded = 0
        while not self._folded and not self._stop.is_set():
            with self._archive.database.writing() as db:
                some = maintenance.refold(db)
            folded += some
            self._folded = some == 0
        return folded
