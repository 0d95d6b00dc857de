"""Two thousand combinations of dimensions: no codec is started on one that cannot be, and none asks for much memory."""

import random
import struct
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
import pytest

from pacs.describe import describe
from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels import decode, syntaxes
from pacs.pixels.header import MOST_FRAME_BYTES, read_header
from storage.errors import InvalidInstance
from tests.pacs.parts import EXPLICIT, J2K, RLE, UNDEFINED, Made, element, fragments
from tests.support.bombs import measured

JPEG, JLS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"
COMBINATIONS = 2000
ROWS = COLUMNS = 4
GREY = (np.arange(16, dtype=np.uint8) * 15).reshape(ROWS, COLUMNS)
FRAMES = {
    EXPLICIT: GREY.tobytes(),
    JPEG: bytes(imagecodecs.jpeg8_encode(GREY)),
    JLS: bytes(imagecodecs.jpegls_encode(GREY)),
    J2K: bytes(imagecodecs.jpeg2k_encode(GREY, codecformat="j2k", reversible=True)),
    RLE: struct.pack("<16I", 1, 64, *[0] * 14) + b"\x0f" + GREY.tobytes() + b"\0",
}
_ODD: tuple[Any, ...] = (
    0,
    1,
    3,
    4,
    5,
    255,
    4096,
    65535,
    -1,
    -32768,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    "",
    None,
    "4\\4",
    "x",
)
_CODECS = ("jpeg8_decode", "jpegls_decode", "jpeg2k_decode", "packbits_decode", "ljpeg_decode", "jpegsof3_decode")
_FORMATS = {"US": "<H", "SS": "<h", "UL": "<I", "SL": "<i"}
_FIELDS = {
    "rows": 0x00280010, "columns": 0x00280011, "samples": 0x00280002, "allocated": 0x00280100, "stored": 0x00280101,
    "high": 0x00280102, "representation": 0x00280103,
}  # fmt: skip
_SOUND = {"rows": 4, "columns": 4, "samples": 1, "allocated": 8, "stored": 8, "high": 7, "representation": 0}


def _value(vr: str, number: Any) -> bytes:
    """The number as an element's value, whether it fits or not."""
    if not isinstance(number, int):
        return str(number or "").encode()
    if vr in _FORMATS:
        size = struct.calcsize(_FORMATS[vr])
        return int(number & (256**size - 1)).to_bytes(size, "little")
    return str(number).encode()


def _combinations() -> Iterator[tuple[str, bytes]]:
    """A transfer syntax and the elements of the image, some of them odd."""
    dice = random.Random(20261126)
    for n in range(COMBINATIONS):
        syntax = list(FRAMES)[n % len(FRAMES)]
        elements = b""
        odd = set(dice.sample(list(_FIELDS), dice.choice((0, 1, 1, 2, 3))))
        for name, tag in sorted(_FIELDS.items(), key=lambda pair: pair[1]):
            vr = dice.choice(("US", "US", "UL", "SS", "SL", "IS")) if name in odd else "US"
            value = dice.choice(_ODD) if name in odd else _SOUND[name]
            if value is not None:
                elements += element(tag, vr, _value(vr, value))
        frames = dice.choice((None, None, 1, 2, 0, -1, 2**31, 2**31 - 1, 10**12, "x"))
        if frames is not None:
            elements = element(0x00280008, "IS", str(frames)[:12]) + elements
        yield syntax, elements


def test_no_codec_is_started_on_what_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(lambda: _all(monkeypatch)).said == "sound"


def test_the_matrix_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(lambda: _all(monkeypatch)).megabytes < 64


def _all(monkeypatch: pytest.MonkeyPatch) -> str:
    started: list[str] = []
    for name in (
        "jpeg8_decode",
        "jpegls_decode",
        "jpeg2k_decode",
        "packbits_decode",
        "ljpeg_decode",
        "jpegsof3_decode",
    ):
        real = getattr(imagecodecs, name)

        def counted(*args: Any, _real: Any = real, _name: str = name, **more: Any) -> Any:
            started.append(_name)
            return _real(*args, **more)

        monkeypatch.setattr(imagecodecs, name, counted)
    decoded = refused = 0
    for syntax, elements in _combinations():
        started.clear()
        _describe(syntax, elements)
        fits = False
        try:
            facts = read_header(elements, EXPLICIT).facts
            fits = (facts.rows, facts.columns, facts.samples) == (ROWS, COLUMNS, 1)
            assert facts.frame_bytes <= MOST_FRAME_BYTES
            decode.decode_samples(facts, syntax, FRAMES[syntax])
            decoded += 1
        except (UndecodablePixels, UnsupportedTransferSyntax):
            refused += 1
        assert fits or not started or syntax == RLE, (syntax, elements)  # RLE does not say how large it is
    assert decoded > 100, decoded
    assert refused > 500, refused
    return "sound"


def _describe(syntax: str, elements: bytes) -> None:
    """Receiving notes only what lies in the object."""
    compressed = syntax not in syntaxes.NATIVE
    data = fragments(FRAMES[syntax]) if compressed else FRAMES[syntax]
    pixels = element(0x7FE00010, "OB", data, length=UNDEFINED if compressed else None)
    made = Made(syntax=syntax, pixels=None)
    whole = made.part10()
    cut = whole.index(struct.pack("<HH2s", 0x0028, 0x0002, b"US"))
    try:
        facts = describe(whole[:cut] + elements + pixels).instance
    except InvalidInstance:
        return
    assert facts.rows is None or 0 <= facts.rows <= 65535
    assert facts.columns is None or 0 <= facts.columns <= 65535
    if not compressed and facts.frame_length:
        assert facts.frames * facts.frame_length <= max(len(data), facts.frame_length)
    assert facts.frames <= 8 * len(data), (syntax, facts)
