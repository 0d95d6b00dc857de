"""Statuses of DIMSE responses (PS3.7 Annex C, PS3.4 B.2.3 and C.4), and what outcomes and errors are in them."""

from pacs.status import (
    CANNOT_UNDERSTAND,
    SOP_CLASS_NOT_SUPPORTED,
    UNABLE_TO_SEND,
    status_of,
)
from storage.model.archive import QUARANTINED, Outcome

__all__ = [
    "CANNOT_UNDERSTAND",
    "SOP_CLASS_NOT_SUPPORTED",
    "UNABLE_TO_SEND",
    "is_warning",
    "outcome_status",
    "status_of",
]

SUCCESS = 0x0000
NO_SUCH_ARGUMENT = 0x0114
INVALID_OBJECT_INSTANCE = 0x0117
UNRECOGNISED_OPERATION = 0x0211
SOME_FAILED = 0xB000  # Sub-operations complete, one or more failures
CANCELLED = 0xFE00
PENDING = 0xFF00
PENDING_WARNING = 0xFF01

_WARNINGS = frozenset({0x0001, 0x0107, 0x0116})


def is_warning(status: int) -> bool:
    """Whether the object was stored, with a remark (PS3.7 C.3)."""
    return status in _WARNINGS or 0xB000 <= status <= 0xBFFF


def outcome_status(outcome: Outcome) -> tuple[int, str]:
    """Status and comment of a C-STORE. What was quarantined is kept, but the sender must not count on it."""
    if outcome.kind == QUARANTINED:
        return CANNOT_UNDERSTAND, outcome.reason
    return SUCCESS, ""
