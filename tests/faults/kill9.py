"""`kill -9` of any process at random and at labelled points, while DCMTK's senders never rest.

    python -m tests.faults.kill9 --kills 1000 [--index postgresql] [--objects s3]

Ends with status 1 when an acknowledged instance is lost or changed, when a row is there twice, when a labelled point
was never hit, when nothing was acknowledged, or when there were fewer kills than asked.
"""

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from minio.error import S3Error

from storage.objects.base import object_key
from tests.faults.checker import Elsewhere, Verdict, check
from tests.faults.history import History, Senders
from tests.faults.instances import Maker
from tests.faults.launcher import TRAP
from tests.faults.points import POINTS, Trap
from tests.faults.server import TICK, Launcher, Server, kill
from tests.support.postgres import PostgresServer
from tests.support.s3 import running as running_s3
from tests.support.server import Browserless

HIT_SECONDS = 15.0  # a labelled point that nobody passes within this time is not reached
LEAVE_SECONDS = 15.0  # for parts whose supervisor was killed; they have eight, on a machine of their own
CHECK_EVERY = 200
PROCESS, SUPERVISOR, TREE = "any process", "supervisor", "whole tree"


class Killer:
    """Kills, and brings back to life what nobody else does."""

    def __init__(self, server: Server, trap: Trap, chance: random.Random) -> None:
        self._server = server
        self._trap = trap
        self._chance = chance
        self.kills: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self._steps: dict[str, Callable[[], None]] = {
            PROCESS: self.anybody,
            SUPERVISOR: self.supervisor,
            TREE: self.whole_tree,
        }
        self._plan = [*POINTS, *self._steps]

    @property
    def total(self) -> int:
        return sum(self.kills.values())

    def once(self) -> None:
        """One kill: first of every kind, then three of four at a labelled point, the others wherever a process is."""
        if not self._plan:
            kinds = [*self._chance.sample(POINTS, 9), *[PROCESS] * 2, self._chance.choice((SUPERVISOR, TREE))]
            self._plan = self._chance.sample(kinds, len(kinds))
        kind = self._plan.pop(0)
        self._steps[kind]() if kind in self._steps else self.at_point(kind)

    def at_point(self, point: str) -> None:
        self._trap.arm(point, self._chance.randint(1, 25))
        deadline = time.monotonic() + HIT_SECONDS
        while not self._trap.victim():
            if time.monotonic() > deadline:
                self._trap.disarm()
                self.missed[point] += 1
                return
            time.sleep(TICK)
        self.kills[point] += 1

    def anybody(self) -> None:
        time.sleep(self._chance.uniform(0, 0.2))
        parts = self._server.tree()[1:]
        if parts and kill(self._chance.choice(parts)):
            self.kills[PROCESS] += 1

    def supervisor(self) -> None:
        """Its parts are told by the kernel and leave by themselves; the next server waits until they have."""
        time.sleep(self._chance.uniform(0, 0.2))
        if kill(self._server.session):
            self.kills[SUPERVISOR] += 1
        deadline = time.monotonic() + LEAVE_SECONDS
        while self._server.tree():
            if time.monotonic() > deadline:
                raise AssertionError(f"parts outlived their supervisor: {self._server.confess()}")
            time.sleep(TICK)
        self._server.start()

    def whole_tree(self) -> None:
        time.sleep(self._chance.uniform(0, 0.2))
        self._server.kill_tree()
        self.kills[TREE] += 1
        self._server.start()


def run(
    kills: int,
    folder: Path,
    *,
    seed: int = 1,
    senders: int = 3,
    most: int = 0,
    settings: Mapping[str, str] = MappingProxyType({}),
    elsewhere: Elsewhere | None = None,
) -> bool:
    """Whether nothing was lost. Prints what was done and found. `settings` are further HOICHAN_ variables."""
    began = time.monotonic()
    chance = random.Random(seed)
    (folder / "trap").mkdir(parents=True)
    trap = Trap(folder / "trap" / "cell")
    history, maker, verdict = History(), Maker(folder / "sent", int(time.time()), seed), Verdict()
    with Launcher() as launcher:
        server = Server.configured(launcher, folder / "server", HOICHAN_DICOM__PROCESSES="2", **settings)
        server.extra[TRAP] = str(folder / "trap" / "cell")
        server.start()
        try:
            web = server.prepare()
            killer = Killer(server, trap, chance)
            looked_at = 0
            while killer.total < kills:
                goal = min(kills, killer.total + CHECK_EVERY)
                with _sending(maker, history, server, senders, most, seed + killer.total):
                    while killer.total < goal:
                        killer.once()
                        _give_up_when_nothing_is_hit(killer)
                _settle(server, web)
                since = history.batches[looked_at:] or history.batches  # old ones alone were sent again
                new = check(server.running, web, history, batches=since, elsewhere=elsewhere)
                looked_at = len(history.batches)
                print(f"  {killer.total} kills, {time.monotonic() - began:.0f} s: {new.words()}", flush=True)
                if not new.good:
                    break
            verdict.add(check(server.running, web, history, by_get=5, elsewhere=elsewhere))
        finally:
            server.stop()
    if not verdict.good:
        history.write(folder / "history.json")
    return _report(killer, history, verdict, server, time.monotonic() - began) and killer.total >= kills


