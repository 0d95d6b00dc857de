"""Matching keys of C-FIND and QIDO-RS: what they select, and which make no sense."""

import io

import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from pacs import query
from pacs.query import Model
from storage.errors import InvalidQuery
from storage.model.archive import Scope
from storage.model.query import Level, Match, Matching, Query
from tests.pacs.parts import House, Made, element

SCOPE = Scope(frozenset({1}))


def identifier(level: str = "STUDY", /, **keys: object) -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("key", "match"),
    [
        ({"PatientID": "BN1"}, Match("PatientID", Matching.SINGLE, ("BN1",))),
        ({"PatientID": "BN*"}, Match("PatientID", Matching.WILDCARD, ("BN*",))),
        ({"AccessionNumber": "A?1"}, Match("AccessionNumber", Matching.WILDCARD, ("A?1",))),
        ({"PatientName": "Nguyễn*"}, Match("PatientName", Matching.WILDCARD, ("Nguyễn*",))),
        ({"StudyDate": "20240101"}, Match("StudyDate", Matching.SINGLE, ("20240101",))),
        ({"StudyDate": "20240101-20240131"}, Match("StudyDate", Matching.RANGE, ("20240101", "20240131"))),
        ({"StudyDate": "-20240131"}, Match("StudyDate", Matching.RANGE, ("", "20240131"))),
        ({"StudyDate": "20240101-"}, Match("StudyDate", Matching.RANGE, ("20240101", ""))),
        ({"StudyTime": "1015-1230"}, Match("StudyTime", Matching.RANGE, ("1015", "1230"))),
        ({"StudyInstanceUID": "1.2"}, Match("StudyInstanceUID", Matching.SINGLE, ("1.2",))),
        ({"StudyInstanceUID": ["1.2", "1.3"]}, Match("StudyInstanceUID", Matching.UID_LIST, ("1.2", "1.3"))),
        ({"ModalitiesInStudy": "CT"}, Match("ModalitiesInStudy", Matching.SINGLE, ("CT",))),
        ({"ModalitiesInStudy": ["CT", "MR"]}, Match("ModalitiesInStudy", Matching.SINGLE, ("CT", "MR"))),
        ({"Modality": "CT"}, Match("ModalitiesInStudy", Matching.SINGLE, ("CT",))),
    ],
)
def test_each_kind_of_matching(key: dict[str, object], match: Match) -> None:
    assert query.study_query(SCOPE, identifier(**key)).matches == (match,)


@pytest.mark.parametrize("value", ["", None, "*", "**", " "])
def test_universal_matching_selects_everything(value: object) -> None:
    found = query.study_query(SCOPE, identifier(PatientName=value, StudyDate="", StudyInstanceUID=""))
    assert found.matches == ()
    assert set(found.returns) == {"PatientName", "StudyDate", "StudyInstanceUID"}


def test_a_key_has_an_end() -> None:
    with pytest.raises(InvalidQuery, match="longer than"):
        query.study_query(Scope(frozenset({1})), identifier(PatientName="*a" * 1000))


def test_sequence_matching_needs_all_keys_in_one_item() -> None:
    request = Dataset()
    request.RequestedProcedureID = "P1"
    request.ScheduledProcedureStepID = ""
    asked = identifier("SERIES", RequestAttributesSequence=[request])
    found = query.study_query(SCOPE, asked, relational=True).matches
    inside = Match("RequestedProcedureID", Matching.SINGLE, ("P1",))
    assert found == (Match("RequestAttributesSequence", Matching.SEQUENCE, items=(inside,)),)
    with pytest.raises(InvalidQuery):
        query.study_query(SCOPE, identifier("SERIES", RequestAttributesSequence=[request, request]), relational=True)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyDate", "yesterday"),
        ("StudyDate", "2024-01-01"),
        ("StudyTime", "9am"),
        ("StudyInstanceUID", "1.2*"),
        ("StudyInstanceUID", "x"),
        ("PatientBirthDate", "19991"),
    ],
)
def test_values_that_make_no_sense(keyword: str, value: str) -> None:
    data = element(0x00080052, "CS", "STUDY") + _encoded(keyword, value)
    with pytest.raises(InvalidQuery) as caught:
        query.study_query(SCOPE, read_dataset(io.BytesIO(data), False, True))
    assert value not in str(caught.value), "a value may be patient data"


def _encoded(keyword: str, value: str) -> bytes:
    places = {
        "StudyDate": (0x00080020, "DA"), "StudyTime": (0x00080030, "TM"), "StudyInstanceUID": (0x0020000D, "UI"),
        "PatientBirthDate": (0x00100030, "DA"),
    }  # fmt: skip
    return element(*places[keyword], value)


