"""Who was refused, counted in memory and written once a second, so that a flood costs a count and not a transaction."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from pacs.dimse import reasons
from storage.errors import ArchiveError
from storage.index import audit, hospitals, peers
from storage.index.database import Connection, Database
from storage.model.audit import REFUSED, Actor

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
MOST_AT_ONCE = 256  # different callers between two writings; further ones are counted together
MOST_KEPT = 1000  # rows of the index
RECORD_SECONDS = 15 * 60.0  # the same caller and reason stand in the audit log once in so long, with their count
MOST_RECORDED = 20  # new ones of one writing that the audit log names; of the rest it has the number
MANY = "…"  # who the further ones are

Key = tuple[str, str, str, str]


@dataclass(slots=True)
class _Count:
    times: int = 0
    certificate: str = ""


class Refusals:
    """Thread safe; `note` never waits for the index."""

    def __init__(self, database: Database, hospital_of: Callable[[str], int | None]) -> None:
        """`hospital_of` says whose peer an AE title is, from memory."""
        self._database = database
        self._hospital_of = hospital_of
        self._lock = threading.Lock()
        self._noted = threading.Event()
        self._stopping = threading.Event()
        self._counts: dict[Key, _Count] = {}
        self._recorded: dict[Key, float] = {}  # until when the audit log need not be told again
        self._unrecorded: Counter[Key] = Counter()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)

    def start(self) -> None:
        """Begin to write what is noted."""
        self._thread.start()

    def close(self) -> None:
        """Write what is left and end."""
        self._stopping.set()
        self._noted.set()
        if self._thread.is_alive():
            self._thread.join(2 * FLUSH_SECONDS)

    def note(self, address: str, reason: str, calling: str = "", called: str = "", certificate: str = "") -> None:
        """Count one refusal. The first of its kind is logged; a flood is not."""
        key = (calling, called, address, reason)
        with self._lock:
            if key not in self._counts and len(self._counts) >= MOST_AT_ONCE:
                key = (MANY if calling else "", "", MANY, reason)
            fresh = key not in self._counts
            count = self._counts.setdefault(key, _Count())
            count.times += 1
            count.certificate = certificate or count.certificate
        if fresh:
            log.warning("refused %s calling %s from %s: %s", calling or "?", called or "?", key[2], reason)
            self._noted.set()

    def flush(self) -> None:
        """Write what was noted."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return
        try:
            with self._database.writing() as db:
                every = frozenset(hospital.id for hospital in hospitals.all(db))
                told: set[int] = set()
                self._record(db, counts)
                for (calling, called, address, reason), count in counts.items():
                    concerned = self._concerned(calling, reason, every) - told
                    told |= concerned
                    peers.refused(
                        db, calling, called, address, reason, frozenset(concerned),
                        count=count.times, certificate=count.certificate,
                    )  # fmt: skip
                peers.trim_refusals(db, MOST_KEPT)
        except ArchiveError as error:
            log.warning("could not note %d refusals: %s", sum(count.times for count in counts.values()), error)

    def _record(self, db: Connection, counts: dict[Key, _Count]) -> None:
        """In the audit log: of a peer we know for its hospital, of a stranger for all."""
        now, known = time.monotonic(), audit.codes(db)
        for key, count in counts.items():
            self._unrecorded[key] += count.times
        due = [key for key in counts if self._recorded.get(key, 0.0) <= now]
        for key in due[:MOST_RECORDED]:
            calling, called, address, reason = key
            hospital_id = self._hospital_of(calling)
            at = set(known) if hospital_id is None else {hospital_id}
            actor = Actor(calling, "stranger" if hospital_id is None else "peer", address)
            detail = {"why": reason, "times": self._unrecorded.pop(key)}
            audit.note(
                db, actor, at, "association.refuse", called, result=REFUSED, known=known,
                detail=json.dumps(detail, sort_keys=True),
            )  # fmt: skip
        if rest := due[MOST_RECORDED:]:
            detail = {"further": len(rest), "times": sum(self._unrecorded.pop(key) for key in rest)}
            actor = Actor(MANY, "stranger")
            audit.note(
                db, actor, set(known), "association.refuse", result=REFUSED, known=known,
                detail=json.dumps(detail, sort_keys=True),
            )  # fmt: skip
        kept = {key: until for key, until in self._recorded.items() if until > now}
        self._recorded = kept | dict.fromkeys(due, now + RECORD_SECONDS)
        if len(self._recorded) > MOST_KEPT * MOST_AT_ONCE:
            self._recorded.clear()
            self._unrecorded.clear()

    def _concerned(self, calling: str, reason: str, every: frozenset[int]) -> frozenset[int]:
        """Whose administrators should look now: of a name we know its hospital, of a stranger all; that somebody tried
        the door with something else stands in the list and calls nobody."""
        if not calling and reason not in (reasons.TLS_UNTRUSTED, reasons.TLS_EXPIRED, reasons.TLS_NOT_TRUSTED):
            return frozenset()
        hospital_id = self._hospital_of(calling)
        return every if hospital_id is None else frozenset({hospital_id})

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._noted.wait()
            self._noted.clear()
            self.flush()
            self._stopping.wait(FLUSH_SECONDS)
        self.flush()
