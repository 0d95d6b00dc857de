"""An association we request from a peer."""

import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from types import TracebackType

from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.contexts import Context, Contexts
from pacs.association.endings import AssociationEnd, ProtocolError
from pacs.association.stream import PduStream
from pacs.association.tls import TlsCredentials, fingerprint
from pacs.errors import PeerUnreachable
from pacs.send.negotiation import Proposal, decode_accept, encode_request
from storage.model.people import Peer

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0  # what a peer may take to answer a request
MAX_PDU = 128 * 1024

_REASONS = {
    (1, 1): "no reason given",
    (1, 2): "application context not supported",
    (1, 3): "our AE title is not known there",
    (1, 7): "the peer does not know the called AE title",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporarily congested",
    (3, 2): "too many associations there",
}


class RequestedAssociation:
    """An established association with us as requestor. A context manager: released when all went well, else aborted."""

    def __init__(self, stream: PduStream, contexts: Contexts) -> None:
        self.stream = stream
        self.contexts = contexts
        self._message_id = 0

    def __enter__(self) -> "RequestedAssociation":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.release()
        else:
            self.abort()

    def next_message_id(self) -> int:
        self._message_id = self._message_id % 65535 + 1
        return self._message_id

    def echo(self, context: Context) -> int:
        """C-ECHO (PS3.7 §9.1.5); the status of the answer."""
        message_id = self.next_message_id()
        request = commands.encode(
            {
                commands.AFFECTED_SOP_CLASS_UID: context.abstract_syntax,
                commands.COMMAND_FIELD: commands.C_ECHO_RQ,
                commands.MESSAGE_ID: message_id,
                commands.DATASET_TYPE: commands.NO_DATASET,
            }
        )
        self.stream.send_message(context.context_id, request)
        _, answer = self.stream.read_command()
        if answer.field != commands.C_ECHO_RQ | commands.RESPONSE or answer.responded_to != message_id:
            raise ProtocolError("an answer to another question")
        return answer.status

    def release(self) -> None:
        """Ask for release and wait a little for the answer."""
        with contextlib.suppress(AssociationEnd):
            self.stream.send(pdu.RELEASE_REQUEST)
            self.stream.read_pdu(5.0, pdu.RELEASE_RP, pdu.MAX_OTHER)
        self.stream.close()

    def abort(self) -> None:
        """Abort as service user."""
        with contextlib.suppress(AssociationEnd):
            self.stream.send(pdu.abort(pdu.BY_USER))
        self.stream.close()


def request(
    peer: Peer,
    own_ae: str,
    proposals: Sequence[Proposal],
    *,
    connect_seconds: float = CONNECT_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
    credentials: TlsCredentials | None = None,
) -> RequestedAssociation:
    """An association with `peer`; PeerUnreachable says why there is none. `credentials` are for peers that want TLS."""
    stream = PduStream(
        _connect(peer, connect_seconds, credentials),
        max_pdu=MAX_PDU,
        idle_seconds=answer_seconds,
        message_seconds=answer_seconds,
    )
    try:
        stream.send(encode_request(own_ae, peer.ae_title, proposals, MAX_PDU))
        kind, data = stream.read_pdu(connect_seconds, pdu.ASSOCIATE_AC, pdu.MAX_ASSOCIATE)
        if kind == pdu.ASSOCIATE_RJ and len(data) >= 10:
            reason = _REASONS.get((data[8], data[9]), "no reason given")
            raise PeerUnreachable(f"{peer.ae_title} rejected the association: {reason}")
        if kind != pdu.ASSOCIATE_AC:
            raise PeerUnreachable(f"{peer.ae_title} aborted the association")
        contexts, longest = decode_accept(data, proposals)
    except AssociationEnd as end:
        stream.close()
        raise PeerUnreachable(f"{peer.ae_title} does not answer as a DICOM peer: {end}") from end
    except PeerUnreachable:
        stream.close()
        raise
    stream.fragment = pdu.fragment_length(longest)
    return RequestedAssociation(stream, contexts)


def address_of(peer: Peer) -> tuple[str, int] | None:
    """Where the peer can be reached, or None when it has no port or is a whole network."""
    if peer.port is None or not peer.host:
        return None
    if "/" in peer.host:
        try:
            network = ipaddress.ip_network(peer.host, strict=False)
        except ValueError:
            return None
        return (str(network.network_address), peer.port) if network.num_addresses == 1 else None
    return peer.host, peer.port


def _connect(peer: Peer, seconds: float, credentials: TlsCredentials | None) -> socket.socket:
    address = address_of(peer)
    if address is None:
        raise PeerUnreachable(f"{peer.ae_title} has no address and port to send to")
    try:
        connection = socket.create_connection(address, timeout=seconds)
    except OSError as error:
        raise PeerUnreachable(f"{peer.ae_title} cannot be reached: {error.strerror or error}") from error
    return _secured(connection, peer, address[0], credentials) if peer.tls else connection


def _secured(connection: socket.socket, peer: Peer, host: str, credentials: TlsCredentials | None) -> socket.socket:
    """The connection under TLS. A peer whose certificate is registered must show that one, whatever name is in it;
    another must show one of a trusted authority that names its host."""
    if credentials is None:
        connection.close()
        raise PeerUnreachable(f"{peer.ae_title} is called over TLS, but dicom.tls_certificate is not configured")
    secured = None
    try:
        secured = credentials.requestor(pinned=bool(peer.certificate)).wrap_socket(connection, server_hostname=host)
        if peer.certificate and fingerprint(secured) != peer.certificate:
            raise ssl.SSLError("it shows another certificate than the registered one")
        return secured
    except (OSError, ValueError) as error:
        (secured or connection).close()
        words = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
        raise PeerUnreachable(f"{peer.ae_title} does not agree on TLS: {words}") from error
