"""F10: a connection that ends anywhere inside an object leaves nothing: no row, no object, no spool file."""

import os
import socket
import struct

import pytest

from pacs.association import pdu
from tests.pacs.dimse.conftest import Door
from tests.pacs.dimse.test_store import store_rq
from tests.pacs.dimse.wire import associate
from tests.support.waiting import until

PARTS = 64
FRAGMENT = 16_000


def p_data(control: int, data: bytes) -> bytes:
    """A P-DATA-TF with one PDV of context 1 (PS3.8 9.3.5)."""
    value = struct.pack(">IBB", len(data) + 2, 1, control) + data
    return struct.pack(">BBI", 4, 0, len(value)) + value


def message(size: int) -> bytes:
    """A whole C-STORE request."""
    data = os.urandom(size)
    pieces = [data[start : start + FRAGMENT] for start in range(0, size, FRAGMENT)]
    last = len(pieces) - 1
    return p_data(3, store_rq("1.2.3")) + b"".join(p_data(2 * (n == last), piece) for n, piece in enumerate(pieces))


@pytest.mark.parametrize("size", [3_000, 300_000, 3_000_000])
def test_a_connection_cut_at_every_64th_leaves_nothing(door: Door, size: int) -> None:
    whole = message(size)
    for part in range(1, PARTS):
        connection, _ = associate(door)
        connection.sendall(whole[: len(whole) * part // PARTS])
        if part % 3 == 0:
            connection.sendall(pdu.abort(0))
        elif part % 3 == 1:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    until(lambda: door.spooled() == [])
    assert door.count() == 0
    assert door.objects() == []
