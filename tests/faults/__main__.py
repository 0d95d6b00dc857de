"""All fault tests, one after the other, and a table of what they said at the end: `make faults`, `make faults SHORT=1`.

python -m tests.faults [--short] [NAME ...]
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple


class Run(NamedTuple):
    """A module of this package with its arguments, and what it proves."""

    name: str
    module: str
    arguments: tuple[str, ...]
    short: tuple[str, ...]
    all_of_it: str = ""  # a variable that asks for everything; not set in a short run


RUNS = (
    Run("kill9", "tests.faults.kill9", ("--kills", "1000"), ("--kills", "30")),
    Run("kill9-postgresql", "tests.faults.kill9", ("--kills", "300", "--index", "postgresql"),
        ("--kills", "15", "--index", "postgresql")),
    Run("kill9-s3", "tests.faults.kill9", ("--kills", "300", "--objects", "s3"), ("--kills", "15", "--objects", "s3")),
    Run("database", "tests.faults.database", ("--kills", "200"), ("--kills", "12")),
    Run("s3", "tests.faults.s3", ("--each", "1000"), ("--each", "40")),
    Run("every-call", "pytest", ("-q", "tests/faults/test_every_call.py"), ("-q", "tests/faults/test_every_call.py"),
        "HOICHAN_EVERY_FAULT"),
    Run("rot", "tests.faults.rot", ("--flips", "1000"), ("--flips", "50", "--objects", "200")),
    Run("power", "tests.faults.power", ("--cuts", "300"), ("--cuts", "6")),
    Run("hostile", "tests.faults.hostile", ("--sockets", "1000", "--seconds", "120"),
        ("--sockets", "300", "--seconds", "10", "--packets", "1000", "--endless-mb", "256")),
    Run("voice", "tests.faults.nat", (), ()),
    Run("bombs", "tests.support.bombs", (), ()),
    Run("audit", "tests.support.alterations", ("10000",), ("1000",)),
    Run("fuzz", "tests.faults.fuzz", ("--seconds", "14400"), ("--seconds", "60")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """How one run ended; its last line are its figures."""

    name: str
    good: bool
    seconds: float
    figures: str


def run_one(run: Run, short: bool) -> Result:
    """Run it, passing on what it prints."""
    command = [sys.executable, "-m", run.module, *(run.short if short else run.arguments)]
    print(f"== {run.name}: {' '.join(['python', *command[1:]])}", flush=True)
    began, last = time.monotonic(), ""
    more = {run.all_of_it: "1"} if run.all_of_it and not short else {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | more) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return Result(run.name, process.returncode == 0, time.monotonic() - began, last)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="minutes instead of hours")
    names = [run.name for run in RUNS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(names)}")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    results = [run_one(run, asked.short) for run in RUNS if not asked.names or run.name in asked.names]
    print("\n" + "=" * 100)
    for result in results:
        print(f"{'good' if result.good else 'FAILED':8}{result.name:20}{result.seconds:7.0f} s  {result.figures}")
    return 0 if results and all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
