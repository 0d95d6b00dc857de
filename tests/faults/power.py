"""Power cuts under load: a snapshot of the disk is all that is left, and the archive must go on from there.

    python -m tests.faults.power --cuts 300 [--fs ext4,xfs]

Two negative controls run first, with an archive whose files, and whose files and index, are never synchronised: they
must lose acknowledged instances, or this test could not see a loss and fails itself.
"""

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

from tests.faults.checker import Verdict, check
from tests.faults.disk import FILE_SYSTEMS, CannotCut, Disk
from tests.faults.history import History, Senders
from tests.faults.instances import Maker, dataset_of
from tests.faults.launcher import NO_SYNC
from tests.faults.server import TICK, Launcher, Server

CONTROLS = ("files", "all")
ENOUGH = 40  # acknowledged instances before a control is cut
ENOUGH_SECONDS = 30.0
MOST_BETWEEN_CUTS = 60  # acknowledged instances
CUT_SECONDS, MOST_SECONDS = 3.0, 60.0  # waited for them; the second where nothing was acknowledged at all
SENDERS, BATCH = 3, 10


def run(cuts: int, kind: str, folder: Path, launcher: Launcher, *, seed: int) -> tuple[Verdict, int]:
    """One archive that lives through all these cuts; what was found, and how many cuts there were."""
    chance, verdict, done = random.Random(seed), Verdict(), 0
    history, maker = History(), Maker(folder / "sent", int(time.time()), seed)
    began = time.monotonic()
    with _disk_and_server(folder, kind, launcher) as (disk, server):
        server.start()
        web = server.prepare()
        disk.settle()
        looked_at = 0
        for number in range(1, cuts + 1):
            _cut_under_load(disk, server, maker, history, chance)
            server.start()
            done += 1
            new = check(server.running, web, history, batches=history.batches[looked_at:], by_get=number % 5 == 0)
            looked_at = len(history.batches)
            if not new.good and (new.lost or new.duplicates or new.wrong):
                print(f"  cut {number} on {kind}: {new.words()}\n{server.last_words()}", flush=True)
                break
            _index_is_intact(server)
            if number % 25 == 0:
                counts = history.counts()
                print(
                    f"  {kind}: {number} cuts, {counts.acknowledged} acknowledged before them, "
                    f"{(time.monotonic() - began) / number:.2f} s each",
                    flush=True,
                )
        verdict.add(check(server.running, web, history, by_get=5))
        server.stop()
    return verdict, done


def control(what: str, kind: str, folder: Path, launcher: Launcher, *, seed: int) -> tuple[int, int]:
    """(acknowledged, lost) of an archive that does not synchronise `what`."""
    history, maker = History(), Maker(folder / "sent", int(time.time()), seed)
    with _disk_and_server(folder, kind, launcher) as (disk, server):
        server.extra[NO_SYNC] = what
        server.start()
        server.prepare()
        disk.settle()
        senders = _senders(maker, history, server, seed)
        senders.start()
        _wait_for(history, ENOUGH, ENOUGH_SECONDS)
        acknowledged = history.acknowledged()
        disk.cut()
        senders.stop()
        server.kill_tree()
        disk.power_on()
        kept = _kept(Path(server.running.environment["HOICHAN_DATA"]))
    return len(acknowledged), sum(history.fates[uid].made.sha256 not in kept for uid in acknowledged)


@contextmanager
def _disk_and_server(folder: Path, kind: str, launcher: Launcher) -> Iterator[tuple[Disk, Server]]:
    with Disk(folder, kind) as disk:
        server = Server.configured(launcher, folder / "server", HOICHAN_DATA=str(disk.mounted / "data"))
        try:
            yield disk, server
        finally:
            server.kill_tree()


def _senders(maker: Maker, history: History, server: Server, seed: int) -> Senders:
    return Senders(maker, history, server.running.dicom_port, count=SENDERS, batch=BATCH, big_every=15, seed=seed)


def _cut_under_load(disk: Disk, server: Server, maker: Maker, history: History, chance: random.Random) -> None:
    """Send, cut at a moment of chance once something was acknowledged, forget what happened after it, mount what is
    left."""
    senders = _senders(maker, history, server, chance.randrange(1 << 30))
    senders.start()
    _wait_for(history, len(history.acknowledged()) + chance.randint(1, MOST_BETWEEN_CUTS), CUT_SECONDS)
    time.sleep(chance.uniform(0, 0.01))
    acknowledged = history.acknowledged()
    disk.cut()
    senders.stop()
    server.kill_tree()
    history.roll_back(acknowledged)
    disk.power_on()


