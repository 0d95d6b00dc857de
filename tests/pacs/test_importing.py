"""Importing: folders, ZIP archives good and bad, and starting again."""

import errno
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pacs.importing import Summary, count_files, import_paths
from storage.errors import StorageFull
from storage.model.archive import StoredObject
from storage.objects.filesystem import FilesystemStore
from tests.pacs.parts import House, Made, house
from tests.support.corpus import corpus


def slices(count: int) -> dict[str, bytes]:
    return {f"IM{n:04}": Made(sop=f"1.2.3.1.{n}", number=n).part10() for n in range(1, count + 1)}


def folder(where: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return where


def zipped(where: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(where, "w", method) as container:
        for name, data in files.items():
            container.writestr(name, data)
    return where


def kinds(summary: Summary) -> tuple[int, int, int, int, int, int]:
    return (
        summary.stored,
        summary.already,
        summary.conflict,
        len(summary.quarantined),
        len(summary.failed),
        summary.skipped,
    )


def test_a_folder_of_all_sorts(here: House, tmp_path: Path) -> None:
    files = slices(3) | {
        "deep/er/IM9": Made(sop="1.2.9").part10(),
        "copy": Made(sop="1.2.9").part10(),
        "other": Made(sop="1.2.9", name="X").part10(),
        "readme.txt": b"not DICOM",
        "empty": b"",
        "damaged": Made(sop="1.2.10").part10()[:-5],
    }
    where = folder(tmp_path / "in", files)
    assert count_files([where]) == 9
    sizes: list[int] = []
    summary = import_paths(here.archive, here.origin, [where], sizes.append)
    assert kinds(summary)[3:] == (1, 0, 2)
    assert summary.stored + summary.already + summary.conflict == 6
    assert (summary.stored, summary.already, summary.conflict) == (4, 1, 1)
    assert summary.quarantined[0][0].endswith("damaged")
    assert "are left" in summary.quarantined[0][1]
    assert summary.studies == {"1.2.3"}
    assert sum(sizes) == sum(len(data) for data in files.values())
    assert here.spooled() == []


def test_starting_again_adds_nothing(here: House, tmp_path: Path) -> None:
    where = folder(tmp_path / "in", slices(20))
    import_paths(here.archive, here.origin, [where])
    again = import_paths(here.archive, here.origin, [where, where / "IM0001"])
    assert kinds(again) == (0, 21, 0, 0, 0, 0)


def test_a_zip_archive(here: House, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", slices(5) | {"folder/": b"", "notes.txt": b"hello"})
    assert kinds(import_paths(here.archive, here.origin, [path])) == (5, 0, 0, 0, 0, 1)


@pytest.mark.parametrize(
    "name", ["../../out", "/tmp/out", "C:\\out", "a" * 300, "x\x01y", "..\\..\\out", "CON", "ＤＩＣＯＭ"]
)
def test_names_inside_a_zip_mean_nothing(here: House, tmp_path: Path, name: str) -> None:
    before = {path for path in tmp_path.rglob("*") if "objects" not in path.parts}
    path = zipped(tmp_path / "x.zip", {name: Made().part10()})
    assert kinds(import_paths(here.archive, here.origin, [path])) == (1, 0, 0, 0, 0, 0)
    after = {p for p in tmp_path.rglob("*") if "objects" not in p.parts and not p.name.startswith("index")}
    assert {p.name for p in after - before} <= {"x.zip", "spool", "objects"}


def test_a_link_inside_a_zip_is_not_followed(here: House, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as container:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        container.writestr(link, "/etc/passwd")
    assert kinds(import_paths(here.archive, here.origin, [path])) == (0, 0, 0, 0, 0, 1)


def test_a_zip_inside_a_zip_is_refused(here: House, tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as container:
        container.writestr("IM", Made().part10())
    path = zipped(tmp_path / "x.zip", {"inner.zip": inner.getvalue()})
    summary = import_paths(here.archive, here.origin, [path])
    assert [reason for _, reason in summary.failed] == ["a ZIP archive inside a ZIP archive"]


def test_a_bomb_is_stopped(here: House, tmp_path: Path) -> None:
    data = Made().part10() + bytes(100 << 20)
    path = zipped(tmp_path / "x.zip", {"bomb": data})
    assert path.stat().st_size < 200_000
    summary = import_paths(here.archive, here.origin, [path])
    assert "it grows to more than" in summary.failed[0][1]
    assert here.spooled() == []
    assert list(here.archive.objects.keys()) == []


def test_a_forged_size_is_noticed(here: House, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"IM": Made().part10()}, zipfile.ZIP_STORED)
    data = path.read_bytes()
    size = len(Made().part10())
    path.write_bytes(data.replace(size.to_bytes(4, "little"), (size - 100).to_bytes(4, "little")))
    summary = import_paths(here.archive, here.origin, [path])
    assert summary.stored == 0
    assert len(summary.failed) + len(summary.quarantined) == 1


def test_overlapping_members_are_refused(here: House, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as container:
        container.writestr("one", Made().part10())
        again = zipfile.ZipInfo("two")
        first = container.infolist()[0]
        again.header_offset, again.CRC = first.header_offset, first.CRC
        again.file_size, again.compress_size = first.file_size, first.compress_size
        container.filelist.append(again)
    summary = import_paths(here.archive, here.origin, [path])
    assert [reason for _, reason in summary.failed] == ["members of the ZIP archive overlap"]


def test_a_million_members_are_refused_before_they_are_listed(here: House, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"IM": Made().part10()})
    data = bytearray(path.read_bytes())
    place = data.rfind(b"PK\x05\x06")
    data[place + 12 : place + 16] = (100 << 20).to_bytes(4, "little")
    path.write_bytes(data)
    (failure,) = import_paths(here.archive, here.origin, [path]).failed
    assert "more than" in failure[1]


@pytest.mark.parametrize("damage", [b"PK\x03\x04", b"PK\x03\x04" + bytes(5000)])
def test_a_zip_that_is_none(here: House, tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(damage)
    assert len(import_paths(here.archive, here.origin, [path]).failed) == 1


def test_a_file_that_cannot_be_read_is_said(here: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = folder(tmp_path / "in", slices(2))
    real = Path.open

    def refused(path: Path, *arguments: Any, **more: Any) -> Any:  # root may read everything, so mode bits do not do
        if path.name == "IM0001":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refused)
    assert kinds(import_paths(here.archive, here.origin, [where])) == (1, 0, 0, 0, 1, 0)


def test_a_full_store_stops_the_import(tmp_path: Path) -> None:
    class Full(FilesystemStore):
        def put_many(
            self, items: list[tuple[str, Path, str]], *, consume: bool = False, synced: bool = False
        ) -> list[StoredObject]:
            raise StorageFull("no room")

    made = house(tmp_path, objects=Full(tmp_path / "objects"))
    where = folder(tmp_path / "in", slices(50))
    with pytest.raises(StorageFull):
        import_paths(made.archive, made.origin, [where])
    assert made.spooled() == []
    made.archive.close()


def test_a_dicomdir_stands_for_its_folder(here: House, tmp_path: Path) -> None:
    tree = corpus()
    if tree is None:
        pytest.skip("needs the corpus")
    source = tree / "series-mr" / "same-patient-multi-study-tiny"
    where = tmp_path / "cd"
    shutil.copytree(source, where)
    summary = import_paths(here.archive, here.origin, [where / "DICOMDIR"])
    assert summary.stored == 31
    assert summary.skipped >= 7, "the DICOMDIR itself and its variants are not stored"
    assert not summary.failed
