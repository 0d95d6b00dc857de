"""Softcopy presentation states (PS3.3 A.33, PS3.4 Annex N): how somebody wants an image to be shown.

Applied are what concerns greys (Modality LUT, Softcopy VOI LUT, Presentation LUT Shape), the displayed area, shutters,
graphic annotations, and rotation and flip, in the order of PS3.4 N.2. What is not applied is refused, not left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from pacs.errors import UndecodablePixels
from pacs.pixels.header import Header, read_plain
from pacs.pixels.lettering import write
from pacs.pixels.options import RenderOptions

Picture = NDArray[np.uint8]

_GREYS = (
    "WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "ModalityLUTSequence", "RescaleSlope",
    "RescaleIntercept", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence",
)  # fmt: skip
_MODALITY = ("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "RescaleType")
_VOI = ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence")
_SHAPES = ("", "IDENTITY", "INVERSE")
_MOST_GRAPHICS = 2000


@dataclass(frozen=True)
class Presentation:
    """A presentation state, and the frame of the image it is asked for."""

    state: Dataset
    sop_instance_uid: str
    frame_number: int

    def concerns(self, item: Dataset) -> bool:
        """Whether an item of the state is about this frame; without a list of images it is about all."""
        images = item.get("ReferencedImageSequence")
        return not images or any(self._names(image) for image in images)

    def items(self, keyword: str) -> Iterator[Dataset]:
        """Those items of a sequence of the state that are about this frame."""
        return (item for item in self.state.get(keyword) or () if self.concerns(item))

    def _names(self, image: Dataset) -> bool:
        if image.get("ReferencedSOPInstanceUID") != self.sop_instance_uid:
            return False
        frames = _numbers(image.get("ReferencedFrameNumber"))
        return not frames or self.frame_number in frames


def presentation_of(header: bytes, dataset: Dataset, frame_number: int) -> Presentation:
    """The state in `header` for this image. Raises UndecodablePixels when it is about other images, or says what we
    cannot show."""
    state = read_plain(header)
    found = Presentation(state, str(dataset.get("SOPInstanceUID") or ""), frame_number)
    series = state.get("ReferencedSeriesSequence") or ()
    if not any(found._names(image) for one in series for image in one.get("ReferencedImageSequence") or ()):
        raise UndecodablePixels("The presentation state is not about this image")
    for keyword in (
        "PresentationLUTSequence",
        "BlendingSequence",
        "RedPaletteColorLookupTableDescriptor",
        "MaskSubtractionSequence",
    ):
        if keyword in state:
            raise UndecodablePixels(f"Presentation states with {keyword} cannot be shown")
    tags = state.keys()
    if any(0x6000 <= tag.group < 0x6100 for tag in tags):
        raise UndecodablePixels("Presentation states with overlays of their own cannot be shown")
    if str(state.get("PresentationLUTShape") or "") not in _SHAPES:
        raise UndecodablePixels("The Presentation LUT Shape is not one of PS3.3 C.11.6")
    return found


def presented(header: Header, presentation: Presentation) -> Header:
    """The header with the greys of the state in place of its own."""
    dataset = Dataset()
    dataset.update(header.dataset)
    state = presentation.state
    own_modality = any(keyword in state for keyword in _MODALITY)
    for keyword in _GREYS:
        if keyword in dataset and (own_modality or keyword not in _MODALITY):
            del dataset[keyword]
    for keyword in _MODALITY:
        if keyword in state:
            setattr(dataset, keyword, state.get(keyword))
    voi = next(presentation.items("SoftcopyVOILUTSequence"), None)
    for keyword in _VOI:
        if voi is not None and keyword in voi:
            setattr(dataset, keyword, voi.get(keyword))
    shape = str(state.get("PresentationLUTShape") or "")
    facts = header.facts
    if shape:
        dataset.PresentationLUTShape = shape
        if facts.photometric == "MONOCHROME1":
            facts = replace(facts, photometric="MONOCHROME2")  # the shape says it now (PS3.3 C.11.6.1.2)
    return Header(dataset, facts)


def drawn(picture: Picture, presentation: Presentation) -> Picture:
    """Shutters and annotations on a picture of the whole frame, pixel for pixel."""
    state = presentation.state
    image = Image.fromarray(np.ascontiguousarray(picture))
    hidden = _shuttered(state, image.size)
    if hidden is not None:
        grey = int(state.get("ShutterPresentationValue") or 0) >> 8
        image.paste(grey if image.mode == "L" else (grey,) * 3, mask=hidden)
    draw = ImageDraw.Draw(image)
    area = _area(presentation, image.size) or (0, 0, *image.size)
    count = 0
    for annotation in presentation.items("GraphicAnnotationSequence"):
        for item in annotation.get("GraphicObjectSequence") or ():
            _graphic(draw, item, area)
            count += 1
        for item in annotation.get("TextObjectSequence") or ():
            _text(draw, item, area, image.size)
            count += 1
        if count > _MOST_GRAPHICS:
            raise UndecodablePixels(f"The presentation state has more than {_MOST_GRAPHICS} annotations")
    return np.asarray(image)


def area_of(presentation: Presentation, size: tuple[int, int], options: RenderOptions) -> RenderOptions:
    """The options with the displayed area as region, unless they have one."""
    area = _area(presentation, size)
    if options.region is not None or area is None:
        return options
    left, top, right, bottom = area
    return replace(options, region=(left, top, right - left, bottom - top))


def sideways(header: Header, presentation: Presentation) -> Header:
    """The header with height and width of a pixel changed over, when the state turns the image on its side."""
    if int(presentation.state.get("ImageRotation") or 0) % 180 == 0:
        return header
    dataset = Dataset()
    dataset.update(header.dataset)
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        if keyword in dataset:
            setattr(dataset, keyword, list(dataset.get(keyword) or ())[::-1])
    return Header(dataset, header.facts)


def turned(picture: Picture, presentation: Presentation) -> Picture:
    """Rotated clockwise, then flipped (PS3.3 C.10.6)."""
    rotation = int(presentation.state.get("ImageRotation") or 0)
    if rotation % 90:
        raise UndecodablePixels("An image can be rotated by quarters of a turn")
    picture = np.rot90(picture, -(rotation // 90) % 4)
    flipped = str(presentation.state.get("ImageHorizontalFlip") or "N").upper() == "Y"
    return np.fliplr(picture) if flipped else picture


def _area(presentation: Presentation, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the displayed area in pixels from 0, cut to the frame."""
    for item in presentation.items("DisplayedAreaSelectionSequence"):
        first = _numbers(item.get("DisplayedAreaTopLeftHandCorner"))
        last = _numbers(item.get("DisplayedAreaBottomRightHandCorner"))
        if len(first) == 2 and len(last) == 2:
            left, right = sorted((first[0], last[0]))
            top, bottom = sorted((first[1], last[1]))
            box = max(0, int(left) - 1), max(0, int(top) - 1), min(size[0], int(right)), min(size[1], int(bottom))
            if box[0] < box[2] and box[1] < box[3]:
                return box
    return None


