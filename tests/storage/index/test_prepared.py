"""Statements that the driver runs itself do what SQLAlchemy would have done."""

import sqlite3

import pytest
import sqlalchemy as sa

from storage.errors import StorageUnavailable
from storage.index import hospitals, prepared, schema
from storage.index.database import Database
from storage.index.types import among

_OF_CODES = sa.select(schema.hospital.c.id, schema.hospital.c.name.label("title")).where(
    among(schema.hospital.c.code, "codes"), among(schema.hospital.c.name, "names")
)
_RENAME = schema.hospital.update().where(schema.hospital.c.code == sa.bindparam("b_code"))
_RENAME = _RENAME.values(name=schema.hospital.c.name + sa.bindparam("b_more"))


def test_rows_have_names_and_lists_of_any_length(database: Database) -> None:
    with database.writing() as db:
        for code in ("one", "two", "three"):
            hospitals.ensure(db, code, code.upper())
        for codes in ([], ["one"], ["one", "two"], ["one", "two", "three", "four"]):
            given = {"codes": codes, "names": ["ONE", "TWO"]}
            found = prepared.rows(db, _OF_CODES, given)
            expected = db.execute(_OF_CODES, given).all()
            assert [(row.id, row.title) for row in found] == [(row.id, row.title) for row in expected]


def test_one_row_and_several_are_changed_alike(database: Database) -> None:
    with database.writing() as db:
        for code in ("one", "two", "three"):
            hospitals.ensure(db, code, code)
        prepared.each(db, _RENAME, [{"b_code": "one", "b_more": "!"}])
        prepared.each(db, _RENAME, [{"b_code": "two", "b_more": "?"}, {"b_code": "three", "b_more": "."}])
    with database.reading() as db:
        assert {hospital.name for hospital in hospitals.all(db)} >= {"one!", "two?", "three."}


def test_is_undone_with_its_transaction(database: Database) -> None:
    class Undone(Exception):
        pass

    with database.writing() as db:
        hospitals.ensure(db, "one", "one")

    def rename() -> None:
        with database.writing() as db:
            prepared.each(db, _RENAME, [{"b_code": "one", "b_more": "!"}])
            raise Undone

    with pytest.raises(Undone):
        rename()
    with database.reading() as db:
        assert [hospital.name for hospital in hospitals.all(db) if hospital.code == "one"] == ["one"]


def test_reads_outside_of_a_transaction_as_well(database: Database) -> None:
    with database.reading() as db:
        assert prepared.rows(db, _OF_CODES, {"codes": ["nobody"], "names": ["nobody"]}) == []


def test_what_the_driver_says_is_translated(database: Database) -> None:
    def fail() -> None:
        with database.writing():
            raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(StorageUnavailable, match="does not answer"):
        fail()
