"""What the senders know: each instance is sent, acknowledged, or of unknown fate. Real DCMTK senders write it."""

import contextlib
import json
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.instances import Batch, Made, Maker

PAUSE_SECONDS = 0.05  # after an association that could not be made
SENDING, ANSWERED, REFUSED = "Sending file: ", "Received Store Response (Success)", "Received Store Response ("


@dataclass(slots=True)
class Fate:
    """One instance: how often it was sent and how often its sender heard Success."""

    made: Made
    sent: int = 0
    acknowledged: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many instances were sent, how many of them acknowledged, how many are of unknown fate."""

    sent: int
    acknowledged: int
    unknown: int


@dataclass(slots=True)
class History:
    """Everything that was sent, by SOP Instance UID. Several senders write it at once."""

    batches: list[Batch] = field(default_factory=list)
    fates: dict[str, Fate] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, batch: Batch) -> None:
        with self._lock:
            self.batches.append(batch)
            for made in batch.instances:
                self.fates[made.sop_instance_uid] = Fate(made)

    def note(self, uid: str, what: str) -> None:
        """`what` is the field of Fate that is one more."""
        with self._lock:
            fate = self.fates[uid]
            setattr(fate, what, getattr(fate, what) + 1)

    def sent(self, batch: Batch) -> bool:
        """Whether anything of it went out."""
        with self._lock:
            return any(self.fates[made.sop_instance_uid].sent for made in batch.instances)

    def acknowledged(self) -> frozenset[str]:
        """The SOP Instance UIDs whose senders have heard Success until now."""
        with self._lock:
            return frozenset(uid for uid, fate in self.fates.items() if fate.acknowledged)

    def roll_back(self, acknowledged: frozenset[str]) -> None:
        """Time went back to when only these had been acknowledged: what was heard since then is of unknown fate."""
        with self._lock:
            for uid, fate in self.fates.items():
                if uid not in acknowledged:
                    fate.acknowledged = 0

    def counts(self) -> Counts:
        with self._lock:
            sent = sum(fate.sent > 0 for fate in self.fates.values())
            acknowledged = sum(fate.acknowledged > 0 for fate in self.fates.values())
        return Counts(sent, acknowledged, sent - acknowledged)

    def write(self, path: Path) -> None:
        """Keep it for whoever looks into a failure."""
        with self._lock:
            told = {
                uid: {"sent": f.sent, "acknowledged": f.acknowledged, "refused": f.refused, "sha256": f.made.sha256}
                for uid, f in self.fates.items()
            }
        path.write_text(json.dumps(told, indent=1), encoding="utf-8")


class Follower:
    """Reads what ``storescu -v`` prints for one batch, line by line, into the history."""

    def __init__(self, history: History, batch: Batch) -> None:
        self._history = history
        self._uids = {str(made.path): made.sop_instance_uid for made in batch.instances}
        self._current = ""

    def line(self, text: str) -> None:
        _, found, path = text.partition(SENDING)
        if found:
            self._current = self._uids[path.strip()]
            self._history.note(self._current, "sent")
        elif ANSWERED in text:
            self._history.note(self._current, "acknowledged")
        elif REFUSED in text:
            self._history.note(self._current, "refused")


class Senders:
    """Modalities that never rest: each sends batch after batch over associations of its own, and what was not
    acknowledged again later, as modalities do."""

    def __init__(
        self,
        maker: Maker,
        history: History,
        port: int,
        *,
        count: int,
        batch: int = 12,
        big_every: int = 0,
        most: int = 0,
        stalled: Callable[[], None] = lambda: None,
        seed: int = 1,
    ) -> None:
        """`most` instances are made in all (0: without end); then old ones are sent again. `stalled` is called when
        an association could not be made."""
        self.port = port
        self._maker = maker
        self._history = history
        self._batch = batch
        self._big_every = big_every
        self._most = most
        self._stalled = stalled
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._again: list[Batch] = []
        self._running: set[subprocess.Popen[str]] = set()
        self._threads = [threading.Thread(target=self._send_all, name=f"sender-{n}", daemon=True) for n in range(count)]

    def start(self) -> None:
        if shutil.which("storescu") is None:
            raise SystemExit("storescu is missing. Install it with: apt-get install dcmtk")
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End now, in the middle of whatever is being sent."""
        self._stop.set()
        with self._lock:
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)
        for thread in self._threads:
            thread.join(60)
        if any(thread.is_alive() for thread in self._threads):
            raise AssertionError("a sender did not end")

    def _send_all(self) -> None:
        while not self._stop.is_set():
            batch = self._next()
            while not self._send(batch):
                self._stalled()
                if self._stop.wait(PAUSE_SECONDS):
                    return
                if self._history.sent(batch):
                    with self._lock:
                        self._again.append(batch)
                    break  # else there was no association at all: it is tried with this one until there is

    def _next(self) -> Batch:
        """Mostly a new batch; otherwise one that did not get through, or one that did, as if its answer was lost."""
        with self._lock:
            spent = bool(self._most) and len(self._history.fates) >= self._most
            if self._again and (spent or self._random.random() < 0.5):
                return self._again.pop(self._random.randrange(len(self._again)))
            if spent or (self._history.batches and self._random.random() < 0.05):
                return self._random.choice(self._history.batches)
            batch = self._maker.batch(self._batch, self._big_every)
        self._history.begin(batch)
        return batch

    def _send(self, batch: Batch) -> bool:
        """One association; whether all of the batch was acknowledged on it."""
        follower = Follower(self._history, batch)
        process = subprocess.Popen(
            ["storescu", "-v", "-xe", "+sd", "-to", "5", "-ta", "10", "-td", "20", "-aec", "HOICHAN", "127.0.0.1",
             str(self.port), str(batch.folder)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={"PATH": "/usr/bin:/bin", "TCP_NODELAY": "1", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        with self._lock:
            self._running.add(process)
        if self._stop.is_set():
            process.kill()
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                follower.line(line)
        status = process.wait()
        with self._lock:
            self._running.discard(process)
        return status == 0
