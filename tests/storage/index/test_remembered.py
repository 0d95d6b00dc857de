"""What is remembered of the index is good exactly as long as nothing was committed."""

from storage.index import accounts, changes
from storage.index.database import Database
from storage.index.remembered import Remembered
from storage.index.types import POSTGRESQL
from storage.model.archive import Hospital
from storage.model.work import ChangeKind


def commit_something(database: Database, hospital: Hospital) -> None:
    with database.writing() as db:
        changes.append(db, hospital.id, ChangeKind.STUDY_CHANGED, study_instance_uid="1.2")


def test_a_stamp_stays_the_same_while_nothing_is_committed(database: Database, hospital: Hospital) -> None:
    first = database.stamp()
    with database.reading() as db:
        accounts.users(db)
    assert database.stamp() == first


def test_a_commit_of_this_process_or_of_another_changes_the_stamp(
    database: Database, url: str, hospital: Hospital
) -> None:
    stamps = [database.stamp()]
    commit_something(database, hospital)
    stamps.append(database.stamp())
    other = Database(url)
    commit_something(other, hospital)
    other.close()
    stamps.append(database.stamp())
    assert len(set(stamps)) == 3


def test_a_transaction_that_is_not_committed_is_not_seen(database: Database, hospital: Hospital) -> None:
    first = database.stamp()
    with database.writing() as db:
        accounts.add_token(db, "t", "dicomweb", hospital.id, "hash")
        assert database.stamp() == first
    assert database.stamp() != first


def test_a_stamp_after_closing_equals_none_before(database: Database) -> None:
    first = database.stamp()
    database.close()
    assert database.stamp() != first


def test_reads_once_and_again_after_a_commit(database: Database, hospital: Hospital) -> None:
    read: list[int] = []
    remembered: Remembered[str, int] = Remembered(database.stamp, 4)

    def count() -> int:
        read.append(1)
        return len(read)

    assert [remembered.get("a", count), remembered.get("a", count)] == [1, 1]
    commit_something(database, hospital)
    assert remembered.get("a", count) == 2


def test_only_so_many_are_remembered(database: Database) -> None:
    remembered: Remembered[int, int] = Remembered(database.stamp, 2)
    stamp = database.stamp()
    for number in (1, 2, 3):
        remembered.keep(number, number, stamp)
    assert [remembered.known(number, stamp) for number in (1, 2, 3)] == [None, 2, 3]


def test_a_connection_that_the_server_has_ended_is_replaced(database: Database) -> None:
    first = database.stamp()
    if database.engine_name == POSTGRESQL:
        with database.writing() as db:
            db.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    else:
        database._clock._connection.close()
    assert database.stamp() != first
