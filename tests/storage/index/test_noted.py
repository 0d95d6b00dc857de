"""Holding objects: one transaction at a time has them."""

import threading

from storage.index import noted
from storage.index.database import Database


def test_an_object_is_held_by_one_transaction_at_a_time(database: Database) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with database.writing() as db:
            noted.hold(db, ["main/o/bb/2", "main/o/aa/1"])
            order.append("second")

    thread = threading.Thread(target=second)
    with database.writing() as db:
        noted.hold(db, ["main/o/aa/1"])
        thread.start()
        waiting.wait()
        thread.join(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
