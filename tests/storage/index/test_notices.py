"""News between servers on one PostgreSQL."""

import threading

from storage.index import notices
from storage.index.database import Database
from tests.support.postgres import PostgresServer


def test_what_is_committed_is_heard_and_what_is_not_is_not(postgres_server: PostgresServer) -> None:
    database = Database(postgres_server.url(postgres_server.create()))
    heard: list[str] = []
    first, over = threading.Event(), threading.Event()

    def hear(payload: str) -> None:
        heard.append(payload)
        (over if payload == "2" else first).set()

    listening = threading.Thread(target=notices.listen, args=(database, notices.ROOMS, hear, over.is_set))
    listening.start()
    while not first.wait(0.1):  # until the listener is there
        with database.writing() as db:
            notices.tell(db, notices.ROOMS, "1")
    with database.reading() as db:
        notices.tell(db, notices.ROOMS, "3")  # rolled back
    with database.writing() as db:
        notices.tell(db, notices.ROOMS, "2")
    listening.join(60)
    assert not listening.is_alive()
    assert set(heard) == {"1", "2"}
    database.close()


def test_who_listens_is_told_so_before_anything_can_be_missed(postgres_server: PostgresServer) -> None:
    """What is told at that very moment is heard."""
    database = Database(postgres_server.url(postgres_server.create()))
    heard: list[str] = []

    def tell() -> None:
        with database.writing() as db:
            notices.tell(db, notices.ROOMS, "1")

    notices.listen(database, notices.ROOMS, heard.append, lambda: bool(heard), tell)
    assert heard == ["1"]
    database.close()


def test_one_server_alone_has_nobody_to_hear(tmp_path: object) -> None:
    database = Database(f"sqlite:///{tmp_path}/index.sqlite")
    notices.listen(database, notices.ROOMS, lambda payload: None, lambda: False)
    with database.writing() as db:
        notices.tell(db, notices.ROOMS, "1")
    database.close()
