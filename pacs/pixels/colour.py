"""Colour spaces of PS3.3 C.7.6.3.1.2 to RGB, and palettes (C.7.6.3.1.5, C.7.9)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs.errors import UndecodablePixels

Array = NDArray[Any]

_MOST_ENTRIES = 65536


def ybr_to_rgb(array: Array, partial: bool = False) -> Array:
    """YBR_FULL, or YBR_PARTIAL with its head and foot room (CCIR 601), to RGB of the same depth."""
    top = float(np.iinfo(array.dtype).max)
    scale = (top + 1) / 256
    ybr = array.astype(np.float32)
    luma, blue, red = ybr[..., 0], ybr[..., 1] - 128 * scale, ybr[..., 2] - 128 * scale
    if partial:
        luma = (luma - 16 * scale) * (255 / 219)
        blue, red = blue * (255 / 224), red * (255 / 224)
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], axis=-1)
    converted: Array = np.clip(np.floor(rgb + 0.5), 0, top).astype(array.dtype)
    return converted


def apply_palette(array: Array, dataset: Dataset) -> NDArray[np.uint8]:
    """Indices through the Red, Green and Blue Palette Color Lookup Tables to 8-bit RGB."""
    colours = [_palette(dataset, name) for name in ("Red", "Green", "Blue")]
    first = colours[0][0]
    length = len(colours[0][1])
    index = np.clip(array.astype(np.int64) - first, 0, length - 1)
    table = np.stack([entries[:length] for _, entries in colours], axis=-1)
    return table[index]


def _palette(dataset: Dataset, colour: str) -> tuple[int, NDArray[np.uint8]]:
    try:
        entries, first, bits = (int(v) for v in dataset.get(f"{colour}PaletteColorLookupTableDescriptor"))
        entries = entries or _MOST_ENTRIES
        plain = dataset.get(f"{colour}PaletteColorLookupTableData")
        if plain is not None:
            values = _plain(plain, entries, bits)
        else:
            segments = dataset.get(f"Segmented{colour}PaletteColorLookupTableData")
            values = _expanded(_words(segments, bits))[:entries]
    except (TypeError, ValueError, IndexError) as error:
        raise UndecodablePixels("The palette is missing or damaged") from error
    if values.size < entries:
        raise UndecodablePixels("The palette has fewer entries than its descriptor says")
    if bits == 16 and (plain is None or values.max(initial=0) > 255):
        values = (values >> 8).astype(np.uint16)
    if first > 32767 and dataset.get("PixelRepresentation") == 1:
        first -= 65536
    return first, values.astype(np.uint8)


def _plain(data: Any, entries: int, bits: int) -> NDArray[np.uint16]:
    if isinstance(data, bytes) and bits == 8 and len(data) < 2 * entries:
        return np.frombuffer(data, np.uint8)[:entries].astype(np.uint16)
    return np.asarray(_words(data, 16)[:entries], np.uint16)


def _words(data: Any, bits: int) -> NDArray[np.uint16]:
    """Table data as numbers, whether it was read as bytes (OW) or as a list (US)."""
    if isinstance(data, bytes):
        return np.frombuffer(data[: len(data) // 2 * 2] if bits == 16 else data, "<u2" if bits == 16 else "u1").astype(
            np.uint16
        )
    return np.asarray(data, np.int64).astype(np.uint16)


def _expanded(words: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Discrete, linear and indirect segments (PS3.3 C.7.9.2)."""
    out: list[int] = []
    steps = [int(word) for word in words]
    _expand(steps, 0, len(steps), out, most=-1)
    return np.asarray(out, np.uint16)


def _expand(steps: list[int], position: int, end: int, out: list[int], most: int) -> None:
    """Append the entries of up to `most` segments (all when negative). An indirect one may not lead to another."""
    while position + 1 < end and most != 0:
        kind, count = steps[position], steps[position + 1]
        if kind == 0:
            out.extend(steps[position + 2 : position + 2 + count])
            position += 2 + count
        elif kind == 1:
            if not out:
                raise UndecodablePixels("The segmented palette begins with a line")
            start, stop = out[-1], steps[position + 2]
            out.extend(start + (stop - start) * (i + 1) // count for i in range(count))
            position += 3
        elif kind == 2 and most < 0:
            offset = steps[position + 2] | steps[position + 3] << 16
            _expand(steps, offset, end, out, most=count)
            position += 4
        else:
            raise UndecodablePixels("The segmented palette has a segment of unknown kind")
        if len(out) > _MOST_ENTRIES:
            raise UndecodablePixels("The segmented palette has too many entries")
        most -= 1
