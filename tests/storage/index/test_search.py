"""Finding patients, studies, series and instances."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from storage.errors import InvalidQuery
from storage.index import instances, search
from storage.index.database import Database
from storage.index.search import find
from storage.model.archive import Hospital, Scope
from storage.model.attributes import BY_KEYWORD
from storage.model.query import Found, Level, Match, Matching, Query
from tests.storage.index.conftest import ENGINES, fresh_url, make_hospital
from tests.storage.index.made import J2K, MR, SR, Made

Find = Callable[..., list[Found]]
S, L, W, R, F, Q = (
    Matching.SINGLE, Matching.UID_LIST, Matching.WILDCARD, Matching.RANGE, Matching.FUZZY, Matching.SEQUENCE,
)  # fmt: skip

REQUESTED = {
    "00400275": {
        "vr": "SQ",
        "Value": [
            {"00400009": {"vr": "SH", "Value": ["SPS1"]}, "00401001": {"vr": "SH", "Value": ["RP1"]}},
            {"00400009": {"vr": "SH", "Value": ["SPS2"]}, "00401001": {"vr": "SH", "Value": ["RP2"]}},
        ],
    }
}
STUDIES = (
    Made(study="1", series="1.1", sop="1.1.1", patient_id="0001", name="Nguyễn^Thị^Ánh", study_date=20240101,
         study_time="080000", accession="A-100", study_description="CT sọ não", series_attributes=REQUESTED),
    Made(study="2", series="2.1", sop="2.1.1", patient_id="0002", name="Đặng^Văn^Đức", study_date=20240102,
         study_time="120000.5", accession="A-200", study_description="MR khớp gối", modality="MR", sop_class=MR,
         birth_date=19900607, sex="M", referring="Lê^Thị^Hồng",
         study_attributes={"00101010": {"vr": "AS", "Value": ["034Y"]}}),
    Made(study="3", series="3.1", sop="3.1.1", patient_id="0003", name=unicodedata.normalize("NFD", "Nguyễn^Văn^An"),
         study_date=20240103, study_time="1015", accession="B_100", study_description="100% [CT]*", number=7,
         transfer_syntax=J2K),
    Made(study="4", series="4.1", sop="4.1.1", patient_id="0004", name="Yamada^Tarou=山田^太郎=やまだ^たろう",
         study_date=None, study_time="", accession="", birth_date=None),
)  # fmt: skip


@pytest.fixture(scope="module", params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One index for all tests of this module: they only ask."""
    with fresh_url(request, tmp_path_factory.mktemp("search")) as made:
        yield made


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    """It has four studies; the first has a second series and a second instance."""
    made = Database(url)
    hospital = make_hospital(made, "bach-mai", "Bệnh viện Bạch Mai")
    report = replace(STUDIES[0], series="1.2", sop="1.2.1", modality="SR", sop_class=SR, series_attributes={})
    report.number = report.series_number = None
    derived = {"00080008": {"vr": "CS", "Value": ["DERIVED", "SECONDARY"]}}
    more = (report, replace(STUDIES[0], sop="1.1.2", number=2, attributes=derived))
    with made.writing() as db:
        instances.add(db, [one.item(hospital) for one in (*STUDIES, *more)])
    yield made
    made.close()


@pytest.fixture
def found(database: Database, scope: Scope) -> Iterator[Find]:
    """Asks for a level with some keys."""
    with database.reading() as db:

        def ask(level: str, *matches: Match, **more: Any) -> list[Found]:
            return list(find(db, Query(Level(level), more.pop("scope", scope), matches, **more)))

        yield ask


def value(found: Found, keyword: str) -> Any:
    values = found.attributes[BY_KEYWORD[keyword].tag].get("Value", [None])
    assert isinstance(values, list)
    return values[0]


def studies(found: list[Found]) -> str:
    return "".join(sorted(value(one, "StudyInstanceUID") for one in found))


