"""Queries that no index serves: how far they go, what they say when they end early, and what marks come first."""

import unicodedata
from collections.abc import Iterator

import pytest

from storage.index import instances
from storage.index.database import Database
from storage.index.effort import Effort
from storage.index.search import find, worklist
from storage.model.archive import Scope
from storage.model.query import Found, Level, Match, Matching, Query
from storage.model.worklist import WorklistFilter
from tests.storage.index.conftest import ENGINES, fresh_url, make_hospital
from tests.storage.index.made import Made

STUDIES = 1500
NAMES = ("Nguyễn^Thị^Ánh", "NGUYEN^THI^ANH", "Nguyễn^Thị^Anh", "Trần^Văn^Hòa", "Trần^Văn^Hoà", "NGUYỄN^THỊ^ÁNH")


@pytest.fixture(scope="module", params=ENGINES)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """1500 studies, one a minute; the oldest has another age than all others. 6 patients with much the same name."""
    with fresh_url(request, tmp_path_factory.mktemp("effort")) as url:
        made = Database(url)
        hospital = make_hospital(made, "main", "Bệnh viện")
        items = [
            Made(
                study=f"1.{n}", series=f"1.{n}.1", sop=f"1.{n}.1.1", patient_id=f"P{n}", name="Lê^Văn^X",
                accession=f"N{n}", study_date=20200101 + n % 28, study_time=f"{n:06d}",
                study_attributes={"00101010": {"vr": "AS", "Value": ["034Y" if n else "099Y"]}},
            ).item(hospital)
            for n in range(STUDIES)
        ]  # fmt: skip
        items += [
            Made(
                study=f"2.{n}", series=f"2.{n}.1", sop=f"2.{n}.1.1", patient_id=f"Q{n}", accession=f"M{n}",
                name=name if n % 2 else unicodedata.normalize("NFD", name), study_date=20190101 + n,
            ).item(hospital)
            for n, name in enumerate(NAMES)
        ]  # fmt: skip
        with made.writing() as db:
            instances.add(db, items)
        yield made
        made.close()


def ask(database: Database, effort: Effort | None, *matches: Match, limit: int | None = None) -> list[Found]:
    with database.reading() as db:
        return list(find(db, Query(Level.STUDY, Scope(frozenset({1})), matches, limit=limit), effort))


AGE = Match("PatientAge", Matching.SINGLE, ("099Y",))


def test_a_key_without_an_index_is_asked_of_so_many_rows(database: Database) -> None:
    effort = Effort(rows=1000)
    assert ask(database, effort, AGE) == []
    assert effort.why.startswith("only the newest")
    patient = Effort(rows=10_000)
    assert len(ask(database, patient, AGE)) == 1
    assert patient.why == ""


def test_a_description_is_such_a_key_and_a_date_bounds_it(database: Database) -> None:
    effort = Effort(rows=500)
    nothing = Match("StudyDescription", Matching.WILDCARD, ("*xyz*",))
    assert ask(database, effort, nothing) == []
    assert effort.why
    bounded = Effort(rows=500)
    assert ask(database, bounded, nothing, Match("StudyDate", Matching.SINGLE, ("20200105",))) == []
    assert bounded.why == ""


def test_time_is_bounded_and_the_caller_can_end_it(database: Database) -> None:
    hurried = Effort(seconds=0.0)
    assert ask(database, hurried, AGE) == []
    assert hurried.why.startswith("the search took")
    asked: list[int] = []

    def still() -> bool:
        asked.append(1)
        return len(asked) < 2

    cancelled = Effort(goes_on=still)
    assert ask(database, cancelled, AGE) == []
    assert (len(asked), cancelled.why) == (2, "")


def test_answers_are_bounded_unless_a_key_selects(database: Database) -> None:
    effort = Effort(answers=200)
    assert len(ask(database, effort)) == 200
    assert effort.why.startswith("more than 200")
    uids = Match("StudyInstanceUID", Matching.UID_LIST, tuple(f"1.{n}" for n in range(300)))
    selected = Effort(answers=200)
    assert len(ask(database, selected, uids)) == 300
    assert selected.why == ""
    exact = Effort(answers=len(NAMES) + STUDIES)
    assert len(ask(database, exact)) == len(NAMES) + STUDIES
    assert exact.why == ""


def names(found: list[Found]) -> list[str]:
    return [one.attributes["00100010"]["Value"][0]["Alphabetic"] for one in found]  # type: ignore[index]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "match",
    [
        Match("PatientName", Matching.FUZZY, ("nguyễn thị ánh",)),
        Match("PatientName", Matching.SINGLE, ("Nguyễn^Thị^Ánh",)),
        Match("PatientName", Matching.WILDCARD, ("NGUYỄN^THỊ^ÁNH*",)),
    ],
    ids=lambda match: match.matching.name,
)
def test_typed_marks_come_first_and_filter_nothing(database: Database, match: Match, form: str) -> None:
    typed = Match(match.keyword, match.matching, (unicodedata.normalize(form, match.values[0]),))  # type: ignore[arg-type]
    found = names(ask(database, None, typed))
    assert {name.upper() for name in found[:2]} == {"NGUYỄN^THỊ^ÁNH"}
    assert set(found[2:]) == {"NGUYEN^THI^ANH", "Nguyễn^Thị^Anh"}
    plain = Match("PatientName", Matching.FUZZY, ("nguyen thi anh",))
    assert len(ask(database, None, plain)) == 4
    first = ask(database, None, typed, limit=3)
    assert names(first) == found[:3]
    with database.reading() as db:
        rest = list(find(db, Query(Level.STUDY, Scope(frozenset({1})), (typed,), after=first[2].cursor)))
    assert names(rest) == found[3:]


def test_a_tone_may_stand_here_or_there(database: Database) -> None:
    for typed in ("hòa", "hoà"):
        assert len(ask(database, None, Match("PatientName", Matching.FUZZY, (typed,)), limit=2)) == 2


def test_the_worklist_ranks_alike(database: Database) -> None:
    with database.reading() as db:
        pages, after = [], ""
        while True:
            page = worklist(db, Scope(frozenset({1})), WorklistFilter(search="ánh thị", limit=1, after=after))
            pages += [study.patient.name for study in page.studies]
            assert page.total == 4
            after = page.next
            if not after:
                break
    assert len(pages) == 4
    assert {name.upper() for name in pages[:2]} == {"NGUYỄN^THỊ^ÁNH"}
