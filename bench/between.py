"""Ours of an earlier revision beside ours of now: what ingest and retrieval cost before and after a change.

    python -m bench.between d66913d [--repeat 5]

Both run at once with their defaults on this Python and take turns, the order reversed in every second repetition. For
each work the processor time of the whole installation for one instance or request, its rate, and the ratio of the
medians (before / now in time, now / before in rate: 1.05 is five per cent better). Other load on the machine disturbs
processor time least.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.datasets import KINDS, study, study_uids
from bench.moving import get
from bench.peers import ROOT, own
from bench.run import FRAME
from bench.sending import send_at_once
from bench.targets import Target
from bench.usage import cpu_seconds
from bench.wire import rate
from bench.works import ingest

DICOM_JSON = "application/dicom+json"
RATE_SECONDS, QUIET_SECONDS, START_SECONDS = 3.0, 4.0, 15.0
_RUN = 7  # no moment of `ingest`


@dataclass(frozen=True, slots=True)
class Cost:
    cpu_ms: float
    per_second: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="of git, to compare with")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    found: dict[str, dict[str, list[Cost]]] = {}
    with (
        _tree(arguments.revision, arguments.folder) as tree,
        own(arguments.folder, "before", root=tree) as before,
        own(arguments.folder, "now") as now,
    ):
        time.sleep(START_SECONDS)
        both = [before, now]
        read = {target.name: _stored(target) for target in both}
        for target in both:  # what is only done once is not part of it
            dict(_turn(target, read[target.name]))
        for repetition in range(arguments.repeat):
            for target in both if repetition % 2 == 0 else both[::-1]:
                for work, cost in _turn(target, read[target.name]):
                    found.setdefault(work, {}).setdefault(target.name, []).append(cost)
    for line in _lines(found):
        print(line)
    return 0


def _turn(target: Target, read: tuple[str, str, list[str]]) -> Iterator[tuple[str, Cost]]:
    """Each work once."""
    for name, kind, associations in (("C-STORE of CT, 4 associations", "ct", 4), ("C-STORE of 64×64, 4", "tiny", 4)):
        cost = ingest(target, kind, associations)
        yield name, Cost(cost.cpu_ms, cost.rate)
        time.sleep(QUIET_SECONDS)  # what follows an instance is not to fall into the next work
    study_uid, series, frames = read
    searches = [f"/studies?StudyInstanceUID={study_uid}"]
    for name, paths, accept, clients in (
        ("frames one by one, 8 clients", frames, FRAME, 8),
        ("metadata of a series", [f"{series}/metadata"], DICOM_JSON, 4),
        ("QIDO-RS of a study", searches, DICOM_JSON, 4),
    ):
        spent = cpu_seconds(target.pid)
        got = rate(target, paths, accept, clients, RATE_SECONDS)
        spent = cpu_seconds(target.pid) - spent
        yield name, Cost(1000 * spent / (got.per_second * RATE_SECONDS), got.per_second)
    spent, began = cpu_seconds(target.pid), time.perf_counter()
    count = get(target, study_uid)
    seconds = time.perf_counter() - began
    yield "C-GET of a study", Cost(1000 * (cpu_seconds(target.pid) - spent) / count, count / seconds)


def _stored(target: Target) -> tuple[str, str, list[str]]:
    """A study to be read: its UID, the address of its series, those of its frames."""
    kind = KINDS["ct"]
    instances = study(kind, _RUN, 0)
    send_at_once(target, kind.sop_class, [instances])
    study_uid, series_uid = study_uids(_RUN, 0)
    series = f"/studies/{study_uid}/series/{series_uid}"
    time.sleep(QUIET_SECONDS)
    return study_uid, series, [f"{series}/instances/{uid}/frames/1" for uid, _ in instances]


def _lines(found: dict[str, dict[str, list[Cost]]]) -> Iterator[str]:
    yield f"{'':32} {'CPU, ms: before':>16} {'now':>7} {'ratio':>6} {'per second: before':>19} {'now':>7} {'ratio':>6}"
    for work, costs in found.items():
        old_ms, new_ms = (median(cost.cpu_ms for cost in costs[name]) for name in ("before", "now"))
        old_rate, new_rate = (median(cost.per_second for cost in costs[name]) for name in ("before", "now"))
        yield (
            f"{work:32} {old_ms:16.2f} {new_ms:7.2f} {old_ms / max(new_ms, 1e-9):6.2f}"
            f" {old_rate:19.0f} {new_rate:7.0f} {new_rate / old_rate:6.2f}"
        )


@contextmanager
def _tree(revision: str, folder: Path) -> Iterator[Path]:
    """The files of the revision."""
    with tempfile.TemporaryDirectory(prefix="bench-tree-", dir=folder) as scratch:
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "x", "-C", scratch], input=archive, check=True)
        yield Path(scratch)


if __name__ == "__main__":
    sys.exit(main())