SELECTS = [
    # single values
    ("12", Match("StudyInstanceUID", L, ("1", "2\x00", "9"))),
    ("2", Match("PatientID", S, ("0002 ",))),
    ("", Match("PatientID", S, ("2",))),
    ("12", Match("PatientID", S, ("0001", "0002"))),
    ("1", Match("AccessionNumber", S, ("A-100",))),
    ("", Match("AccessionNumber", S, ("a-100",))),
    ("2", Match("PatientSex", S, ("M",))),
    ("2", Match("PatientBirthDate", S, ("19900607",))),
    ("2", Match("StudyDate", S, ("2024.01.02",))),
    ("2", Match("ModalitiesInStudy", S, ("MR",))),
    ("12", Match("ModalitiesInStudy", L, ("MR", "SR"))),
    ("12", Match("ModalitiesInStudy", S, ("MR\\SR",))),
    ("", Match("ModalitiesInStudy", S, ("M",))),
    ("2", Match("ModalitiesInStudy", W, ("M*",))),
    ("134", Match("ModalitiesInStudy", W, ("?T",))),
    ("1", Match("SOPClassesInStudy", L, (SR,))),
    ("2", Match("PatientAge", S, ("034Y",))),
    ("1234", Match("InstitutionName", S, ("Bạch Mai",))),
    # universal
    ("1234", Match("PatientName", W, ("*",))),
    ("1234", Match("PatientName", S, ("",))),
    ("1234", Match("PatientAge", W, ("*",))),
    ("1234", Match("StudyDate", R, ("", ""))),
    # wildcards
    ("12", Match("AccessionNumber", W, ("A-*",))),
    ("3", Match("AccessionNumber", W, ("B_*",))),
    ("3", Match("AccessionNumber", W, ("?_100",))),
    ("13", Match("AccessionNumber", W, ("*?100",))),
    ("3", Match("StudyDescription", W, ("100% [*",))),
    ("3", Match("StudyDescription", W, ("*[CT]?",))),
    ("14", Match("StudyDescription", W, ("CT s? n*",))),
    ("", Match("StudyDescription", W, ("ct*",))),
    ("1234", Match("PatientID", W, ("000?",))),
    ("3", Match("PatientID", W, ("*3",))),
    ("2", Match("PatientAge", W, ("03?Y",))),
    # names: without case and accents, in every normal form, the words of a single value in any order
    ("1", Match("PatientName", S, ("NGUYEN^THI^ANH",))),
    ("1", Match("PatientName", S, ("Anh Nguyen Thi",))),
    ("1", Match("PatientName", S, ("Nguyễn^Thị^Ánh^^",))),
    ("3", Match("PatientName", S, ("nguyễn văn an",))),
    ("", Match("PatientName", S, ("nguyen",))),
    ("2", Match("PatientName", S, ("DANG^VAN^DUC",))),
    ("4", Match("PatientName", S, ("山田^太郎",))),
    ("4", Match("PatientName", S, ("yamada^tarou=山田^太郎",))),
    ("", Match("PatientName", S, ("yamada^tarou=山本^太郎",))),
    ("", Match("PatientName", S, ("yamada^太郎",))),
    ("13", Match("PatientName", W, ("NGUYEN*",))),
    ("13", Match("PatientName", W, ("nguyễn^*",))),
    ("13", Match("PatientName", W, ("*^A*",))),
    ("1", Match("PatientName", W, ("*?NH",))),
    ("2", Match("PatientName", W, ("?ang*",))),
    ("2", Match("PatientName", W, ("đặng^v?n*",))),
    ("4", Match("PatientName", W, ("山田*",))),
    ("4", Match("PatientName", W, ("*^たろう",))),
    ("4", Match("PatientName", W, ("yam*=山*",))),
    ("13", Match("PatientName", F, ("nguy a",))),
    ("1", Match("PatientName", F, ("nguyen thi a",))),
    ("1", Match("PatientName", F, ("Ánh* Ng",))),
    ("2", Match("PatientName", F, ("duc dang",))),
    ("1234", Match("PatientName", F, ("^",))),
    ("2", Match("ReferringPhysicianName", S, ("le^thi^hong",))),
    ("2", Match("ReferringPhysicianName", W, ("LE*HONG",))),
    ("2", Match("ReferringPhysicianName", F, ("hon l",))),
    ("134", Match("ReferringPhysicianName", F, ("duc",))),
    ("14", Match("StudyDescription", F, ("nao so",))),
    # ranges
    ("23", Match("StudyDate", R, ("20240102", ""))),
    ("12", Match("StudyDate", R, ("", "20240102"))),
    ("2", Match("StudyDate", R, ("20240102", "20240102"))),
    ("134", Match("PatientSex", S, ("F",))),
    ("13", Match("PatientBirthDate", R, ("19800102", "19800102"))),
    ("13", Match("StudyTime", R, ("", "1015"))),
    ("23", Match("StudyTime", R, ("1015", ""))),
    ("1", Match("StudyTime", R, ("07", "0800"))),
    ("2", Match("StudyTime", R, ("120000", "120000"))),
    ("2", Match("StudyTime", S, ("12:00:00.50",))),
    ("3", Match("StudyTime", S, ("10",))),
    ("23", Match("StudyDateAndStudyTime", R, ("20240101090000", ""))),
    ("12", Match("StudyDateAndStudyTime", R, ("", "20240102120000.5"))),
    ("1", Match("StudyDateAndStudyTime", R, ("20240101", "20240102115959"))),
    ("12", Match("StudyDateAndStudyTime", R, ("20240101", "2024010212"))),
]  # fmt: skip


def _named(value: object) -> str:
    return f"{value.keyword} {value.matching.name} {value.values}" if isinstance(value, Match) else str(value)


