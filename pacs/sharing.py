"""Links and anonymised copies, without Flask: made, prepared by the worker, ended, purged.

A link that is not anonymised grants the studies themselves. An anonymised one grants copies of them under other UIDs,
which live in a hospital of their own (`hospitals.SHARED`) and go when the link is over. What may show text in its
pictures is copied once a person has confirmed its series.
"""

import json
import logging
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from pacs.archive import Archive
from pacs.deidentify import Policy, Pseudonyms, Verdict, facts_of, screened, write_copy
from pacs.errors import NotDeidentifiable
from storage.errors import InvalidInstance, NotFound, ObjectCorrupt, ObjectMissing
from storage.index import audit, hospitals, instances, links, removing, tasks
from storage.index.database import Connection, Database
from storage.model.archive import Hospital, Instance, InstanceKey, Origin, Outcome, Scope
from storage.model.audit import AuditEvent
from storage.model.grants import Grantee
from storage.model.links import Copied, LinkSecrets, LinkTerms, SharedSeries, SharedStudy, ShareLink

log = logging.getLogger(__name__)

PREPARE, END = "share", "share end"
DOOR = "share"
PINS = 5  # wrong ones before a link is locked
IN_FLIGHT = 16  # copies that are being made durable at once
TOLD_SECONDS = 0.5
Stop = Callable[[], bool]


def make(
    db: Connection,
    terms: LinkTerms,
    scope: Scope,
    study_instance_uids: Sequence[str],
    now: int,
    *,
    code: str | None = None,
    secret_sha256: str = "",
    pin_hash: str = "",
    to: Sequence[Grantee] = (),
) -> ShareLink:
    """A link to these studies, or with `code` None anonymised copies for `to`; both granted from now on. Only studies
    of the scope's own hospitals can be shared, never what was granted to the maker. Raises NotFound."""
    own = Scope(scope.hospital_ids)
    found = [instances.study(db, own, uid) for uid in dict.fromkeys(study_instance_uids)]
    if not found:
        raise NotFound("a link shows at least one study")
    key = secrets.token_hex(32) if terms.anonymise else ""
    names = Pseudonyms(bytes.fromhex(key)) if key else None
    shown = [
        SharedStudy(one.hospital_id, uid, names.uid(uid) if names else uid)
        for one in found
        for uid in (one.facts.study_instance_uid,)
    ]
    total = sum(one.instances for one in found)
    kept = LinkSecrets(secret_sha256, pin_hash, key)
    link = links.add(db, terms, kept, shown, now, code=code, total=total)
    where = hospitals.shared(db).id if terms.anonymise else 0
    for grantee in to or (Grantee(link_id=link.id),):
        links.give(db, link, where, grantee)
    if terms.anonymise:
        prepare_again(db, link.id)
    seconds = max(0.0, (terms.expires_at - now) / 1000)
    tasks.enqueue(db, END, {"link": link.id}, f"{END} {link.id}", seconds)
    return link


def prepare_again(db: Connection, link_id: int) -> None:
    """Let the worker make what copies are missing: a series was confirmed, or the link is new."""
    tasks.enqueue(db, PREPARE, {"link": link_id}, f"{PREPARE} {link_id}")


def end(db: Connection, link_id: int, now: int) -> bool:
    """End a link at once; its copies go soon. False when it was over before."""
    ended = links.revoke(db, link_id, now)
    tasks.enqueue(db, END, {"link": link_id}, f"{END} {link_id}", 0, at_most=0)
    return ended


def prepare(archive: Archive, link_id: int, stop: Stop = lambda: False) -> bool:
    """Make the copies of a link that are missing; False when `stop` said so before all were made. May be killed at any
    moment and done again: the same object gives the same copy."""
    with archive.database.reading() as db:
        link, key = links.by_id(db, link_id), links.key(db, link_id)
        shown, done = links.studies(db, link_id), links.copied(db, link_id)
        confirmed = {
            (one.hospital_id, one.series_instance_uid) for one in links.series(db, link_id) if one.confirmed_at
        }
    if not key or not link.stands(archive.clock()):
        return True
    with archive.database.writing() as db:
        home = hospitals.shared(db)
    return Preparing(archive, link, Pseudonyms(bytes.fromhex(key)), home, set(done), confirmed, stop).run(shown)


@dataclass
class _Tally:
    """What became of the images of one series."""

    instances: int = 0
    copied: int = 0
    left: int = 0
    verdict: Verdict = Verdict.COPY
    reason: str = ""

    def leave(self, verdict: Verdict, reason: str) -> None:
        self.left += 1
        if self.verdict is Verdict.COPY or (verdict is Verdict.CONFIRM and self.verdict is Verdict.NEVER):
            self.verdict, self.reason = verdict, reason


