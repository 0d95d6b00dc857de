"""Change → tasks: which work follows from a line of the change log."""

from collections.abc import Iterable
from dataclasses import dataclass

from storage.model.work import Change, ChangeKind

SUMMARISE, SAMPLES, SWEEP = "summarise", "samples", "sweep"

QUIET_SECONDS = 1.0  # a series that is still arriving is summarised when it has been quiet for this long …
BUSY_SECONDS = 10.0  # … or has been waiting for this long


@dataclass(frozen=True, slots=True)
class Planned:
    """A task to ask for. One `key`, one task, however often it is asked for."""

    kind: str
    arguments: tuple[tuple[str, str | int], ...]
    key: str
    delay: float
    at_most: float


def plan(changes: Iterable[Change]) -> list[Planned]:
    """The tasks that follow from these changes, each once."""
    found: dict[str, Planned] = {}
    for change in changes:
        if change.kind in (ChangeKind.INSTANCE_STORED, ChangeKind.SERIES_CHANGED) and change.series_instance_uid:
            planned = _summarise(change)
            found[planned.key] = planned
    return list(found.values())


def _summarise(change: Change) -> Planned:
    return Planned(
        kind=SUMMARISE,
        arguments=(
            ("hospital_id", change.hospital_id),
            ("study_instance_uid", change.study_instance_uid),
            ("series_instance_uid", change.series_instance_uid),
        ),
        key=f"{SUMMARISE} {change.hospital_id} {change.study_instance_uid} {change.series_instance_uid}",
        delay=QUIET_SECONDS,
        at_most=BUSY_SECONDS,
    )
