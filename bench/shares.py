"""Which part of an installation the processor time of an instance goes to, while it is stored and in the seconds after.

    python -m bench.shares [ct 4] [--repeat 3]

The work and its associations are those of `bench.table`. User and system time of each part with its children, and of
the whole.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from bench.datasets import KINDS
from bench.peers import own
from bench.usage import cpu_times, tree
from bench.works import ingest, shared_out

PARTS = ("codecs", "worker", "live", "web", "dicom")  # in the order in which `hoichan serve` starts them; the last: all
SETTLE_SECONDS, AFTER_SECONDS = 15.0, 6.0  # series are summarised when they have been quiet for a second

Times = dict[str, tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="?", default="ct", choices=["ct", "tiny"])
    parser.add_argument("associations", nargs="?", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    kind = shared_out(KINDS[arguments.work], arguments.associations)
    count = kind.count * arguments.associations
    found: dict[str, list[tuple[float, ...]]] = {}
    with own(arguments.folder) as target:
        parts = _parts(target.pid)
        time.sleep(SETTLE_SECONDS)
        ingest(target, arguments.work, arguments.associations)
        time.sleep(AFTER_SECONDS)
        for _ in range(arguments.repeat):
            before = _times(parts)
            ingest(target, arguments.work, arguments.associations)
            stored = _times(parts)
            time.sleep(AFTER_SECONDS)
            after = _times(parts)
            for name in parts:
                spent = [(one - two) / count * 1000 for one, two in zip(stored[name], before[name], strict=True)]
                found.setdefault(name, []).append((*spent, (sum(after[name]) - sum(stored[name])) / count * 1000))
    print(f"ms of processor for each of {count} instances ({arguments.work}, {arguments.associations} associations)")
    for name, rows in found.items():
        user, system, after_ms = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"  {name:8} while they are stored: user {user:.2f}, system {system:.2f}; after: {after_ms:.2f}")


def _parts(pid: int) -> dict[str, list[int]]:
    """The processes of the supervisor `pid` by the name of their part."""
    children = sorted(one for one in tree(pid) if _parent(one) == pid)
    last = len(PARTS) - 1
    return {name: children[number:] if number == last else [children[number]] for number, name in enumerate(PARTS)}


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _times(parts: dict[str, list[int]]) -> Times:
    found: Times = {}
    for name, pids in parts.items():
        user, system = zip(*map(cpu_times, pids), strict=True)
        found[name] = sum(user), sum(system)
    return found


if __name__ == "__main__":
    main()
