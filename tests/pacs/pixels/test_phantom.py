"""The phantom is a chest: the tissues are where they should be, the nodules as large as stated, and always the same."""

import hashlib
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from pacs.pixels.phantom import NODULES, ct_phantom_geometry, ct_phantom_slices

Volume = NDArray[np.int16]


@pytest.fixture(scope="module")
def volume() -> Volume:
    return np.stack([np.frombuffer(one, "<i2").reshape(512, 512) for one in ct_phantom_slices()])


def at(volume: Volume, x: float, y: float, z: float, half: int = 1) -> float:
    """The mean around a point in patient coordinates."""
    geometry = ct_phantom_geometry()
    left, top, low = geometry.position(0)
    k, j, i = round((z - low) / geometry.slice_spacing), round((y - top) / 0.7), round((x - left) / 0.7)
    return float(volume[k - half : k + half + 1, j - half : j + half + 1, i - half : i + half + 1].mean())


def test_it_is_quick_and_always_the_same() -> None:
    began = time.process_time()
    first = hashlib.sha256(b"".join(ct_phantom_slices(20))).hexdigest()
    assert time.process_time() - began < 10  # a tenth of what people wait for
    assert hashlib.sha256(b"".join(ct_phantom_slices(20))).hexdigest() == first


def test_the_geometry_is_that_of_a_thin_slice_chest() -> None:
    geometry = ct_phantom_geometry()
    assert geometry.pixel_spacing == pytest.approx((0.7, 0.7))
    assert geometry.slice_spacing == 1.25
    assert geometry.position(1)[2] - geometry.position(0)[2] == pytest.approx(1.25)
    assert geometry.position(0)[2] == -geometry.position(199)[2]
    small = ct_phantom_geometry(20, 128, 128)
    assert small.pixel_spacing == pytest.approx((2.8, 2.8))
    assert len(list(ct_phantom_slices(20, 128, 128))) == 20


@pytest.mark.parametrize(
    ("tissue", "point", "low", "high"),
    [
        ("air", (170, -120, 0), -1024, -980),
        ("lung", (-110, 0, 30), -900, -780),
        ("heart", (0, -45, -45), 20, 65),
        ("aorta", (23, 32, -20), 25, 55),
        ("liver", (-70, 0, -110), 40, 75),
        ("airway", (0, 8, 60), -1024, -940),
        ("vertebra", (0, 54, 3), 150, 320),
        ("fat", (0, -107, -60), -130, -60),
        ("stomach air", (60, -36, -120), -1024, -940),
    ],
)
def test_tissues_have_their_density(
    volume: Volume, tissue: str, point: tuple[int, int, int], low: int, high: int
) -> None:
    assert low <= at(volume, *point) <= high, tissue


@pytest.mark.parametrize("nodule", NODULES, ids=lambda nodule: f"{nodule.diameter} mm")
def test_nodules_are_solid_in_the_lung_and_of_the_stated_volume(volume: Volume, nodule: object) -> None:
    from pacs.pixels.phantom import Nodule

    assert isinstance(nodule, Nodule)
    geometry = ct_phantom_geometry()
    left, top, low = geometry.position(0)
    k, j, i = (round((nodule.z - low) / 1.25), round((nodule.y - top) / 0.7), round((nodule.x - left) / 0.7))
    assert at(volume, nodule.x, nodule.y, nodule.z, 0) > -60
    reach = nodule.diameter / 2 + 2.1
    rows, slices = round(reach / 0.7), round(reach / 1.25)
    box = volume[k - slices : k + slices + 1, j - rows : j + rows + 1, i - rows : i + rows + 1].astype(float)
    inside = np.clip((box + 860) / 905, 0, 1).sum() * 0.7 * 0.7 * 1.25
    stated = np.pi / 6 * nodule.diameter**3
    assert 0.6 * stated < inside < 2.2 * stated  # a vessel may touch it


def test_noise_is_that_of_a_chest_scan(volume: Volume) -> None:
    liver = volume[15, 250:290, 120:160].astype(float)
    assert 7 < liver.std() < 14
