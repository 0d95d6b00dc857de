"""Acts of annotation: added once, in order, by their author; on both engines."""

import threading
import uuid

import pytest

from storage.errors import Conflict, NotPermitted
from storage.index import accounts, annotations, changes
from storage.index.database import Database
from storage.model.annotation import Act, ActKind, Author
from storage.model.archive import Hospital
from storage.model.work import ChangeKind

STUDY = "1.2.3"


def act(annotation: str = "a", version: int = 1, kind: ActKind = ActKind.PUT, body: str = '{"n":1}') -> Act:
    return Act(str(uuid.uuid4()), annotation, version, kind, None, body)


@pytest.fixture
def author(database: Database, hospital: Hospital) -> Author:
    with database.writing() as db:
        user = accounts.add_user(db, "lan", "BS. Lan", "x", roles=[(hospital.id, "radiologist")])
    return Author(user.id)


def test_an_annotation_is_put_changed_deleted_and_restored(
    database: Database, hospital: Hospital, author: Author
) -> None:
    steps = [
        act(), act(version=2, body='{"n":2}'), act(version=3, kind=ActKind.DELETE, body="{}"),
        act(version=4, kind=ActKind.RESTORE, body="{}"),
    ]  # fmt: skip
    for number, step in enumerate(steps, 1):
        with database.writing() as db:
            done, new = annotations.add(db, hospital.id, STUDY, author, step)
        assert new
        assert (done.sequence, done.version, done.kind) == (number, number, step.kind)
    assert done.body == '{"n":2}', "what is deleted keeps its last words"
    assert done.author == Author(author.user_id, "", "BS. Lan")
    with database.reading() as db:
        assert annotations.after(db, hospital.id, STUDY, 0) == [done]
        assert annotations.after(db, hospital.id, STUDY, 4) == []
        assert annotations.after(db, hospital.id, "9", 0) == []
        told = [one for one in changes.after(db, 0) if one.kind is ChangeKind.ANNOTATED]
    assert [one.study_instance_uid for one in told] == [STUDY] * 4


def test_the_same_act_again_is_the_same_act(database: Database, hospital: Hospital, author: Author) -> None:
    once = act()
    for expected in (True, False, False):
        with database.writing() as db:
            done, new = annotations.add(db, hospital.id, STUDY, author, once)
        assert (new, done.sequence) == (expected, 1)
    with database.writing() as db, pytest.raises(Conflict):
        annotations.add(db, hospital.id, STUDY, Author(None, "guest"), once)


def test_only_the_next_version_of_ones_own_is_taken(database: Database, hospital: Hospital, author: Author) -> None:
    with database.writing() as db:
        annotations.add(db, hospital.id, STUDY, author, act())
    for wrong in (act(version=1), act(version=3), act("new", version=2), act("new", kind=ActKind.DELETE)):
        with database.writing() as db, pytest.raises(Conflict):
            annotations.add(db, hospital.id, STUDY, author, wrong)
    with database.writing() as db, pytest.raises(NotPermitted):
        annotations.add(db, hospital.id, STUDY, Author(None, "guest"), act(version=2))


def test_a_consultation_shows_what_is_shared_with_it(database: Database, hospital: Hospital, author: Author) -> None:
    with database.writing() as db:
        annotations.add(db, hospital.id, STUDY, author, act("private"))
        annotations.add(db, hospital.id, STUDY, author, Act(str(uuid.uuid4()), "shared", 1, ActKind.PUT, 7, "{}"))
    with database.reading() as db:
        of = {ids: annotations.after(db, hospital.id, STUDY, 0, frozenset(ids)) for ids in [(), (7,), (8,), (7, 8)]}
    assert [[one.annotation_id for one in found] for found in of.values()] == [[], ["shared"], [], ["shared"]]


def test_many_who_draw_at_once_leave_no_gap(database: Database, hospital: Hospital, author: Author) -> None:
    wrong: list[Exception] = []

    def draw(number: int) -> None:
        try:
            for turn in range(8):
                with database.writing() as db:
                    annotations.add(db, hospital.id, STUDY, Author(None, f"g{number}"), act(f"{number}-{turn}"))
                    annotations.add(db, hospital.id, STUDY, Author(None, f"g{number}"), act(f"{number}-{turn}", 2))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    with database.reading() as db:
        found = annotations.after(db, hospital.id, STUDY, 0)
        assert annotations.last(db, hospital.id, STUDY) == 64
    assert len(found) == 32
    assert all(one.version == 2 for one in found)