@contextlib.contextmanager
def _sending(maker: Maker, history: History, server: Server, count: int, most: int, seed: int) -> Iterator[Senders]:
    senders = Senders(
        maker, history, server.running.dicom_port, count=count, batch=20, big_every=10, most=most, seed=seed
    )
    senders.start()
    try:
        yield senders
    finally:
        senders.stop()


def _settle(server: Server, web: Browserless) -> None:
    """All parts are back, and the session of our administrator as well."""
    server.wait_until_ready()
    answer = web.ask("GET", "/api/session")
    if answer.status != 200:
        raise AssertionError(f"the administrator's session did not survive: {answer.status}")


def _give_up_when_nothing_is_hit(killer: Killer) -> None:
    if sum(killer.missed.values()) > 10 + killer.total:
        raise AssertionError(f"labelled points are not reached: {dict(killer.missed)}")


def _report(killer: Killer, history: History, verdict: Verdict, server: Server, seconds: float) -> bool:
    counts = history.counts()
    never = [point for point in POINTS if not killer.kills[point]]
    if killer.missed:
        print("not passed in time: " + ", ".join(f"{name} {number}" for name, number in sorted(killer.missed.items())))
    print("kills: " + ", ".join(f"{name} {number}" for name, number in sorted(killer.kills.items())))
    print(f"instances: sent {counts.sent}, acknowledged {counts.acknowledged}, unknown {counts.unknown}")
    print(verdict.words())
    print(
        f"kill -9: {killer.total} kills in {seconds:.0f} s ({seconds / max(killer.total, 1):.2f} s each), "
        f"{verdict.acknowledged} acknowledged, {len(verdict.lost)} lost, {len(verdict.duplicates)} duplicate rows; "
        f"{server.starts} starts, slowest {server.slowest_start:.1f} s",
        flush=True,
    )
    if never and killer.total >= len(POINTS):
        print(f"NEVER HIT: {', '.join(never)}")
        return False
    return verdict.good


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database on a private server."""
    folder.mkdir(parents=True)
    server = PostgresServer(folder)
    try:
        server.start()
        server.migrate_template()
        yield server.url(server.create())
    finally:
        server.stop()


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[tuple[dict[str, str], Elsewhere]]:
    """Settings for a bucket on a private server, and how to look into it."""
    with running_s3(folder) as server:
        client = server.client()
        client.make_bucket("kill9")

        def elsewhere(sha256: str) -> bytes | None:
            try:
                with client.get_object("kill9", object_key("main", sha256)) as answer:
                    return bytes(answer.read())
            except S3Error:
                return None

        settings = {
            "HOICHAN_OBJECTS__URL": server.url("kill9"),
            "HOICHAN_OBJECTS__ACCESS_KEY": server.access_key,
            "HOICHAN_OBJECTS__SECRET_KEY": server.secret_key,
        }
        yield settings, elsewhere


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kill9", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--senders", type=int, default=3)
    parser.add_argument("--most", type=int, default=40_000, help="new instances in all; then old ones are sent again")
    parser.add_argument("--index", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--objects", choices=("files", "s3"), default="files", help="s3: behind a local disk")
    parser.add_argument("--folder", type=Path, help="kept afterwards; by default a temporary one")
    asked = parser.parse_args(arguments)
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="hoichan-kill9-"))
    folder.chmod(0o755)  # PostgreSQL's server runs as somebody else
    print(f"seed {asked.seed}, index {asked.index}, objects in {asked.objects}, folder {folder}", flush=True)
    good = False
    try:
        with contextlib.ExitStack() as stack:
            settings: dict[str, str] = {}
            elsewhere: Elsewhere | None = None
            if asked.index == "postgresql":
                settings["HOICHAN_INDEX__URL"] = stack.enter_context(postgresql(folder / "postgresql"))
            if asked.objects == "s3":
                more, elsewhere = stack.enter_context(s3(folder / "s3"))
                settings |= more
            good = run(
                asked.kills, folder, seed=asked.seed, senders=asked.senders, most=asked.most,
                settings=settings, elsewhere=elsewhere,
            )  # fmt: skip
    finally:
        if asked.folder is None and good:
            shutil.rmtree(folder, ignore_errors=True)
        elif not good:
            print(f"what was sent and what was kept is still in {folder}", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
