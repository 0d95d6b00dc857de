"""The promises of storing on PostgreSQL and S3, with two processes' worth of archives at the same data."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.index import changes, instances
from storage.model.archive import ALREADY_STORED, CONFLICT, QUARANTINED, STORED
from storage.objects.open import open_store
from tests.pacs.parts import EXPLICIT, IMPLICIT, House, Made, house
from tests.support.s3 import S3Server


@pytest.fixture
def pair(tmp_path: Path, postgres_url: str, s3_server: S3Server) -> Iterator[tuple[House, House]]:
    url = s3_server.url(f"core-{abs(hash(tmp_path.name)) % 10**9}")
    client = s3_server.client()
    bucket = url.split("/")[3].split("?")[0]
    if not client.bucket_exists(bucket):
        client.make_bucket(bucket)
    both = []
    for name in ("one", "two"):
        store = open_store(url, s3_server.access_key, s3_server.secret_key, "us-east-1")
        both.append(house(tmp_path / name, objects=store, index_url=postgres_url))
    yield both[0], both[1]
    for one in both:
        one.archive.close()


def test_two_processes_store_into_the_same_studies(pair: tuple[House, House]) -> None:
    def put(number: int) -> str:
        made = Made(sop=f"1.2.{number % 40}", number=number % 40, syntax=EXPLICIT if number < 80 else IMPLICIT)
        return pair[number % 2].put(made.part10()).kind

    with ThreadPoolExecutor(16) as pool:
        kinds = Counter(pool.map(put, range(120)))
    assert kinds == {STORED: 40, ALREADY_STORED: 80}
    found = pair[0].archive.instances(pair[0].scope, "1.2.3")
    assert len(found) == 40
    assert all(pair[1].archive.frame(one, 1).data == bytes(range(32)) for one in found[:5])
    with pair[0].archive.database.reading() as db:
        sequences = [change.sequence for change in changes.after(db, 0)]
        assert len(sequences) == 40
        (series,) = instances.series_of(db, pair[0].scope, "1.2.3")
    assert series.instances == 40
    assert pair[0].spooled() == pair[1].spooled() == []


def test_conflict_and_quarantine(pair: tuple[House, House]) -> None:
    gate = threading.Barrier(2)

    def put(which: int) -> str:
        gate.wait()
        return pair[which].put(Made(pixels=bytes([which]) * 32).part10()).kind

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(put, range(2))) == sorted([STORED, CONFLICT])
    assert pair[0].put(b"not DICOM at all").kind == QUARANTINED
    assert pair[1].put(Made(name="Nguyễn\0Ánh", sop="1.2.9").part10()).kind == STORED
