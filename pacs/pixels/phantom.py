"""A CT phantom: a chest that was never anybody's, the same bytes on every machine.

Shapes are ellipsoids and tubes in millimetres, in patient coordinates (x to the left, y to the back, z to the head), so
that a slice can be made alone and a volume has the same anatomy at any number of slices.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

PIXEL_SPACING_MM = 0.7
SLICE_SPACING_MM = 1.25

_AIR, _LUNG, _FAT, _MUSCLE, _BLOOD, _BONE, _MARROW = -1000.0, -860.0, -100.0, 45.0, 40.0, 900.0, 230.0


@dataclass(frozen=True, slots=True)
class Nodule:
    """A solid nodule in the lung: centre (x, y, z) and diameter in millimetres."""

    x: float
    y: float
    z: float
    diameter: float


NODULES = (
    Nodule(-62.0, -18.0, 40.0, 8.0),
    Nodule(70.0, 22.0, -35.0, 6.0),
    Nodule(-78.0, 30.0, -10.0, 5.0),
    Nodule(58.0, -30.0, 62.0, 4.0),
    Nodule(-52.0, 44.0, 70.0, 3.0),
)


@dataclass(frozen=True, slots=True)
class Geometry:
    """What the headers of the slices state. Slice 0 is the lowest; rows run to the back, columns to the left."""

    count: int
    rows: int
    columns: int

    @property
    def pixel_spacing(self) -> tuple[float, float]:
        """Between rows and between columns: the field of view stays that of 512 pixels of 0.7 mm."""
        return PIXEL_SPACING_MM * 512 / self.rows, PIXEL_SPACING_MM * 512 / self.columns

    @property
    def slice_spacing(self) -> float:
        return SLICE_SPACING_MM * 200 / self.count

    @property
    def orientation(self) -> tuple[float, ...]:
        """Image Orientation (Patient): axial."""
        return (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    def position(self, index: int) -> tuple[float, float, float]:
        """Image Position (Patient) of a slice: the centre of its first pixel."""
        between_rows, between_columns = self.pixel_spacing
        return (
            round(-(self.columns - 1) / 2 * between_columns, 4),
            round(-(self.rows - 1) / 2 * between_rows, 4),
            round((index - (self.count - 1) / 2) * self.slice_spacing, 4),
        )


def ct_phantom_geometry(count: int = 200, rows: int = 512, columns: int = 512) -> Geometry:
    """The geometry of what `ct_phantom_slices` makes with the same arguments."""
    return Geometry(count, rows, columns)


def ct_phantom_slices(count: int = 200, rows: int = 512, columns: int = 512) -> Iterator[bytes]:
    """Native little endian int16 slices in Hounsfield units, from the lowest up."""
    geometry = ct_phantom_geometry(count, rows, columns)
    left, top, _ = geometry.position(0)
    between_rows, between_columns = geometry.pixel_spacing
    x = (left + between_columns * np.arange(columns, dtype=np.float32))[None, :]
    y = (top + between_rows * np.arange(rows, dtype=np.float32))[:, None]
    noise = _noise(rows, columns)
    soft = between_rows + between_columns
    for index in range(count):
        z = geometry.position(index)[2]
        values = _slice(x, y, z, soft / 2)
        values += np.roll(noise, ((index * 97) % rows, (index * 61) % columns), axis=(0, 1)) * (
            0.75 + 0.25 * ((index * 29) % 7) / 6
        )
        yield np.clip(np.rint(values), -1024, 3071).astype("<i2").tobytes()


@cache
def _noise(rows: int, columns: int) -> Plane:
    """Quantum noise with the short correlation a soft reconstruction kernel leaves. Standard deviation 11 HU."""
    seed = np.random.Generator(np.random.PCG64(20240611))
    smooth: Plane = seed.integers(-32768, 32768, (rows, columns)).astype(np.float32)
    for axis in (0, 1):
        smooth = smooth * np.float32(0.5) + (np.roll(smooth, 1, axis) + np.roll(smooth, -1, axis)) * np.float32(0.25)
    return smooth * np.float32(11.0 / 7094.5)  # an even distribution of 16 bits, after both passes


class _Slice:
    """One slice while it is painted; `z` in millimetres. Edges are as soft as a pixel is wide."""

    def __init__(self, x: Plane, y: Plane, z: float, soft: float) -> None:
        self.x, self.y, self.z, self.soft = x, y, z, np.float32(soft)
        self.values: Plane = np.full((y.shape[0], x.shape[1]), _AIR, np.float32)

    def box(self, cx: float, cy: float, a: float, b: float) -> tuple[slice, slice]:
        """The part of the slice an ellipse can reach."""
        reach = float(self.soft) + 1
        across, down = self.x[0], self.y[:, 0]
        first, last = (int(v) for v in np.searchsorted(across, (cx - a - reach, cx + a + reach)))
        top, bottom = (int(v) for v in np.searchsorted(down, (cy - b - reach, cy + b + reach)))
        return slice(top, bottom), slice(first, last)

    def mix(self, where: tuple[slice, slice], depth: Plane, value: float) -> None:
        """Put `value` where `depth` (millimetres inside the shape) is positive."""
        part = self.values[where]
        share = np.clip(depth / self.soft + np.float32(0.5), 0, 1)
        part += share * (np.float32(value) - part)

    def ellipse(self, cx: float, cy: float, a: float, b: float, value: float) -> None:
        if a <= 0 or b <= 0:
            return
        where = self.box(cx, cy, a, b)
        u, v = (
            (self.x[:, where[1]] - np.float32(cx)) / np.float32(a),
            (self.y[where[0]] - np.float32(cy)) / np.float32(b),
        )
        self.mix(where, (1 - np.sqrt(u * u + v * v)) * np.float32(min(a, b)), value)

    def ellipsoid(self, centre: tuple[float, float, float], axes: tuple[float, float, float], value: float) -> None:
        height = (self.z - centre[2]) / axes[2]
        if abs(height) < 1:
            scale = (1 - height * height) ** 0.5
            self.ellipse(centre[0], centre[1], axes[0] * scale, axes[1] * scale, value)

    def ring(self, cx: float, cy: float, a: float, b: float, shell: float, outer: float, inner: float) -> None:
        self.ellipse(cx, cy, a, b, outer)
        self.ellipse(cx, cy, a - shell, b - shell, inner)


def _slice(x: Plane, y: Plane, z: float, soft: float) -> Plane:
    painted = _Slice(x, y, z, soft)
    _table(painted)
    _body(painted)
    _lungs(painted)
    _vessels(painted)
    for nodule in NODULES:
        half = nodule.diameter / 2
        painted.ellipsoid((nodule.x, nodule.y, nodule.z), (half, half, half), _MUSCLE)
    _belly(painted)
    _mediastinum(painted)
    _ribs(painted)
    _spine(painted)
    return painted.values


def _table(s: _Slice) -> None:
    """The couch: a hollow cradle under the back."""
    where = s.box(0, 125, 170, 30)
    u, v = s.x[:, where[1]] / np.float32(240), (s.y[where[0]] + np.float32(20)) / np.float32(150)
    depth = (1 - np.sqrt(u * u + v * v)) * np.float32(150)
    below = np.where(s.y[where[0]] > 96, np.float32(1), np.float32(-1))
    s.mix(where, np.minimum(depth + 14, 9 * below), -930.0)
    s.mix(where, np.minimum(np.minimum(depth + 2, -depth), 9 * below), -200.0)


def _body_axes(z: float) -> tuple[float, float]:
    """Half the width and half the depth of the chest; shoulders begin to widen it at the top."""
    shoulder = max(0.0, (z - 70) / 55)
    return 156 + 14 * shoulder * shoulder, 112 - 6 * shoulder


def _body(s: _Slice) -> None:
    """Skin, fat, muscle; more of a rounded box than an ellipse."""
    a, b = _body_axes(s.z)
    where = s.box(0, 0, a + 4, b + 4)
    u, v = s.x[:, where[1]] / np.float32(a), s.y[where[0]] / np.float32(b)
    u, v = u * u, v * v
    depth = (1 - np.sqrt(np.sqrt(u * u + v * v + np.float32(1.2) * u * v))) * np.float32(b)
    s.mix(where, depth, 20.0)
    s.mix(where, depth - 2, _FAT)
    s.mix(where, depth - np.float32(11), _MUSCLE)
    for side in (-1, 1):
        s.ellipsoid((side * 58.0, -86.0, 55.0), (46.0, 11.0, 62.0), 52.0)  # pectoral
        s.ellipsoid((side * 104.0, 60.0, 70.0), (24.0, 12.0, 75.0), 52.0)
        if s.z > 15:  # shoulder blade
            tall = min(1.0, (s.z - 15) / 40)
            s.ring(side * (88 + 6 * tall), 74, 25 * tall, 4.5, 1.4, _BONE, _MARROW)


def _lungs(s: _Slice) -> None:
    """Two lungs, narrowing to the apex, with a little pleural fat between them and the ribs."""
    if s.z > 112:
        return
    scale = (1 - max(0.0, (s.z + 40) / 152) ** 2) ** 0.5
    for side, width in ((-1, 58.0), (1, 54.0)):
        cx = side * (72 - 14 * (1 - scale))
        a, b = width * scale, 82 * (0.35 + 0.65 * scale)
        s.ellipse(cx, 4 + 8 * (1 - scale), a + 2.5, b + 2.5, -40.0)
        where = s.box(cx, 4 + 8 * (1 - scale), a, b)
        u = (s.x[:, where[1]] - np.float32(cx)) / np.float32(a)
        v = (s.y[where[0]] - np.float32(4 + 8 * (1 - scale))) / np.float32(b)
        depth = (1 - np.sqrt(u * u + v * v)) * np.float32(min(a, b))
        s.mix(where, depth, _LUNG)
        gravity = np.clip(v, -1, 1) * np.float32(22) * np.clip(depth / 8, 0, 1)  # the back of a lung is denser
        s.values[where] += gravity


@dataclass(slots=True)
class _Tube:
    """A piece of a vessel from one point to another; `served` counts the twigs it feeds."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    parent: "_Tube | None"
    served: int = 0

    @property
    def radius(self) -> float:
        return 0.52 * math.pow(self.served, 0.36)  # Murray's law, nearly


