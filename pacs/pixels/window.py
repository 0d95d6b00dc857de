"""Stored values to display values: Modality LUT, VOI LUT or window, Presentation LUT Shape (PS3.3 C.11, PS3.4 N.2).

All of it is written so that it can run once over every possible stored value; a frame is then one table look-up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs.pixels.header import Header, PixelFacts
from pacs.pixels.options import RenderOptions

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """A LUT item: its entries, the first value it maps, and the bits its output is counted in."""

    first: int
    entries: bytes  # float64, so that the table can be part of a key
    bits: int

    def apply(self, values: Array) -> Floats:
        entries = np.frombuffer(self.entries)
        index = np.clip(np.rint(values).astype(np.int64) - self.first, 0, len(entries) - 1)
        return entries[index]


@dataclass(frozen=True, slots=True)
class Window:
    """Center, width and function, in units after the Modality LUT."""

    center: float
    width: float
    function: str

    def apply(self, values: Floats) -> Floats:
        """0 to 1 (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
        center, width = self.center, self.width
        if self.function == "SIGMOID" and width > 0:
            return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
        if self.function != "LINEAR_EXACT":
            center, width = center - 0.5, width - 1
        if width <= 0:
            return (values > center).astype(np.float64)
        return np.clip((values - center) / width + 0.5, 0, 1)


@dataclass(frozen=True, slots=True)
class Grey:
    """Everything that turns a stored value of one frame into a grey: hashable, so that tables can be kept."""

    slope: float
    intercept: float
    modality_table: Table | None
    voi_table: Table | None
    window: Window | None
    inverted: bool

    def rescaled(self, stored: Array) -> Floats:
        if self.modality_table:
            return self.modality_table.apply(stored)
        return stored.astype(np.float64) * self.slope + self.intercept

    def shown(self, stored: Array) -> NDArray[np.uint8]:
        """Greys 0 to 255; the caller has made sure that there is a table or a window."""
        values = self.rescaled(stored)
        if self.voi_table:
            display = np.clip(self.voi_table.apply(values) / ((1 << self.voi_table.bits) - 1), 0, 1)
        elif self.window:
            display = self.window.apply(values)
        else:
            display = np.clip(values, 0, 1)
        if self.inverted:
            display = 1 - display
        return np.floor(np.nan_to_num(display) * 255 + 0.5).astype(np.uint8)


def grey_of(header: Header, frame_number: int, options: RenderOptions) -> Grey:
    """How this frame is to be shown; the window is None when neither the caller nor the instance gives one."""
    dataset, facts = header.dataset, header.facts
    groups = list(_groups(dataset, frame_number))
    slope, intercept = _rescale(groups)
    voi = _voi_tables(groups, facts) if options.window_center is None else []
    window = _window(groups, options)
    return Grey(
        slope,
        intercept,
        _modality_table(groups, facts),
        voi[min(options.voi_index, len(voi) - 1)] if voi else None,
        window,
        _inverted(dataset, facts) != options.invert,
    )


def padding_of(header: Header) -> tuple[int, int] | None:
    """The stored values, first and last, that mean "no pixel here" (PS3.3 C.7.5.1.1.2)."""
    facts = header.facts
    first = _integer(header.dataset.get("PixelPaddingValue"), facts)
    if first is None or facts.kind != "integer":
        return None
    last = _integer(header.dataset.get("PixelPaddingRangeLimit"), facts)
    return (first, first) if last is None else (min(first, last), max(first, last))


def automatic_window(values: Floats, modality: str) -> Window:
    """A window from the values themselves (padding already left out): for emission and dose from zero up, else without
    the darkest and brightest half percent."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Window(0.5, 1, "LINEAR_EXACT")
    if finite.size > 1 << 18:
        finite = finite[:: finite.size >> 17]
    low, high = (float(v) for v in np.percentile(finite, (0.5, 99.5)))
    if modality in ("PT", "NM") and low >= 0:
        low = 0.0
    elif modality in ("RTDOSE", "SEG"):
        low, high = min(0.0, float(finite.min())), float(finite.max())
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    if high <= low:
        return Window(low, 1, "LINEAR_EXACT")
    return Window((low + high) / 2, high - low, "LINEAR_EXACT")


def _groups(dataset: Dataset, frame_number: int) -> Iterator[Dataset]:
    """Where a display attribute may stand, most specific first: this frame's functional groups, shared ones, the
    dataset."""
    for items, index in (
        (dataset.get("PerFrameFunctionalGroupsSequence"), frame_number - 1),
        (dataset.get("SharedFunctionalGroupsSequence"), 0),
    ):
        if items and 0 <= index < len(items):
            for keyword in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                macro = items[index].get(keyword)
                if macro:
                    yield macro[0]
    yield dataset


def _rescale(groups: list[Dataset]) -> tuple[float, float]:
    for group in groups:
        slope, intercept = _float(group.get("RescaleSlope")), _float(group.get("RescaleIntercept"))
        if slope is not None and intercept is not None and slope != 0:
            return slope, intercept
    return 1.0, 0.0


def _modality_table(groups: list[Dataset], facts: PixelFacts) -> Table | None:
    for group in groups:
        for item in group.get("ModalityLUTSequence") or []:
            return _table(item, facts.signed)
    return None


def _voi_tables(groups: list[Dataset], facts: PixelFacts) -> list[Table]:
    for group in groups:
        tables = [_table(item, facts.signed) for item in group.get("VOILUTSequence") or []]
        if found := [table for table in tables if table]:
            return found
    return []


def _table(item: Dataset, signed: bool) -> Table | None:
    try:
        count, first, bits = (int(v) for v in item.get("LUTDescriptor"))
        count = count or 65536
        if signed and first > 32767:
            first -= 65536
        data: Any = item.get("LUTData")
        if isinstance(data, bytes):
            entries = np.frombuffer(data, "u1" if len(data) < 2 * count else "<u2").astype(np.float64)
        else:
            entries = np.asarray(data, np.float64).ravel()
    except (TypeError, ValueError):
        return None
    entries = entries[:count]
    if not entries.size or not 1 <= bits <= 16:
        return None
    return Table(first, np.where(entries < 0, entries + 65536, entries).tobytes(), bits)


def _window(groups: list[Dataset], options: RenderOptions) -> Window | None:
    if options.window_center is not None and options.window_width is not None:
        return Window(options.window_center, options.window_width, options.voi_function or "LINEAR")
    for group in groups:
        centers, widths = _floats(group.get("WindowCenter")), _floats(group.get("WindowWidth"))
        pairs = [(c, w) for c, w in zip(centers, widths, strict=False) if w > 0]
        if pairs:
            center, width = pairs[min(options.voi_index, len(pairs) - 1)]
            function = options.voi_function or str(group.get("VOILUTFunction") or "LINEAR").strip().upper()
            return Window(center, width, function)
    return None


def _inverted(dataset: Dataset, facts: PixelFacts) -> bool:
    """MONOCHROME1, and INVERSE, say the same thing: the lowest value is shown white."""
    shape = str(dataset.get("PresentationLUTShape") or "").strip().upper()
    return facts.photometric == "MONOCHROME1" or shape == "INVERSE"


def _floats(value: Any) -> list[float]:
    many = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
    return [number for one in many if (number := _float(one)) is not None]


def _float(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _integer(value: Any, facts: PixelFacts) -> int | None:
    """A US or SS value, whichever it was read as, as stored values are."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    if facts.signed and number >= 1 << facts.bits_allocated - 1:
        return number - (1 << facts.bits_allocated)
    if not facts.signed and number < 0:
        return number + (1 << facts.bits_allocated)
    return number
