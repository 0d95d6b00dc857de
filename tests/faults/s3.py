"""An S3 store that refuses, hangs, breaks off, lies and corrupts, behind our local disk.

    python -m tests.faults.s3 --each 1000 [BEHAVIOUR ...]

For each of twelve behaviours: objects are stored while they are brought to S3 and read back from there through a proxy
that spoils three of ten requests. Ends with status 1 when bytes were given out that are not the object's, when an
object left the local queue and the S3 store does not have exactly its bytes, when the queue did not drain after the
store was well again, or when storing got slower because of the store's trouble.
"""

import argparse
import contextlib
import hashlib
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storage.errors import ArchiveError
from storage.objects import breaker, requests
from storage.objects.base import object_key
from storage.objects.s3 import S3Store
from storage.objects.settling import Limits
from storage.objects.staged import StagedStore
from tests.faults.s3_proxy import BEHAVIOURS, HEALTHY, Proxy
from tests.pacs.parts import House, Made, house
from tests.support.s3 import S3Server, running

DRAIN_SECONDS = 60.0
READ_SECONDS = 600.0
SLOW_SECONDS = 0.5  # of one store at p99, and only if the stores in between, under a healthy S3, were much faster
BLOCK = 20  # stores under trouble, then as many without, so that both meet the same machine


@dataclass(slots=True)
class Found:
    """What one behaviour did to us."""

    behaviour: str
    stored: int = 0
    read: int = 0
    failed: int = 0
    spoilt: int = 0
    p99: float = 0.0
    p99_healthy: float = 0.0
    drained: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def words(self) -> str:
        """One line, and what was wrong below it."""
        line = (
            f"{self.behaviour:15} stored {self.stored}, p99 {self.p99 * 1000:4.0f} ms "
            f"({self.p99_healthy * 1000:.0f} healthy); spoilt {self.spoilt} requests; "
            f"read {self.read}, of them refused {self.failed}; drained in {self.drained:.1f} s; wrong {len(self.wrong)}"
        )
        return "\n    ".join([line, *self.wrong[:10]])


class Reader:
    """Asks S3 for what was brought there, again and again: whole, a range, and whether it is verified."""

    def __init__(self, store: S3Store, folder: Path, found: Found, seed: int) -> None:
        self._store = store
        self._folder = folder
        self._found = found
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._there: list[tuple[str, bytes]] = []

    def add(self, key: str, data: bytes) -> None:
        with self._lock:
            self._there.append((key, data))

    def once(self) -> None:
        """One read of a kind; bytes that are given must be the right ones."""
        with self._lock:
            if not self._there:
                return
            key, data = self._chance.choice(self._there)
        kind = self._chance.choice(("whole", "range", "verified"))
        self._found.read += 1
        try:
            if kind == "whole":
                if self._store.get(key) != data:
                    self._found.wrong.append(f"get gave other bytes for {key}")
            elif kind == "verified":
                stored = self._store.verified(key)
                if stored is not None and stored.size != len(data):
                    self._found.wrong.append(f"verified said {stored.size} bytes for {key}")
            else:
                start = self._chance.randrange(len(data))
                fresh = StagedStore(self._folder / os.urandom(6).hex(), self._store)
                if fresh.get(key, start, len(data) - start) != data[start:]:
                    self._found.wrong.append(f"a range of other bytes for {key}")
        except ArchiveError:
            self._found.failed += 1


def run_one(behaviour: str, each: int, server: S3Server, folder: Path, seed: int = 1) -> Found:
    """`each` objects under one behaviour."""
    found = Found(behaviour)
    folder.mkdir(parents=True)
    bucket = f"f{hashlib.sha256(f'{behaviour}{folder}'.encode()).hexdigest()[:20]}"
    straight = S3Store(server.url(bucket), server.access_key, server.secret_key)
    straight.check()
    proxy = Proxy(("127.0.0.1", server.port), seed=seed)
    with proxy.serving():
        url = f"s3://127.0.0.1:{proxy.port}/{bucket}?secure=false"
        final = S3Store(url, server.access_key, server.secret_key, tries=6)
        final.check()
        staged = StagedStore(folder / "staging", final, Limits())
        here = house(folder, objects=staged)
        reader = Reader(S3Store(url, server.access_key, server.secret_key), folder / "reader", found, seed)
        proxy.behaviour = behaviour
        try:
            _store_and_read(here, staged, reader, found, proxy, each, seed)
            proxy.behaviour = HEALTHY
            found.spoilt = sum(proxy.spoilt.values())
            _drain(staged, found)
            _compare(here, straight, found)
        finally:
            here.archive.close()
    if not found.spoilt and behaviour != HEALTHY:
        found.wrong.append("nothing was spoilt: this run proves nothing")
    return found


