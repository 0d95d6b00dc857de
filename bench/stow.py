"""STOW-RS of CT slices beside Orthanc: instances per second and processor time of the server for each.

    python -m bench.stow [--slices 500] [--batch 50] [--clients 1 4] [--repeat 3]

Everything is started here, on scratch folders that go afterwards, or given with `--target` (ours first; see
bench/README.md). Bodies are made before the clock starts; every client is a process with one kept-alive connection and
sends a study of its own. Servers take turns, the order is reversed in every second repetition.
"""

import argparse
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from bench.datasets import KINDS, study
from bench.peers import ORTHANC, orthanc, own
from bench.targets import Target
from bench.usage import Usage
from pacs.archive.transcode import file_meta

_BOUNDARY = "hoichanbench"
_EXPLICIT = "1.2.840.10008.1.2.1"
NEEDED = 2.0  # times Orthanc's rate


@dataclass(frozen=True, slots=True)
class Cost:
    """One measurement of one server."""

    per_second: float
    cpu_ms: float  # of the server, for each instance
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", default=[], type=Target.parse, dest="targets")
    parser.add_argument("--orthanc", default=ORTHANC, help="its program; left out when it is not there")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="for the scratch servers")
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--batch", type=int, default=50, help="instances in one request")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        targets: list[Target] = arguments.targets
        if not targets:
            targets = [stack.enter_context(own(arguments.folder))]
            if Path(arguments.orthanc).exists():
                targets.append(stack.enter_context(orthanc(arguments.folder, arguments.orthanc)))
        for clients in arguments.clients:
            _compare(targets, clients, arguments)


def _compare(targets: list[Target], clients: int, arguments: argparse.Namespace) -> None:
    costs: dict[str, list[Cost]] = {target.name: [] for target in targets}
    for repetition in range(arguments.repeat + 1):
        for target in targets if repetition % 2 else targets[::-1]:
            cost = measure(target, clients, arguments.slices, arguments.batch)
            if repetition:  # the first round fills caches
                costs[target.name].append(cost)
    rates = {name: statistics.median(one.per_second for one in found) for name, found in costs.items()}
    for name, found in costs.items():
        cpu = statistics.median(one.cpu_ms for one in found)
        peak = max(one.peak_mb for one in found)
        print(f"stow, {clients} clients  {name:<12} {rates[name]:>8.1f} instances/s  {cpu:.2f} ms CPU  {peak:.0f} MB")
    ours = targets[0].name
    for other in targets[1:]:
        ratio = rates[ours] / rates[other.name]
        print(f"stow, {clients} clients  {ours}/{other.name} {ratio:.2f} (must be {NEEDED:g})", flush=True)


def measure(target: Target, clients: int, slices: int, batch: int) -> Cost:
    """Send `slices` in all, shared by the clients."""
    context = multiprocessing.get_context("fork")
    run = time.time_ns() // 1000 % 10**12
    pipes, processes = [], []
    for number in range(clients):
        ours, theirs = context.Pipe()
        share = slices // clients
        process = context.Process(target=_client, args=(target, run, number, share, batch, theirs), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    for pipe in pipes:
        pipe.recv()  # its bodies are made
    with Usage(target.pid) as usage:
        began = time.perf_counter()
        for pipe in pipes:
            pipe.send("go")
        for pipe in pipes:
            failure = pipe.recv()
            if failure:
                raise RuntimeError(f"{target.name}: {failure}")
        seconds = time.perf_counter() - began
    for process in processes:
        process.join()
    sent = slices // clients * clients
    return Cost(sent / seconds, usage.cpu * 1000 / sent, usage.peak)


def _client(target: Target, run: int, number: int, share: int, batch: int, pipe: Connection) -> None:
    bodies = list(_requests(target, run, number, share, batch))
    parts = urlsplit(target.web)
    pipe.send("ready")
    pipe.recv()
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), 120) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = connection.makefile("rb")
            for body in bodies:
                connection.sendall(body)
                status = answers.readline().split()[1]
                length = 0
                while (line := answers.readline()) not in (b"\r\n", b""):
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                answer = answers.read(length)
                if status != b"200":
                    raise RuntimeError(f"status {status!r} {answer[:200]!r}")
        pipe.send("")
    except (OSError, RuntimeError, IndexError) as error:
        pipe.send(f"{type(error).__name__}: {error}")
    os._exit(0)


def _requests(target: Target, run: int, number: int, share: int, batch: int) -> "list[bytes]":
    """Whole requests, head and body, ready to be sent."""
    kind = KINDS["ct"]
    datasets: list[tuple[str, bytes]] = []
    while len(datasets) < share:
        datasets += study(kind, run + len(datasets), number)
    found = []
    for start in range(0, share, batch):
        parts = []
        for uid, data in datasets[start : min(start + batch, share)]:
            meta = file_meta(kind.sop_class, uid, _EXPLICIT)
            parts += [f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode(), meta, data, b"\r\n"]
        body = b"".join([*parts, f"--{_BOUNDARY}--\r\n".encode()])
        web = urlsplit(target.web)
        head = [
            f"POST {web.path}/studies HTTP/1.1", f"Host: {web.netloc}", "Accept: application/dicom+json",
            f'Content-Type: multipart/related; type="application/dicom"; boundary={_BOUNDARY}',
            f"Content-Length: {len(body)}",
        ]  # fmt: skip
        if target.authorization:
            head.append(f"Authorization: {target.authorization}")
        found.append("\r\n".join([*head, "", ""]).encode() + body)
    return found


if __name__ == "__main__":
    main()
