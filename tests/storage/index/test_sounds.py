"""Which rooms of which hospitals there is sound of, on both engines."""

from storage.index import rooms, sounds
from storage.index.database import Database
from storage.model.archive import Hospital, Scope
from storage.model.live import Room, SoundPiece


def _spoken(database: Database, hospital: Hospital, title: str, *pieces: tuple[str, int, int]) -> Room:
    """A room and (member, take, at) of a second each."""
    with database.writing() as db:
        room = rooms.open_room(db, hospital.id, title, "user-1", [(hospital.id, "1.2", "")])
        for key, name in (("user-2", "Lan"), ("user-1", "Minh"), ("user-3", "Im lặng")):
            rooms.enter(db, room.id, key, name, hospital.code)
        for member, take, at in pieces:
            piece = SoundPiece(f"{member}-{at}", member, take, 0, at, 1000, "audio/webm", 7, f"main/v/{at}")
            sounds.add(db, room.id, piece)
    return room


def test_rooms_with_sound_are_listed_the_newest_first(
    database: Database, hospital: Hospital, other_hospital: Hospital, scope: Scope
) -> None:
    said = (("user-1", 1, 10_000), ("user-2", 1, 10_500), ("user-1", 9, 90_000))
    first, second = (_spoken(database, hospital, title, *said) for title in ("một", "hai"))
    gone = _spoken(database, hospital, "ba", *said)
    _spoken(database, hospital, "không tiếng")
    _spoken(database, other_hospital, "bốn", *said)
    with database.writing() as db:
        sounds.delete(db, gone.id)
    with database.reading() as db:
        found = sounds.of_hospitals(db, scope, 10)
        assert [one.room.title for one in found] == ["hai", "một"]
        newest = found[0]
        assert (newest.hospital_code, sorted(newest.speakers)) == (hospital.code, ["Lan", "Minh"])
        assert (newest.first_at, newest.pieces, newest.duration_ms, newest.bytes) == (10_000, 3, 2500, 21)
        assert [one.room.id for one in sounds.of_hospitals(db, scope, 1)] == [second.id]
        assert [one.room.id for one in sounds.of_hospitals(db, scope, 5, second.id)] == [first.id]
        both = Scope(frozenset({hospital.id, other_hospital.id}))
        assert [one.room.title for one in sounds.of_hospitals(db, both, 10)] == ["bốn", "hai", "một"]
        assert sounds.of_hospitals(db, Scope(frozenset()), 10) == []
