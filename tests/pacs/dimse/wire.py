"""A client that speaks bytes: for what well-behaved clients never do."""

import socket

from pacs.association import pdu
from pacs.association.stream import PduStream
from tests.pacs.dimse.conftest import Door
from tests.pacs.dimse.requests import CT, EXPLICIT, association_request
from tests.support.waiting import PATIENCE


def associate(door: Door, data: bytes | None = None) -> tuple[socket.socket, PduStream]:
    """An accepted association as AE title TEST (one context for CT by default)."""
    connection = door.connect()
    stream = PduStream(connection, max_pdu=131072, idle_seconds=PATIENCE, message_seconds=PATIENCE)
    connection.sendall(data or association_request([(CT, [EXPLICIT])], max_pdu=131072))
    kind, _ = stream.read_pdu(PATIENCE, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)
    assert kind == pdu.ASSOCIATE_AC
    return connection, stream
