"""What people draw on images and write beside them, kept as acts: nothing is changed in place, nothing is removed."""

from dataclasses import dataclass
from enum import StrEnum


class ActKind(StrEnum):
    """What somebody did to an annotation. A deleted one is kept, and `restore` brings it back."""

    PUT = "put"
    DELETE = "delete"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Author:
    """Who draws: an account, or a guest by the label of their link. `name` is what others are shown."""

    user_id: int | None
    guest: str = ""
    name: str = ""

    def is_same(self, other: "Author") -> bool:
        """Whether both are one person, whatever they are called."""
        return (self.user_id, self.guest) == (other.user_id, other.guest)


@dataclass(frozen=True, slots=True)
class Act:
    """One act as its author's browser sends it. `client_id` names the act, so that a repetition is known as one;
    `version` is the one it makes: 1 for a new annotation."""

    client_id: str
    annotation_id: str
    version: int
    kind: ActKind
    consult_id: int | None
    body: str  # JSON, as pacs/annotating.py has checked it


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation as its newest act left it. `sequence` counts the acts of the study without a gap."""

    sequence: int
    annotation_id: str
    version: int
    kind: ActKind
    author: Author
    created_at: int
    at: int
    consult_id: int | None
    body: str
    client_id: str = ""
