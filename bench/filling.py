"""Fill an index with studies that have no objects, as fast as the index takes them: for measuring queries.

    python -m bench.filling sqlite:////tmp/big/index.sqlite 100000

Two studies of three belong to a patient who was there before; there are about thirty studies to a day, however many in
all, so that a question by day has as many answers in a large archive as in a small one.
"""

import hashlib
import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from bench.population import Person, people
from pacs import receipts
from storage.index import changes, hospitals, instances
from storage.index.database import Database
from storage.model.archive import (
    Description,
    Hospital,
    InstanceFacts,
    Origin,
    PatientFacts,
    SeriesFacts,
    StoredObject,
    StudyFacts,
)
from storage.model.text import fold

ROOT = "1.2.826.0.1.3680043.9.7777"
_MODALITIES = {
    "DX": ("1.2.840.10008.5.1.4.1.1.1.1", "X-quang ngực thẳng"),
    "CT": ("1.2.840.10008.5.1.4.1.1.2", "CT sọ não không tiêm thuốc"),
    "MR": ("1.2.840.10008.5.1.4.1.1.4", "MRI cột sống thắt lưng"),
    "US": ("1.2.840.10008.5.1.4.1.1.6.1", "Siêu âm ổ bụng"),
}
_BATCH = 2000
_LAST_DAY = date(2026, 11, 20)
_NEW_PATIENT = 1 / 3
A_DAY = 30  # studies

Item = tuple[Description, StoredObject, Origin]


def fill(database: Database, studies: int, seed: int = 1, *, revisits: bool = True) -> float:
    """Add so many studies of one instance each to the first hospital; the seconds it took. Nothing follows: there are
    no objects to summarise."""
    with database.writing() as db:
        hospital = hospitals.ensure(db, "main", "Bệnh viện")
    began = time.perf_counter()
    batch: list[Item] = []
    for item in items(hospital, studies, seed, revisits=revisits):
        batch.append(item)
        if len(batch) == _BATCH:
            _add(database, batch)
            batch = []
    if batch:
        _add(database, batch)
    with database.writing() as db:
        changes.set_cursor(db, "jobs", changes.last(db))
    receipts.forget(database)
    return time.perf_counter() - began


class Visit(NamedTuple):
    """One study, in short."""

    number: int
    person: Person
    modality: str
    study_date: int
    study_time: str


def items(hospital: Hospital, studies: int, seed: int = 1, *, revisits: bool = True) -> Iterator[Item]:
    """The instances, one for each study; without `revisits` every study is another patient's."""
    for visit in visits(studies, seed, revisits=revisits):
        yield _item(hospital, visit)


def visits(studies: int, seed: int = 1, *, revisits: bool = True) -> Iterator[Visit]:
    """The same studies, without all that an instance has."""
    drawn = random.Random(seed)
    population = people(studies, seed)
    known: list[Person] = []
    for number in range(studies):
        if not revisits or not known or drawn.random() < _NEW_PATIENT:
            known.append(next(population))
            person = known[-1]
        else:
            person = drawn.choice(known)
        modality = drawn.choices(tuple(_MODALITIES), (50, 20, 8, 22))[0]
        day = _LAST_DAY - timedelta(days=int(drawn.random() * max(1, studies // A_DAY)))
        clock = f"{drawn.randrange(24):02d}{drawn.randrange(60):02d}{drawn.randrange(60):02d}"
        yield Visit(number, person, modality, day.year * 10_000 + day.month * 100 + day.day, clock)


def _item(hospital: Hospital, visit: Visit) -> Item:
    number, person, modality, study_date, clock = visit
    sop_class, description = _MODALITIES[modality]
    study, series, sop = (f"{ROOT}.{number + 1}{tail}" for tail in ("", ".1", ".1.1"))
    own = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": person.name}]},
        "00100020": {"vr": "LO", "Value": [person.patient_id]},
        "00100030": {"vr": "DA", "Value": [str(person.birth_date)]},
        "00100040": {"vr": "CS", "Value": [person.sex]},
    }
    of_study = {
        "0020000D": {"vr": "UI", "Value": [study]},
        "00080020": {"vr": "DA", "Value": [str(study_date)]},
        "00080030": {"vr": "TM", "Value": [clock]},
        "00080050": {"vr": "SH", "Value": [f"A{number:07d}"]},
        "00081030": {"vr": "LO", "Value": [description]},
        "00080090": {"vr": "PN", "Value": [{"Alphabetic": "Trần^Văn Đức"}]},
        "00200010": {"vr": "SH", "Value": [str(number)]},
    }
    of_series = {
        "0020000E": {"vr": "UI", "Value": [series]},
        "00080060": {"vr": "CS", "Value": [modality]},
        "00200011": {"vr": "IS", "Value": [1]},
    }
    described = Description(
        PatientFacts(
            person.patient_id, "", person.name, fold(person.name), person.birth_date, person.sex, _text(own)
        ),
        StudyFacts(
            study, str(number), study_date, clock, f"A{number:07d}", "", description, fold(description),
            "Trần^Văn Đức", "tran van duc", "Bệnh viện", _text(of_study),
        ),
        SeriesFacts(series, modality, 1, "", "", "CT1", _text(of_series)),
        InstanceFacts(
            sop, sop_class, "1.2.840.10008.1.2.1", 1, 512, 512, 16, 1, 700, 1200, 524288, 524288,
        ),
    )  # fmt: skip
    sha256 = hashlib.sha256(sop.encode()).hexdigest()
    stored = StoredObject(f"{hospital.code}/o/{sha256[:2]}/{sha256}", 525_000, sha256, 1_700_000_000_000 + number)
    return described, stored, Origin(hospital.id, hospital.code, "import", "bench")


def _text(attributes: object) -> str:
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))


def _add(database: Database, batch: list[Item]) -> None:
    with database.writing() as db:
        instances.add(db, batch)


if __name__ == "__main__":
    target = Database(sys.argv[1])
    target.migrate()
    wanted = int(sys.argv[2])
    print(f"{wanted} studies in {fill(target, wanted):.0f} s")
    target.close()
