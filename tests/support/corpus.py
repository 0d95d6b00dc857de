"""The DICOM files the tests read: the shared corpus beside the clone when it is there, else pydicom's own files."""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "dicom"


def corpus() -> Path | None:
    """The folder of the shared corpus (with manifest.csv), or None in a clone without it."""
    folder = Path(os.environ.get("TEST_DICOM_CORPUS", _BESIDE))
    return folder if (folder / "manifest.csv").is_file() else None


@dataclass(frozen=True, slots=True)
class Expected:
    """One row of manifest.csv: a file and the facts known of it, as text."""

    path: Path
    facts: dict[str, str]

    @property
    def name(self) -> str:
        return self.facts["path"]


@cache
def manifest() -> tuple[Expected, ...]:
    """All rows of the corpus, or none without it."""
    folder = corpus()
    if folder is None:
        return ()
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as handle:
        return tuple(Expected(folder / row["path"], row) for row in csv.DictReader(handle))


def pydicom_files() -> Iterator[Path]:
    """The DICOM files inside the installed pydicom package."""
    import pydicom.data

    root = Path(pydicom.data.__file__).parent / "test_files"
    for path in sorted(root.rglob("*")):
        if path.suffix == ".dcm":
            yield path


def images(*patterns: str) -> list[Path]:
    """Files of the corpus whose name matches one of the glob patterns.

    Without the corpus: pydicom's own files of that name, or two small images when a pattern names a folder only.
    """
    folder = corpus()
    if folder is not None:
        return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    names = [pattern.rpartition("/")[2] for pattern in patterns]
    found = [p for p in pydicom_files() if any(fnmatch(p.name, name) for name in names if not name.startswith("*"))]
    return found or [p for p in pydicom_files() if p.name in ("CT_small.dcm", "MR_small.dcm")]


def pydicom_file(name: str) -> Path:
    """The file of this name inside the pydicom package, with or without the corpus."""
    return next(path for path in pydicom_files() if path.name == name)


needs_corpus = pytest.mark.skipif(corpus() is None, reason="needs the shared corpus beside the clone")
