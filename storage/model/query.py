"""A question to the index, as C-FIND and QIDO-RS both mean it (PS3.4 C.2.2.2)."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from storage.model.archive import Scope

Attributes = dict[str, dict[str, object]]


class Level(StrEnum):
    """The Query/Retrieve Level (0008,0052)."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


class Matching(StrEnum):
    """The kinds of matching of PS3.4 C.2.2.2 that select; universal matching is the absence of a Match."""

    SINGLE = "single value"
    UID_LIST = "list of UID"
    WILDCARD = "wildcard"
    RANGE = "range"
    FUZZY = "fuzzy"  # folded, unordered token prefixes of names and descriptions
    SEQUENCE = "sequence"


@dataclass(frozen=True, slots=True)
class Match:
    """One matching key. `values` by kind: SINGLE one text; UID_LIST one or more; WILDCARD one with ``*`` and ``?``;
    RANGE two, either may be "" for open; FUZZY one; SEQUENCE none, with `items` matching inside one item."""

    keyword: str
    matching: Matching
    values: tuple[str, ...] = ()
    items: tuple["Match", ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for at which level, what to return, in which order and how much.

    `parents` narrows by unique keys of the levels above (hierarchical) as ordinary matches; `returns` are keywords.
    `after` continues a keyset page: it is the opaque `cursor` of the last row before.
    """

    level: Level
    scope: Scope
    matches: tuple[Match, ...] = ()
    returns: tuple[str, ...] = ()
    order: str = ""  # "" means newest study first; see storage/index/search.py for the others
    limit: int | None = None
    offset: int = 0
    after: str = ""


@dataclass(slots=True, eq=False)
class Found:
    """One answer. `told` are its attributes, or what makes them; `hospital_code` says where the row belongs, `cursor`
    continues after it. Where two answers of one kind of query have the same `made_of`, which is not empty, their
    attributes are the same, so whoever remembers what an answer became need not have them made."""

    level: Level
    told: Attributes | Callable[[], Attributes]
    hospital_code: str
    order: str = ""
    place: tuple[str | int | None, ...] = ()
    made_of: tuple[object, ...] = ()

    @property
    def attributes(self) -> Attributes:
        """The DICOM JSON attributes (PS3.18 F.2) of the level asked and the levels above it, merged: the eight-digit
        tag to ``{"vr": …, "Value": […]}``; computed ones (counts, modalities, availability) are already in it."""
        if not isinstance(self.told, dict):
            self.told = self.told()
        return self.told

    def __eq__(self, other: object) -> bool:
        """Whether they say the same of the same row."""
        return isinstance(other, Found) and (
            (self.level, self.hospital_code, self.order, self.place, self.attributes)
            == (other.level, other.hospital_code, other.order, other.place, other.attributes)
        )

    @property
    def cursor(self) -> str:
        """For `Query.after`."""
        return cursor_of(self.order, self.place)


def cursor_of(order: str, place: Sequence[object]) -> str:
    """A place in an order as opaque text."""
    text = json.dumps([order, *place], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
