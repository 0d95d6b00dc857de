"""A client that speaks bytes: for what well-behaved clients never do."""

import socket

from pacs.association import pdu
from pacs.association.stream import PduStream
from tests.pacs.dimse.conftest import Door
from tests.pacs.dimse.requests import CT, EXPLICIT, association_request


def associate(door: Door, data: bytes | None = None) -> tuple[socket.socket, PduStream]:
    """An accepted association as AE title TEST (one context for CT by default)."""
    connection = door.connect()
    stream = PduStream(connection, max_pdu=131072, idle_seconds=10, message_seconds=10)
    connection.sendall(data or association_request([(CT, [EXPLICIT])], max_pdu=131072))
    kind, _ = stream.read_pdu(5, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)
    assert kind == pdu.ASSOCIATE_AC
    return connection, stream
