"""F3: every call by which an object is stored fails once, in every way, for small and large objects. What is
acknowledged would survive a power cut, and what could not be kept is not acknowledged."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.archive import Archive
from storage.errors import ArchiveError, StorageUnavailable
from storage.index import hospitals
from storage.index.database import Database
from storage.model.archive import Origin, Outcome, Scope
from storage.objects.base import ObjectStore
from storage.objects.filesystem import FilesystemStore
from storage.objects.memory import MemoryStore
from storage.objects.staged import StagedStore
from tests.faults.calls import ERRORS, SHORT, Calls, Disk
from tests.pacs.parts import Made
from tests.support.index import lay_index

SIZES = {"4 kB": 2_000, "512 kB": 256_000, "3 MB": 1_500_000}


@pytest.fixture(scope="module")
def tmp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path_factory.mktemp("x")) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def database(tmp: Path) -> Database:
    return Database(lay_index(tmp / "index.sqlite"))


class Case:
    """One archive in a folder of its own, into which one object is stored while one call fails."""

    def __init__(self, folder: Path, database: Database, kind: str, number: int, words: int) -> None:
        folder.mkdir()
        self.disk = Disk(folder)
        with database.writing() as db:
            hospital = hospitals.ensure(db, "main", "Bệnh viện")
        self.origin = Origin(hospital.id, hospital.code, "import", "test")
        objects: ObjectStore = FilesystemStore(folder / "objects", sync_threads=1)
        if kind == "staged":
            objects = StagedStore(folder / "staging", MemoryStore())
        self.archive = Archive(database, objects, folder / "spool")
        self.data = Made(sop=f"1.2.3.{number}.{words}.{len(kind)}", pixels=os.urandom(2) * words).part10()

    def store(self) -> Outcome | ArchiveError:
        try:
            with self.archive.receive(self.origin) as incoming:
                for start in range(0, len(self.data), 131_072):
                    incoming.write(self.data[start : start + 131_072])
                return self.archive.store(incoming)
        except ArchiveError as error:
            return error

    def judge(self, outcome: Outcome | ArchiveError) -> str:
        """The kind of outcome; an acknowledged object must be whole, durable and found."""
        if isinstance(outcome, ArchiveError):
            return "refused"
        path = self.archive.objects.local_path(outcome.stored.key)
        assert path is not None
        assert path.read_bytes() == self.data
        assert self.disk.keeps(path), f"acknowledged, and a power cut would lose it: {self.disk.names}"
        assert outcome.key is not None
        scope = Scope(frozenset({self.origin.hospital_id}))
        assert self.archive.instance(scope, outcome.key).stored.sha256 == outcome.stored.sha256
        return "kept"


def _stored_whole(case: Case, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls it takes when none fails."""
    calls = Calls(case.disk)
    with calls.watching(monkeypatch):
        outcome = case.store()
    assert case.judge(outcome) == "kept"
    assert {"open", "write", "fsync", "link"} <= set(calls.seen)
    case.archive.close()
    return calls.seen


def _errors(call: str, words: int) -> list[str]:
    """All of them for small objects; for large ones the suite tries two (all with HOICHAN_EVERY_FAULT=1)."""
    errors = list(ERRORS) if words < 10_000 or os.environ.get("HOICHAN_EVERY_FAULT") else ["EIO"]
    return [*errors, SHORT] if call == "write" else errors


@pytest.mark.parametrize(("kind", "sizes"), [("files", list(SIZES)), ("staged", ["4 kB"])])
def test_what_is_acknowledged_survives_every_failing_call(
    kind: str, sizes: list[str], tmp: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory: what is durable is modelled, and thousands of real fsyncs would take minutes."""
    counted: Counter[str] = Counter()
    number = 0
    for words in (SIZES[size] for size in sizes):
        calls = _stored_whole(Case(tmp / f"{kind}-{words}", database, kind, number, words), monkeypatch)
        for nth, call in enumerate(calls, 1):
            for error in _errors(call, words):
                number += 1
                case = Case(tmp / f"{kind}-case-{number}", database, kind, number, words)
                failing = Calls(case.disk, fails=nth, error=error)
                with failing.watching(monkeypatch):
                    first = case.store()
                counted[case.judge(first)] += 1
                if not isinstance(first, ArchiveError):
                    case.archive.close()
                    continue
                with failing.watching(monkeypatch):
                    later = case.store()
                counted["later " + case.judge(later)] += 1
                if case.archive.objects.condition().trouble:
                    counted["stopped"] += 1
                    assert isinstance(case.store(), StorageUnavailable)
                    with failing.watching(monkeypatch):
                        case.archive.objects.recheck()
                with failing.watching(monkeypatch):
                    last = case.store()
                assert case.judge(last) == "kept"
                case.archive.close()
                shutil.rmtree(case.disk.root)
    print(dict(counted))
    assert counted["refused"] > 20
    assert counted["kept"] > 5
    assert counted["stopped"] > 5


def test_a_store_that_does_not_synchronise_is_found_out(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(tmp_path / "case", database, "files", 10_000_000, 2000)
    with Calls(case.disk).watching(monkeypatch):
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)
        outcome = case.store()
    with pytest.raises(AssertionError, match="a power cut would lose it"):
        case.judge(outcome)
