"""How many audit events are taken in a second, and what a request pays for its record. ``python -m bench.audit``"""

import sys
import tempfile
import time
from pathlib import Path

from pacs.acts import Acts
from storage.index import audit, hospitals
from storage.index.database import Database
from storage.model.archive import Scope
from storage.model.audit import Actor, AuditEvent
from storage.model.query import Level, Match, Matching, Query

EVENTS = 10_000


def main(url: str = "") -> int:
    """Print events per second written in transactions of 1, 100 and 1,000, and checked."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(url or f"sqlite:///{Path(folder) / 'index.sqlite'}")
        database.migrate()
        with database.writing() as db:
            hospital = hospitals.ensure(db, "bench", "Bench")
        event = AuditEvent(hospital.id, "bench", "an", "study.view", "1.2.3.4.5", "radiologist", "10.0.0.1", "1.2.3")
        for batch, count in ((1, 500), (100, EVENTS), (1000, EVENTS)):
            begun = time.perf_counter()
            for _ in range(count // batch):
                with database.writing() as db:
                    for _ in range(batch):
                        audit.append(db, event)
            print(f"  in transactions of {batch:>5,}: {count / (time.perf_counter() - begun):>9,.0f} events/s")
        of_requests(database, hospital.id)
        database.close()
    return 0


def of_requests(database: Database, hospital_id: int) -> None:
    """Print what a request pays for its record, writing included, in microseconds of processor time."""
    acts, an, scope = Acts(database), Actor("an", "radiologist", "10.0.0.1"), Scope(frozenset({hospital_id}))

    def question(number: int) -> Query:
        return Query(Level.STUDY, scope, (Match("PatientID", Matching.SINGLE, (f"BN{number}",)),))

    def view(study: str) -> None:
        acts.viewed("session", study, lambda: an, lambda: hospital_id)

    same, asked = question(0), [question(number) for number in range(EVENTS)]
    for name, act in (
        ("the same search again", lambda number: acts.queried(an, "QIDO-RS", same, 1)),
        ("another search", lambda number: acts.queried(an, "QIDO-RS", asked[number], 1)),
        ("a frame of the same study", lambda number: view("1.2")),
        ("another study", lambda number: view(f"1.3.{number}")),
    ):
        begun = time.process_time()
        for number in range(EVENTS):
            act(number)
        acts.flush()
        print(f"  {name:<26}: {1e6 * (time.process_time() - begun) / EVENTS:>7.1f} µs")
    acts.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
