"""The connection that writes again and again: never lent twice at once, never after an error, never across a fork."""

import os
import threading

import pytest

from storage.index import hospitals
from storage.index.database import Database


class Undone(Exception):
    pass


def _codes(database: Database) -> set[str]:
    with database.reading() as db:
        return {hospital.code for hospital in hospitals.all(db)}


def _add_and_fail(database: Database, code: str) -> None:
    with database.writing() as db:
        hospitals.ensure(db, code, code)
        raise Undone


def test_what_failed_is_undone_and_the_next_is_kept(database: Database) -> None:
    with database.writing() as db:
        hospitals.ensure(db, "one", "one")
    with pytest.raises(Undone):
        _add_and_fail(database, "two")
    with database.writing() as db:
        hospitals.ensure(db, "three", "three")
    assert {"one", "three"} <= _codes(database)
    assert "two" not in _codes(database)


def test_writers_at_the_same_time_have_connections_of_their_own(database: Database) -> None:
    def add(code: str) -> None:
        with database.writing() as db:
            hospitals.ensure(db, code, code)

    codes = [f"h{number}" for number in range(8)]
    threads = [threading.Thread(target=add, args=(code,)) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= _codes(database)


def test_a_fork_opens_its_own(database: Database) -> None:
    with database.writing() as db:
        hospitals.ensure(db, "parent", "parent")
    child = os.fork()
    if child == 0:
        try:
            database.after_fork()
            with database.writing() as db:
                hospitals.ensure(db, "child", "child")
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with database.writing() as db:
        hospitals.ensure(db, "again", "again")
    assert {"parent", "child", "again"} <= _codes(database)


def test_closing_lets_go_of_it(database: Database) -> None:
    with database.writing() as db:
        hospitals.ensure(db, "before", "before")
    database.close()
    with database.writing() as db:
        hospitals.ensure(db, "after", "after")
    assert {"before", "after"} <= _codes(database)
