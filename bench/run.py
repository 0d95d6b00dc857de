"""Measure ingest and retrieval of one or more servers, taking turns, and print medians and ratios.

    python -m bench.run --target hoichan=127.0.0.1:11112/HOICHAN,web=http://127.0.0.1:8080/dicom-web,token=hc_… \\
                        --target orthanc=127.0.0.1:4242/ORTHANC,web=http://127.0.0.1:8042/dicom-web

Ingest is DCMTK's `storescu` (aet BENCH), C-GET is `getscu`; frames and metadata go over HTTP. Nothing is deleted
afterwards: use scratch servers.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pydicom

from bench.corpus import ct_series
from bench.targets import Target

FRAME = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
Figures = dict[str, dict[str, list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", required=True, type=Target.parse, dest="targets")
    parser.add_argument("--slices", type=int, default=200, help="CT slices of one study")
    parser.add_argument("--associations", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder:
        for repetition in range(arguments.repeat):
            for target in arguments.targets:
                measure(target, arguments, Path(folder), f"{os.getpid()}-{repetition}", figures)
    report(figures, [target.name for target in arguments.targets])
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


def measure(target: Target, arguments: argparse.Namespace, folder: Path, run: str, figures: Figures) -> None:
    """One turn of one server."""

    def note(work: str, value: float) -> None:
        figures.setdefault(work, {}).setdefault(target.name, []).append(value)

    for count in arguments.associations:
        studies = [
            ct_series(folder / f"{n}", arguments.slices, f"{run}-{target.name}-{count}-{n}") for n in range(count)
        ]
        seconds = timed(lambda studies=studies: parallel([lambda s=s: store(target, s) for s in studies]))  # type: ignore[misc]
        note(f"C-STORE CT, {count} associations, instances/s", count * arguments.slices / seconds)
    study = pydicom.dcmread(studies[-1][0], stop_before_pixels=True)
    note("C-GET CT, instances/s", arguments.slices / timed(lambda: get(target, study.StudyInstanceUID, folder / "got")))
    if not target.web:
        return
    series = f"/studies/{study.StudyInstanceUID}/series/{study.SeriesInstanceUID}"
    connection = target.connect()
    for name in ("series metadata, first, ms", "series metadata, again, ms"):
        note(name, 1000 * timed(lambda: connection.get(f"{series}/metadata", "application/dicom+json")))
    connection.close()
    uids = [str(pydicom.dcmread(p, stop_before_pixels=True).SOPInstanceUID) for p in studies[-1]]
    for clients in arguments.clients:
        shares = [uids[n::clients] for n in range(clients)]
        seconds = timed(lambda shares=shares: parallel([lambda s=s: frames(target, series, s) for s in shares]))  # type: ignore[misc]
        note(f"frames one by one, {clients} clients, frames/s", len(uids) / seconds)


def store(target: Target, paths: list[Path]) -> None:
    """Send the files on one association; the status of every one must be success."""
    _dcmtk("storescu", "-aet", "BENCH", "-aec", target.ae_title, target.host, str(target.port), *map(str, paths))


def get(target: Target, study: str, folder: Path) -> None:
    """Fetch a study by C-GET; what arrives is counted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _dcmtk(
        "getscu", "-S", "-B", "-aet", "BENCH", "-aec", target.ae_title, "-od", str(folder),
        target.host, str(target.port), "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
    )  # fmt: skip
    if not any(folder.iterdir()):
        raise RuntimeError(f"{target.name}: C-GET brought nothing")


def frames(target: Target, series: str, uids: list[str]) -> None:
    """Fetch the first frame of each instance on one connection."""
    connection = target.connect()
    for uid in uids:
        body = connection.get(f"{series}/instances/{uid}/frames/1", FRAME)
        if len(body) < 500_000:
            raise RuntimeError(f"{target.name}: a frame of {len(body)} bytes")
    connection.close()


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def parallel(works: list[Callable[[], None]]) -> None:
    """Run all at once; the first error of any is raised."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def report(figures: Figures, names: list[str]) -> None:
    """Medians, and the ratio of the first server to each other one (above 1 the first is better)."""
    width = max(len(work) for work in figures)
    print(
        f"{'':{width}}  " + "  ".join(f"{name:>12}" for name in names) + "".join(f"  {names[0]}/{n}" for n in names[1:])
    )
    for work, by_name in figures.items():
        medians = {name: statistics.median(values) for name, values in by_name.items()}
        row = f"{work:{width}}  " + "  ".join(f"{medians[n]:12,.1f}" if n in medians else f"{'–':>12}" for n in names)
        for other in names[1:]:
            if other in medians and names[0] in medians:
                ratio = medians[names[0]] / medians[other]
                row += f"  {1 / ratio if work.endswith('ms') else ratio:8.2f}×"
        print(row)


def _dcmtk(program: str, *arguments: str) -> None:
    """Run a DCMTK client; TCP_NODELAY, because Debian's build leaves Nagle's algorithm on."""
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, env={**os.environ, "TCP_NODELAY": "1"}, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{program}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
