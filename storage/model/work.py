"""The change log and the tasks that follow from it."""

from dataclasses import dataclass
from enum import StrEnum


class ChangeKind(StrEnum):
    """What happened."""

    INSTANCE_STORED = "instance stored"
    INSTANCE_CONFLICT = "instance conflict"
    OBJECT_QUARANTINED = "object quarantined"
    SERIES_SUMMARISED = "series summarised"  # manifest and thumbnail of a revision are ready
    SERIES_CHANGED = "series changed"  # another object is shown in it; its summary is out of date
    STUDY_CHANGED = "study changed"  # status or another fact a person set
    ANNOTATED = "annotated"  # somebody drew or wrote on its images
    ASSOCIATION_REFUSED = "association refused"
    TASK_PROGRESS = "task progress"
    GRANT_CHANGED = "grant changed"  # somebody may see one study of another hospital, or may not any more
    CONSULT_CHANGED = "consult changed"  # something happened in a consultation


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change log; `sequence` only grows, and rows become visible in its order."""

    sequence: int
    hospital_id: int
    kind: ChangeKind
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    at: int
    detail: str = "{}"  # JSON


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is claimed under a lease. `token` fences: only its holder may finish or fail it."""

    id: int
    kind: str
    arguments: str  # JSON
    tries: int
    token: str


@dataclass(frozen=True, slots=True)
class TaskState:
    """How far a task is. `state` is "ready", "running", "done" (kept for those that told of progress) or "dead"."""

    id: int
    kind: str
    state: str
    done: int
    total: int
    tries: int
    error: str
    created_at: int
    hospital_id: int | None = None  # whose work it is, when it is one hospital's
