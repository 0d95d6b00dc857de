"""Fuzzing of everything that reads bytes of strangers, with atheris (guided by coverage) or hypothesis.

    python -m tests.faults.fuzz --seconds 3600 [target ...]

`--seconds` are for all targets together; they run two at a time. A crash (anything but our typed errors), an input that
takes more than 2 s of CPU, or memory that grows by more than 256 MB fails the run and leaves the input behind. First of
all a planted bug must be found. Inputs that once failed lie in tests/faults/crashes and are tried in `make test`.
"""

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

CPU_SECONDS = 2.0
MOST_GROWTH_MB = 256
AT_ONCE = 2
ENGINES = ("atheris", "hypothesis")
CRASHES = Path(__file__).parent / "crashes"
TARGET_NAMES = ("association", "request", "lobby", "command", "header", "multipart", "identifier", "qido")
PLANTED_SECONDS = 60
NO_ATHERIS = "atheris is not installed here (.venv/bin/pip install atheris, where it has a wheel)"
_SPARE_SECONDS = 600  # to start on a busy machine; libFuzzer itself ends an input that never returns
_DONE = re.compile(r"inputs tried: (\d+)")
_DONE_BY_ATHERIS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


class TooSlow(Exception):
    """An input that costs more time than any input may."""


class TooLarge(Exception):
    """Memory grew more than it may."""


class Watch:
    """Runs inputs and sees what they cost."""

    def __init__(
        self, run: Callable[[bytes], None], cpu_seconds: float = CPU_SECONDS, most_growth_mb: float = MOST_GROWTH_MB
    ) -> None:
        self._run = run
        self._cpu_seconds = cpu_seconds
        self._most_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + most_growth_mb * 1024
        self.tried = 0

    def __call__(self, data: bytes) -> None:
        self.tried += 1
        began = time.process_time()
        self._run(data)
        spent = time.process_time() - began
        if spent > self._cpu_seconds:
            raise TooSlow(f"{spent:.1f} s of CPU for {len(data)} bytes")
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > self._most_kb:
            raise TooLarge(f"memory grew beyond {self._most_kb / 1024:.0f} MB at {len(data)} bytes")


# --- the process that fuzzes one target


def fuzz_here(engine: str, name: str, seconds: int, corpus: Path) -> int:
    """Fuzz one target in this process; 0 when nothing was found."""
    return _with_atheris(name, seconds, corpus) if engine == "atheris" else _with_hypothesis(name, seconds, corpus)


def _with_atheris(name: str, seconds: int, corpus: Path) -> int:
    import atheris

    with atheris.instrument_imports(include=["pacs", "storage", "viewer", "tests.faults.targets"]):
        from tests.faults.targets import PLANTED, TARGETS
    target = PLANTED if name == PLANTED.name else TARGETS[name]
    _write_seeds(target.seeds(), corpus)
    for seed in target.seeds():
        target.try_input(seed)
    options = [
        f"-max_total_time={seconds}", "-max_len=65536", "-timeout=30", "-rss_limit_mb=2048", "-print_final_stats=1",
        "-verbosity=0", "-reload=0", f"-artifact_prefix={corpus.parent}/found-{name}-",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], Watch(target.try_input))
    atheris.Fuzz()
    return 0


def _with_hypothesis(name: str, seconds: int, corpus: Path) -> int:
    from hypothesis import HealthCheck, Phase, given, settings

    from tests.faults.mutations import mutated
    from tests.faults.targets import PLANTED, TARGETS

    target = PLANTED if name == PLANTED.name else TARGETS[name]
    watch = Watch(target.try_input)
    last = b""

    @settings(
        max_examples=1000, database=None, deadline=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(mutated(target.seeds()))
    def attempt(data: bytes) -> None:
        nonlocal last
        last = data
        watch(data)

    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            attempt()
    except Exception:
        place = corpus.parent / f"found-{name}-{os.getpid()}"
        place.write_bytes(last)
        print(f"the input is in {place}", file=sys.stderr)
        raise
    finally:
        print(f"inputs tried: {watch.tried}", flush=True)
    return 0


def _write_seeds(seeds: Iterable[bytes], corpus: Path) -> None:
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)


