"""Adding and getting instances, series and studies."""

import json
from dataclasses import replace

import pytest

from storage.errors import InvalidQuery, NotFound
from storage.index import changes, instances, noted
from storage.index.database import Database
from storage.model.archive import Hospital, InstanceKey, Scope
from storage.model.work import ChangeKind
from tests.storage.index.made import CT, J2K, MR, SR, STORED_AT, Made


def _add(database: Database, hospital: Hospital, *made: Made) -> list[instances.Added]:
    with database.writing() as db:
        return instances.add(db, [one.item(hospital) for one in made])


def test_gives_back_what_was_added(database: Database, hospital: Hospital, scope: Scope) -> None:
    table = (((1000, 50), (1058, 70)), ((1136, 90),), ())
    made = Made(transfer_syntax=J2K, frame_table=table, attributes={"00080008": {"vr": "CS", "Value": ["ORIGINAL"]}})
    assert _add(database, hospital, made) == [instances.Added("stored")]
    description, stored, _ = made.item(hospital)
    with database.reading() as db:
        found = instances.get(db, scope, description.key)
        assert found == instances.find_by_uid(db, scope, made.sop)
        assert [found] == instances.of_series(db, scope, made.study, made.series)
        assert [found] == instances.of_study(db, scope, made.study)
        study = instances.study(db, scope, made.study)
        series = instances.series_of(db, scope, made.study)
        assert series == [instances.series(db, scope, made.study, made.series)]
    assert (found.key, found.facts, found.stored) == (description.key, description.instance, stored)
    assert (found.hospital_id, found.modality) == (hospital.id, "CT")
    assert (study.patient, study.facts) == (description.patient, description.study)
    assert (study.hospital_code, study.hospital_name) == ("bach-mai", "Bệnh viện Bạch Mai")
    assert (study.status, study.conflicts, study.received_at) == ("unread", 0, STORED_AT)
    assert (series[0].facts, series[0].instances, series[0].bytes, series[0].revision) == (
        description.series, 1, 1000, 1,
    )  # fmt: skip


def test_counts_and_lists_once_per_batch(database: Database, hospital: Hospital, scope: Scope) -> None:
    many = [Made(sop=f"1.{n}", number=200 - n) for n in range(100)]
    report = Made(series="1.2.3.2", sop="2.1", modality="SR", sop_class=SR, series_number=None)
    _add(database, hospital, *many[:60])
    _add(database, hospital, *many[60:], report)
    with database.reading() as db:
        study = instances.study(db, scope, "1.2.3")
        series = instances.series_of(db, scope, "1.2.3")
        numbers = [one.facts.number or 0 for one in instances.of_series(db, scope, "1.2.3", "1.2.3.1")]
    assert (study.series, study.instances, study.bytes, study.revision) == (2, 101, 101_000, 101)
    assert study.modalities == ("CT", "SR")
    assert [(one.instances, one.bytes, one.revision) for one in series] == [(100, 100_000, 100), (1, 1000, 1)]
    assert numbers == sorted(numbers)


def test_the_same_content_again_changes_nothing(database: Database, hospital: Hospital, scope: Scope) -> None:
    made = Made()
    _add(database, hospital, made)
    with database.reading() as db:
        before = instances.study(db, scope, made.study), changes.last(db)
    again = _add(database, hospital, made)[0]
    assert again.kind == "already stored"
    assert again.existing is not None
    assert again.existing.key == made.description().key
    with database.reading() as db:
        assert (instances.study(db, scope, made.study), changes.last(db)) == before


def test_other_content_under_a_known_uid_is_told_and_not_written(
    database: Database, hospital: Hospital, scope: Scope
) -> None:
    _add(database, hospital, Made())
    other = Made(content="other", study="9.9", series="9.9.1")
    answer = _add(database, hospital, other)[0]
    assert answer.kind == instances.DIFFERS
    assert answer.existing is not None
    assert answer.existing.stored == Made().stored(hospital)
    with database.reading() as db, pytest.raises(NotFound):
        instances.study(db, scope, "9.9")


def test_twice_in_one_batch_is_stored_once(database: Database, hospital: Hospital) -> None:
    answers = _add(database, hospital, Made(), Made(), Made(content="other", stored_at=STORED_AT + 1), Made(sop="2"))
    assert [one.kind for one in answers] == ["stored", "already stored", "differs", "stored"]
    assert answers[2].existing is not None
    assert answers[2].existing.stored.sha256 == Made().stored(hospital).sha256


