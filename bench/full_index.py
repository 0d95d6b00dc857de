"""Fills an index with instances that never were, to see how a large archive behaves.

    python -m bench.full_index --url sqlite:////path/index.sqlite --instances 1000000

Ten series of a hundred instances to a study. Rows only: there are no objects behind them.
"""

import argparse
import hashlib
import time
from collections.abc import Iterator

from pacs import receipts
from storage.index import changes, hospitals, instances
from storage.index.database import Database
from storage.model.archive import (
    Description,
    InstanceFacts,
    Origin,
    PatientFacts,
    SeriesFacts,
    StoredObject,
    StudyFacts,
)
from storage.model.text import fold

BATCH = 2000
_SERIES, _SLICES = 10, 100
_CT, _EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
_NAMES = ("Nguyễn^Văn^An", "Trần^Thị^Bình", "Lê^Văn^Cường", "Phạm^Thị^Dung", "Hoàng^Văn^Đức", "Vũ^Thị^Hạnh")

Item = tuple[Description, StoredObject, Origin]


def fill(url: str, count: int) -> float:
    """Add `count` instances; how many a second."""
    database = Database(url)
    database.migrate()
    with database.writing() as db:
        own = next(iter(hospitals.all(db)), None) or hospitals.ensure(db, "main", "Bench")
    origin = Origin(own.id, own.code, "import", "bench")
    began, batch = time.perf_counter(), []
    for item in _made(count, origin):
        batch.append(item)
        if len(batch) == BATCH:
            _write(database, batch)
    _write(database, batch)
    with database.writing() as db:
        changes.set_cursor(db, "jobs", changes.last(db))  # nothing follows: there are no objects to summarise
    receipts.forget(database)  # an archive that has grown has written them long ago
    database.close()
    return count / (time.perf_counter() - began)


def _write(database: Database, batch: list[Item]) -> None:
    if batch:
        with database.writing() as db:
            instances.add(db, batch)
        batch.clear()


def _made(count: int, origin: Origin) -> Iterator[Item]:
    for number in range(count):
        series_number, slice_number = divmod(number, _SLICES)
        study_number = series_number // _SERIES
        if slice_number == 0:
            patient, study = _patient(study_number), _study(study_number)
            series = SeriesFacts(
                f"2.25.8{series_number:030d}", "CT", series_number % _SERIES, "1.0 mm", "CHEST", "", "{}"
            )
        sha256 = hashlib.sha256(str(number).encode()).hexdigest()
        key = f"{origin.hospital_code}/o/{sha256[:2]}/{sha256}"
        facts = InstanceFacts(
            f"2.25.7{number:030d}", _CT, _EXPLICIT, slice_number, 512, 512, 16, 1, 386, 2000, 524288, 524288, (),
            '{"00080008":{"vr":"CS","Value":["ORIGINAL","PRIMARY","AXIAL"]}}',
        )  # fmt: skip
        stored = StoredObject(key, 526288, sha256, 1_700_000_000_000 + number)
        yield Description(patient, study, series, facts), stored, origin


def _patient(number: int) -> PatientFacts:
    name = _NAMES[number % len(_NAMES)]
    return PatientFacts(f"BN{number // 3:08d}", "", name, fold(name), 19700101, "O", "{}")


def _study(number: int) -> StudyFacts:
    day = 20200101 + number % 28 + number // 28 % 12 * 100
    text = "CT ngực"
    return StudyFacts(
        f"2.25.9{number:030d}", str(number), day, "080000", f"A{number:08d}", "", text, fold(text), "", "", "", "{}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="of the index, as in the configuration")
    parser.add_argument("--instances", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print(f"{fill(arguments.url, arguments.instances):,.0f} instances/s")


if __name__ == "__main__":
    main()
