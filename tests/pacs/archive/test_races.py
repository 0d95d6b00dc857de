"""Two contents of one SOP Instance UID, sent by eight at once: both kept, one shown, one conflict, nothing silent."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.index import instances
from storage.model.archive import ALREADY_STORED, CONFLICT, STORED
from tests.pacs.parts import House, Made, house
from tests.storage.index.conftest import ENGINES, fresh_url

PAIRS = {"sqlite": 100, "postgresql": 10}


@pytest.fixture(params=ENGINES)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[House, int]]:
    """An archive on each engine, and how many pairs it is given."""
    with fresh_url(request, tmp_path) as url:
        made = house(tmp_path, index_url=url)
        yield made, PAIRS[request.param]
        made.archive.close()


def _pair(number: int) -> tuple[Made, Made]:
    one = Made(sop=f"1.2.3.1.{number}", series=f"1.2.3.{number % 5}", pixels=bytes([number]) * 32)
    return one, Made(sop=one.sop, series=one.series, pixels=bytes([number]) * 30 + b"\xff\xff")


def test_pairs_raced_by_eight(there: tuple[House, int]) -> None:
    here, pairs = there
    sent = [(number, side) for number in range(pairs) for side in (0, 1, 0, 1, 0, 1, 0, 1)]
    with ThreadPoolExecutor(8) as pool:
        kinds = list(pool.map(lambda one: here.put(_pair(one[0])[one[1]].part10()).kind, sent))
    assert Counter(kinds)[STORED] == pairs
    assert set(kinds) == {STORED, ALREADY_STORED, CONFLICT}
    with here.archive.database.reading() as db:
        found = {entry.sop_instance_uid: entry for entry in instances.conflicts(db, here.scope)}
        assert instances.study(db, here.scope, "1.2.3").conflicts == pairs
    assert len(found) == pairs
    for number in range(pairs):
        one, other = (made.part10() for made in _pair(number))
        entry = found[f"1.2.3.1.{number}"]
        shown = here.archive.bytes_of(here.instance(_pair(number)[0]))
        assert {shown, here.archive.objects.get(entry.object_key)} == {one, other}
        assert entry.kept_sha256 == hashlib.sha256(shown).hexdigest()
    assert sum(1 for stored in here.archive.objects.keys("main/o/")) == 2 * pairs
    assert here.spooled() == []