@pytest.mark.parametrize(("expected", "match"), SELECTS, ids=_named)
def test_selects_studies(found: Find, expected: str, match: Match) -> None:
    assert studies(found("STUDY", match)) == expected


def test_finds_patients_and_counts_what_they_have(found: Find) -> None:
    answers = found("PATIENT", Match("PatientName", F, ("nguyen",)))
    assert [value(one, "PatientID") for one in answers] == ["0003", "0001"]
    counts = [value(answers[1], f"NumberOfPatientRelated{what}") for what in ("Studies", "Series", "Instances")]
    assert counts == [1, 2, 3]
    assert BY_KEYWORD["StudyInstanceUID"].tag not in answers[0].attributes


def test_answers_studies_newest_first_with_what_is_computed(found: Find) -> None:
    answers = found("STUDY")
    assert [value(one, "StudyInstanceUID") for one in answers] == ["3", "2", "1", "4"]
    first = answers[2]
    assert first.attributes["00080061"] == {"vr": "CS", "Value": ["CT", "SR"]}
    assert len(first.attributes["00080062"]["Value"]) == 2  # type: ignore[arg-type]
    assert value(first, "NumberOfStudyRelatedSeries") == 2
    assert value(first, "NumberOfStudyRelatedInstances") == 3
    assert value(first, "InstanceAvailability") == "ONLINE"
    assert value(first, "PatientName") == {"Alphabetic": "Nguyễn^Thị^Ánh"}
    assert value(first, "StudyDate") == "20240101"
    assert first.hospital_code == "bach-mai"
    assert answers[3].attributes["00080020"] == {"vr": "DA"}
    assert value(answers[3], "PatientName") == {
        "Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう",
    }  # fmt: skip
    assert BY_KEYWORD["NumberOfPatientRelatedStudies"].tag not in first.attributes


def test_counts_of_the_patient_on_request(found: Find) -> None:
    answer = found("STUDY", Match("StudyInstanceUID", L, ("1",)), returns=("NumberOfPatientRelatedInstances",))[0]
    assert value(answer, "NumberOfPatientRelatedInstances") == 3


def test_answers_series_in_their_order(found: Find) -> None:
    answers = found("SERIES", Match("StudyInstanceUID", L, ("1",)))
    assert [value(one, "SeriesInstanceUID") for one in answers] == ["1.1", "1.2"]
    assert [value(one, "NumberOfSeriesRelatedInstances") for one in answers] == [2, 1]
    assert value(answers[0], "PatientID") == "0001"
    assert [value(one, "SeriesNumber") for one in answers] == [1, None]
    assert len(found("SERIES", Match("Modality", S, ("CT",)))) == 3
    assert len(found("SERIES", Match("SeriesNumber", S, ("01",)))) == 4
    assert found("SERIES", Match("SeriesNumber", S, ("one",))) == []
    assert len(found("SERIES", Match("SeriesNumber", W, ("?",)))) == 4
    assert len(found("SERIES", Match("SeriesNumber", R, ("0", "3")))) == 4
    assert len(found("SERIES", Match("SeriesDescription", F, ("axi",)))) == 5


def test_answers_instances_in_their_order(found: Find) -> None:
    answers = found("IMAGE", Match("StudyInstanceUID", L, ("1",)))
    assert [value(one, "SOPInstanceUID") for one in answers] == ["1.1.1", "1.1.2", "1.2.1"]
    first = answers[0]
    expected = {"Rows": 512, "Columns": 512, "BitsAllocated": 16, "NumberOfFrames": 1, "InstanceNumber": 1}
    assert {keyword: value(first, keyword) for keyword in expected} == expected
    j2k = found("IMAGE", Match("AvailableTransferSyntaxUID", L, (J2K,)))
    assert [value(one, "SOPInstanceUID") for one in j2k] == ["3.1.1"]
    assert len(found("IMAGE", Match("ImageType", S, ("SECONDARY",)))) == 1
    assert len(found("IMAGE", Match("ImageType", W, ("SEC*",)), Match("InstanceNumber", S, ("2",)))) == 1


@pytest.mark.parametrize(
    ("expected", "items"),
    [
        (1, (Match("ScheduledProcedureStepID", S, ("SPS1",)), Match("RequestedProcedureID", S, ("RP1",)))),
        (0, (Match("ScheduledProcedureStepID", S, ("SPS1",)), Match("RequestedProcedureID", S, ("RP2",)))),
        (1, (Match("ScheduledProcedureStepID", W, ("SPS*",)),)),
        (5, (Match("ScheduledProcedureStepID", S, ("",)),)),
        (5, ()),
    ],
)
def test_matches_inside_one_item_of_a_sequence(found: Find, expected: int, items: tuple[Match, ...]) -> None:
    assert len(found("SERIES", Match("RequestAttributesSequence", Q, (), items))) == expected


