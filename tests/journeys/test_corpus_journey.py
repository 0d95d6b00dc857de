"""Every file of the corpus through the whole program: imported, retrieved, rendered or refused with its reason.

tests/journeys/corpus.csv is the table of what is expected of each file. `python -m tests.journeys.test_corpus_journey`
makes it anew; read the difference before committing it.
"""

import csv
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.corpus import Expected, corpus, manifest
from tests.support.server import Browserless, Running, serving

TABLE = Path(__file__).with_name("corpus.csv")
COLUMNS = ("path", "sha256", "stored", "retrieved", "rendered")
LIMIT_SECONDS = 120  # only a hang takes so long
LIMIT_MB = 1024

pytestmark = pytest.mark.skipif(
    corpus() is None, reason="a clone without the shared corpus; tests/pacs read pydicom's files"
)


@dataclass(slots=True)
class Seen:
    """What became of every file, and what it cost."""

    rows: list[dict[str, str]]
    slowest: tuple[float, str]
    peak_mb: float


def walk(running: Running) -> Seen:
    """Upload each file by itself, fetch it back, and ask for a rendering."""
    client = running.add_admin()
    watch = _Memory(running)
    rows: list[dict[str, str]] = []
    slowest = (0.0, "")
    for expected in manifest():
        began = time.monotonic()
        rows.append(_one(client, expected))
        slowest = max(slowest, (time.monotonic() - began, expected.name))
    return Seen(rows, slowest, watch.stop())


def _one(client: Browserless, expected: Expected) -> dict[str, str]:
    data = expected.path.read_bytes()
    answer = client.ask(
        "POST", "/api/uploads", data, {"Content-Type": "application/dicom", "X-File-Name": expected.path.name}
    )
    row = {"path": expected.name, "sha256": expected.facts["sha256"]}
    if answer.status >= 400:
        return row | {"stored": f"refused: {answer.json()['detail']}", "retrieved": "", "rendered": ""}
    became = answer.json()
    problems = "; ".join(problem["reason"] for problem in became["problems"])
    kind = next((k for k in ("stored", "already", "conflict", "quarantined") if became[k]), "refused")
    row["stored"] = kind + (f": {problems}" if problems else "")
    if kind not in ("stored", "already"):
        return row | {"retrieved": "", "rendered": ""}
    url = _url(expected)
    whole = client.get(url, Accept="application/dicom; transfer-syntax=*")
    row["retrieved"] = _compared(whole.status, whole.body, data, kind)
    picture = client.get(f"{url}/rendered", Accept="image/png")
    if picture.status == 200:
        row["rendered"] = "image"
    else:
        row["rendered"] = f"{picture.status}: {picture.json()['detail']}"
    return row


def _compared(status: int, body: bytes, sent: bytes, kind: str) -> str:
    """How what we got back relates to what was sent."""
    if status != 200:
        return str(status)
    if body == sent:
        return "identical"
    if kind == "already":
        return "the one stored first"
    if body[:128] == bytes(128) and body[128:] == sent[128:]:
        return "identical, preamble zeroed"
    return "identical, File Meta Information added" if body.endswith(sent) else "different"


def _url(expected: Expected) -> str:
    """Where the instance is."""
    import pydicom

    with expected.path.open("rb") as handle:
        dataset = pydicom.dcmread(handle, stop_before_pixels=True, force=True)
    return (
        f"/dicom-web/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}"
    )


class _Memory:
    """The largest resident set of any process of the server while it works."""

    def __init__(self, running: Running) -> None:
        assert running.process is not None
        self._pid = running.process.pid
        self._peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            for pid in _family(self._pid):
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                for line in status.splitlines():
                    if line.startswith("VmHWM"):
                        self._peak = max(self._peak, int(line.split()[1]) / 1024)

    def stop(self) -> float:
        self._ended.set()
        self._thread.join()
        return self._peak


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with serving(tmp_path_factory.mktemp("corpus")) as running:
        yield walk(running)


@pytest.mark.timeout(600)
def test_every_file_becomes_what_the_table_says(seen: Seen) -> None:
    with TABLE.open(encoding="utf-8", newline="") as handle:
        expected = {row["path"]: row for row in csv.DictReader(handle)}
    assert len(seen.rows) == len(expected) > 700
    different = [(row, expected.get(row["path"])) for row in seen.rows if row != expected.get(row["path"])]
    assert not different, different[:5]


def test_no_file_takes_long_or_much_memory(seen: Seen) -> None:
    assert seen.slowest[0] < LIMIT_SECONDS, seen.slowest
    assert seen.peak_mb < LIMIT_MB


def test_most_files_are_stored_and_shown(seen: Seen) -> None:
    """A guard of the table itself: it cannot have been made from a server that refuses everything."""
    kinds = [row["stored"].split(":")[0] for row in seen.rows]
    assert kinds.count("stored") > 600
    assert sum(row["retrieved"] == "identical" for row in seen.rows) > 600
    assert not [row for row in seen.rows if row["retrieved"] == "different"]
    readable = [e for e in manifest() if e.facts["pydicom_decode"] == "ok"]
    shown = {row["path"] for row in seen.rows if row["rendered"] == "image"}
    missing = [e.name for e in readable if e.name not in shown]
    assert len(missing) < len(readable) * 0.2, missing[:20]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as running:
        found = walk(running)
    with TABLE.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found.rows)
    print(f"{len(found.rows)} files, slowest {found.slowest}, peak {found.peak_mb:.0f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()
