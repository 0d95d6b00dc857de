"""Grants: who may see a single study that is not their hospital's, and until when."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grantee:
    """To whom: exactly one of an account, those who answer for a hospital, and the guests of a link."""

    user_id: int | None = None
    hospital_id: int | None = None
    link_id: int | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """What somebody holds at a moment: (hospital id, Study Instance UID) of each study, and when (UTC milliseconds)
    the first of it ends by itself; None when nothing does."""

    studies: frozenset[tuple[int, str]] = frozenset()
    until: int | None = None
