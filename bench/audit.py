"""How many audit events are taken in a second, and what one costs beside an act. ``python -m bench.audit``"""

import sys
import tempfile
import time
from pathlib import Path

from storage.index import audit, hospitals
from storage.index.database import Database
from storage.model.audit import AuditEvent

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
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