@cache
def _tree() -> tuple[_Tube, ...]:
    """The vessels of both lungs: points strewn over the lung, each joined to the nearest vessel there is, from the
    hilum outwards; a vessel is as wide as what it feeds calls for."""
    dice = np.random.Generator(np.random.PCG64(7))
    tubes: list[_Tube] = []
    for side in (-1.0, 1.0):
        points: list[tuple[float, float, float]] = []
        while len(points) < 700:
            u, v, w = (float(n) / 1000 for n in dice.integers(-1000, 1001, 3))
            if u * u + v * v + w * w < 0.94:
                points.append((side * (72 + 50 * u), 4 + 74 * v, -18 + 112 * w))
        hilum = (side * 30.0, 6.0, -6.0)
        points.sort(key=lambda point: _distance(point, hilum))
        own = [_Tube(hilum, hilum, None)]
        for point in points:
            nearest = min(own, key=lambda tube: _distance(tube.end, point) + 0.1 * _distance(tube.end, hilum))
            middle = tuple(
                (a + b) / 2 + float(dice.integers(-100, 101)) / 40 for a, b in zip(nearest.end, point, strict=True)
            )
            bend = _Tube(nearest.end, (middle[0], middle[1], middle[2]), nearest)
            twig = _Tube(bend.end, point, bend)
            own += [bend, twig]
            feeding: _Tube | None = twig
            while feeding:
                feeding.served += 1
                feeding = feeding.parent
        tubes += own[1:]
    return tuple(tubes)


