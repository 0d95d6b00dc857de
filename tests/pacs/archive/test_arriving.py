"""Metadata made while a series arrives is what the headers say, whatever arrives, when, and in which order."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pacs.archive import Archive, members, metadata
from pacs.archive.pieces import KEPT_SECONDS, Pieces
from pacs.jobs.ahead import Ahead
from storage.index import schema
from storage.objects.filesystem import FilesystemStore
from tests.pacs.parts import House, Made, house

MADE = Made()


def slice_of(number: int, series: str = MADE.series) -> Made:
    return Made(series=series, sop=f"{series}.1.{number}", number=number)


@pytest.fixture
def arriving(tmp_path: Path) -> House:
    plain = house(tmp_path)
    archive = Archive(
        plain.archive.database,
        FilesystemStore(tmp_path / "objects"),
        tmp_path / "spool",
        pieces=Pieces(tmp_path / "cache" / "metadata"),
    )
    return House(archive, plain.origin, tmp_path)


def follower(here: House) -> Callable[[], int]:
    assert here.archive.arriving is not None
    ahead = Ahead(here.archive.database, here.archive.arriving)
    ahead.step()
    return ahead.step


def told(here: House, series: str = MADE.series) -> list[dict[str, Any]]:
    answer = here.archive.metadata(here.scope, MADE.study, series)
    found: list[dict[str, Any]] = json.loads(gzip.decompress(answer.gzip))
    assert len(found) == answer.count
    assert answer.text() == gzip.decompress(answer.gzip)
    return found


def read_from_headers(here: House, series: str = MADE.series) -> list[dict[str, Any]]:
    found = here.archive.instances(here.scope, MADE.study, series)
    made: list[dict[str, Any]] = json.loads(gzip.decompress(metadata.manifest_of(here.archive.objects, found).gzip))
    return made


ROUNDS: tuple[tuple[list[list[int]], list[int]], ...] = (
    ([[1, 2], [3, 4]], [0]),
    ([[3, 4], [1, 2]], [7]),
    ([[1, 3], [2, 4]], []),
    ([[3], [2], [1]], []),
)


def test_what_was_made_ahead_is_what_the_headers_say(arriving: House) -> None:
    step = follower(arriving)
    for count, (rounds, late) in enumerate(ROUNDS):
        series = f"1.2.3.{count}"
        for numbers in rounds:
            for number in numbers:
                arriving.put(slice_of(number, series).part10())
            assert step() == len(numbers)
        for number in late:  # nobody made these ahead
            arriving.put(slice_of(number, series).part10())
        answer = told(arriving, series)
        assert answer == read_from_headers(arriving, series)
        numbers = [one["00200013"]["Value"][0] for one in answer]
        assert numbers == sorted(late + [number for some in rounds for number in some])
        step()


def test_every_answer_on_the_way_is_whole(arriving: House) -> None:
    step = follower(arriving)
    for number in (2, 3, 1):
        arriving.put(slice_of(number).part10())
        assert told(arriving) == read_from_headers(arriving)
        step()
        assert told(arriving) == read_from_headers(arriving)


def test_headers_are_not_read_again(arriving: House, monkeypatch: pytest.MonkeyPatch) -> None:
    step = follower(arriving)
    for number in range(6):
        arriving.put(slice_of(number).part10())
    step()
    expected = read_from_headers(arriving)
    monkeypatch.setattr("pacs.archive.arriving.opened_header", None)
    monkeypatch.setattr("pacs.archive.metadata.opened_header", None)
    assert told(arriving) == expected
    arriving.archive.summarise(arriving.origin.hospital_id, MADE.study, MADE.series)
    assert told(arriving) == expected


def test_an_object_that_is_found_damaged_is_told_by_the_index_at_once(arriving: House) -> None:
    step = follower(arriving)
    for number in range(3):
        arriving.put(slice_of(number).part10())
    step()
    before = told(arriving)
    with arriving.archive.database.writing() as db:
        table = schema.instance
        db.execute(table.update().where(table.c.uid == f"{MADE.sop}.1").values(damage="corrupt"))
    after = told(arriving)
    assert after == read_from_headers(arriving)
    assert [one == other for one, other in zip(after, before, strict=True)] == [True, False, True]


def test_what_left_the_series_is_not_told(arriving: House) -> None:
    step = follower(arriving)
    for number in range(3):
        arriving.put(slice_of(number).part10())
    step()
    with arriving.archive.database.writing() as db:
        table = schema.instance
        db.execute(table.delete().where(table.c.uid == f"{MADE.sop}.1"))
    assert [one["00080018"]["Value"][0] for one in told(arriving)] == [f"{MADE.sop}.0", f"{MADE.sop}.2"]


def test_files_may_be_cut_altered_and_lost(arriving: House) -> None:
    step = follower(arriving)
    for number in range(4):
        arriving.put(slice_of(number).part10())
        step()
    expected = read_from_headers(arriving)
    files = {one.suffix: one for one in (arriving.folder / "cache" / "metadata").iterdir()}
    assert set(files) == {"", ".text"}
    for file in files.values():
        altered(arriving, file, expected)


def altered(arriving: House, file: Path, expected: list[dict[str, Any]]) -> None:
    """Whatever becomes of one of the files, the answer is the same."""
    whole = file.read_bytes()
    for damaged in (
        whole[:-1],
        whole[: len(whole) // 2],
        whole[:10],
        b"",
        b"\xff" * 40,
        whole[:60] + b"?" + whole[61:],
    ):
        file.write_bytes(damaged)
        arriving.archive._manifests._values.clear()
        assert told(arriving) == expected
    file.unlink()
    arriving.archive._manifests._values.clear()
    assert told(arriving) == expected
    file.write_bytes(whole)


def test_what_is_added_after_a_file_was_lost_is_told(arriving: House) -> None:
    step = follower(arriving)
    for number in range(6):
        arriving.put(slice_of(number).part10())
        step()
        if number in (1, 3):
            for file in (arriving.folder / "cache" / "metadata").iterdir():
                if (file.suffix == ".text") == (number == 1):
                    file.unlink()
    assert told(arriving) == read_from_headers(arriving)


def test_what_nothing_is_added_to_goes(tmp_path: Path) -> None:
    kept = Pieces(tmp_path / "kept")
    assert kept.sweep() == 0
    for series in ("1.2", "1.3"):
        kept.add(1, "1.1", series, [(bytes(32), b"{}")])
    for old in (kept._path(1, "1.1", "1.2"), kept._path(1, "1.1", "1.2", ".text")):
        os.utime(old, (0, old.stat().st_mtime - KEPT_SECONDS - 1))
    assert kept.sweep() == 2
    assert kept.of(1, "1.1", "1.2") == []
    assert len(kept.of(1, "1.1", "1.3")) == 1
    assert kept.of(2, "1.1", "1.3") == [], "another hospital's"


def test_joined_texts_are_one_gzip_member_with_its_checksum() -> None:
    texts = [b"", b"a", b'{"x":1}' * 1000, "Bệnh viện".encode(), bytes(range(256)) * 300]
    for count in range(len(texts) + 1):
        parts = [members.deflated(text) for text in texts[:count]]
        assert gzip.decompress(members.array(parts)) == b"[" + b",".join(texts[:count]) + b"]"
        assert [members.inflated(part) for part in parts] == texts[:count]