def _wait_for(history: History, acknowledged: int, seconds: float) -> None:
    """Until so many are acknowledged; after `seconds`, at least one will do."""
    began = time.monotonic()
    while (heard := len(history.acknowledged())) < acknowledged:
        waited = time.monotonic() - began
        if waited > seconds and (heard or waited > MOST_SECONDS):
            return
        time.sleep(TICK)


def _kept(data: Path) -> set[str]:
    """The SHA-256 of every dataset whose object is whole on the disk and whose row is in the index."""
    whole: dict[str, str] = {}
    for path in (data / "objects").glob("*/o/*/*"):
        content = path.read_bytes()
        if sha256(content).hexdigest() == path.name:
            whole[path.name] = sha256(dataset_of(content)).hexdigest()
    try:
        with closing(sqlite3.connect(data / "index.sqlite")) as db:
            rows = {bytes(row[0]).hex() if isinstance(row[0], bytes) else row[0] for row in _hashes(db)}
    except sqlite3.Error:
        return set()
    return {dataset for name, dataset in whole.items() if name in rows}


def _hashes(db: sqlite3.Connection) -> list[tuple[str | bytes]]:
    return list(db.execute("SELECT sha256 FROM instance"))


def _index_is_intact(server: Server) -> None:
    data = Path(server.running.environment["HOICHAN_DATA"])
    with closing(sqlite3.connect(f"file:{data / 'index.sqlite'}?mode=ro", uri=True)) as db:
        said = db.execute("PRAGMA integrity_check").fetchone()
    if said != ("ok",):
        raise AssertionError(f"the index is damaged: {said}")


def controls_lose(kinds: list[str], folder: Path, launcher: Launcher, seed: int) -> bool:
    """Whether each archive that does not synchronise loses what it acknowledged."""
    good = True
    for number, what in enumerate(CONTROLS):
        kind = kinds[number % len(kinds)]
        acknowledged, lost = control(what, kind, folder / f"control-{what}", launcher, seed=seed)
        print(f"negative control, without synchronising {what}, {kind}: {acknowledged} acknowledged, {lost} lost")
        if not lost:
            print("  THE CONTROL LOST NOTHING: this test would not see a loss")
            good = False
    return good


def campaign(cuts: int, kinds: list[str], folder: Path, seed: int) -> bool:
    """The controls, then `cuts` spread over the file systems. Prints what was found."""
    began, total, done = time.monotonic(), Verdict(), 0
    with Launcher() as launcher:
        if not controls_lose(kinds, folder, launcher, seed):
            return False
        cutting = time.monotonic()
        for number, kind in enumerate(kinds):
            share = cuts // len(kinds) + (number < cuts % len(kinds))
            if not share:
                continue
            verdict, made = run(share, kind, folder / kind, launcher, seed=seed + number)
            total.add(verdict)
            done += made
            print(f"{kind}: {verdict.words()}", flush=True)
    each = (time.monotonic() - cutting) / max(done, 1)
    print(
        f"power: {done} cuts in {time.monotonic() - began:.0f} s ({each:.2f} s each), "
        f"{total.acknowledged} acknowledged, {len(total.lost)} lost, {len(total.duplicates)} duplicate rows",
        flush=True,
    )
    return total.good and done == cuts


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.power", description=__doc__)
    parser.add_argument("--cuts", type=int, default=300)
    parser.add_argument("--fs", default=",".join(FILE_SYSTEMS))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="kept afterwards; by default a temporary one")
    asked = parser.parse_args(arguments)
    kinds = asked.fs.split(",")
    if not set(kinds) <= set(FILE_SYSTEMS) or asked.cuts < 1:
        parser.error(f"--fs takes {', '.join(FILE_SYSTEMS)}; --cuts at least 1")
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="hoichan-power-"))
    print(f"seed {asked.seed}, file systems {asked.fs}, folder {folder}", flush=True)
    try:
        good = campaign(asked.cuts, kinds, folder, asked.seed)
    except CannotCut as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        if asked.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
