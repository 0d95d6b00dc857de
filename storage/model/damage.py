"""Stored objects that are no longer what was stored."""

from dataclasses import dataclass

CORRUPT, MISSING = "corrupt", "missing"


@dataclass(frozen=True, slots=True)
class Damage:
    """An object that was found CORRUPT (other bytes than were stored, moved to `aside_key`) or MISSING. The UIDs say
    whose it is when it is the object of an indexed instance."""

    object_key: str
    hospital_id: int
    kind: str
    aside_key: str
    size: int
    found_at: int
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class Referenced:
    """An object the index points to, in the order in which all of them are read back."""

    hospital_id: int
    object_key: str
    size: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
