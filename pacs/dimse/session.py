"""What a handler of one association needs to know."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pacs.archive import Archive
from pacs.association.contexts import Context
from pacs.association.stream import PduStream
from pacs.association.tls import TlsCredentials
from pacs.dimse.directory import Directory
from pacs.dimse.refusals import Refusals
from storage.model.archive import Origin, Scope
from storage.model.audit import Actor
from storage.model.people import Peer


@dataclass(slots=True)
class Tally:
    """What was done in an association, for its last log line."""

    stored: int = 0
    failed: int = 0
    bytes: int = 0
    queries: int = 0
    sent: int = 0
    studies: Counter[str] = field(default_factory=Counter)  # how many instances of which were stored


@dataclass(slots=True)
class Reports:
    """Results of storage commitment that are reported on this association."""

    waiting: dict[int, Context] = field(default_factory=dict)  # by request: the context it came in
    told: dict[int, tuple[int, str]] = field(default_factory=dict)  # by Message ID: request and claim
    _message_id: int = 0

    def next_message_id(self) -> int:
        self._message_id = self._message_id % 65535 + 1
        return self._message_id


@dataclass(frozen=True, slots=True)
class Session:
    """An established association: who calls, what was agreed, and what it may see."""

    archive: Archive
    directory: Directory
    refusals: Refusals
    stream: PduStream
    peer: Peer
    address: str
    own_ae: str
    contexts: dict[int, Context]
    extended: dict[str, bytes]
    max_object: int
    stopping: Callable[[], bool]
    credentials: TlsCredentials | None = None  # for associations of ours to peers that want TLS
    tally: Tally = field(default_factory=Tally)
    reports: Reports = field(default_factory=Reports)

    @property
    def scope(self) -> Scope:
        return Scope(frozenset({self.peer.hospital_id}))

    @property
    def origin(self) -> Origin:
        return Origin(self.peer.hospital_id, self.peer.hospital_code, "dimse", self.peer.ae_title, self.address)

    @property
    def actor(self) -> Actor:
        return Actor(self.peer.ae_title, "peer", self.address)

    def refuse(self, reason: str) -> None:
        """Let the administrator know why we ended this association."""
        self.refusals.note(self.address, reason, self.peer.ae_title, self.own_ae)

    def relational(self, sop_class_uid: str) -> bool:
        """Whether relational queries or retrievals were agreed (PS3.4 C.5.1.1)."""
        return self._agreed(sop_class_uid, 0)

    def combined(self, sop_class_uid: str) -> bool:
        """Whether matching of date and time as one moment was agreed."""
        return self._agreed(sop_class_uid, 1)

    def fuzzy(self, sop_class_uid: str) -> bool:
        """Whether fuzzy matching of names was agreed."""
        return self._agreed(sop_class_uid, 2)

    def timezone(self, sop_class_uid: str) -> bool:
        """Whether times of keys may be those of another time zone."""
        return self._agreed(sop_class_uid, 3)

    def _agreed(self, sop_class_uid: str, place: int) -> bool:
        return self.extended.get(sop_class_uid, b"")[place : place + 1] == b"\1"
