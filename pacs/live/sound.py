"""When the sound of a room may be recorded, as its events say: somebody who leads asks, everybody who is there agrees.

A take runs from the event that says that sound is recorded to the one that says that it is not: while somebody is
there who has not agreed, sound rests; when somebody takes their consent back, it ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from storage.model.live import CONSENT, ENDED, SOUND, SOUND_DELETED, SOUNDING, RoomEvent

KINDS = (SOUND, CONSENT, SOUNDING, ENDED, SOUND_DELETED)
LATE_MS = 3_000  # what was said while the news that sound rests was on its way
EARLY_MS = 1_000  # clocks of browsers are set by ours, over their links


@dataclass(frozen=True, slots=True)
class Sound:
    """How it stands. `asked` is the number of the event that asked, 0 when nobody does; `take` that of the event since
    which sound is recorded, 0 when it is not."""

    asked: int = 0
    take: int = 0
    answers: Mapping[str, bool] = field(default_factory=dict)
    upto: int = 0

    def agreed(self, present: Iterable[str]) -> bool:
        """Whether it was asked for, and everybody who is there said yes."""
        there = set(present)
        return bool(self.asked and there) and all(self.answers.get(one) is True for one in there)


@dataclass(frozen=True, slots=True)
class Take:
    """A stretch in which sound was recorded, of these members; `until` is None while it runs."""

    number: int
    since: int
    until: int | None
    members: frozenset[str]


def after(sound: Sound, event: RoomEvent) -> Sound:
    """How it stands after one more event."""
    if event.sequence <= sound.upto:
        return sound
    known = replace(sound, upto=event.sequence)
    if event.kind == SOUND and event.body.get("on") is True:
        return known if known.asked else replace(known, asked=event.sequence, answers={event.member: True})
    if event.kind == CONSENT and known.asked:
        said = event.body.get("audio") is True
        if not said and known.answers.get(event.member) is True:
            return Sound(upto=event.sequence)  # taken back: it is over for all, and is asked for anew
        return replace(known, answers={**known.answers, event.member: said})
    if event.kind == SOUNDING:
        return replace(known, take=event.sequence if event.body.get("on") is True and known.asked else 0)
    if event.kind in (SOUND, ENDED, SOUND_DELETED):
        return Sound(upto=event.sequence)
    return known


def standing(events: Iterable[RoomEvent]) -> Sound:
    """How it stands after all these."""
    sound = Sound()
    for event in events:
        sound = after(sound, event)
    return sound


def takes(events: Iterable[RoomEvent]) -> list[Take]:
    """The takes of a room that were not deleted."""
    sound, found = Sound(), list[Take]()
    for event in events:
        before, sound = sound, after(sound, event)
        if before.take and before.take != sound.take:
            found[-1] = replace(found[-1], until=event.at)
        if sound.take and sound.take != before.take:
            agreed = frozenset(member for member, yes in sound.answers.items() if yes)
            found.append(Take(sound.take, event.at, None, agreed))
        if event.kind == SOUND_DELETED:
            found = []
    return found


def belongs(take: Take, member: str, at: int, duration_ms: int, now: int) -> bool:
    """Whether a piece of this member's voice was recorded while it might be."""
    end = min(now if take.until is None else take.until, now)
    return member in take.members and at >= take.since - EARLY_MS and at + duration_ms <= end + LATE_MS
