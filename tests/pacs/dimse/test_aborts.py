"""Senders that go away in the middle leave nothing, wherever it is; senders that repeat themselves add nothing."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pacs.archive.spool import arriving
from pacs.association import pdu
from tests.pacs.dimse.conftest import HOST, Door
from tests.pacs.dimse.objects import ct, dataset_bytes, write
from tests.pacs.dimse.test_store import store_rq
from tests.pacs.dimse.wire import associate
from tests.support.dcmtk import dcmtk
from tests.support.waiting import until

PARTS = 64


@pytest.mark.parametrize("side", [32, 256, 1024], ids=["3 KB", "130 KB", "2 MB"])
def test_an_end_at_every_sixty_fourth_leaves_nothing(door: Door, tmp_path: Path, side: int) -> None:
    """By A-ABORT and by closing, in turn."""
    path = write(tmp_path, ct(rows=side, columns=side))
    whole = b"".join(pdu.message(1, store_rq(path.stem), dataset_bytes(path), 16384))
    for part in range(PARTS):
        connection, _ = associate(door)
        connection.sendall(whole[: len(whole) * part // PARTS])
        if part % 2:
            connection.sendall(pdu.abort(0))
        connection.close()
    until(lambda: arriving() == 0 and door.spooled() == [])
    assert door.count() == 0
    assert door.objects() == []


def test_eight_senders_of_the_same_five_times(door: Door, tmp_path: Path) -> None:
    paths = [write(tmp_path, ct(number=n)) for n in range(1, 5)]

    def send(_: int) -> str:  # fails unless every C-STORE is answered with Success
        return dcmtk("storescu", "--repeat", "5", "-aec", "HOICHAN", HOST, door.port, *paths)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    assert door.count() == len(paths)
    assert len(door.objects()) == len(paths)
    assert [dataset_bytes(door.content(path.stem)) == dataset_bytes(path) for path in paths] == [True] * len(paths)
