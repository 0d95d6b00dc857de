"""Frame tables in one column."""

import time

import pytest

from storage.index.frame_table import FrameTable, pack, unpack


@pytest.mark.parametrize(
    "table",
    [
        (((1208, 5000),),),
        (((8, 1), (17, 0), (25, 4_000_000_000)), (), ((9_000_000_000, 3),)),
        (((100, 5),), ((50, 5),)),  # fragments out of order
        ((),),
    ],
)
def test_gives_back_what_was_packed(table: FrameTable) -> None:
    assert unpack(pack(table)) == table


def test_native_images_have_none() -> None:
    assert pack(()) is None
    assert unpack(None) == ()


def test_many_frames_stay_small_and_quick() -> None:
    table = tuple(((1000 + frame * 20_008, 20_000),) for frame in range(190_123))
    begun = time.process_time()
    packed = pack(table)
    assert unpack(packed) == table
    assert time.process_time() - begun < 15
    assert packed is not None
    assert len(packed) < 100_000