# --- the process that watches over all


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of fuzzing one target."""

    name: str
    tried: int
    found: bool
    said: str


def fuzz(engine: str, name: str, seconds: int, folder: Path) -> Outcome:
    """Fuzz a target in a process of its own, so that nothing it does can hide the result."""
    corpus = folder / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.faults.fuzz", "--here", "--engine", engine, "--folder", str(folder),
               "--seconds", str(seconds), name]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds + _SPARE_SECONDS, cwd=CRASHES.parents[2])
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        failed = done.returncode != 0
    except subprocess.TimeoutExpired as error:
        said, failed = f"did not end in time: {(error.stderr or b'')[-2000:]!r}", True
    counted = _DONE_BY_ATHERIS.search(said) or _DONE.search(said)
    return Outcome(name, int(counted[1]) if counted else 0, failed, said)


def finds_the_planted_bug(engine: str, folder: Path) -> bool:
    """Whether a fuzzer that ought to find something does."""
    outcome = fuzz(engine, "planted", PLANTED_SECONDS, folder / "planted")
    found = outcome.found and "the planted bug" in outcome.said
    print(f"self-check with {engine}: the planted bug was {'found' if found else 'NOT FOUND'}", flush=True)
    if not found:
        print(outcome.said[-3000:])
    return found


def campaign(engine: str, names: list[str], seconds: int, folder: Path) -> bool:
    """All of them, two at a time, `seconds` in all. Whether nothing was found."""
    if not finds_the_planted_bug(engine, folder):
        return False
    rounds = -(-len(names) // AT_ONCE)
    each = max(1, seconds // rounds)
    outcomes = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for outcome in pool.map(lambda name: fuzz(engine, name, each, folder), names):
            outcomes.append(outcome)
            verdict = "FOUND SOMETHING" if outcome.found else "nothing found"
            print(f"  {outcome.name:12} {outcome.tried:>10} inputs in {each} s: {verdict}", flush=True)
            if outcome.found:
                print(outcome.said[-6000:])
    found = [outcome.name for outcome in outcomes if outcome.found]
    idle = [outcome.name for outcome in outcomes if not outcome.tried and not outcome.found]
    if idle:
        print(f"NOTHING WAS TRIED: {', '.join(idle)}")
    tried = sum(outcome.tried for outcome in outcomes)
    print(
        f"fuzz: {len(outcomes)} targets, {each} s each with {engine}, {tried} inputs, "
        f"{len(found)} with a crash or hang" + (f" ({', '.join(found)}; inputs in {folder})" if found else "")
    )
    return not found and not idle


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"only these: {', '.join(TARGET_NAMES)}")
    parser.add_argument("--seconds", type=int, default=3600, help="for all targets together")
    parser.add_argument("--engine", choices=ENGINES, help="by default atheris where it is installed, else hypothesis")
    parser.add_argument("--folder", type=Path, help="where the corpus grows; by default a temporary one")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if unknown := set(asked.targets) - {"planted", *TARGET_NAMES}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    engine = asked.engine or "atheris"
    if engine == "atheris" and find_spec("atheris") is None:
        if asked.engine:
            print(NO_ATHERIS, file=sys.stderr)
            return 2
        print(f"{NO_ATHERIS}: fuzzing with hypothesis, which is not guided by coverage", flush=True)
        engine = "hypothesis"
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="hoichan-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    names = asked.targets or list(TARGET_NAMES)
    if asked.here:
        return fuzz_here(engine, names[0], asked.seconds, folder / f"corpus-{names[0]}")
    good = campaign(engine, names, asked.seconds, folder)
    if good and asked.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
