"""When sound may be recorded, as the events of a room say."""

from pacs.live.sound import Sound, after, belongs, standing, takes
from storage.model.live import CONSENT, ENDED, SOUND, SOUND_DELETED, SOUNDING, RoomEvent

MINH, LAN, ANNA = "user-1", "user-2", "guest-1-abc"


def told(*said: tuple[str, str, bool]) -> list[RoomEvent]:
    """Events of these members, a second apart."""
    return [
        RoomEvent(n, n * 1000, member, f"client-{n:02}", kind, {"audio" if kind == CONSENT else "on": yes})
        for n, (kind, member, yes) in enumerate(said, 1)
    ]


def test_everybody_who_is_there_must_agree() -> None:
    asked = standing(told((SOUND, MINH, True)))
    assert asked.agreed([MINH])  # who asks agrees
    assert not asked.agreed([MINH, LAN])
    assert not asked.agreed([])
    agreed = standing(told((SOUND, MINH, True), (CONSENT, LAN, True)))
    assert agreed.agreed([MINH, LAN])
    assert not agreed.agreed([MINH, LAN, ANNA])  # who comes later is asked first
    assert not standing(told((SOUND, MINH, True), (CONSENT, LAN, False))).agreed([MINH, LAN])


def test_consent_is_for_one_asking_only() -> None:
    again = told((SOUND, MINH, True), (CONSENT, LAN, True), (SOUND, MINH, False), (SOUND, MINH, True))
    assert not standing(again).agreed([MINH, LAN])
    assert standing(told((CONSENT, LAN, True), (SOUND, MINH, True))).answers == {MINH: True}


def test_what_is_taken_back_ends_it_for_all() -> None:
    events = told((SOUND, MINH, True), (CONSENT, LAN, True), (SOUNDING, "", True), (CONSENT, LAN, False))
    assert standing(events) == Sound(upto=4)
    assert [(one.number, one.since, one.until, one.members) for one in takes(events)] == [
        (3, 3000, 4000, frozenset({MINH, LAN}))
    ]


def test_takes_rest_while_somebody_new_has_not_agreed() -> None:
    events = told(
        (SOUND, MINH, True), (SOUNDING, "", True), (SOUNDING, "", False), (CONSENT, LAN, True), (SOUNDING, "", True),
        (ENDED, MINH, True),
    )  # fmt: skip
    assert [(one.since, one.until, one.members) for one in takes(events)] == [
        (2000, 3000, frozenset({MINH})), (5000, 6000, frozenset({MINH, LAN})),
    ]  # fmt: skip


def test_what_was_deleted_takes_nothing_more() -> None:
    events = told((SOUND, MINH, True), (SOUNDING, "", True), (ENDED, MINH, True), (SOUND_DELETED, MINH, True))
    assert takes(events) == []


def test_an_event_counts_once() -> None:
    events = told((SOUND, MINH, True), (SOUNDING, "", True), (CONSENT, MINH, False), (SOUND, MINH, True))
    once = standing(events)
    assert after(once, events[2]) == once
    assert standing(told((SOUNDING, "", True))).take == 0  # nobody asked


def test_a_piece_belongs_to_who_agreed_and_to_its_time() -> None:
    (take,) = takes(told((SOUND, MINH, True), (CONSENT, LAN, True), (SOUNDING, "", True), (SOUND, MINH, False)))
    assert belongs(take, LAN, 3000, 1000, 9000)
    assert not belongs(take, ANNA, 3000, 1000, 9000)
    assert not belongs(take, LAN, 1000, 1000, 9000)
    assert not belongs(take, LAN, 3500, 5000, 99_000)
    (running,) = takes(told((SOUND, MINH, True), (SOUNDING, "", True)))
    assert not belongs(running, MINH, 90_000, 5000, 9000)  # the future
