"""Pages of the worklist."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storage.errors import InvalidQuery
from storage.index import hospitals, instances
from storage.index.database import Database
from storage.index.search import worklist
from storage.model.archive import Hospital, Scope
from storage.model.worklist import COUNT_CAP, WorklistFilter, WorklistPage
from tests.storage.index.conftest import ENGINES, fresh_url, make_hospital
from tests.storage.index.made import MR, STORED_AT, Made

Page = Callable[..., WorklistPage]

STUDIES = (
    Made(study="1", patient_id="BN0001", name="Nguyễn^Thị^Ánh", study_date=20240101, stored_at=STORED_AT + 3),
    Made(study="2", patient_id="BN0002", name="Đặng^Văn^Đức", study_date=20240103, stored_at=STORED_AT + 1,
         accession="MR.77", study_description="MR khớp gối", modality="MR", sop_class=MR),
    Made(study="3", patient_id="BN0003", name="Nguyễn^Văn^An", study_date=None, stored_at=STORED_AT + 2),
)  # fmt: skip


@pytest.fixture(scope="module", params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One index for all tests of this module: they only ask."""
    with fresh_url(request, tmp_path_factory.mktemp("worklist")) as made:
        yield made


@pytest.fixture(scope="module")
def database(url: str) -> Iterator[Database]:
    """It has three studies of one hospital and one of another."""
    made = Database(url)
    here = make_hospital(made, "bach-mai", "Bệnh viện Bạch Mai")
    there = make_hospital(made, "viet-duc", "Bệnh viện Việt Đức")
    items = [(one, here) for one in STUDIES] + [(Made(study="4", name="Lê^Tám", content="4"), there)]
    with made.writing() as db:
        for one, where in items:
            one.series, one.sop = f"{one.study}.1", f"{one.study}.1.1"
            instances.add(db, [one.item(where)])
        instances.set_status(db, hospitals.everywhere(db), "2", "read")
    yield made
    made.close()


@pytest.fixture
def page(database: Database) -> Iterator[Page]:
    """Asks for a page."""
    with database.reading() as db:
        everywhere = hospitals.everywhere(db)

        def ask(scope: Scope = everywhere, **wanted: Any) -> WorklistPage:
            return worklist(db, scope, WorklistFilter(**wanted))

        yield ask


def uids(page: WorklistPage) -> str:
    return "".join(study.facts.study_instance_uid for study in page.studies)


@pytest.mark.parametrize(
    ("expected", "wanted"),
    [
        ("1324", {}),
        ("4231", {"sort": "received_at"}),
        ("4213", {"sort": "-study_date"}),
        ("2413", {"sort": "patient_name"}),
        ("13", {"search": "nguyen"}),
        ("1", {"search": "ánh NGUY"}),
        ("3", {"search": "an nguyen van"}),
        ("2", {"search": "duc"}),
        ("2", {"search": "mr 77"}),
        ("2", {"search": "khop MR"}),
        ("1", {"search": "bn0001"}),
        ("132", {"search": "bn000"}),
        ("2", {"search": "bn0002 dang goi"}),
        ("", {"search": "bn0002 nguyen"}),
        ("1324", {"search": " ^ "}),
        ("2", {"date_from": 20240102, "date_to": 20240104}),
        ("1", {"date_to": 20240102}),
        ("2", {"modalities": ("MR", "US")}),
        ("2", {"statuses": ("read",)}),
        ("134", {"statuses": ("unread", "reading")}),
        ("4", {"hospital_codes": ("viet-duc",)}),
        ("1", {"modalities": ("CT",), "date_from": 20240101, "search": "anh"}),
    ],
)
def test_filters_and_sorts(page: Page, expected: str, wanted: dict[str, Any]) -> None:
    got = page(**wanted)
    assert uids(got) == expected
    assert got.total == len(expected)
    assert got.next == ""


@pytest.mark.parametrize("sort", ["received_at", "-received_at", "study_date", "-study_date", "patient_name"])
def test_pages_follow_each_other(page: Page, sort: str) -> None:
    whole, after, pages = uids(page(sort=sort)), "", ""
    while True:
        one = page(sort=sort, limit=1, after=after)
        pages += uids(one)
        after = one.next
        assert one.total == 4
        if not after:
            break
    assert pages == whole


def test_facets_count_the_other_choices(page: Page) -> None:
    everything = page()
    assert everything.facets.modality == {"CT": 3, "MR": 1}
    assert everything.facets.status == {"read": 1, "unread": 3}
    assert everything.facets.hospital == {"bach-mai": 3, "viet-duc": 1}
    one = page(modalities=("MR",))
    assert one.facets.modality == {"CT": 3, "MR": 1}
    assert one.facets.status == {"read": 1}
    assert one.total == 1
    assert page(with_facets=False).total == -1


def test_a_scope_sees_its_own_rows_only(page: Page, other_hospital: Hospital) -> None:
    theirs = page(Scope(frozenset({other_hospital.id})))
    assert (uids(theirs), theirs.total, theirs.facets.hospital) == ("4", 1, {"viet-duc": 1})
    assert theirs.studies[0].hospital_name == "Bệnh viện Việt Đức"
    nobody = page(Scope(frozenset()))
    assert (nobody.studies, nobody.total) == ((), 0)


def test_refuses_what_makes_no_sense(page: Page) -> None:
    for wanted in ({"sort": "colour"}, {"after": "?"}, {"sort": "study_date", "after": page(limit=1).next}):
        with pytest.raises(InvalidQuery):
            page(**wanted)


def test_the_cap_is_what_the_documents_say() -> None:
    assert COUNT_CAP == 10_000
