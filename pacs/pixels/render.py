"""A frame as a picture: the whole grey or colour pipeline, region, size, overlays, and the file format."""

from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pacs.errors import UndecodablePixels
from pacs.pixels.colour import apply_palette
from pacs.pixels.decode import Samples, as_rgb, decode_samples
from pacs.pixels.header import Header
from pacs.pixels.lettering import annotations, write_lines
from pacs.pixels.options import RenderOptions
from pacs.pixels.overlay import overlay_mask
from pacs.pixels.presentation import area_of, drawn, presentation_of, presented, sideways, turned
from pacs.pixels.window import Grey, automatic_window, grey_of, padding_of

Array = NDArray[Any]
Picture = NDArray[np.uint8]


def render_frame(
    header: Header,
    transfer_syntax: str,
    data: bytes,
    frame_number: int,
    options: RenderOptions,
    presentation_header: bytes = b"",
) -> bytes:
    """Decode, show, cut, fit and write; as a presentation state wants it when there is one."""
    samples = decode_samples(header.facts, transfer_syntax, data)
    presentation = None
    if presentation_header:
        presentation = presentation_of(presentation_header, header.dataset, frame_number)
        header = presented(header, presentation)
    whole = options if presentation is None else replace(options, region=None)
    picture = shown(header, samples, frame_number, whole)
    if options.overlays:
        mask = overlay_mask(header, transfer_syntax, data, frame_number)
        if mask is not None:
            picture = picture.copy()
            picture[mask] = 255
    if presentation is not None:
        options = area_of(presentation, (picture.shape[1], picture.shape[0]), options)
        picture = turned(_region(drawn(picture, presentation), options), presentation)
        header = sideways(header, presentation)
    return written(annotated(header, fitted(header, picture, options), options), options)


def annotated(header: Header, picture: Picture, options: RenderOptions) -> Picture:
    """With patient and technique burnt in, when they are wanted (PS3.18 8.3.5.1.1)."""
    if not options.annotation:
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture))
    upper, lower = annotations(header.dataset, options.annotation)
    write_lines(ImageDraw.Draw(image), upper, lower, *image.size)
    return np.asarray(image)


def shown(header: Header, samples: Samples, frame_number: int, options: RenderOptions) -> Picture:
    """The frame as 8-bit grey (rows, columns) or RGB (rows, columns, 3), pixel for pixel."""
    array = _region(samples.array, options)
    if samples.photometric == "PALETTE COLOR":
        return apply_palette(array, header.dataset)
    if array.ndim == 3:
        rgb = as_rgb(Samples(array, samples.photometric)).array
        return _eight_bits(rgb, header.facts.bits_stored)
    return _grey(header, array, frame_number, options)


def _region(array: Array, options: RenderOptions) -> Array:
    if options.region is None:
        return array
    left, top, width, height = options.region
    if left < 0 or top < 0 or width < 1 or height < 1 or left >= array.shape[1] or top >= array.shape[0]:
        raise UndecodablePixels("The region lies outside of the frame")
    return array[top : top + height, left : left + width]


def _eight_bits(rgb: Array, bits_stored: int) -> Picture:
    if rgb.dtype == np.uint8 and bits_stored == 8:
        return np.asarray(rgb, np.uint8)
    top = (1 << bits_stored) - 1
    return np.floor(np.clip(rgb.astype(np.float64) / top, 0, 1) * 255 + 0.5).astype(np.uint8)


def _grey(header: Header, array: Array, frame_number: int, options: RenderOptions) -> Picture:
    grey = grey_of(header, frame_number, options)
    padding = padding_of(header)
    hidden = None if padding is None else (array >= padding[0]) & (array <= padding[1])
    if hidden is not None and not hidden.any():
        hidden = None
    if grey.voi_table is None and grey.window is None:
        seen = array.ravel() if hidden is None else array[~hidden]
        modality = str(header.dataset.get("Modality") or "")
        window = automatic_window(grey.rescaled(seen), modality)
        grey = Grey(grey.slope, grey.intercept, grey.modality_table, None, window, grey.inverted)
    picture = _through_table(grey, array)
    if hidden is not None:
        picture[hidden] = 0
    return picture


def _through_table(grey: Grey, array: Array) -> Picture:
    if array.dtype.kind == "f" or array.dtype.itemsize > 2:
        return grey.shown(array)
    table = _table(grey, array.dtype.str)
    return np.take(table, array.view(f"u{array.dtype.itemsize}"))


@lru_cache(maxsize=64)
def _table(grey: Grey, dtype: str) -> Picture:
    """The grey of every possible stored value, in the order of their bit patterns."""
    kind = np.dtype(dtype)
    patterns = np.arange(1 << 8 * kind.itemsize, dtype=f"u{kind.itemsize}")
    return grey.shown(patterns.view(kind))


def fitted(header: Header, picture: Picture, options: RenderOptions) -> Picture:
    """Made to fit the box asked for, anatomy in proportion. Without a box every pixel stays a pixel."""
    if options.rows is None and options.columns is None:
        return picture
    rows, columns = picture.shape[:2]
    tall, wide = _spacing(header)
    width, height = columns * wide / min(tall, wide), rows * tall / min(tall, wide)
    scale = min((options.columns or 1 << 16) / width, (options.rows or 1 << 16) / height)
    if not options.enlarge:
        scale = min(scale, columns / width, rows / height, 1.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (columns, rows):
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture))
    if size[0] < columns or size[1] < rows:
        return np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    labels = header.dataset.get("Modality") == "SEG"
    return np.asarray(image.resize(size, Image.Resampling.NEAREST if labels else Image.Resampling.BICUBIC))


def _spacing(header: Header) -> tuple[float, float]:
    """Height and width of a pixel, in any unit."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio"):
        try:
            tall, wide = (float(v) for v in header.dataset.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if tall > 0 and wide > 0 and 0.05 < tall / wide < 20:
            return tall, wide
    return 1.0, 1.0


def written(picture: Picture, options: RenderOptions) -> bytes:
    """JPEG, PNG or WebP bytes."""
    picture = np.ascontiguousarray(picture)
    quality = min(100, max(1, options.quality))
    if options.format == "jpeg":
        return bytes(imagecodecs.jpeg8_encode(picture, level=quality))
    out = BytesIO()
    image = Image.fromarray(picture)
    if options.format == "png":
        image.save(out, "PNG", compress_level=3)
    else:
        image.save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()
