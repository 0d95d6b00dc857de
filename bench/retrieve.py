"""Measure retrieval of one or more servers, taking turns, and print medians and ratios.

    python -m bench.retrieve --target hoichan=127.0.0.1:11112/HOICHAN,web=http://127.0.0.1:8080/dicom-web,token=hc_… \\
                             --target orthanc=127.0.0.1:4242/ORTHANC,web=http://127.0.0.1:8042/dicom-web

Each repetition stores a fresh CT study in every server (DCMTK's `storescu`, aet BENCH) and asks at once for its
metadata, then for a first image, frames, pictures, the whole series over DICOMweb and C-GET, and, for servers that know
the peer BENCHSINK on this machine (`--sink-port`), C-MOVE. With `--pid` figures also show the CPU time a server took
for each request. Nothing is deleted afterwards: use scratch servers.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pydicom

from bench.corpus import ct_series, many_frames
from bench.moving import Sink, get, move
from bench.run import FRAME, Figures, report, store
from bench.targets import Target
from bench.usage import listening, most_mb
from bench.wire import drained, rate

DICOM_JSON = "application/dicom+json"
WHOLE = 'multipart/related; type="application/dicom"; transfer-syntax=*'
SINK = "BENCHSINK"
AGAIN = 7


@dataclass(frozen=True, slots=True)
class Series:
    """A stored series: where it is, and its instances."""

    study: str
    path: str
    instances: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", required=True, type=Target.parse, dest="targets")
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--frames", type=int, default=200, help="frames of one object")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each rate")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sink-port", type=int, help="where BENCHSINK listens while C-MOVE is measured")
    parser.add_argument("--pid", action="append", default=[], help="NAME=PID of a server; its children count too")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder:
        for repetition in range(arguments.repeat):
            order = arguments.targets if repetition % 2 == 0 else arguments.targets[::-1]
            for target in order:
                _Turn(target, arguments, figures).measure(Path(folder), f"{os.getpid()}-{repetition}-{target.name}")
    report(figures, [target.name for target in arguments.targets])
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


class _Turn:
    """One turn of one server."""

    def __init__(self, target: Target, arguments: argparse.Namespace, figures: Figures) -> None:
        self.target = target
        self.arguments = arguments
        self.figures = figures
        self.pid = dict(text.split("=", 1) for text in arguments.pid).get(target.name, "")

    def note(self, work: str, value: float) -> None:
        self.figures.setdefault(work, {}).setdefault(self.target.name, []).append(value)

    def measure(self, folder: Path, run: str) -> None:
        series = self.stored(folder, run + "-metadata")
        path = f"{series.path}/metadata"
        self.note("series metadata, right after arrival, ms", 1000 * drained(self.target, path, DICOM_JSON)[1])
        again = [drained(self.target, path, DICOM_JSON)[1] for _ in range(AGAIN)]  # each of its processes has its turn
        self.note("series metadata, again, ms", 1000 * statistics.median(again))
        series = self.stored(folder, run + "-first")
        self.note("fresh study: QIDO, metadata, first frame, ms", 1000 * self.first_image(series))
        frames = [f"{series.path}/instances/{uid}/frames/1" for uid in series.instances]
        for clients in self.arguments.clients:
            self.rates(f"frames one by one, {clients} clients", frames, FRAME, clients)
        many = self.stored_frames(folder, run + "-frames")
        for clients in (1, 8):
            self.rates(f"frames of one object, {clients} clients", many, FRAME, clients)
        pictures = [f"{series.path}/instances/{uid}/rendered" for uid in series.instances]
        for clients in (1, 8):
            self.rates(f"rendered, {clients} clients", pictures, "image/jpeg", clients)
        if self.pid:
            workers = listening(int(self.pid), [urlsplit(self.target.web).port or 0])
            self.note("largest web process until now, MB", max(map(most_mb, workers)))
        size, seconds = drained(self.target, series.path, WHOLE)
        self.note("whole series as DICOM, MB/s", size / seconds / 1e6)
        began = time.perf_counter()
        if get(self.target, series.study) != len(series.instances):
            raise RuntimeError(f"{self.target.name}: C-GET did not bring all")
        self.note("C-GET, instances/s", len(series.instances) / (time.perf_counter() - began))
        if self.arguments.sink_port:
            with Sink(SINK, self.arguments.sink_port) as sink:
                began = time.perf_counter()
                move(self.target, series.study, SINK)
                seconds = time.perf_counter() - began
            if sink.count != len(series.instances):
                raise RuntimeError(f"{self.target.name}: C-MOVE brought {sink.count}")
            self.note("C-MOVE, instances/s", sink.count / seconds)

    def stored(self, folder: Path, run: str) -> Series:
        """A fresh study in the server, just arrived."""
        paths = ct_series(folder / "ct", self.arguments.slices, run)
        headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
        store(self.target, paths)
        first = headers[0]
        path = f"/studies/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}"
        return Series(str(first.StudyInstanceUID), path, tuple(str(one.SOPInstanceUID) for one in headers))

    def stored_frames(self, folder: Path, run: str) -> list[str]:
        """The addresses of the frames of a fresh multi-frame object."""
        path = many_frames(folder / "frames", self.arguments.frames, run)
        header = pydicom.dcmread(path, stop_before_pixels=True)
        store(self.target, [path])
        series = f"/studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}"
        numbers = range(1, self.arguments.frames + 1)
        return [f"{series}/instances/{header.SOPInstanceUID}/frames/{number}" for number in numbers]

    def first_image(self, series: Series) -> float:
        """What a viewer waits for, on a connection of its own."""
        began = time.perf_counter()
        connection = self.target.connect()
        connection.get(f"/studies/{series.study}/series", DICOM_JSON)
        connection.get(f"{series.path}/metadata", DICOM_JSON)
        connection.get(f"{series.path}/instances/{series.instances[0]}/frames/1", FRAME)
        connection.close()
        return time.perf_counter() - began

    def rates(self, work: str, paths: list[str], accept: str, clients: int) -> None:
        before = cpu_seconds(self.pid)
        found = rate(self.target, paths, accept, clients, self.arguments.seconds)
        self.note(f"{work}, per s", found.per_second)
        self.note(f"{work}, p95, ms", found.p95_ms)
        used = cpu_seconds(self.pid) - before
        if used > 0:
            requests = max(1.0, found.per_second * self.arguments.seconds)
            self.note(f"{work}, CPU of the server, ms", 1000 * used / requests)


def cpu_seconds(pid: str) -> float:
    """User and system time of a process and all below it; 0 without a pid."""
    if not pid:
        return 0.0
    processes: dict[int, tuple[int, int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        processes[int(folder.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    family = more = {int(pid)}
    while more:
        more = {one for one, (parent, _) in processes.items() if parent in more}
        family |= more
    return sum(processes[one][1] for one in family if one in processes) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