def _shuttered(state: Dataset, size: tuple[int, int]) -> Image.Image | None:
    """Where nothing may be seen; shutters add up."""
    shapes = str(state.get("ShutterShape") or "")
    if not shapes:
        return None
    hidden = np.zeros((size[1], size[0]), bool)
    for shape in ("RECTANGULAR", "CIRCULAR", "POLYGONAL"):
        if shape not in shapes:
            continue
        opening = Image.new("1", size, 0)
        draw = ImageDraw.Draw(opening)
        if shape == "RECTANGULAR":
            edges = [_one(state.get(f"Shutter{edge}Edge")) for edge in
                     ("LeftVertical", "UpperHorizontal", "RightVertical", "LowerHorizontal")]  # fmt: skip
            draw.rectangle((edges[0] - 1, edges[1] - 1, edges[2] - 1, edges[3] - 1), fill=1)
        elif shape == "CIRCULAR":
            center = _numbers(state.get("CenterOfCircularShutter")) or [0, 0]
            radius = _one(state.get("RadiusOfCircularShutter"))
            row, column = center[0] - 1, center[1] - 1
            draw.ellipse((column - radius, row - radius, column + radius, row + radius), fill=1)
        else:
            vertices = _numbers(state.get("VerticesOfThePolygonalShutter"))
            points = [(x - 1, y - 1) for y, x in zip(vertices[::2], vertices[1::2], strict=False)]
            if len(points) > 2:
                draw.polygon(points, fill=1)
        hidden |= ~np.asarray(opening)
    return Image.fromarray(hidden)


