"""How a frame is to be shown."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What the caller wants of a rendered frame; everything may be left to the frame itself.

    `window_center` and `window_width` go together and are in the units after the Modality LUT; without them the VOI LUT
    or window of the instance is used, without that one from the pixels. `rows` and `columns` are the box the picture
    has to fit in: it keeps the aspect ratio of the anatomy and is made smaller, never larger unless `enlarge`. `region`
    is (left, top, width, height) in source pixels. `quality` is 1 to 100 for JPEG and WebP.
    """

    window_center: float | None = None
    window_width: float | None = None
    voi_function: Literal["", "LINEAR", "LINEAR_EXACT", "SIGMOID"] = ""
    voi_index: int = 0  # which of several windows or VOI LUTs of the instance
    rows: int | None = None
    columns: int | None = None
    enlarge: bool = False
    region: tuple[int, int, int, int] | None = None
    quality: int = 90
    format: Literal["jpeg", "png", "webp"] = "jpeg"
    overlays: bool = False  # burn in the overlay planes (60xx)
    invert: bool = False
    annotation: tuple[str, ...] = ()  # "patient", "technique": burnt in