def test_hospitals_do_not_share_studies_or_patients(
    database: Database, hospital: Hospital, other_hospital: Hospital, scope: Scope
) -> None:
    _add(database, hospital, Made())
    assert _add(database, other_hospital, Made(name="Lê^Văn^Tám", content="other"))[0].kind == "stored"
    theirs = Scope(frozenset({other_hospital.id}))
    with database.reading() as db:
        assert instances.study(db, scope, "1.2.3").patient.name == "Nguyễn^Thị^Ánh"
        assert instances.study(db, theirs, "1.2.3").patient.name == "Lê^Văn^Tám"
        assert len(instances.of_study(db, scope, "1.2.3")) == 1
        both = Scope(scope.hospital_ids | theirs.hospital_ids)
        assert [one.hospital_id for one in instances.of_study(db, both, "1.2.3")] == [hospital.id], "never a mixture"
        granted = Scope(theirs.hospital_ids, frozenset({(hospital.id, "1.2.3")}))
        assert instances.study(db, granted, "1.2.3").hospital_id == other_hospital.id, "one's own comes first"
        assert instances.study(db, granted.within(hospital.id), "1.2.3").hospital_id == hospital.id
        assert granted.within(hospital.id).hospital_ids == frozenset()
        assert granted.within(99).is_empty
        with pytest.raises(NotFound):
            instances.get(db, Scope(frozenset()), InstanceKey("1.2.3", "1.2.3.1", "1.2.3.1.1"))


def test_the_key_must_fit_as_a_whole(database: Database, hospital: Hospital, scope: Scope) -> None:
    _add(database, hospital, Made())
    with database.reading() as db, pytest.raises(NotFound):
        instances.get(db, scope, InstanceKey("1.2.3", "1.2.3.9", "1.2.3.1.1"))


def test_a_patient_id_is_compared_without_padding_but_with_its_zeros(
    database: Database, hospital: Hospital, scope: Scope
) -> None:
    _add(
        database, hospital,
        Made(study="1", series="1.1", sop="1", patient_id="0012"),
        Made(study="2", series="2.1", sop="2", patient_id=" 0012."),
        Made(study="3", series="3.1", sop="3", patient_id="12"),
        Made(study="4", series="4.1", sop="4", patient_id="0012", issuer="BYT"),
        Made(study="5", series="5.1", sop="5", patient_id=""),
        Made(study="6", series="6.1", sop="6", patient_id=""),
    )  # fmt: skip
    with database.reading() as db:
        rows = db.exec_driver_sql("SELECT uid, patient_id FROM study ORDER BY uid").all()
    patients = [patient for _, patient in rows]
    assert patients[0] == patients[1]
    assert len(set(patients)) == 5


def test_another_patient_in_a_known_study_is_kept_and_noted_once(
    database: Database, hospital: Hospital, scope: Scope
) -> None:
    _add(database, hospital, Made())
    wrong = [Made(sop=f"7.{n}", patient_id="BN999", name="Lê^Văn^Tám", stored_at=STORED_AT + n) for n in range(3)]
    assert {one.kind for one in _add(database, hospital, *wrong)} == {"stored"}
    _add(database, hospital, Made(sop="8", patient_id="BN999"), Made(sop="9", issuer="BYT"))
    with database.reading() as db:
        study = instances.study(db, scope, "1.2.3")
        listed = instances.conflicts(db, scope)
    assert (study.patient.patient_id, study.instances, study.conflicts) == ("BN001", 6, 1)
    assert [(one.kind, one.patient_id, one.sop_instance_uid) for one in listed] == [("patient", "BN999", "7.0")]


def test_a_conflict_is_noted_once(database: Database, hospital: Hospital, scope: Scope) -> None:
    _add(database, hospital, Made())
    description, stored, origin = Made(content="other").item(hospital)
    for expected in (True, False):
        with database.writing() as db:
            existing = instances.add(db, [(description, stored, origin)])[0].existing
            assert existing is not None
            assert instances.add_conflict(db, description, stored, origin, existing) is expected
    with database.reading() as db:
        assert noted.conflict(db, hospital.id, "1.2.3.1.1", stored.sha256)
        listed = instances.conflicts(db, scope)
        assert instances.study(db, scope, "1.2.3").conflicts == 1
        assert instances.conflicts(db, Scope(frozenset({hospital.id + 1}))) == []
        kinds = [line.kind for line in changes.after(db, 0)]
    assert [(one.kind, one.sha256, one.kept_sha256) for one in listed] == [
        ("instance", stored.sha256, Made().stored(hospital).sha256)
    ]
    assert kinds == [ChangeKind.INSTANCE_STORED, ChangeKind.INSTANCE_CONFLICT]


