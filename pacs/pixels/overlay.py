"""Overlay planes 60xx (PS3.3 C.9.2), also those in unused bits of Pixel Data, which old equipment still writes."""

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs.pixels import syntaxes
from pacs.pixels.header import Header

Mask = NDArray[np.bool_]


def overlay_mask(header: Header, transfer_syntax: str, data: bytes, frame_number: int) -> Mask | None:
    """Where any overlay of this frame is on, or None when there is none."""
    facts = header.facts
    result: Mask | None = None
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0010) not in header.dataset:
            continue
        plane = _plane(header.dataset, group, frame_number)
        if plane is None:
            plane = _embedded(header, group, transfer_syntax, data)
        if plane is None:
            continue
        if result is None:
            result = np.zeros((facts.rows, facts.columns), bool)
        _place(result, plane, *_origin(header.dataset, group))
    return result


def _value(dataset: Dataset, group: int, element: int, default: int) -> int:
    try:
        return int(dataset[group, element].value)
    except (KeyError, TypeError, ValueError):
        return default


def _plane(dataset: Dataset, group: int, frame_number: int) -> Mask | None:
    if (group, 0x3000) not in dataset:
        return None
    rows, columns = _value(dataset, group, 0x0010, 0), _value(dataset, group, 0x0011, 0)
    frames, first = _value(dataset, group, 0x0015, 1), _value(dataset, group, 0x0051, 1)
    index = frame_number - first if frames > 1 else 0
    value = dataset[group, 0x3000].value
    if not isinstance(value, bytes) or not 0 <= index < max(1, frames):
        return None
    count, start = rows * columns, index * rows * columns
    if count < 1 or count > 1 << 28 or len(value) * 8 < start + count:
        return None
    covered = np.frombuffer(value, np.uint8)[start // 8 : (start + count + 7) // 8]
    bits = np.unpackbits(covered, bitorder="little")[start % 8 : start % 8 + count]
    return bits.reshape(rows, columns).astype(bool)


def _embedded(header: Header, group: int, transfer_syntax: str, data: bytes) -> Mask | None:
    """An overlay in a bit of the pixel cells themselves (retired): only native 16-bit frames have such bits."""
    facts = header.facts
    bit = _value(header.dataset, group, 0x0102, 0)
    inside = facts.high_bit - facts.bits_stored < bit <= facts.high_bit
    if transfer_syntax not in syntaxes.NATIVE or facts.bits_allocated != 16 or inside or not 0 <= bit < 16:
        return None
    order = ">u2" if transfer_syntax == syntaxes.BIG_ENDIAN else "<u2"
    cells = np.frombuffer(data, order, count=facts.rows * facts.columns).reshape(facts.rows, facts.columns)
    return (cells >> bit & 1).astype(bool)


def _origin(dataset: Dataset, group: int) -> tuple[int, int]:
    try:
        row, column = (int(v) for v in dataset[group, 0x0050].value)
    except (KeyError, TypeError, ValueError):
        return 1, 1
    return row, column


def _place(target: Mask, plane: Mask, row: int, column: int) -> None:
    """Set `target` where `plane` is on, whose first pixel lies at (row, column) counted from 1."""
    top, left = row - 1, column - 1
    cut = plane[max(0, -top) :, max(0, -left) :]
    top, left = max(0, top), max(0, left)
    part = target[top : top + cut.shape[0], left : left + cut.shape[1]]
    part |= cut[: part.shape[0], : part.shape[1]]
