"""What is ended for another's sake is begun anew a few times; anything else is told at once."""

import pytest
import sqlalchemy as sa

from storage.errors import Conflict, StorageContended, StorageFull, StorageUnavailable
from storage.index import notes
from storage.index.anew import TRIES, begun_anew
from storage.index.database import Connection, Database


class Attempts:
    """Raises each of these errors once, then returns how often it was called."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody pauses; how long they would have."""
    pauses: list[float] = []
    monkeypatch.setattr("storage.index.anew.time.sleep", pauses.append)
    return pauses


def test_each_pause_is_longer_until_it_succeeds(hurried: list[float]) -> None:
    assert begun_anew(Attempts(*[StorageContended("ended")] * (TRIES - 1)), "a test") == TRIES
    assert hurried == sorted(set(hurried))
    assert len(hurried) == TRIES - 1


def test_it_is_told_in_the_end() -> None:
    attempts = Attempts(*[StorageContended("ended")] * TRIES)
    with pytest.raises(StorageContended):
        begun_anew(attempts, "a test")
    assert attempts.calls == TRIES


@pytest.mark.parametrize("error", [StorageUnavailable("away"), StorageFull("full"), Conflict("decided before")])
def test_what_may_have_been_kept_and_what_is_wrong_is_told_at_once(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(type(error)):
        begun_anew(attempts, "a test")
    assert attempts.calls == 1


def test_an_index_that_does_not_answer_is_asked_again_by_those_who_may() -> None:
    assert (
        begun_anew(Attempts(StorageUnavailable("away"), StorageUnavailable("away")), "a test", unavailable_tries=3) == 3
    )
    attempts = Attempts(StorageFull("full"))
    with pytest.raises(StorageFull):
        begun_anew(attempts, "a test", unavailable_tries=3)
    assert attempts.calls == 1


def test_a_transaction_keeps_nothing_of_the_attempts_that_were_ended(database: Database) -> None:
    errors = [StorageContended("ended"), StorageContended("ended")]

    def work(db: Connection) -> int:
        found = int(notes.get(db, "test").get("count", 0)) + 1
        notes.put(db, "test", {"count": found})
        if errors:
            raise errors.pop()
        return int(db.execute(sa.text("SELECT 7")).scalar_one())

    assert database.transact(work) == 7
    with database.reading() as db:
        assert notes.get(db, "test") == {"count": 1}
