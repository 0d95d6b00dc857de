"""The numbers of ingest beside Orthanc and DCMTK's storescp, interleaved in one run; each can be asked for alone.

    python -m bench.table [ct-1 ct-4 ct-16 dx multiframe tiny reading grown idle huge] [--repeat 3]

Everything is started here, on scratch folders that go afterwards, or given with `--target` (ours first). Ours is always
fully durable: bytes and index row synchronised before Success.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bench.full_index import fill
from bench.peers import ORTHANC, orthanc, own, storescp, version_of
from bench.targets import Target
from bench.usage import cpu_seconds, pss_mb
from bench.works import Cost, ingest, ingest_huge, ingest_while_read

READERS = 16
SETTLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Work:
    """A row beside other servers, and how many times their rate ours must be."""

    run: Callable[[Target], Cost]
    orthanc: float
    storescp: float = 0.0


BESIDE = {
    "ct-1": Work(lambda target: ingest(target, "ct", 1), 3, 0.4),
    "ct-4": Work(lambda target: ingest(target, "ct", 4), 3, 0.4),
    "ct-16": Work(lambda target: ingest(target, "ct", 16), 3, 0.4),
    "dx": Work(lambda target: ingest(target, "dx", 1), 4, 1),
    "multiframe": Work(lambda target: ingest(target, "multiframe", 1), 4, 1),
    "tiny": Work(lambda target: ingest(target, "tiny", 4), 3),
}
ALONE = ("reading", "grown", "idle", "huge")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", choices=[*BESIDE, *ALONE, []], help="default: all of them")
    parser.add_argument("--target", action="append", default=[], type=Target.parse, dest="targets")
    parser.add_argument("--orthanc", action="append", help=f"its program, once for each version; default {ORTHANC}")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="for the scratch servers")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--instances", type=int, default=1_000_000, help="in the index of `grown`")
    arguments = parser.parse_args()
    works = arguments.works or [*BESIDE, *ALONE]
    with ExitStack() as stack:
        beside = [work for work in works if work in BESIDE]
        if beside:
            _beside(arguments.targets or _started(stack, arguments), beside, arguments.repeat)
    for work in works:
        if work in ALONE:
            {"reading": _reading, "grown": _grown, "idle": _idle, "huge": _huge}[work](arguments)
    return 0


def _started(stack: ExitStack, arguments: argparse.Namespace) -> list[Target]:
    targets = [stack.enter_context(own(arguments.folder)), stack.enter_context(storescp(arguments.folder))]
    for program in arguments.orthanc or [ORTHANC]:
        if Path(program).exists():
            name = f"orthanc-{version_of(program)}"
            targets.append(stack.enter_context(orthanc(arguments.folder, program, name)))
    time.sleep(SETTLE_SECONDS)
    return targets


def _beside(targets: list[Target], works: list[str], repeat: int) -> None:
    ours, others = targets[0], targets[1:]
    for name in works:
        costs: dict[str, list[Cost]] = {target.name: [] for target in targets}
        for repetition in range(repeat + 1):
            for target in targets if repetition % 2 else reversed(targets):
                cost = BESIDE[name].run(target)
                if repetition:  # the first round fills caches
                    costs[target.name].append(cost)
        for target in targets:
            _print(name, target.name, costs[target.name])
        for other in others:
            need = getattr(BESIDE[name], other.name.split("-")[0], 0.0)
            _print_ratio(name, f"{ours.name}/{other.name}", _ratio(costs[ours.name], costs[other.name]), need)


def _reading(arguments: argparse.Namespace) -> None:
    """Ingest while sixteen viewers read frames, beside ingest alone."""
    with own(arguments.folder) as target:
        time.sleep(SETTLE_SECONDS)
        alone, read = [], []
        for _ in range(arguments.repeat):
            alone.append(ingest(target, "ct", 4))
            read.append(ingest_while_read(target, READERS))
    _print("reading", "alone", alone)
    _print("reading", f"{READERS} viewers", read)
    _print_ratio("reading", "while read/alone", _ratio(read, alone), 0.75)


def _grown(arguments: argparse.Namespace) -> None:
    """Ingest into an index of many instances, beside ingest into an empty one."""
    with tempfile.TemporaryDirectory(prefix="bench-index-", dir=arguments.folder) as folder, ExitStack() as stack:
        url = f"sqlite:///{folder}/index.sqlite"
        rows_only = "scrub: {days: 0}\n"  # there are no objects behind them to be read back
        settings = f"index: {{url: '{url}'}}\n{rows_only}"
        with own(arguments.folder, "grown", settings):  # a new index learns the peers of the configuration
            pass
        print(f"grown        filled with {arguments.instances:,}: {fill(url, arguments.instances):,.0f} instances/s")
        grown = stack.enter_context(own(arguments.folder, "grown", settings))
        empty = stack.enter_context(own(arguments.folder, "empty", rows_only))
        time.sleep(SETTLE_SECONDS)
        costs: dict[str, list[Cost]] = {"grown": [], "empty": []}
        for repetition in range(arguments.repeat):
            for target in (grown, empty) if repetition % 2 else (empty, grown):
                costs[target.name].append(ingest(target, "ct", 4))
    for name, of_one in costs.items():
        _print("grown", name, of_one)
    _print_ratio("grown", "grown/empty", _ratio(costs["grown"], costs["empty"]), 0.9)
    full, empty_cpu = (statistics.median(cost.cpu_ms for cost in costs[name]) for name in ("grown", "empty"))
    _verdict("grown", f"server CPU grown/empty {full / empty_cpu:.2f}×", full <= 1.1 * empty_cpu, "at most 1.1×")


def _idle(arguments: argparse.Namespace) -> None:
    """An installation that does nothing: memory, and processor time over half a minute."""
    with own(arguments.folder) as target:
        time.sleep(2 * SETTLE_SECONDS)
        before, began = cpu_seconds(target.pid), time.perf_counter()
        time.sleep(30)
        share = (cpu_seconds(target.pid) - before) / (time.perf_counter() - began)
        memory = pss_mb(target.pid)
    _verdict("idle", f"{memory:.0f} MB", memory <= 250, "at most 250 MB")
    _verdict("idle", f"{share:.2%} of a core", share <= 0.01, "at most 1 %")


def _huge(arguments: argparse.Namespace) -> None:
    """One object of 4,000 MB, and what it did to the server's memory."""
    with own(arguments.folder) as target:
        time.sleep(SETTLE_SECONDS)
        warm = ingest(target, "ct", 1)
        cost = ingest_huge(replace(target))
    grown = cost.peak_mb - warm.peak_mb
    _verdict("huge", f"4,000 MB in {1 / cost.rate:.1f} s; memory {grown:+.0f} MB", grown <= 16, "at most 16 MB")


def _ratio(ours: list[Cost], others: list[Cost]) -> float:
    return statistics.median(cost.rate for cost in ours) / statistics.median(cost.rate for cost in others)


def _print(work: str, name: str, costs: list[Cost]) -> None:
    def median(of: Callable[[Cost], float]) -> float:
        return statistics.median(of(cost) for cost in costs)

    print(
        f"{work:12} {name:22} {median(lambda c: c.rate):9,.1f}/s  p95 {median(lambda c: c.p95_ms):8,.1f} ms"
        f"  server CPU {median(lambda c: c.cpu_ms):8,.2f} ms each  memory {median(lambda c: c.before_mb):5,.0f} →"
        f" {max(cost.peak_mb for cost in costs):5,.0f} MB",
        flush=True,
    )


def _print_ratio(work: str, name: str, ratio: float, need: float) -> None:
    _verdict(work, f"{name} {ratio:.2f}×", ratio >= need, f"at least {need}×" if need else "")


def _verdict(work: str, found: str, good: bool, wanted: str) -> None:
    print(f"{work:12} {found:60} {('ok' if good else 'FALLS SHORT') if wanted else '':12} {wanted}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
