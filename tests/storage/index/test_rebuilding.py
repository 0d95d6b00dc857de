"""The index is disposable: clearing and adding again, in any order, gives the same index."""

import random

from storage.index import changes, instances, maintenance, schema
from storage.index.database import Database
from storage.index.dump import canonical
from storage.index.search import worklist
from storage.model.archive import Hospital, Scope
from storage.model.text import FOLD_VERSION
from storage.model.worklist import WorklistFilter
from tests.storage.index.made import SR, STORED_AT, Item, Made


def _items(hospital: Hospital, other: Hospital) -> list[Item]:
    made = [
        Made(
            study=f"{n % 4}", series=f"{n % 4}.{n % 3}", sop=f"{n}", patient_id=f"P{n % 2}",
            stored_at=STORED_AT + n // 3,
            study_description=f"told by {n}", series_description=f"told by {n}", name=f"Tên^{n}", number=n,
            modality="SR" if n % 3 == 2 else "CT", sop_class=SR if n % 3 == 2 else "1.2.840.10008.5.1.4.1.1.2",
            frame_table=(((n, 10),),) if n % 5 == 0 else (),
        )
        for n in range(60)
    ]  # fmt: skip
    made += [Made(study="9", series="9.1", sop="99", patient_id="", stored_at=STORED_AT + 99)]
    return [one.item(hospital) for one in made] + [one.item(other) for one in made[:10]]


def _add(database: Database, items: list[Item], batch: int) -> list[str]:
    for start in range(0, len(items), batch):
        with database.writing() as db:
            instances.add(db, items[start : start + batch])
    with database.reading() as db:
        return list(canonical(db))


def test_the_order_of_arrival_does_not_matter(database: Database, hospital: Hospital, other_hospital: Hospital) -> None:
    items = _items(hospital, other_hospital)
    original = _add(database, items, 7)
    assert len(original) == len(set(original)) == 71 + (5 + 4) + (13 + 10) + (3 + 2)
    for batch in (1, 16, 100):
        random.Random(batch).shuffle(items)
        with database.writing() as db:
            maintenance.clear(db)
            assert list(canonical(db)) == []
        assert _add(database, items, batch) == original


def test_the_dump_sees_a_difference(database: Database, hospital: Hospital, other_hospital: Hospital) -> None:
    items = _items(hospital, other_hospital)
    original = _add(database, items, 50)
    with database.writing() as db:
        db.execute(schema.instance.update().where(schema.instance.c.uid == "7").values(pixel_offset=1))
    with database.reading() as db:
        changed = list(canonical(db))
    assert len(set(changed) - set(original)) == 2  # both hospitals have it


def test_the_dump_has_conflicts_and_quarantined_objects(database: Database, hospital: Hospital) -> None:
    description, stored, origin = Made().item(hospital)
    _, other, _ = Made(content="other").item(hospital)
    with database.writing() as db:
        instances.add(db, [(description, stored, origin)])
        instances.add(db, [Made(sop="2", patient_id="X").item(hospital)])
        existing = instances.add(db, [(description, other, origin)])[0].existing
        assert existing is not None
        instances.add_conflict(db, description, other, origin, existing)
        instances.add_quarantine(db, other, origin, "why")
    with database.reading() as db:
        kinds = [line.split('"')[1] for line in canonical(db)]
    assert kinds == ["patient", "study", "series", "instance", "instance", "conflict", "conflict", "quarantine"]


def test_what_people_set_survives_clearing(database: Database, hospital: Hospital, scope: Scope) -> None:
    with database.writing() as db:
        instances.add(db, [Made().item(hospital)])
        instances.set_status(db, scope, "1.2.3", "read")
    with database.writing() as db:
        before = changes.last(db)
        maintenance.clear(db)
        instances.add(db, [Made().item(hospital)])
    with database.reading() as db:
        assert instances.study(db, scope, "1.2.3").status == "read"
        assert changes.last(db) == before + 1


def test_counts(database: Database, hospital: Hospital, other_hospital: Hospital) -> None:
    with database.reading() as db:
        assert set(maintenance.counts(db).values()) == {0}
    _add(database, _items(hospital, other_hospital), 50)
    with database.reading() as db:
        assert maintenance.counts(db) == {
            "patients": 5, "studies": 9, "series": 23, "instances": 71, "bytes": 71_000, "conflicts": 0,
            "quarantined": 0, "rejected": 0,
        }  # fmt: skip


def test_an_older_fold_is_made_anew(database: Database, hospital: Hospital, scope: Scope) -> None:
    with database.writing() as db:
        instances.add(db, [Made(study=f"{n}", series=f"{n}", sop=f"{n}").item(hospital) for n in range(5)])
        for table in (schema.patient, schema.study):
            db.execute(table.update().values(fold_version=FOLD_VERSION - 1))
        db.execute(schema.patient.update().values(name_fold="?"))
        db.execute(schema.study.update().values(description_fold="?", referring_fold="?"))
        db.execute(schema.name_token.delete())
        db.execute(schema.study_token.delete())
    rounds = 0
    while True:
        with database.writing() as db:
            if maintenance.refold(db, limit=2) == 0:
                break
        rounds += 1
    assert rounds == 3
    with database.reading() as db:
        assert worklist(db, scope, WorklistFilter(search="anh so ACC1 BN001")).total == 5
        study = instances.study(db, scope, "1")
    assert (study.patient.name_fold, study.facts.description_fold, study.facts.referring_fold) == (
        "nguyen thi anh", "ct so nao", "tran van duc",
    )  # fmt: skip