def test_keys_are_combined(found: Find) -> None:
    keys = (Match("PatientName", F, ("nguyen",)), Match("StudyDate", R, ("20240102", "")))
    assert studies(found("STUDY", *keys)) == "3"
    assert studies(found("STUDY", *keys, Match("PatientAge", S, ("034Y",)))) == ""


def test_limit_offset_and_cursor_give_the_same_pages(found: Find) -> None:
    for level in Level:
        everything = found(level.value)
        assert [one.attributes for one in found(level.value, offset=1, limit=2)] == [
            one.attributes for one in everything[1:3]
        ]
        paged, after = [], ""
        while page := found(level.value, limit=1, after=after):
            paged += page
            after = page[-1].cursor
        assert paged == everything


@pytest.mark.parametrize("order", ["study_date", "patient_name", "received_at"])
def test_studies_in_other_orders(found: Find, order: str) -> None:
    up = [value(one, "StudyInstanceUID") for one in found("STUDY", order=order)]
    down = [value(one, "StudyInstanceUID") for one in found("STUDY", order=f"-{order}")]
    assert up == down[::-1]
    if order == "patient_name":
        assert up == ["2", "1", "3", "4"]
    for one, following in pairwise(up):
        cursor = next(a.cursor for a in found("STUDY", order=order) if value(a, "StudyInstanceUID") == one)
        assert value(found("STUDY", order=order, after=cursor, limit=1)[0], "StudyInstanceUID") == following


def test_a_scope_sees_its_own_rows_only(found: Find, other_hospital: Hospital) -> None:
    for level in Level:
        assert found(level.value, scope=Scope(frozenset({other_hospital.id}))) == []
        assert found(level.value, scope=Scope(frozenset())) == []


@pytest.mark.parametrize(
    ("level", "match"),
    [
        ("STUDY", Match("Modality", S, ("CT",))),
        ("PATIENT", Match("StudyInstanceUID", L, ("1",))),
        ("STUDY", Match("NoSuchKeyword", S, ("1",))),
        ("STUDY", Match("StudyDate", S, ("yesterday",))),
        ("STUDY", Match("StudyTime", R, ("ten", ""))),
        ("STUDY", Match("StudyDateAndStudyTime", R, ("10:00", ""))),
        ("STUDY", Match("StudyDateAndStudyTime", S, ("20240101",))),
    ],
)
def test_refuses_keys_that_make_no_sense(found: Find, level: str, match: Match) -> None:
    with pytest.raises(InvalidQuery):
        found(level, match)


@pytest.mark.parametrize("at_once", [1, 2, 3, 2000])
def test_names_with_the_marks_typed_come_first_however_they_are_read(
    database: Database, scope: Scope, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(search, "_LAST_PAGE", at_once)
    for typed, expected in (("nguyễn", ["3", "1"]), ("Nguyên", ["3", "1"]), ("án", ["1", "3"]), ("an", ["3", "1"])):
        query = Query(Level.STUDY, scope, (Match("PatientName", F, (typed,)),))
        with database.reading() as db:
            assert [value(one, "StudyInstanceUID") for one in find(db, query)] == expected
            whole = [one.place for one in find(db, query)]
            for skipped in range(len(whole)):
                assert [one.place for one in find(db, replace(query, offset=skipped))] == whole[skipped:]
                assert [one.place for one in find(db, replace(query, limit=skipped + 1))] == whole[: skipped + 1]
            pages, after = [], ""
            for _ in whole:
                (page,) = find(db, replace(query, limit=1, after=after))
                after = page.cursor
                pages.append(page.place)
        assert pages == whole


def test_refuses_orders_and_cursors_that_are_not_ours(found: Find) -> None:
    cursor = found("STUDY", limit=1)[0].cursor
    for question in (
        {"order": "shoe_size"}, {"after": "!"}, {"after": "W10"}, {"after": cursor[:-4]},
        {"after": cursor, "order": "patient_name"},
    ):  # fmt: skip
        with pytest.raises(InvalidQuery):
            found("STUDY", **question)
    with pytest.raises(InvalidQuery):
        found("SERIES", order="study_date")


def test_reads_page_by_page(database: Database) -> None:
    hospital = make_hospital(database, "k", "Bệnh viện K")
    scope = Scope(frozenset({hospital.id}))
    with database.writing() as db:
        instances.add(db, [Made(sop=f"5.{n}", number=n % 7).item(hospital) for n in range(450)])
    with database.reading() as db:
        answers = find(db, Query(Level.IMAGE, scope))
        first = next(answers)
        uids = [value(one, "SOPInstanceUID") for one in (first, *answers)]
        some = list(find(db, Query(Level.IMAGE, scope, (Match("ImageType", S, ("X",)),))))
    assert len(set(uids)) == len(uids) == 450
    assert some == []