def _distance(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    return math.dist(one, other)


def _vessels(s: _Slice) -> None:
    for tube in _tree():
        (ax, ay, az), (bx, by, bz) = tube.start, tube.end
        wide = tube.radius
        low, high = min(az, bz) - wide, max(az, bz) + wide
        if not low < s.z < high:
            continue
        where = s.box((ax + bx) / 2, (ay + by) / 2, abs(ax - bx) / 2 + wide, abs(ay - by) / 2 + wide)
        px, py, pz = s.x[:, where[1]] - np.float32(ax), s.y[where[0]] - np.float32(ay), np.float32(s.z - az)
        dx, dy, dz = np.float32(bx - ax), np.float32(by - ay), np.float32(bz - az)
        share = np.clip((px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz), 0, 1)
        qx, qy, qz = px - share * dx, py - share * dy, pz - share * dz
        s.mix(where, np.float32(wide) - np.sqrt(qx * qx + qy * qy + qz * qz), _BLOOD)


def _belly(s: _Slice) -> None:
    """What lies under the diaphragm: liver on the right, spleen and stomach on the left."""
    for centre, axes, value in (
        ((-58.0, -4.0, -150.0), (84.0, 84.0, 92.0), 58.0),
        ((66.0, 2.0, -152.0), (66.0, 80.0, 78.0), 48.0),
    ):
        s.ellipsoid(centre, (axes[0] + 3, axes[1] + 3, axes[2] + 3), 50.0)
        s.ellipsoid(centre, axes, value)
    s.ellipsoid((60.0, -22.0, -130.0), (42.0, 40.0, 42.0), 15.0)
    s.ellipsoid((60.0, -36.0, -130.0), (34.0, 22.0, 36.0), _AIR)
    s.ellipsoid((96.0, 40.0, -135.0), (26.0, 34.0, 44.0), 55.0)


def _mediastinum(s: _Slice) -> None:
    """Heart, great vessels, airway and gullet in their fat."""
    if s.z > -116:
        width = min(1.0, (s.z + 116) / 25) * (31 - 13 * min(1.0, max(0.0, (s.z - 10) / 90)))
        s.ellipse(0, -2, width, 62, -85.0)
    s.ellipsoid((20.0, -26.0, -48.0), (66.0, 54.0, 60.0), -80.0)
    s.ellipsoid((20.0, -26.0, -48.0), (61.0, 49.0, 55.0), 48.0)
    s.ellipsoid((34.0, -24.0, -52.0), (30.0, 24.0, 36.0), 36.0)
    s.ellipsoid((-14.0, -34.0, -40.0), (22.0, 24.0, 34.0), 37.0)
    if s.z < 48:
        s.ellipse(23, 32, 12, 12, 40.0)  # descending aorta
    if -20 < s.z < 48:
        s.ellipse(-12, -22, 15, 15, 40.0)
    s.ellipsoid((6.0, 4.0, 48.0), (22.0, 40.0, 13.0), 40.0)  # arch
    if s.z > 52:
        for cx, cy, r in ((-20, -14, 7), (14, -16, 5), (22, 8, 5), (-26, -2, 7)):
            s.ellipse(cx, cy, r, r, 40.0)
    if -20 < s.z < 18:
        s.ellipse(0, -6, 30 - abs(s.z) * 0.3, 11, 40.0)  # pulmonary artery
    s.ring(3, 27, 8, 6, 3, 35.0, -20.0)
    if s.z > 12:
        s.ring(0, 8, 10.5, 10, 2, 30.0, _AIR)
    elif s.z > -26:
        spread = 8 + (12 - s.z) * 0.75
        for side in (-1, 1):
            s.ring(side * spread, 9, 8.5, 7.5, 2, 30.0, _AIR)


def _ribs(s: _Slice) -> None:
    """Twelve pairs that sink from the spine to the breastbone: a slice cuts several of them, each somewhere else."""
    a, b = 128.0, 90.0
    narrowing = 1 - 0.42 * max(0.0, (s.z - 30) / 100) ** 2
    a, b = a * narrowing, b * (0.5 + 0.5 * narrowing)
    where = s.box(0, 4, a + 14, b + 14)
    u, v = s.x[:, where[1]] / np.float32(a), (s.y[where[0]] - np.float32(4)) / np.float32(b)
    radius = np.sqrt(u * u + v * v) + np.float32(1e-6)
    back = v / radius  # 1 at the spine, -1 at the breastbone
    fall = np.float32(46) * (1 - back)
    height = np.float32(s.z + 400) + fall
    beside = height - np.float32(25) * np.floor(height / np.float32(25)) - np.float32(12.5)
    outward = (radius - 1) * np.float32(b)
    inside = 1 - np.sqrt((outward / np.float32(4.6)) ** 2 + (beside / np.float32(6.5)) ** 2)
    inside = np.where((back < np.float32(0.965)) & (back > np.float32(-0.93)), inside, np.float32(-1))
    gristle = back < np.float32(-0.72)
    s.mix(where, np.where(gristle, inside * np.float32(4.6), np.float32(-9)), 110.0)
    s.mix(where, np.where(gristle, np.float32(-9), inside * np.float32(4.6)), _BONE * 0.8)
    s.mix(where, np.where(gristle, np.float32(-9), inside * np.float32(4.6) - np.float32(1.5)), _MARROW)
    if s.z > -60:
        s.ring(0, -b + 1, 19, 6.5, 1.4, _BONE * 0.7, 130.0)  # breastbone


def _spine(s: _Slice) -> None:
    """Vertebrae and discs in turn, arch, processes and the canal."""
    phase = (s.z + 400) % 26
    if phase < 20:
        s.ring(0, 54, 18, 15, 1.6, _BONE * 0.75, _MARROW)
    else:
        s.ellipse(0, 54, 17.5, 14.5, 85.0)
    if phase < 15:
        for side in (-1, 1):
            s.ring(side * 20, 77, 15, 5, 1.3, _BONE * 0.8, _MARROW)
            s.ring(side * 12, 68, 5, 6, 1.3, _BONE, _MARROW)
        s.ring(0, 80, 15, 12, 1.6, _BONE, 300.0)
    s.ring(0, 91, 3.5, 10, 1.2, _BONE * 0.9, _MARROW)
    s.ellipse(0, 75, 9.5, 8.5, 15.0)
    s.ellipse(0, 75, 5, 4, 38.0)
