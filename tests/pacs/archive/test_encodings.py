"""Frames encoded on demand are kept within a limit, shared, and never given out damaged."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pacs.archive.encodings import Encodings
from pacs.pixels.pool import Codecs
from storage.model.archive import Instance
from tests.pacs.parts import House, Made, house

JPEG_LS = "1.2.840.10008.1.2.4.80"


@pytest.fixture
def instance(here: House) -> Instance:
    here.put(Made().part10())
    return here.instance(Made())


def other(instance: Instance, number: int) -> Instance:
    return replace(instance, stored=replace(instance.stored, sha256=f"{number:064x}"))


def test_what_is_kept_is_found_by_another_process_and_only_by_its_name(tmp_path: Path, instance: Instance) -> None:
    Encodings(tmp_path / "kept", 1 << 20).put(instance, 1, JPEG_LS, b"frame")
    again = Encodings(tmp_path / "kept", 1 << 20)
    assert again.get(instance, 1, JPEG_LS) == b"frame"
    assert again.get(instance, 2, JPEG_LS) is None
    assert again.get(instance, 1, "1.2.840.10008.1.2.4.90") is None
    assert again.get(other(instance, 1), 1, JPEG_LS) is None


def test_a_damaged_file_is_no_frame(tmp_path: Path, instance: Instance) -> None:
    kept = Encodings(tmp_path / "kept", 1 << 20)
    kept.put(instance, 1, JPEG_LS, b"frame")
    (file,) = (tmp_path / "kept").glob("*/*")
    for damage in (file.read_bytes()[:-1], b"", file.read_bytes()[:-1] + b"x"):
        file.write_bytes(damage)
        assert kept.get(instance, 1, JPEG_LS) is None
        kept.put(instance, 1, JPEG_LS, b"frame")
        assert kept.get(instance, 1, JPEG_LS) == b"frame"


def test_the_oldest_go_when_it_is_too_much(tmp_path: Path, instance: Instance) -> None:
    kept = Encodings(tmp_path / "kept", 100_000)
    for number in range(40):
        kept.put(other(instance, number), 1, JPEG_LS, bytes(10_000))
        for file in (tmp_path / "kept").glob(f"*/{number:064x}-*"):
            os.utime(file, (1_000_000 + number, 1_000_000 + number))
    size = sum(file.stat().st_size for file in (tmp_path / "kept").glob("*/*"))
    assert size <= 110_000
    assert kept.get(other(instance, 39), 1, JPEG_LS) is not None
    assert kept.get(other(instance, 0), 1, JPEG_LS) is None


def test_what_was_purged_is_forgotten(tmp_path: Path, instance: Instance) -> None:
    kept = Encodings(tmp_path / "kept", 1 << 20)
    kept.put(instance, 1, JPEG_LS, b"one")
    kept.put(other(instance, 7), 1, JPEG_LS, b"other")
    kept.forget(instance.stored.sha256)
    assert kept.get(instance, 1, JPEG_LS) is None
    assert kept.get(other(instance, 7), 1, JPEG_LS) == b"other"


def test_without_room_nothing_is_kept_and_nothing_fails(tmp_path: Path, instance: Instance) -> None:
    none = Encodings(tmp_path / "kept", 0)
    none.put(instance, 1, JPEG_LS, b"frame")
    assert none.get(instance, 1, JPEG_LS) is None
    (tmp_path / "file").write_bytes(b"")
    broken = Encodings(tmp_path / "file", 1 << 20)
    broken.put(instance, 1, JPEG_LS, b"frame")
    assert broken.get(instance, 1, JPEG_LS) is None


def test_a_frame_is_encoded_once(tmp_path: Path, served_codecs: Codecs, monkeypatch: pytest.MonkeyPatch) -> None:
    place = house(tmp_path, served_codecs)
    place.archive._encodings = Encodings(tmp_path / "kept", 1 << 20)
    place.put(Made().part10())
    found = place.instance(Made())
    first = place.archive.frame_in(found, 1, JPEG_LS)
    monkeypatch.setattr(place.archive, "_encoded", None)
    assert place.archive.frame_in(found, 1, JPEG_LS) == first
    place.archive.close()
