"""Protocol data units of an association (PS3.8 §9.3), as bytes."""

import struct
from collections.abc import Iterator

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
HEADER = struct.Struct(">BxL")  # type, length of what follows
PDV = struct.Struct(">LBB")  # length, context id, message control header
PDV_HEADER = PDV.size
COMMAND, LAST = 1, 2  # bits of the message control header
MAX_ASSOCIATE = 192 * 1024  # longest A-ASSOCIATE PDU we read; 128 contexts with 38 transfer syntaxes are 133 KB
MAX_OTHER = 1024  # longest release, reject or abort PDU we read
MAX_SENT = 128 * 1024  # longest P-DATA-TF we send, whatever the peer takes

RELEASE_REQUEST = HEADER.pack(RELEASE_RQ, 4) + bytes(4)
RELEASE_RESPONSE = HEADER.pack(RELEASE_RP, 4) + bytes(4)

BY_USER, BY_PROVIDER = 0, 2
REJECTED_PERMANENT, REJECTED_TRANSIENT = 1, 2


def abort(source: int, reason: int = 0) -> bytes:
    """A-ABORT: `source` 0 is the service user, 2 the service provider, who may give a `reason`."""
    return HEADER.pack(ABORT, 4) + bytes((0, 0, source, reason))


def reject(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""
    return HEADER.pack(ASSOCIATE_RJ, 4) + bytes((0, result, source, reason))


def fragment_length(max_pdu: int) -> int:
    """The longest even fragment of a message in one P-DATA-TF for a peer that takes `max_pdu` (0: any length)."""
    longest = min(max_pdu or MAX_SENT, MAX_SENT)
    return max(longest - PDV_HEADER, 2) & ~1


def p_data(context_id: int, control: int, fragment: bytes) -> bytes:
    """A P-DATA-TF with one presentation data value."""
    length = len(fragment)
    return b"".join((HEADER.pack(P_DATA, length + PDV_HEADER), PDV.pack(length + 2, context_id, control), fragment))


def message(context_id: int, command: bytes, dataset: bytes | None, fragment: int) -> Iterator[bytes]:
    """The P-DATA-TFs of a whole message (PS3.8 Annex E)."""
    yield from _fragments(context_id, COMMAND, command, fragment)
    if dataset is not None:
        yield from _fragments(context_id, 0, dataset, fragment)


def _fragments(context_id: int, kind: int, data: bytes, fragment: int) -> Iterator[bytes]:
    if len(data) <= fragment:
        yield p_data(context_id, kind | LAST, data)
        return
    for start in range(0, len(data), fragment):
        last = LAST if start + fragment >= len(data) else 0
        yield p_data(context_id, kind | last, data[start : start + fragment])
