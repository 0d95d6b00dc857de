"""One server for the programs of others: two patients with two studies each, an image of many frames, and a token."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.support.corpus import images
from tests.support.server import Running, serving

SLICES = images("series-ct/same-patient-two-studies/*/*/*.dcm")
FRAMES = images("multiframe/emri_small.dcm", "emri_small.dcm")


@dataclass(frozen=True)
class Hospital:
    """The server, what lies in it, and how a program may come in."""

    running: Running
    files: tuple[Path, ...]
    token: str

    @property
    def root(self) -> str:
        return f"{self.running.base_url}/dicom-web"

    @cached_property
    def datasets(self) -> tuple[Dataset, ...]:
        return tuple(pydicom.dcmread(path) for path in self.files)

    @property
    def multiframe(self) -> Dataset:
        return next(one for one in self.datasets if int(one.get("NumberOfFrames", 1)) > 1)


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with serving(tmp_path_factory.mktemp("clients")) as running:
        files = (*SLICES, *FRAMES)
        running.cli("import", *map(str, files))
        token = running.register("token", "add", "program", "--scope", "dicomweb").strip()
        yield Hospital(running, files, token)
