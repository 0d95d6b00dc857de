"""What a person has to look at: objects that contradict others, and objects that cannot be read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConflictEntry:
    """Kind "instance": other bytes arrived under a known SOP Instance UID; both are kept, the first is shown.
    Kind "patient": an instance names another patient than the study it belongs to; it is in the study."""

    id: int
    hospital_id: int
    kind: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    patient_id: str  # as the newcomer says
    issuer: str
    patient_name: str
    kept_sha256: str  # of the instance that is shown, "" for kind "patient"
    sha256: str  # of the newcomer
    object_key: str
    size: int
    stored_at: int
    door: str
    source: str
    address: str
    at: int
    resolved: bool


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """Bytes that are kept but neither indexed nor ever decoded."""

    id: int
    hospital_id: int
    sha256: str
    object_key: str
    size: int
    stored_at: int
    reason: str
    door: str
    source: str
    address: str
    at: int
