"""What a person has to look at: objects that contradict others, and objects that cannot be read."""

from dataclasses import dataclass

KEEP, REPLACE, ASSIGN = "keep", "replace", "assign"
LINK, DELETE = "link", "delete"


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
    action: str = ""  # what was decided: KEEP, REPLACE (then this is what was shown before) or ASSIGN


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
    action: str = ""  # LINK or DELETE
    target: str = ""  # the study it was linked to
    decided_at: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided. `kind` is "instance", "patient" or "quarantine" with the identity of the entry decided
    about; "canonical": which object (`target`) is shown under a SOP Instance UID; "assign": by which object's
    (`target`) patient a study goes."""

    kind: str
    identity: str
    action: str
    target: str
    actor: str
    reason: str
    at: int
