"""Instances that are remembered are those the index has, at every moment."""

import pytest

from pacs.archive import known
from storage.errors import NotFound
from storage.index import hospitals, instances
from storage.model.archive import Instance, InstanceKey, Scope
from tests.pacs.parts import House, Made


def slices(here: House, count: int) -> list[InstanceKey]:
    for number in range(1, count + 1):
        assert here.put(Made(sop=f"1.2.3.1.{number}", number=number).part10()).key
    return [InstanceKey("1.2.3", "1.2.3.1", f"1.2.3.1.{number}") for number in range(1, count + 1)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions the index is asked about instances."""
    questions: list[str] = []
    get, of_series = instances.get, instances.of_series

    def counted_get(db: object, scope: Scope, key: InstanceKey) -> Instance:
        questions.append("one")
        return get(db, scope, key)  # type: ignore[arg-type]

    def counted_series(db: object, scope: Scope, study: str, series: str) -> list[Instance]:
        questions.append("series")
        return of_series(db, scope, study, series)  # type: ignore[arg-type]

    monkeypatch.setattr(instances, "get", counted_get)
    monkeypatch.setattr(instances, "of_series", counted_series)
    return questions


def test_the_second_instance_of_a_series_brings_the_others(here: House, asked: list[str]) -> None:
    keys = slices(here, 5)
    found = [here.archive.instance(here.scope, key) for key in keys + keys]
    assert [one.key for one in found] == keys + keys
    assert asked == ["one", "one", "series"]


def test_an_instance_that_is_gone_is_not_found_any_more(here: House) -> None:
    keys = slices(here, 3)
    for key in keys + keys:
        here.archive.instance(here.scope, key)
    with here.archive.database.writing() as db:
        db.exec_driver_sql(f"DELETE FROM instance WHERE uid = '{keys[0].sop_instance_uid}'")
    with pytest.raises(NotFound):
        here.archive.instance(here.scope, keys[0])
    assert here.archive.instance(here.scope, keys[1]).key == keys[1]


def test_what_was_replaced_is_seen_at_once(here: House) -> None:
    keys = slices(here, 3)
    for key in keys + keys:
        here.archive.instance(here.scope, key)
    with here.archive.database.writing() as db:
        db.exec_driver_sql("UPDATE instance SET number = 77")
    assert here.archive.instance(here.scope, keys[2]).facts.number == 77


def test_another_hospital_never_finds_what_this_one_remembers(here: House) -> None:
    keys = slices(here, 3)
    for key in keys + keys:
        here.archive.instance(here.scope, key)
    with here.archive.database.writing() as db:
        other = hospitals.ensure(db, "other", "Khác")
    for scope in (Scope(frozenset({other.id})), Scope(frozenset())):
        with pytest.raises(NotFound):
            here.archive.instance(scope, keys[0])
    for key in (InstanceKey("1.2.4", "1.2.3.1", "1.2.3.1.1"), InstanceKey("1.2.3", "1.2.3.2", "1.2.3.1.1")):
        with pytest.raises(NotFound):
            here.archive.instance(here.scope, key)


def test_a_large_series_is_not_read_for_one_of_it(
    here: House, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "MOST_AT_ONCE", 2)
    for key in slices(here, 4) * 2:
        here.archive.instance(here.scope, key)
    assert asked == ["one"] * 4