@dataclass
class Preparing:
    """One round over a link's images. `done` are SOP Instance UIDs that have a copy already."""

    archive: Archive
    link: ShareLink
    names: Pseudonyms
    home: Hospital
    done: set[str]
    confirmed: set[tuple[int, str]]
    stop: Stop
    tallies: dict[tuple[int, str, str], _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    waiting: "deque[tuple[Copied, Future[Outcome]]]" = field(default_factory=deque)
    kept: list[Copied] = field(default_factory=list)
    total: int = 0
    told: float = 0.0

    def run(self, shown: Sequence[SharedStudy]) -> bool:
        """Copy what may be copied, in the order in which it is read, and say how far it is; False when stopped."""
        found = [one for study in shown for one in self._instances(study)]
        self.total = len(found)
        stopped = False
        for instance in found:
            stopped = self.stop()
            if stopped or not self._stands():
                break
            self._one(instance)
            self._settle(IN_FLIGHT)
        self._settle(0)
        self._tell(ready=not stopped)
        return not stopped

    def _instances(self, study: SharedStudy) -> list[Instance]:
        try:
            return self.archive.instances(Scope(frozenset({study.hospital_id})), study.study_instance_uid)
        except NotFound:
            return []

    def _one(self, instance: Instance) -> None:
        key = instance.key
        series = (instance.hospital_id, key.study_instance_uid, key.series_instance_uid)
        tally = self.tallies[series]
        tally.instances += 1
        if key.sop_instance_uid in self.done:
            tally.copied += 1
            return
        try:
            with self.archive.open(instance) as source:
                verdict = screened(facts_of(source))
            if verdict.verdict is Verdict.NEVER:
                tally.leave(Verdict.NEVER, verdict.reason)
                return
            is_confirmed = (instance.hospital_id, key.series_instance_uid) in self.confirmed
            if verdict.verdict is Verdict.CONFIRM and not is_confirmed:
                tally.leave(Verdict.CONFIRM, verdict.reason)
                return
            self._copy(instance, confirmed=is_confirmed)
            tally.copied += 1
            if is_confirmed:
                tally.verdict, tally.reason = Verdict.CONFIRM, verdict.reason
        except (NotDeidentifiable, InvalidInstance, ObjectCorrupt, ObjectMissing) as error:
            log.warning("an object of link %d is not copied: %s", self.link.id, type(error).__name__)
            tally.leave(Verdict.NEVER, "unreadable")

    def _copy(self, instance: Instance, *, confirmed: bool) -> None:
        origin = Origin(self.home.id, self.home.code, DOOR, f"link-{self.link.id}")
        policy = Policy(self.link.terms.dates, self.link.terms.characteristics)
        with self.archive.open(instance) as source, self.archive.receive(origin) as incoming:
            write_copy(source, incoming.write, policy, self.names, confirmed=confirmed)
            future = self.archive.store_async(incoming)
        self.waiting.append((Copied(_uids(instance.key), _uids(instance.key, self.names)), future))

    def _settle(self, most: int) -> None:
        """Wait for the oldest copies until at most `most` are under way; note what is durable now and then."""
        while len(self.waiting) > most:
            copied, future = self.waiting.popleft()
            future.result()
            self.kept.append(copied)
        if time.monotonic() - self.told >= TOLD_SECONDS:
            self._tell(ready=False)

    def _tell(self, *, ready: bool) -> None:
        self.told = time.monotonic()
        series = [
            SharedSeries(*where, tally.verdict.value, tally.reason, tally.instances, tally.copied, tally.left)
            for where, tally in self.tallies.items()
        ]
        done = sum(one.copied for one in series) - len(self.waiting)
        with self.archive.database.writing() as db:
            links.note_copies(db, self.link.id, self.kept)
            links.put_series(db, self.link.id, series)
            left = sum(one.left for one in series)
            links.progress(db, self.link.id, done, left, self.total, ready=ready)
        self.kept.clear()

    def _stands(self) -> bool:
        """Whether the link is still in force; looked up now and then."""
        if time.monotonic() - self.told < TOLD_SECONDS:
            return True
        with self.archive.database.reading() as db:
            return links.by_id(db, self.link.id).stands(self.archive.clock())


def finish(archive: Archive, link_id: int) -> None:
    """What is due when a link is over: open viewers hear of it, and the copies go, bytes and all. What was not over
    yet waits until it is."""
    now = archive.clock()
    with archive.database.writing() as db:
        link = links.by_id(db, link_id)
        if link.stands(now):
            seconds = (link.terms.expires_at - now) / 1000
            tasks.enqueue(db, END, {"link": link_id}, f"{END} {link_id}", seconds)
            return
        if link.revoked_at is None and links.revoke(db, link_id, now):
            _record(db, link, "link.expire")
    if link.terms.anonymise and link.purged_at is None:
        purge(archive, link)


def purge(archive: Archive, link: ShareLink) -> int:
    """Forget the copies of a link that is over; how many objects went."""
    with archive.database.writing() as db:
        home = hospitals.shared(db)
        shown = links.studies(db, link.id)
        gone = removing.remove(db, home.id, [one.copy_uid for one in shown])
    for key, sha256 in gone:
        archive.objects.delete(key)
        if sha256:
            archive.forget(sha256)
    with archive.database.writing() as db:
        links.purged(db, link.id, archive.clock())
        _record(db, link, "link.purge", objects=len(gone))
    log.info("link %d is over, %d objects of its copies are gone", link.id, len(gone))
    return len(gone)


def catch_up(database: Database, now: int) -> None:
    """Ask again for what is due of links that are over: the task that should have done it is gone."""
    with database.reading() as db:
        over = links.unpurged(db, now)
    if over:
        with database.writing() as db:
            for link_id in over:
                tasks.enqueue(db, END, {"link": link_id}, f"{END} {link_id}")


def _uids(key: InstanceKey, names: Pseudonyms | None = None) -> tuple[str, str, str]:
    uids = (key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid)
    return uids if names is None else (names.uid(uids[0]), names.uid(uids[1]), names.uid(uids[2]))


def _record(db: Connection, link: ShareLink, action: str, **detail: object) -> None:
    """What the program itself does to a link."""
    hospital = hospitals.by_id(db, link.terms.hospital_id)
    said = json.dumps(detail, sort_keys=True)
    audit.append(db, AuditEvent(hospital.id, hospital.code, "hoichan", action, f"link-{link.id}", detail=said))


def series_waiting(found: Iterable[SharedSeries]) -> list[SharedSeries]:
    """The series that a person must look at before they can be copied."""
    return [one for one in found if one.verdict == Verdict.CONFIRM.value and one.left and not one.confirmed_at]
