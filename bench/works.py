"""What is measured: each work stores new studies on a target and says what it cost."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle

from bench.datasets import KINDS, Kind, study, study_uids
from bench.sending import Sender, command, send_at_once
from bench.targets import Target
from bench.usage import Usage
from pacs.association import pdu

FRAME = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
HUGE_FRAMES, HUGE_SIDE = 500, 2048  # 4,000 MB


@dataclass(frozen=True, slots=True)
class Cost:
    """One turn of one server."""

    rate: float  # instances a second
    p95_ms: float
    cpu_ms: float  # of the server, for each instance; 0 when its process is not known
    before_mb: float
    peak_mb: float


def ingest(target: Target, name: str, associations: int) -> Cost:
    """One study of this kind on each association, all at once; about the same number whatever the associations."""
    kind = shared_out(KINDS[name], associations)
    run = time.time_ns() // 1_000_000 % 10**12
    studies = [study(kind, run, association) for association in range(associations)]
    with Usage(target.pid) as usage:
        seconds, sent = send_at_once(target, kind.sop_class, studies)
    latencies = sorted(one for association in sent for one in association.seconds)
    count = len(latencies)
    p95 = latencies[min(count - 1, count * 95 // 100)] * 1000
    return Cost(count / seconds, p95, usage.cpu / count * 1000, usage.before, usage.peak)


def ingest_while_read(target: Target, readers: int) -> Cost:
    """CT on four associations while `readers` clients fetch frames of another study, one after the other."""
    kind = Kind("ct", KINDS["ct"].sop_class, "CT", 512, 512, count=40)
    run = time.time_ns() // 1_000_000 % 10**12
    instances = study(kind, run, 999_999)
    send_at_once(target, kind.sop_class, [instances])
    root = "/studies/{}/series/{}/instances/".format(*study_uids(run, 999_999))
    with _reading(target, [f"{root}{uid}/frames/1" for uid, _ in instances], readers):
        return ingest(target, "ct", 4)


def ingest_huge(target: Target) -> Cost:
    """One multi-frame object of 4,000 MB, made while it is sent."""
    kind = Kind("huge", KINDS["multiframe"].sop_class, "CT", HUGE_SIDE, HUGE_SIDE, frames=1)
    run = time.time_ns() // 1_000_000 % 10**12
    ((uid, dataset),) = study(kind, run, 0)
    size = HUGE_SIDE * HUGE_SIDE * 2
    head, frame = dataset[: len(dataset) - size], dataset[len(dataset) - size :]
    frames = f"{HUGE_FRAMES:<4}".encode()
    at = head.index(b"\x28\x00\x10\x00US")
    head = head[:at] + b"\x28\x00\x08\x00IS\x04\x00" + frames + head[at:-4] + (size * HUGE_FRAMES).to_bytes(4, "little")
    sender = Sender(target, kind.sop_class)
    with Usage(target.pid) as usage:
        began = time.perf_counter()
        sender.send_pieces(_streamed(command(kind.sop_class, uid), head, frame, pdu.fragment_length(sender.longest)))
        seconds = time.perf_counter() - began
    sender.release()
    return Cost(1 / seconds, seconds * 1000, usage.cpu * 1000, usage.before, usage.peak)


def _streamed(request: bytes, head: bytes, frame: bytes, longest: int) -> Iterator[bytes]:
    yield from pdu.message(1, request, None, longest)
    yield pdu.p_data(1, 0, head)
    pieces = [pdu.p_data(1, 0, frame[at : at + longest]) for at in range(0, len(frame) - longest, longest)]
    rest = frame[len(pieces) * longest :]
    for number in range(HUGE_FRAMES):
        yield from pieces
        yield pdu.p_data(1, pdu.LAST if number == HUGE_FRAMES - 1 else 0, rest)


def shared_out(kind: Kind, associations: int) -> Kind:
    """The study that each association sends."""
    count = max(kind.count // associations, 20 if kind.count > 20 else 1)
    return Kind(kind.name, kind.sop_class, kind.modality, kind.rows, kind.columns, kind.bits, kind.frames, count)


@contextmanager
def _reading(target: Target, paths: list[str], readers: int) -> Iterator[None]:
    over = threading.Event()
    errors: list[BaseException] = []
    threads = [threading.Thread(target=_read, args=(target, paths, n, over, errors.append)) for n in range(readers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def _read(
    target: Target, paths: list[str], first: int, over: threading.Event, failed: Callable[[BaseException], None]
) -> None:
    """A viewer: a frame every 100 ms, which is 160 a second for sixteen of them."""
    try:
        connection = target.connect()
        for path in cycle(paths[first % len(paths) :] + paths[: first % len(paths)]):
            if over.wait(0.1):
                break
            connection.get(path, FRAME)
        connection.close()
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        failed(error)
