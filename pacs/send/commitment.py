"""N-EVENT-REPORT of storage commitment (PS3.4 J.3.3), for the association that asked and for a new one."""

import struct
from collections.abc import Iterable

from pacs.association import command as commands
from pacs.association.contexts import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Context
from pacs.association.endings import AssociationEnd, ProtocolError
from pacs.association.tls import TlsCredentials
from pacs.errors import PeerUnreachable
from pacs.send.negotiation import Proposal
from pacs.send.requestor import request
from storage.model.commitment import Commitment, Reference
from storage.model.people import Peer

PUSH_MODEL = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
ALL_COMMITTED, SOME_FAILED = 1, 2  # Event Type ID

_PROPOSALS = (Proposal(PUSH_MODEL, (EXPLICIT_LITTLE, IMPLICIT_LITTLE), as_scp=True),)
_RETRIEVE_AE_TITLE, _TRANSACTION_UID = 0x00080054, 0x00081195
_FAILED_SEQUENCE, _REFERENCED_SEQUENCE = 0x00081198, 0x00081199
_REFERENCED_CLASS, _REFERENCED_INSTANCE, _FAILURE_REASON = 0x00081150, 0x00081155, 0x00081197
_ITEM = 0xFFFEE000


def report(peer: Peer, own_ae: str, commitment: Commitment, credentials: TlsCredentials | None = None) -> None:
    """Tell `peer` on an association of our own, as SCP. Raises PeerUnreachable when it could not be told, or answered
    anything but success."""
    association = request(peer, own_ae, _PROPOSALS, credentials=credentials)
    try:
        with association:
            if not association.contexts:
                raise PeerUnreachable(f"{peer.ae_title} does not accept Storage Commitment from us as SCP")
            context = next(iter(association.contexts.values()))
            message_id = association.next_message_id()
            association.stream.send_message(context.context_id, *event(commitment, own_ae, context, message_id))
            _, answer = association.stream.read_command()
            if answer.field != commands.N_EVENT_REPORT_RQ | commands.RESPONSE or answer.responded_to != message_id:
                raise ProtocolError("an answer to another question")
            if answer.has_dataset:
                association.stream.skip_dataset(context.context_id, commands.MAX_COMMAND)
    except AssociationEnd as end:
        raise PeerUnreachable(f"{peer.ae_title} ended the association: {end}") from end
    if answer.status != 0:
        raise PeerUnreachable(f"{peer.ae_title} answered N-EVENT-REPORT with status {answer.status:04X}")


def event(commitment: Commitment, own_ae: str, context: Context, message_id: int) -> tuple[bytes, bytes]:
    """The command set and the Event Information of the result."""
    command = commands.encode(
        {
            commands.AFFECTED_SOP_CLASS_UID: PUSH_MODEL,
            commands.COMMAND_FIELD: commands.N_EVENT_REPORT_RQ,
            commands.MESSAGE_ID: message_id,
            commands.DATASET_TYPE: commands.WITH_DATASET,
            commands.AFFECTED_SOP_INSTANCE_UID: PUSH_MODEL_INSTANCE,
            commands.EVENT_TYPE_ID: SOME_FAILED if commitment.failed else ALL_COMMITTED,
        }
    )
    return command, _Writer(context.transfer_syntax).information(commitment, own_ae)


class _Writer:
    """Elements in one transfer syntax; a request may name tens of thousands of instances."""

    def __init__(self, transfer_syntax: str) -> None:
        self._implicit = transfer_syntax == IMPLICIT_LITTLE
        self._order = ">" if transfer_syntax == EXPLICIT_BIG else "<"

    def information(self, commitment: Commitment, own_ae: str) -> bytes:
        """Table J.3-2, in the order of the tags."""
        parts = [self._element(_RETRIEVE_AE_TITLE, "AE", own_ae.encode("ascii", "replace"))]
        parts.append(self._element(_TRANSACTION_UID, "UI", commitment.transaction_uid.encode("ascii", "replace")))
        if commitment.failed:
            parts.append(self._sequence(_FAILED_SEQUENCE, commitment.failed))
        if commitment.committed:
            parts.append(self._sequence(_REFERENCED_SEQUENCE, commitment.committed))
        return b"".join(parts)

    def _sequence(self, tag: int, references: Iterable[Reference]) -> bytes:
        return self._element(tag, "SQ", b"".join(self._item(one) for one in references))

    def _item(self, reference: Reference) -> bytes:
        data = self._element(_REFERENCED_CLASS, "UI", reference.sop_class_uid.encode("ascii", "replace"))
        data += self._element(_REFERENCED_INSTANCE, "UI", reference.sop_instance_uid.encode("ascii", "replace"))
        if reference.reason:
            data += self._element(_FAILURE_REASON, "US", struct.pack(f"{self._order}H", reference.reason))
        return struct.pack(f"{self._order}HHL", _ITEM >> 16, _ITEM & 0xFFFF, len(data)) + data

    def _element(self, tag: int, vr: str, value: bytes) -> bytes:
        if len(value) % 2:
            value += b"\0" if vr == "UI" else b" "
        group, number = tag >> 16, tag & 0xFFFF
        if self._implicit:
            return struct.pack("<HHL", group, number, len(value)) + value
        if vr == "SQ":
            return struct.pack(f"{self._order}HH2sHL", group, number, b"SQ", 0, len(value)) + value
        return struct.pack(f"{self._order}HH2sH", group, number, vr.encode(), len(value)) + value
