"""PostgreSQL restarted, crashed, and its connections ended by force, while DCMTK's senders never rest.

    python -m tests.faults.database --kills 200

Ends with status 1 when an acknowledged instance is lost or changed, when a row is there twice, when a part of the
server fell, when storing did not go on within five seconds after the database was back, when a page asked while the
database is away did not answer 503 with Retry-After, or when nothing was acknowledged or refused.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.faults.checker import check
from tests.faults.history import History, Senders
from tests.faults.instances import Maker
from tests.faults.server import TICK, Launcher, Server
from tests.support.postgres import PostgresServer
from tests.support.server import Browserless

BACK_SECONDS = 5.0
PAGES = ("/api/worklist", "/dicom-web/studies?limit=1", "/api/session")
RESTART, CRASH, STORM, BACKEND = "restart", "crash", "connections ended", "backend killed"
_OURS = "application_name = 'hoichan' AND pid <> pg_backend_pid()"


@dataclass(slots=True)
class Found:
    """What was seen."""

    kills: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Troubler:
    """Makes trouble for the database, and waits until storing goes on."""

    def __init__(self, postgres: PostgresServer, database: str, history: History, web: Browserless, seed: int) -> None:
        self.found = Found()
        self._postgres = postgres
        self._database = database
        self._history = history
        self._web = web
        self._chance = random.Random(seed)
        self._plan: list[str] = []
        self._steps: dict[str, Callable[[], None]] = {
            RESTART: lambda: self._restart(signal.SIGINT),
            CRASH: lambda: self._restart(signal.SIGQUIT),
            STORM: self._storm,
            BACKEND: self._backend,
        }

    def once(self) -> None:
        """One kill of a kind, every kind as often as the others."""
        if not self._plan:
            self._plan = self._chance.sample([*self._steps], len(self._steps))
        kind = self._plan.pop()
        self._steps[kind]()
        self.found.kills[kind] += 1
        self._wait_until_storing_goes_on(kind)

    def _restart(self, how: signal.Signals) -> None:
        self._postgres.stop(how)
        until = time.monotonic() + self._chance.uniform(0.2, 0.8)
        refused = self._refused()
        for page in PAGES:
            self._ask(page)
        while time.monotonic() < until or (self._refused() == refused and time.monotonic() < until + 3):
            time.sleep(TICK)
        self._postgres.start()

    def _storm(self) -> None:
        for _ in range(5):
            with self._connected() as connection:
                connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OURS}")
            time.sleep(0.05)

    def _backend(self) -> None:
        """PostgreSQL ends all its other backends as well then, and recovers."""
        with self._connected() as connection:
            pids = [row[0] for row in connection.execute(f"SELECT pid FROM pg_stat_activity WHERE {_OURS}")]
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(str(self._chance.choice(pids))), signal.SIGKILL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError), self._connected():
                return
            time.sleep(TICK)

    def _wait_until_storing_goes_on(self, kind: str) -> None:
        before, began = self._history.counts().acknowledged, time.monotonic()
        while self._history.counts().acknowledged == before:
            if time.monotonic() - began > 10 * BACK_SECONDS:
                raise AssertionError(f"after {kind}: nothing was stored for {10 * BACK_SECONDS:.0f} s")
            time.sleep(TICK)
        took = time.monotonic() - began
        until = time.monotonic() + 1
        while self._history.counts().acknowledged < before + 10 and time.monotonic() < until:
            time.sleep(TICK)
        self.found.slowest = max(self.found.slowest, took)
        if took > BACK_SECONDS:
            self.found.wrong.append(f"after {kind} storing went on only after {took:.1f} s")

    def _ask(self, page: str) -> None:
        """While the database is away: 503 with Retry-After as a problem document, and nothing else."""
        answer = self._web.ask("GET", page, timeout=20)
        self.found.answers[str(answer.status)] += 1
        kind = answer.headers.get("content-type", "")
        if answer.status != 503 or "retry-after" not in answer.headers or kind != "application/problem+json":
            self.found.wrong.append(f"{page} without database: {answer.status} {kind}")

    def _refused(self) -> int:
        return sum(fate.refused for fate in list(self._history.fates.values()))

    def _connected(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self._postgres.url(self._database), autocommit=True, application_name="troubler")


def run(kills: int, folder: Path, *, seed: int = 1, senders: int = 3, most: int = 20_000) -> bool:
    """Whether nothing was lost and everything went on by itself. Prints what was done and found."""
    began = time.monotonic()
    history, maker = History(), Maker(folder / "sent", int(time.time()), seed)
    (folder / "postgresql").mkdir(parents=True)
    postgres = PostgresServer(folder / "postgresql")
    with Launcher() as launcher:
        try:
            postgres.start()
            postgres.migrate_template()
            name = postgres.create()
            settings = {"HOICHAN_DICOM__PROCESSES": "2", "HOICHAN_INDEX__URL": postgres.url(name)}
            server = Server.configured(launcher, folder / "server", **settings)
            server.start()
            try:
                web = server.prepare()
                parts = server.tree()
                troubler = Troubler(postgres, name, history, web, seed)
                sending = Senders(
                    maker, history, server.running.dicom_port, count=senders, batch=20, most=most, seed=seed
                )
                sending.start()
                try:
                    for _ in range(kills):
                        troubler.once()
                finally:
                    sending.stop()
                fell = sorted(set(parts) - set(server.tree()))
                verdict = check(server.running, web, history, by_get=2)
            finally:
                server.stop()
        finally:
            postgres.stop()
    found = troubler.found
    refused = sum(fate.refused for fate in history.fates.values())
    if fell:
        found.wrong.append(f"parts of the server fell: {fell}; its log ends with\n{server.last_words()}")
    print("kills: " + ", ".join(f"{kind} {count}" for kind, count in sorted(found.kills.items())))
    print(f"pages asked without database: {dict(found.answers)}; C-STORE refused {refused} times")
    print(verdict.words())
    for line in found.wrong[:20]:
        print(f"  wrong: {line}")
    print(
        f"database: {sum(found.kills.values())} kills in {time.monotonic() - began:.0f} s, {verdict.acknowledged} "
        f"acknowledged, {len(verdict.lost)} lost, {len(verdict.duplicates)} duplicate rows; storing went on within "
        f"{found.slowest:.1f} s, {len(fell)} parts fell",
        flush=True,
    )
    return verdict.good and not found.wrong and refused > 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.database", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="hoichan-database-"))
    folder.chmod(0o755)  # PostgreSQL's server runs as somebody else
    print(f"seed {asked.seed}, folder {folder}", flush=True)
    good = run(asked.kills, folder, seed=asked.seed)
    if good:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
