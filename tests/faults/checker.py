"""The judge: acknowledged ⇒ stored ∧ identical ∧ found by C-FIND ∧ retrievable ∧ one row; unknown ⇒ whole or absent."""

import contextlib
import hashlib
import http.client
import json
import random
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storage.index.database import Database
from storage.index.dump import canonical
from tests.faults.history import Fate, History
from tests.faults.instances import Batch, dataset_of, sop_instance_uid_of
from tests.support.server import Browserless, Running

_FOUND = re.compile(r"\(0008,0018\) UI \[([0-9.]+)")
_SHOWN = 20
ARRIVAL_SECONDS = 60.0  # for what was on its way when its sender was killed

Elsewhere = Callable[[str], bytes | None]


@dataclass(slots=True)
class Verdict:
    """What was looked at and what was wrong."""

    checked: int = 0
    acknowledged: int = 0
    unknown_present: int = 0
    unknown_absent: int = 0
    found: int = 0
    retrieved: int = 0
    by_get: int = 0
    halfway: int = 0
    lost: set[str] = field(default_factory=set)
    duplicates: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.acknowledged > 0 and not (self.lost or self.duplicates or self.wrong)

    @property
    def arriving(self) -> bool:
        """Whether all that is wrong are instances nobody was told of: when their senders were killed they were on
        their way, and one of the questions came before them and another after."""
        return 0 < self.halfway == len(self.wrong) and not (self.lost or self.duplicates)

    def add(self, other: "Verdict") -> None:
        """Both together."""
        for name in (
            "checked",
            "acknowledged",
            "unknown_present",
            "unknown_absent",
            "found",
            "retrieved",
            "by_get",
            "halfway",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.lost |= other.lost
        self.duplicates |= other.duplicates
        self.wrong += other.wrong

    def words(self) -> str:
        """The figures in one line, and below it what was wrong."""
        line = (
            f"checked {self.checked}, acknowledged {self.acknowledged}, lost {len(self.lost)}, "
            f"duplicate rows {len(self.duplicates)}, unknown {self.unknown_present} whole and {self.unknown_absent} "
            f"absent; found by C-FIND {self.found}, retrieved by WADO-RS {self.retrieved} and by C-GET {self.by_get}"
        )
        if not self.acknowledged:
            line += "\n  NOTHING WAS ACKNOWLEDGED: this run proves nothing"
        wrong = [f"lost: {uid}" for uid in sorted(self.lost)] + [f"twice: {uid}" for uid in sorted(self.duplicates)]
        return "\n  ".join([line, *(wrong + self.wrong)[:_SHOWN]])


def check(
    running: Running,
    web: Browserless,
    history: History,
    *,
    acknowledged: Collection[str] | None = None,
    batches: Collection[Batch] | None = None,
    by_get: int = 2,
    seed: int = 1,
    elsewhere: Elsewhere | None = None,
) -> Verdict:
    """Ask the running archive for everything in the history, or in `batches` of it.

    `acknowledged` are the SOP Instance UIDs that must be there when that is not what the history says now. `by_get`
    series are also retrieved by DCMTK's getscu. `elsewhere` gives the bytes of an object that is on no disk of ours.
    """
    heard = history.acknowledged() if acknowledged is None else acknowledged
    asked = list(history.batches if batches is None else batches)
    rows = _rows(running, elsewhere)
    verdict, deadline = Verdict(), time.monotonic() + ARRIVAL_SECONDS
    for batch in asked:
        of_it = _check_batch(running, web, batch, history, heard, rows)
        while of_it.arriving and time.monotonic() < deadline:
            time.sleep(0.2)
            rows = _rows(running, elsewhere)
            of_it = _check_batch(running, web, batch, history, heard, rows)
        verdict.add(of_it)
    present = [batch for batch in asked if any(made.sop_instance_uid in heard for made in batch.instances)]
    for batch in random.Random(seed).sample(present, min(by_get, len(present))):
        _check_get(running, batch, heard, verdict)
    return verdict


def _check_batch(
    running: Running,
    web: Browserless,
    batch: Batch,
    history: History,
    heard: Collection[str],
    rows: "Rows",
) -> Verdict:
    verdict = Verdict()
    sent = [fate for made in batch.instances if (fate := history.fates[made.sop_instance_uid]).sent]
    if not sent:
        return verdict
    found = find(running, batch)
    retrieved, refusal = retrieve(web, batch)
    for fate in sent:
        _check_instance(fate, fate.made.sop_instance_uid in heard, found, retrieved, rows, verdict)
    if refusal:
        verdict.wrong.append(f"WADO-RS does not give {batch.series_instance_uid}: {refusal}")
    strangers = set(found) - {made.sop_instance_uid for made in batch.instances}
    if strangers:
        verdict.wrong.append(f"found in {batch.series_instance_uid} but never sent: {sorted(strangers)}")
    return verdict


def _check_instance(
    fate: Fate, heard: bool, found: Counter[str], retrieved: dict[str, list[str]], rows: "Rows", verdict: Verdict
) -> None:
    uid, sha256 = fate.made.sop_instance_uid, fate.made.sha256
    verdict.checked += 1
    verdict.acknowledged += heard
    stored = rows.by_uid.get(uid, [])
    present = bool(found[uid] or stored or uid in retrieved)
    if heard and not present:
        verdict.lost.add(uid)
        return
    if not present:
        verdict.unknown_absent += 1
        return
    verdict.unknown_present += not heard
    verdict.found += found[uid] == 1
    if len(stored) > 1 or found[uid] > 1:
        verdict.duplicates.add(uid)
        return
    problems = []
    if found[uid] != 1:
        problems.append("C-FIND does not find it")
    if len(stored) != 1:
        problems.append("it has no row")
    elif (kept := rows.dataset_sha256(stored[0])) != sha256:
        problems.append(f"its object {kept}")
    got = retrieved.get(uid, [])
    if got != [sha256]:
        problems.append("WADO-RS gives " + ("nothing" if not got else f"{len(got)} instances with other bytes"))
    else:
        verdict.retrieved += 1
    if problems:
        verdict.wrong.append(f"{uid} ({'acknowledged' if heard else 'unknown'}): {'; '.join(problems)}")
        if heard:
            verdict.lost.add(uid)
        else:
            verdict.halfway += 1


class Rows:
    """Every instance row of the index, and the objects they point to."""

    def __init__(self, by_uid: dict[str, list[str]], places: Sequence[Path], elsewhere: Elsewhere | None) -> None:
        self.by_uid = by_uid
        self._places = places
        self._elsewhere = elsewhere

    def dataset_sha256(self, sha256: str) -> str:
        """The SHA-256 of the dataset in the object with this SHA-256, or in words why there is none."""
        data = self._read(sha256)
        if data is None:
            return "is missing"
        if hashlib.sha256(data).hexdigest() != sha256:
            return "is corrupt"
        return hashlib.sha256(dataset_of(data)).hexdigest()

    def _read(self, sha256: str) -> bytes | None:
        for place in self._places:
            for found in place.glob(f"*/o/{sha256[:2]}/{sha256}"):
                with contextlib.suppress(FileNotFoundError):  # it was brought to the next place at this moment
                    return found.read_bytes()
        return self._elsewhere(sha256) if self._elsewhere is not None else None


def _rows(running: Running, elsewhere: Elsewhere | None) -> Rows:
    settings, data = running.environment, Path(running.environment["HOICHAN_DATA"])
    database = Database(settings.get("HOICHAN_INDEX__URL") or f"sqlite:///{data / 'index.sqlite'}")
    by_uid: dict[str, list[str]] = {}
    try:
        with database.reading() as db:
            for line in canonical(db):
                kind, row = json.loads(line)
                if kind == "instance":
                    by_uid.setdefault(row["uid"], []).append(row["sha256"])
    finally:
        database.close()
    staging = data / "staging"  # of objects on their way to S3
    return Rows(by_uid, [data / "objects", staging / "waiting", staging / "kept"], elsewhere)


def find(running: Running, batch: Batch) -> Counter[str]:
    """How often C-FIND answers with each SOP Instance UID of the series. A refusal says nothing about what is there, so
    it is asked again: a server that goes on refusing has lost what it was asked for."""
    keys = ("QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={batch.study_instance_uid}",
            f"SeriesInstanceUID={batch.series_instance_uid}", "SOPInstanceUID")  # fmt: skip
    arguments = [word for key in keys for word in ("-k", key)]
    command = ("findscu", "-v", "-S", "-aec", "HOICHAN", "127.0.0.1", str(running.dicom_port), *arguments)
    text, deadline = _dcmtk(*command), time.monotonic() + ARRIVAL_SECONDS
    while "Final Find Response (Success)" not in text and time.monotonic() < deadline:
        time.sleep(0.2)
        text = _dcmtk(*command)
    _, _, answers = text.partition("Find Response")
    return Counter(_FOUND.findall(answers))


def retrieve(web: Browserless, batch: Batch) -> tuple[dict[str, list[str]], str]:
    """The SHA-256 of every dataset WADO-RS gives for the series, by SOP Instance UID; and why it gives none."""
    try:
        answer = web.ask(
            "GET",
            f"/dicom-web/studies/{batch.study_instance_uid}/series/{batch.series_instance_uid}",
            headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'},
        )
    except (OSError, http.client.HTTPException) as error:
        return {}, repr(error)
    if answer.status == 404:
        return {}, ""
    if answer.status != 200:
        return {}, f"status {answer.status}"
    boundary = answer.headers["content-type"].partition("boundary=")[2].strip('"')
    got: dict[str, list[str]] = {}
    try:
        for dataset in _datasets(answer.body, boundary):
            got.setdefault(sop_instance_uid_of(dataset), []).append(hashlib.sha256(dataset).hexdigest())
    except ValueError as error:
        return got, str(error)
    return got, ""


def _datasets(body: bytes, boundary: str) -> Iterator[bytes]:
    parts = (b"\r\n" + body).split(f"\r\n--{boundary}".encode())
    if not parts[-1].startswith(b"--"):
        raise ValueError("a multipart answer without end")
    for part in parts[1:-1]:
        yield dataset_of(part.partition(b"\r\n\r\n")[2])


def _check_get(running: Running, batch: Batch, heard: Collection[str], verdict: Verdict) -> None:
    """The series by C-GET: all that was acknowledged, with its bytes."""
    with tempfile.TemporaryDirectory(prefix="hoichan-get-") as folder:
        _dcmtk(
            "getscu", "-S", "-aec", "HOICHAN", "-od", folder, "127.0.0.1", str(running.dicom_port),
            "-k", "QueryRetrieveLevel=SERIES", "-k", f"StudyInstanceUID={batch.study_instance_uid}",
            "-k", f"SeriesInstanceUID={batch.series_instance_uid}",
        )  # fmt: skip
        got = [dataset_of(path.read_bytes()) for path in Path(folder).iterdir()]
    by_uid = {sop_instance_uid_of(dataset): hashlib.sha256(dataset).hexdigest() for dataset in got}
    for made in batch.instances:
        if made.sop_instance_uid not in heard:
            continue
        if by_uid.get(made.sop_instance_uid) == made.sha256:
            verdict.by_get += 1
        else:
            verdict.wrong.append(f"{made.sop_instance_uid} (acknowledged): C-GET does not give it as it was sent")


def _dcmtk(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", "TCP_NODELAY": "1", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.returncode:
        raise AssertionError(f"{command[0]} ended with status {done.returncode}: {text[-500:]}")
    return text
