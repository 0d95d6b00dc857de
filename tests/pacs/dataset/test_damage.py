"""Damage: whatever bytes come, reading ends soon and says InvalidInstance or gives values."""

import json
import random
import time
from pathlib import Path

import pytest

from pacs.dataset.envelope import looks_like_dicom
from pacs.dataset.syntaxes import Header
from pacs.describe import describe
from pacs.present import header_json
from storage.errors import InvalidInstance
from tests.pacs.parts import BIG, DEFLATED, EXPLICIT, IMPLICIT, RLE, Made, element, fragments
from tests.support.corpus import images

SEEDS = [
    Made(syntax=EXPLICIT, before=element(0x00400275, "SQ", [element(0x00400009, "SH", "x")])).part10(),
    Made(syntax=IMPLICIT).part10(),
    Made(syntax=BIG).part10(),
    Made(syntax=DEFLATED).part10(),
    Made(syntax=RLE, frames=2, pixels=fragments(b"aa", b"bb", b"cc")).part10(),
    Made(syntax=IMPLICIT).dataset(),
]


def damaged(data: bytes, dice: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 8))):
        at = dice.randrange(len(found))
        what = dice.randrange(5)
        if what == 0:
            found[at] = dice.randrange(256)
        elif what == 1:
            found[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xfe\xff\x00\xe0", b"SQ\0\0"))
        elif what == 2:
            del found[at : at + dice.randrange(1, 40)]
        elif what == 3:
            found[at:at] = found[at : at + dice.randrange(1, 200)]
        else:
            del found[at:]
        if not found:
            return b""
    return bytes(found)


def survives(data: bytes) -> None:
    looks_like_dicom(data)
    try:
        facts = describe(data).instance
    except InvalidInstance:
        return
    if facts.transfer_syntax_uid == DEFLATED:
        return
    end = facts.pixel_offset if facts.pixel_offset is not None else len(data)
    try:
        found = header_json(Header(data[:end], facts.transfer_syntax_uid, facts.dataset_offset), "/x")
    except InvalidInstance:
        return
    json.dumps(found, allow_nan=False)
    for frame in facts.frame_table:
        assert all(0 <= at <= at + size <= len(data) for at, size in frame)


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_random_damage(seed: int) -> None:
    dice = random.Random(seed)
    slowest = 0.0
    for _ in range(1500):
        begun = time.process_time()
        survives(damaged(SEEDS[seed], dice))
        slowest = max(slowest, time.process_time() - begun)
    assert slowest < 10


def test_random_damage_of_real_files() -> None:
    dice = random.Random(7)
    paths: list[Path] = images("derived-objects/sr/*.dcm", "charsets/*.dcm", "odd-and-broken/*.dcm")
    for path in paths:
        if path.stat().st_size < 200_000:
            data = path.read_bytes()
            for _ in range(40):
                survives(damaged(data, dice))


def test_random_bytes() -> None:
    dice = random.Random(3)
    for size in (1, 7, 131, 132, 140, 5000):
        for _ in range(200):
            survives(dice.randbytes(size))
            survives(bytes(128) + b"DICM" + dice.randbytes(size))