@pytest.mark.parametrize(
    ("level", "model", "keys"),
    [
        ("SERIES", "STUDY", {}),
        ("SERIES", "STUDY", {"StudyInstanceUID": ["1.2", "1.3"]}),
        ("IMAGE", "STUDY", {"StudyInstanceUID": "1.2"}),
        ("IMAGE", "STUDY", {"SeriesInstanceUID": "1.2"}),
        ("STUDY", "PATIENT", {}),
        ("STUDY", "PATIENT", {"PatientID": "BN*"}),
        ("SERIES", "PATIENT", {"PatientID": "1"}),
    ],
)
def test_the_levels_above_are_named(level: str, model: Model, keys: dict[str, object]) -> None:
    with pytest.raises(InvalidQuery, match="needs one"):
        query.study_query(SCOPE, identifier(level, **keys), model)
    query.study_query(SCOPE, identifier(level, **keys), model, relational=True)


def test_hierarchical_queries() -> None:
    keys = {"PatientID": "1", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3"}
    assert len(query.study_query(SCOPE, identifier("IMAGE", **keys), "PATIENT").matches) == 3
    assert query.study_query(SCOPE, identifier("PATIENT"), "PATIENT").level is Level.PATIENT


@pytest.mark.parametrize(("level", "model"), [("PATIENT", "STUDY"), ("", "STUDY"), ("FRAME", "PATIENT")])
def test_levels_that_are_none(level: str, model: Model) -> None:
    with pytest.raises(InvalidQuery):
        query.study_query(SCOPE, identifier(level), model)


def test_a_range_without_ends_selects_everything() -> None:
    assert query.study_query(SCOPE, identifier(StudyDate="-", StudyTime="-")).matches == ()


def test_keys_we_cannot_match_are_not_matched_and_those_we_do_not_know_not_answered() -> None:
    keys = {"SliceThickness": "5", "SOPInstanceUID": "1.2", "NumberOfStudyRelatedInstances": "3"}
    found = query.study_query(SCOPE, identifier(**keys))
    assert found.matches == ()
    assert found.returns == ("NumberOfStudyRelatedInstances",)
    assert query.not_supported(identifier(**keys), Level.STUDY)
    assert not query.not_supported(identifier(NumberOfStudyRelatedInstances="", Modality="CT"), Level.STUDY)
    assert set(query.unsupported(keys, Level.STUDY)) == set(keys)


DAYS, HOURS = "20260101-20260103", "23:00-01"


def test_date_and_time_become_one_moment_when_both_are_ranges_with_the_same_ends() -> None:
    both = identifier(StudyDate=DAYS, StudyTime=HOURS)
    [moment] = query.study_query(SCOPE, both, combined=True).matches
    assert moment == Match("StudyDateAndStudyTime", Matching.RANGE, ("202601012300", "2026010301"))
    assert len(query.study_query(SCOPE, both).matches) == 2
    assert len(query.study_query(SCOPE, identifier(StudyDate="20260101-", StudyTime=HOURS), combined=True).matches) == 2
    assert len(query.study_query(SCOPE, identifier(StudyDate=DAYS, StudyTime="10"), combined=True).matches) == 2
    [asked] = query.qido_query(SCOPE, Level.STUDY, [("StudyDate", DAYS), ("StudyTime", HOURS)]).matches
    assert asked == moment


def test_moments_have_the_time_zone_of_the_identifier() -> None:
    keys = {"StudyDate": "20260101", "StudyTime": "2300", "TimezoneOffsetFromUTC": "+0900"}
    [moment] = query.study_query(SCOPE, identifier(**keys), timezone=True).matches
    assert moment.values == ("202601012300+0900",) * 2
    with pytest.raises(InvalidQuery):
        query.study_query(SCOPE, identifier(**{**keys, "TimezoneOffsetFromUTC": "Hanoi"}), timezone=True)


def test_included_paths_stay_paths() -> None:
    asked = [("includefield", "00400275.00400009,RequestAttributesSequence.Nonsense,PatientAge")]
    returns = query.qido_query(SCOPE, Level.SERIES, asked, {"StudyInstanceUID": "1.2"}).returns
    assert returns == ("RequestAttributesSequence.ScheduledProcedureStepID", "PatientAge")


def test_fuzzy_matching_of_names_when_negotiated() -> None:
    found = query.study_query(SCOPE, identifier(PatientName="anh nguyen"), fuzzy=True)
    assert found.matches == (Match("PatientName", Matching.FUZZY, ("anh nguyen",)),)


def test_names_of_keys_are_read_by_their_character_set() -> None:
    data = (
        element(0x00080005, "CS", "ISO_IR 192")
        + element(0x00080052, "CS", "STUDY")
        + element(0x00100010, "PN", "Nguye\u0302\u0303n^Ánh")
    )
    found = query.study_query(SCOPE, read_dataset(io.BytesIO(data), False, True))
    assert found.matches == (Match("PatientName", Matching.SINGLE, ("Nguyễn^Ánh",)),)


def qido(level: Level, *arguments: tuple[str, str], **path: str) -> Query:
    return query.qido_query(SCOPE, level, arguments, path)


def test_qido_keys_are_keywords_or_tags() -> None:
    for name in ("PatientID", "00100020"):
        assert qido(Level.STUDY, (name, "BN1")).matches == (Match("PatientID", Matching.SINGLE, ("BN1",)),)


def test_qido_lists() -> None:
    found = qido(
        Level.STUDY, ("StudyInstanceUID", "1.2,1.3\\1.4"), ("ModalitiesInStudy", "CT"), ("ModalitiesInStudy", "MR")
    )
    assert found.matches == (
        Match("StudyInstanceUID", Matching.UID_LIST, ("1.2", "1.3", "1.4")),
        Match("ModalitiesInStudy", Matching.SINGLE, ("CT", "MR")),
    )


def test_qido_attributes_inside_sequences() -> None:
    found = qido(Level.SERIES, ("RequestAttributesSequence.RequestedProcedureID", "P"), ("00400275.00400009", "S"))
    inner = (
        Match("RequestedProcedureID", Matching.SINGLE, ("P",)),
        Match("ScheduledProcedureStepID", Matching.SINGLE, ("S",)),
    )
    assert found.matches == (Match("RequestAttributesSequence", Matching.SEQUENCE, items=inner),)


def test_qido_paging_and_fuzzy() -> None:
    found = qido(Level.STUDY, ("limit", "10"), ("offset", "20"), ("fuzzymatching", "true"), ("PatientName", "anh"))
    assert (found.limit, found.offset) == (10, 20)
    assert found.matches[0].matching is Matching.FUZZY


def test_qido_includefield() -> None:
    found = qido(Level.STUDY, ("includefield", "00081030,Nonsense"), ("includefield", "PatientComments"))
    assert found.returns == ("StudyDescription", "PatientComments")
    assert qido(Level.STUDY, ("includefield", "all")).returns == ("all",)


def test_qido_below_a_study() -> None:
    found = qido(Level.SERIES, ("Modality", "CT"), StudyInstanceUID="1.2")
    assert found.matches == (
        Match("StudyInstanceUID", Matching.SINGLE, ("1.2",)),
        Match("Modality", Matching.SINGLE, ("CT",)),
    )
    assert "PatientName" not in found.returns
    assert "PatientName" in qido(Level.SERIES).returns


@pytest.mark.parametrize(
    "argument",
    [
        ("limit", "-1"),
        ("limit", "many"),
        ("offset", "1e3"),
        ("fuzzymatching", "perhaps"),
        ("PatientNam", "x"),
        ("StudyDate", "2024-01-01"),
        ("StudyInstanceUID", "../etc"),
        ("RequestAttributesSequence", "x"),
    ],
)
def test_qido_parameters_that_make_no_sense(argument: tuple[str, str]) -> None:
    with pytest.raises(InvalidQuery):
        qido(Level.SERIES, argument)


@pytest.mark.parametrize("argument", [("accept", "application/dicom+json"), ("_", "17"), ("PatientName", "")])
def test_qido_parameters_that_select_nothing_out(argument: tuple[str, str]) -> None:
    assert qido(Level.STUDY, argument).matches == ()


@pytest.mark.parametrize(
    ("key", "value", "count"),
    [
        ("PatientName", "nguyen^thi^anh", 1),
        ("PatientName", "NGUYEN*", 1),
        ("PatientName", "Nguyễn^Thị^Ánh", 1),
        ("PatientName", "tran*", 1),
        ("PatientID", "BN00?", 2),
        ("StudyDate", "20240305-20240306", 2),
        ("StudyDate", "-20240304", 0),
        ("ModalitiesInStudy", "MR", 1),
        ("StudyDescription", "*não", 2),
        ("StudyInstanceUID", "1.2.9,1.2.4", 1),
    ],
)
def test_keys_select_what_is_stored(here: House, key: str, value: str, count: int) -> None:
    here.put(Made().part10())
    here.put(
        Made(
            study="1.2.4", series="1.2.4.1", sop="1.2.4.1.1", name="Trần^Văn^Đức", patient_id="BN002", modality="MR"
        ).part10()
    )
    found = list(here.archive.find(query.qido_query(here.scope, Level.STUDY, [(key, value)])))
    assert len(found) == count


def test_invalid_queries_are_said_before_the_first_answer(here: House) -> None:
    wrong = Query(Level.STUDY, here.scope, (Match("InstanceNumber", Matching.SINGLE, ("1",)),))
    with pytest.raises(InvalidQuery):
        here.archive.find(wrong)