def _store_and_read(
    here: House, staged: StagedStore, reader: Reader, found: Found, proxy: Proxy, each: int, seed: int
) -> None:
    chance, stop, behaviour = random.Random(seed), threading.Event(), proxy.behaviour
    took: dict[bool, list[float]] = {True: [], False: []}  # by whether the store was in trouble
    kept: dict[str, bytes] = {}

    def settle() -> None:
        while not stop.is_set():
            with contextlib.suppress(ArchiveError):
                if not staged.settle():
                    stop.wait(0.02)

    def read() -> None:
        told: set[str] = set()
        while found.read < each and not stop.is_set():
            for key in [key for key in list(kept) if key not in told][:50]:
                if staged._waiting.stat(key) is None:
                    told.add(key)
                    reader.add(key, kept[key])
            if not told:
                stop.wait(0.01)
            reader.once()

    threads = [threading.Thread(target=settle, daemon=True), threading.Thread(target=read, daemon=True)]
    for thread in threads:
        thread.start()
    for number in range(each):
        trouble = number // BLOCK % 2 == 0
        proxy.behaviour = behaviour if trouble else HEALTHY
        pixels = os.urandom(2 * chance.randrange(500, 20_000))
        data = Made(sop=f"1.2.{seed}.{number}", pixels=pixels, rows=1, columns=len(pixels) // 2).part10()
        began = time.monotonic()
        outcome = here.put(data)
        took[trouble].append(time.monotonic() - began)
        kept[outcome.stored.key] = data
        found.stored += 1
    found.p99, found.p99_healthy = _p99(took[True]), _p99(took[False])
    proxy.behaviour = behaviour
    threads[1].join(READ_SECONDS)
    stop.set()
    for thread in threads:
        thread.join(DRAIN_SECONDS)


def _p99(took: list[float]) -> float:
    return sorted(took)[max(0, int(len(took) * 0.99) - 1)] if took else 0.0


def _drain(staged: StagedStore, found: Found) -> None:
    """The store is well again: everything gets there by itself."""
    began = time.monotonic()
    while staged.condition().waiting or list(staged._waiting.keys()):
        with contextlib.suppress(ArchiveError):
            if not staged.settle():
                time.sleep(0.05)
        if time.monotonic() - began > DRAIN_SECONDS:
            found.wrong.append(f"the queue did not drain: {staged.condition()}")
            return
    found.drained = time.monotonic() - began


def _compare(here: House, straight: S3Store, found: Found) -> None:
    """What the S3 server itself has is what was acknowledged."""
    there = {stored.key: stored.size for stored in straight.keys("main/o/")}
    if len(there) != found.stored:
        found.wrong.append(f"S3 has {len(there)} objects, {found.stored} were acknowledged")
    for key in there:
        data = straight.get(key)
        if object_key("main", hashlib.sha256(data).hexdigest()) != key:
            found.wrong.append(f"S3 has other bytes under {key}")


@contextlib.contextmanager
def impatient() -> Iterator[None]:
    """Time limits of a fraction, so that a thousand hanging requests fit into minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "CONNECT_S", 1.0)
        patch.setattr(requests, "READ_S", 0.4)
        patch.setattr(breaker, "FIRST_PAUSE_S", 0.05)
        patch.setattr(breaker, "LONGEST_PAUSE_S", 0.2)
        yield


def run(
    each: int,
    server: S3Server,
    folder: Path,
    behaviours: tuple[str, ...] = BEHAVIOURS,
    seed: int = 1,
    *,
    timed: bool = True,
) -> bool:
    """Whether no behaviour led to loss, wrong bytes or slow storing."""
    began, results = time.monotonic(), []
    with impatient():
        for behaviour in (HEALTHY, *behaviours):
            found = run_one(behaviour, each, server, folder / behaviour.replace(" ", "-"), seed)
            results.append(found)
            print(f"  {found.words()}", flush=True)
    others = results[1:]
    for found in others:
        if timed and found.p99 > max(SLOW_SECONDS, 3 * found.p99_healthy):
            found.wrong.append("storing was slower than with a healthy store")
            print(f"  {found.words()}", flush=True)
    wrong = sum(len(found.wrong) for found in results)
    print(
        f"S3: {len(others)} behaviours, {sum(f.stored for f in others)} stored, {sum(f.read for f in others)} read, "
        f"{sum(f.spoilt for f in others)} requests spoilt, {wrong} wrong; p99 of storing at worst "
        f"{max(f.p99 for f in others) * 1000:.0f} ms in trouble, {max(f.p99_healthy for f in others) * 1000:.0f} ms "
        f"between; {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return wrong == 0 and all(found.stored == each for found in results)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.s3", description=__doc__)
    parser.add_argument("--each", type=int, default=1000, help="objects stored, and reads, for each behaviour")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("behaviours", nargs="*", default=list(BEHAVIOURS))
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hoichan-s3-") as folder, running(Path(folder) / "server") as server:
        good = run(asked.each, server, Path(folder), tuple(asked.behaviours), asked.seed)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