def _graphic(draw: ImageDraw.ImageDraw, item: Dataset, area: tuple[int, int, int, int]) -> None:
    points = _points(item.get("GraphicData"), str(item.get("GraphicAnnotationUnits") or "PIXEL"), area)
    if not points:
        return
    kind, filled = str(item.get("GraphicType") or ""), str(item.get("GraphicFilled") or "N") == "Y"
    color: Any = 255 if draw.mode == "L" else (255, 255, 255)
    fill = color if filled else None
    if kind == "POINT":
        x, y = points[0]
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=color)
    elif kind == "CIRCLE" and len(points) == 2:
        (x, y), edge = points
        radius = float(np.hypot(edge[0] - x, edge[1] - y))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=color, fill=fill)
    elif kind == "ELLIPSE" and len(points) == 4:
        draw.line(_ellipse(points), fill=color)
    elif kind in ("POLYLINE", "INTERPOLATED") and len(points) > 1:
        if filled and points[0] == points[-1]:
            draw.polygon(points, fill=color)
        draw.line(points, fill=color)
    else:
        raise UndecodablePixels(f"A graphic object {kind} of {len(points)} points cannot be shown")


def _ellipse(ends: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The outline through the ends of the major and of the minor axis."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = ends
    x, y = (ax + bx) / 2, (ay + by) / 2
    angles = np.linspace(0, 2 * np.pi, 73)
    cosine, sine = np.cos(angles), np.sin(angles)
    xs = x + cosine * (bx - ax) / 2 + sine * (dx - cx) / 2
    ys = y + cosine * (by - ay) / 2 + sine * (dy - cy) / 2
    return [(float(px), float(py)) for px, py in zip(xs, ys, strict=True)]


def _text(draw: ImageDraw.ImageDraw, item: Dataset, area: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    lines = str(item.get("UnformattedTextValue") or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    box = _points(item.get("BoundingBoxTopLeftHandCorner"), str(item.get("BoundingBoxAnnotationUnits") or ""), area)
    anchor = _points(item.get("AnchorPoint"), str(item.get("AnchorPointAnnotationUnits") or ""), area)
    at = (box or anchor or [(0.0, 0.0)])[0]
    height = max(10, min(24, size[1] // 32))
    for number, line in enumerate(lines[:50]):
        write(draw, line, at[0], at[1] + number * height * 1.3, height, size[0])
    if box and anchor and str(item.get("AnchorPointVisibility") or "N") == "Y":
        draw.line([at, anchor[0]], fill=255 if draw.mode == "L" else (255, 255, 255))


def _points(data: Any, units: str, area: tuple[int, int, int, int]) -> list[tuple[float, float]]:
    """Pairs of column and row, from 0: PIXEL counts from 1 in the frame, DISPLAY from 0 to 1 in the displayed area."""
    numbers = _numbers(data)
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    if units == "DISPLAY":
        left, top, right, bottom = area
        return [(left + x * (right - left), top + y * (bottom - top)) for x, y in pairs]
    return [(x - 1, y - 1) for x, y in pairs]


def _numbers(value: Any) -> list[float]:
    many = value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]
    try:
        found = [float(one) for one in many if one is not None and one != ""]
    except (TypeError, ValueError):
        return []
    return found if all(abs(number) < 1e6 for number in found) else []


def _one(value: Any) -> float:
    return (_numbers(value) or [0.0])[0]
