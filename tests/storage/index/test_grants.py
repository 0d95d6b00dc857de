"""Grants on single studies, on both engines: what every question to the index then shows, and what it never shows."""

from dataclasses import replace

import pytest

from storage.errors import NotFound
from storage.index import accounts, changes, grants, instances, search
from storage.index.database import Database
from storage.model.archive import Hospital, Scope
from storage.model.grants import Grantee
from storage.model.query import Level, Query
from storage.model.work import ChangeKind
from storage.model.worklist import WorklistFilter
from tests.storage.index.made import Made

NOBODYS = Scope(frozenset())


@pytest.fixture
def shown(database: Database, hospital: Hospital, other_hospital: Hospital) -> Scope:
    """Two studies of one patient at one hospital, the same two at another; the first of the first is granted."""
    with database.writing() as db:
        for where in (hospital, other_hospital):
            for study in ("1.2.1", "1.2.2"):
                made = Made(study=study, series=f"{study}.1", sop=f"{study}.1.1")
                instances.add(db, [made.item(where)])
    return Scope(frozenset(), frozenset({(hospital.id, "1.2.1")}))


def found(database: Database, scope: Scope, level: Level, returns: tuple[str, ...] = ()) -> list[dict[str, object]]:
    with database.reading() as db:
        return [dict(one.attributes) for one in search.find(db, Query(level, scope, (), returns))]


def test_a_search_shows_the_granted_study_and_nothing_else(database: Database, shown: Scope) -> None:
    for level in (Level.STUDY, Level.SERIES, Level.IMAGE):
        (one,) = found(database, shown, level)
        assert one["0020000D"] == {"vr": "UI", "Value": ["1.2.1"]}
        assert found(database, NOBODYS, level) == []
    assert found(database, shown, Level.PATIENT) == []


def test_a_search_counts_only_what_is_granted(database: Database, shown: Scope, hospital: Hospital) -> None:
    (one,) = found(database, shown, Level.STUDY, ("NumberOfPatientRelatedStudies",))
    assert one["00201200"] == {"vr": "IS", "Value": [1]}
    own = Scope(frozenset({hospital.id}))
    assert found(database, own, Level.STUDY, ("NumberOfPatientRelatedStudies",))[0]["00201200"]["Value"] == [2]  # type: ignore[index]


def test_own_studies_and_granted_ones_stand_side_by_side(
    database: Database, shown: Scope, hospital: Hospital, other_hospital: Hospital
) -> None:
    both = replace(shown, hospital_ids=frozenset({other_hospital.id}))
    assert len(found(database, both, Level.STUDY)) == 3
    with database.reading() as db:
        page = search.worklist(db, both, WorklistFilter(with_facets=True))
        assert sorted((one.hospital_id, one.facts.study_instance_uid) for one in page.studies) == [
            (hospital.id, "1.2.1"), (other_hospital.id, "1.2.1"), (other_hospital.id, "1.2.2"),
        ]  # fmt: skip
        assert (page.total, page.facets.hospital) == (3, {"bach-mai": 1, "viet-duc": 2})


def test_uids_lead_to_the_granted_study_only(database: Database, shown: Scope, hospital: Hospital) -> None:
    with database.reading() as db:
        assert instances.study(db, shown, "1.2.1").hospital_id == hospital.id
        assert [one.hospital_id for one in instances.series_of(db, shown, "1.2.1")] == [hospital.id]
        (instance,) = instances.of_study(db, shown, "1.2.1")
        assert instances.of_series(db, shown, "1.2.1", "1.2.1.1") == [instance]
        assert instances.get(db, shown, instance.key) == instance
        assert instances.find_by_uid(db, shown, "1.2.1.1.1") == instance
        assert instances.of_study(db, shown, "1.2.2") == []
        assert instances.series_of(db, shown, "1.2.2") == []
        assert instances.of_series(db, shown, "1.2.2", "1.2.2.1") == []
        for ask in (
            lambda: instances.study(db, shown, "1.2.2"),
            lambda: instances.series(db, shown, "1.2.2", "1.2.2.1"),
            lambda: instances.find_by_uid(db, shown, "1.2.2.1.1"),
            lambda: instances.get(db, shown, replace(instance.key, study_instance_uid="1.2.2")),
        ):
            with pytest.raises(NotFound):
                ask()


def test_a_grant_is_given_limited_and_ended(database: Database, hospital: Hospital, other_hospital: Hospital) -> None:
    with database.writing() as db:
        user = accounts.add_user(db, "chuyen.gia", "Chuyên gia", "", roles=[(other_hospital.id, "expert")])
        grants.give(db, hospital.id, "1.2.1", Grantee(user_id=user.id), consult_id=1)
        grants.give(db, hospital.id, "1.2.2", Grantee(hospital_id=other_hospital.id), consult_id=2)
        grants.give(db, hospital.id, "1.2.3", Grantee(link_id=7), expires_at=3000)
        begun = changes.last(db)
    with database.reading() as db:
        mine, theirs = (hospital.id, "1.2.1"), (hospital.id, "1.2.2")
        assert grants.of_user(db, user.id, (), 1000) == {mine}
        assert grants.of_user(db, user.id, [other_hospital.id], 1000) == {mine, theirs}
        assert grants.of_user(db, user.id + 1, [hospital.id], 1000) == frozenset()
        assert grants.of_link(db, 7, 2999).studies == {(hospital.id, "1.2.3")}
        assert grants.of_link(db, 7, 3000).studies == grants.of_link(db, 8, 1000).studies == frozenset()
    with database.writing() as db:
        grants.limit(db, 1, 2000)
    with database.reading() as db:
        assert grants.held(db, user.id, (), 1999).until == 2000
        assert grants.of_user(db, user.id, (), 2000) == frozenset()
        assert grants.next_end(db) == 2000
    with database.writing() as db:
        assert grants.expire(db, 2500) == 1
        assert grants.revoke(db, consult_id=2) == 1
        assert grants.revoke(db, consult_id=2) == 0
    with database.reading() as db:
        assert grants.of_user(db, user.id, [other_hospital.id], 1000) == frozenset()
        lines = [one for one in changes.after(db, begun) if one.kind is ChangeKind.GRANT_CHANGED]
        assert sum('"ended": true' in one.detail for one in lines) == 2
