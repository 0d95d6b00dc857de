"""What an object cannot say of itself: who brought it, through which door, when, and whether it became canonical."""

from dataclasses import dataclass

CANONICAL, UNKNOWN, BESIDE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Receipt:
    """Kept in the object store, beside the objects. `rank` is CANONICAL for what was indexed under its SOP Instance
    UID, BESIDE for what was kept as a conflict or in quarantine."""

    object_key: str
    stored_at: int
    door: str
    source: str
    address: str
    rank: int


@dataclass(frozen=True, slots=True)
class ToRead:
    """An object that a rebuild of the index has to read, with what is known of it."""

    object_key: str
    size: int
    stored_at: int
    door: str = ""
    source: str = ""
    address: str = ""
