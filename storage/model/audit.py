"""The audit log's words: one record, its canonical form, the chain of hashes, and what breaks it.

`hash = SHA-256(hash of the record before ‖ canonical JSON of the record)`; the first record follows GENESIS. Whoever
has the records can check them: no database and no secret is needed.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.model.faults import Fault

GENESIS = "0" * 64
DONE, REFUSED, FAILED = "done", "refused", "failed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account, a token, an AE title or a part of the program; in which role, from which address."""

    name: str
    role: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What somebody did. `object` and `patient` are UIDs or other names of ours, never a person's name or Patient ID;
    `reason` is what the actor gave as purpose or reason; `detail` is a JSON object of further facts."""

    hospital_id: int
    hospital: str
    actor: str  # an account, a token, an AE title or a part of the program
    action: str  # "conflict.replace", "quarantine.delete", …: <what>.<done to it>
    object: str
    role: str = ""
    address: str = ""
    patient: str = ""
    reason: str = ""
    result: str = DONE
    detail: str = "{}"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An event in its place in the chain. `at` is UTC milliseconds."""

    sequence: int
    at: int
    hospital_id: int
    hospital: str
    actor: str
    role: str
    address: str
    action: str
    object: str
    patient: str
    reason: str
    result: str
    detail: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to look for; empty fields match everything. `before` is the sequence of the last record of the page
    before; `action` also finds what begins with it and a dot; several have commas between."""

    since: int | None = None
    until: int | None = None
    actor: str = ""
    action: str = ""
    objects: tuple[str, ...] = ()  # any of these, as object or as patient
    before: int | None = None
    limit: int = 100


def utc(at: int) -> str:
    """UTC milliseconds as RFC 3339 has them."""
    seconds, rest = divmod(at, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def as_object(record: AuditRecord) -> dict[str, str | int]:
    """The record as it is hashed and exported, without its hash."""
    return {
        "seq": record.sequence,
        "utc": utc(record.at),
        "actor": record.actor,
        "role": record.role,
        "hospital": record.hospital,
        "address": record.address,
        "action": record.action,
        "object": record.object,
        "patient": record.patient,
        "reason": record.reason,
        "result": record.result,
        "detail": record.detail,
        "prev_hash": record.previous,
    }


def canonical(facts: Mapping[str, str | int]) -> bytes:
    """The bytes that are hashed: JSON in UTF-8, keys sorted, nothing between."""
    return json.dumps(dict(facts), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def hash_of(facts: Mapping[str, str | int]) -> str:
    """The hash of a record in the form of `as_object`."""
    return hashlib.sha256(bytes.fromhex(str(facts["prev_hash"])) + canonical(facts)).hexdigest()


class Chain:
    """Takes the links of a chain one by one and notes where it is broken.

    A link is a record in the form of `as_object` with its `hash`; or only `seq` and `hash`, in an export that leaves
    out what belongs to another hospital.
    """

    def __init__(self, anchors: Mapping[int, str] | None = None, after: tuple[int, str] = (0, GENESIS)) -> None:
        """`anchors` are hashes by sequence as they were written down elsewhere; `after` is the record before the first
        link that is taken."""
        self._anchors = dict(anchors or {})
        self.sequence, self._hash = after
        self.records = 0

    @property
    def head(self) -> tuple[int, str]:
        """Sequence and hash of the last link."""
        return self.sequence, self._hash

    def take(self, links: Iterable[Mapping[str, str | int]]) -> Iterator[Fault]:
        """What is wrong with these links."""
        for link in links:
            yield from self._one(link)

    def end(self) -> Iterator[Fault]:
        """What is missing at the end: an anchor that was written for a record beyond it."""
        for sequence in sorted(self._anchors):
            if sequence > self.sequence:
                yield Fault("cut", sequence, last=self.sequence)

    def _one(self, link: Mapping[str, str | int]) -> Iterator[Fault]:
        try:
            facts = {key: value for key, value in link.items() if key != "hash"}
            sequence, claimed = int(link["seq"]), str(link["hash"])
            computed = hash_of(facts) if facts.keys() != {"seq"} else claimed
            previous = str(facts.get("prev_hash", self._hash))
        except (KeyError, ValueError, TypeError):
            yield Fault("garbage", self.sequence + 1, last=self.sequence)
            return
        if sequence != self.sequence + 1:
            yield Fault("gap", sequence, last=self.sequence)
        if previous != self._hash:
            yield Fault("unlinked", sequence)
        if computed != claimed:
            yield Fault("altered", sequence)
        if self._anchors.get(sequence, claimed) != claimed:
            yield Fault("other", sequence)
        self.sequence, self._hash = sequence, claimed
        self.records += 1