def test_a_quarantined_object_is_noted_once(database: Database, hospital: Hospital, scope: Scope) -> None:
    _, stored, origin = Made().item(hospital)
    for expected in (True, False):
        with database.writing() as db:
            assert instances.add_quarantine(db, stored, origin, "not DICOM") is expected
    with database.reading() as db:
        entry = instances.quarantined(db, scope)[0]
        assert [line.kind for line in changes.after(db, 0)] == [ChangeKind.OBJECT_QUARANTINED]
    assert (entry.sha256, entry.object_key) == (stored.sha256, stored.key)
    assert (entry.reason, entry.source) == ("not DICOM", "CT1")


def test_a_status_is_set_and_told(database: Database, hospital: Hospital, scope: Scope) -> None:
    _add(database, hospital, Made())
    with database.writing() as db:
        instances.set_status(db, scope, "1.2.3", "reading")
        instances.set_status(db, scope, "1.2.3", "reading")
    with database.reading() as db:
        assert instances.study(db, scope, "1.2.3").status == "reading"
        assert [line.kind for line in changes.after(db, 1)] == [ChangeKind.STUDY_CHANGED]
    with database.writing() as db, pytest.raises(InvalidQuery):
        instances.set_status(db, scope, "1.2.3", "lost")
    with database.writing() as db, pytest.raises(NotFound):
        instances.set_status(db, Scope(frozenset({99})), "1.2.3", "read")


def test_a_summary_of_an_older_revision_is_not_taken(database: Database, hospital: Hospital, scope: Scope) -> None:
    _add(database, hospital, Made(), Made(sop="2"))
    with database.writing() as db:
        assert instances.set_series_summary(db, hospital.id, "1.2.3", "1.2.3.1", 2, "m2", "t2")
        assert not instances.set_series_summary(db, hospital.id, "1.2.3", "1.2.3.1", 1, "m1", "t1")
        assert not instances.set_series_summary(db, hospital.id, "1.2.3", "none", 1, "m1", "t1")
    with database.reading() as db:
        series = instances.series(db, scope, "1.2.3", "1.2.3.1")
        assert changes.after(db, 0)[-1].kind is ChangeKind.SERIES_SUMMARISED
    assert (series.manifest_key, series.manifest_revision, series.thumbnail_key) == ("m2", 2, "t2")


def test_text_that_databases_refuse_is_cleaned(database: Database, hospital: Hospital, scope: Scope) -> None:
    nasty = Made(name="Nguye\u0302\u0303n^Anh\x00", study_description="a\x00b ", attributes={"00204000": "x\x00"})
    _add(database, hospital, replace(nasty, patient_id="BN\x001"))
    with database.reading() as db:
        study = instances.study(db, scope, "1.2.3")
        found = instances.find_by_uid(db, scope, nasty.sop)
    assert (study.patient.name, study.patient.patient_id, study.facts.description) == ("Nguyễn^Anh", "BN1", "ab")
    json.loads(found.facts.attributes)


def test_the_earliest_stored_tells_the_facts_whatever_the_order(
    database: Database, hospital: Hospital, scope: Scope
) -> None:
    early = Made(sop="1", study_description="first", series_description="first", name="An", stored_at=STORED_AT)
    late = Made(sop="2", study_description="late", series_description="late", name="Binh", stored_at=STORED_AT + 5)
    _add(database, hospital, late)
    _add(database, hospital, early)
    with database.reading() as db:
        study = instances.study(db, scope, "1.2.3")
        series = instances.series(db, scope, "1.2.3", "1.2.3.1")
        words = db.exec_driver_sql("SELECT token FROM name_token").scalars().all()
    assert (study.facts.description, study.patient.name, series.facts.description) == ("first", "An", "first")
    assert study.received_at == STORED_AT
    assert set(words) == {"=an", "an"}


def test_an_mr_joins_a_ct_study(database: Database, hospital: Hospital, scope: Scope) -> None:
    _add(database, hospital, Made(sop_class=CT))
    _add(database, hospital, Made(series="4", sop="4", modality="MR", sop_class=MR))
    with database.reading() as db:
        assert instances.study(db, scope, "1.2.3").modalities == ("CT", "MR")
