"""What a camera wrote beside the picture goes; the picture stays as it was, pixel by pixel."""

import io
import random
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pacs.consult.photographs import cleaned
from pacs.errors import InvalidConsult

CANARY = "CANARY-21.0285N-105.8542E"
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_GPS, _MAKER, _MODEL, _ORIENTATION = 0x8825, 0x010F, 0x0110, 0x0112


def picture(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Something with edges and colours."""
    values = np.random.default_rng(7).integers(0, 255, (size[1], size[0], 3), np.uint8)
    values[:, : size[0] // 2] = 200
    return Image.fromarray(values)


def photographed(kind: str, orientation: int = 1, **more: Any) -> bytes:
    """The picture as a camera writes it, with a canary everywhere it can be."""
    exif = Image.Exif()
    exif[_MAKER], exif[_MODEL], exif[_ORIENTATION] = CANARY, CANARY, orientation
    exif.get_ifd(_GPS).update({1: "N", 2: (21.0, 1.0, 42.6), 29: CANARY})
    out = io.BytesIO()
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", CANARY)
        text.add_itxt("XML:com.adobe.xmp", f"<x>{CANARY}</x>", zip=False)
        more = {"pnginfo": text, **more}
    else:
        more = {"xmp": f"<x>{CANARY}</x>".encode(), "comment": CANARY, **more} if kind == "JPEG" else {
            "xmp": f"<x>{CANARY}</x>".encode(), "lossless": True, **more
        }  # fmt: skip
    picture().save(out, kind, exif=exif, icc_profile=b"\0" * 64 + CANARY.encode(), **more)
    return out.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("kind", list(TYPES))
def test_nothing_but_the_picture_is_left(kind: str) -> None:
    before = photographed(kind) + b"\xff\xd8" + CANARY.encode()  # and what hangs behind its end
    assert CANARY.encode() in before
    after = cleaned(TYPES[kind], before)
    assert CANARY.encode() not in after
    opened = Image.open(io.BytesIO(after))
    assert dict(opened.getexif()) == {}
    assert not {"exif", "xmp", "comment", "icc_profile", "Comment"} & opened.info.keys()
    assert np.array_equal(pixels(after), pixels(before))
    assert cleaned(TYPES[kind], after) == after


@pytest.mark.parametrize(
    "how", [{"progressive": True}, {"quality": 100, "subsampling": 0}, {"restart_marker_blocks": 2}]
)
def test_every_way_to_write_a_jpeg_keeps_its_pixels(how: dict[str, Any]) -> None:
    before = photographed("JPEG", **how)
    after = cleaned("image/jpeg", before)
    assert CANARY.encode() not in after
    assert np.array_equal(pixels(after), pixels(before))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_which_way_is_up_stays(orientation: int) -> None:
    after = cleaned("image/jpeg", photographed("JPEG", orientation))
    kept = dict(Image.open(io.BytesIO(after)).getexif())
    assert kept == ({} if orientation == 1 else {_ORIENTATION: orientation})


def test_previews_inside_go_too() -> None:
    small, whole = io.BytesIO(), photographed("JPEG")
    picture((16, 12)).save(small, "JPEG", comment=CANARY)
    jfxx = b"JFXX\0\x10" + small.getvalue()
    inside = whole[:2] + b"\xff\xe0" + (len(jfxx) + 2).to_bytes(2, "big") + jfxx + whole[2:]
    after = cleaned("image/jpeg", inside)
    assert CANARY.encode() not in after
    assert after.count(b"\xff\xd8\xff") == 1
    assert np.array_equal(pixels(after), pixels(whole))


@pytest.mark.parametrize("kind", list(TYPES))
def test_what_is_broken_is_refused_or_still_clean(kind: str) -> None:
    dice, whole = random.Random(5), photographed(kind)
    refused = 0
    for number in range(300):
        broken = bytearray(whole[: dice.randrange(12, len(whole))] if number % 2 else whole)
        for _ in range(dice.randrange(1, 6)):
            broken[dice.randrange(8, len(broken))] = dice.randrange(256)
        try:
            cleaned(TYPES[kind], bytes(broken))
        except InvalidConsult:
            refused += 1
    assert refused > 50
