"""Storage Commitment: what a peer asks us to answer for (PS3.4 Annex J), and what became of it."""

from dataclasses import dataclass
from enum import IntEnum


class FailureReason(IntEnum):
    """Why we do not answer for an instance (PS3.3 C.14.1.1)."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_OBJECT_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    DUPLICATE_TRANSACTION_UID = 0x0131
    RESOURCE_LIMITATION = 0x0213


@dataclass(frozen=True, slots=True)
class Reference:
    """A referenced SOP instance. `reason` is a FailureReason when we do not answer for it, 0 when we do."""

    sop_class_uid: str
    sop_instance_uid: str
    reason: int = 0


REQUESTED, CHECKED, REPORTED, GIVEN_UP = "requested", "checked", "reported", "given up"


@dataclass(frozen=True, slots=True)
class Commitment:
    """One request of a peer and its state: REQUESTED (nothing checked yet), CHECKED (the peer does not know yet),
    REPORTED (it does) or GIVEN_UP (it could not be told for so long that we stopped trying)."""

    id: int
    hospital_id: int
    ae_title: str
    address: str
    transaction_uid: str
    references: tuple[Reference, ...]
    state: str
    requested_at: int
    checked_at: int | None
    reported_at: int | None
    tries: int
    error: str

    @property
    def failed(self) -> tuple[Reference, ...]:
        return tuple(one for one in self.references if one.reason)

    @property
    def committed(self) -> tuple[Reference, ...]:
        return tuple(one for one in self.references if not one.reason)


@dataclass(frozen=True, slots=True)
class CommitmentState:
    """A line of the administrator's list."""

    id: int
    hospital_id: int
    ae_title: str
    address: str
    transaction_uid: str
    instances: int
    failed: int
    state: str
    requested_at: int
    checked_at: int | None
    reported_at: int | None
    tries: int
    error: str
