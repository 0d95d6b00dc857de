"""The samples: real images, and a phantom that nobody can take for a person."""

import io
from itertools import pairwise

import pydicom
import pytest

from pacs import samples
from pacs.samples import load_samples, phantom_ct, sample_files
from tests.pacs.parts import House


def test_the_phantom_is_a_valid_volume() -> None:
    slices = [pydicom.dcmread(io.BytesIO(data)) for data in phantom_ct(8, 32, 32)]
    positions = [float(one.ImagePositionPatient[2]) for one in slices]
    steps = {round(after - before, 3) for before, after in pairwise(positions)}
    assert len(steps) == 1
    assert steps == {round(float(slices[0].SpacingBetweenSlices), 3)}
    assert len({one.SOPInstanceUID for one in slices}) == 8
    assert len({(one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID) for one in slices}) == 1
    assert [one.InstanceNumber for one in slices] == list(range(1, 9))
    assert str(slices[0].PatientName) == "Nguyễn^Thị Ảnh Mẫu"
    assert slices[0].StudyDescription == "ẢNH TỔNG HỢP – synthetic phantom"
    assert slices[0].pixel_array.shape == (32, 32)
    assert all(len(one.SOPInstanceUID) <= 64 for one in slices)


def test_it_is_the_same_bytes_each_time() -> None:
    assert list(phantom_ct(2, 16, 16)) == list(phantom_ct(2, 16, 16))


def test_the_images_are_inside_pydicom() -> None:
    assert len(sample_files()) == len(samples.FILES)


def test_loading_twice_adds_nothing(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(samples, "phantom_ct", lambda: phantom_ct(5, 32, 32))
    monkeypatch.setattr(samples, "SLICES", 5)
    first = load_samples(here.archive, here.origin, lambda done, total: told.append((done, total)))
    again = load_samples(here.archive, here.origin)
    assert (first.stored, first.already, first.conflict, first.quarantined) == (16, 0, 0, [])
    assert (again.stored, again.already) == (0, 16)
    assert told[0] == (0, 16)
    assert told[-1] == (16, 16)
