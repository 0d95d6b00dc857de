"""One association from its request to its end, in one thread."""

import contextlib
import logging
import ssl
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pacs.archive import Archive
from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.command import Command
from pacs.association.contexts import APPLICATION_CONTEXT, Context
from pacs.association.endings import (
    AbortedByPeer,
    AssociationEnd,
    ConnectionLost,
    ProtocolError,
    Released,
    Stopping,
    TimedOut,
    TooLarge,
    Unfinished,
)
from pacs.association.stream import PduStream
from pacs.association.tls import TlsCredentials, fingerprint
from pacs.config import DicomConfig
from pacs.dimse import commitment, negotiation, reasons
from pacs.dimse.directory import Directory
from pacs.dimse.find import handle_find
from pacs.dimse.get import handle_get
from pacs.dimse.lobby import Visitor
from pacs.dimse.move import handle_move
from pacs.dimse.refusals import Refusals
from pacs.dimse.request import AssociationRequest, decode_request
from pacs.dimse.session import Session
from pacs.dimse.slots import Places
from pacs.dimse.sop_classes import Service, service_of
from pacs.dimse.statuses import SOP_CLASS_NOT_SUPPORTED, UNRECOGNISED_OPERATION
from pacs.dimse.store import handle_store
from pacs.dimse.verify import handle_echo
from storage.errors import ArchiveError
from storage.model.people import Peer

log = logging.getLogger(__name__)

MIB = 1024 * 1024
REPORT_SECONDS = 60.0  # how long a silent peer may wait for its results on the association that asked

Handler = Callable[[Session, Context, Command], None]

_HANDLERS: dict[int, tuple[Service, Handler]] = {
    commands.C_ECHO_RQ: (Service.VERIFICATION, handle_echo),
    commands.C_STORE_RQ: (Service.STORAGE, handle_store),
    commands.C_FIND_RQ: (Service.FIND, handle_find),
    commands.C_MOVE_RQ: (Service.MOVE, handle_move),
    commands.C_GET_RQ: (Service.GET, handle_get),
    commands.N_ACTION_RQ: (Service.COMMITMENT, commitment.handle_action),
}


class Rejection(NamedTuple):
    """An A-ASSOCIATE-RJ (PS3.8 Table 9-21) and the reason in words."""

    result: int
    source: int
    reason: int
    words: str


WRONG_CALLED = Rejection(pdu.REJECTED_PERMANENT, 1, 7, reasons.WRONG_CALLED)
UNKNOWN_CALLING = Rejection(pdu.REJECTED_PERMANENT, 1, 3, reasons.UNKNOWN_CALLING)
WRONG_ADDRESS = Rejection(pdu.REJECTED_PERMANENT, 1, 3, reasons.WRONG_ADDRESS)
WRONG_CERTIFICATE = Rejection(pdu.REJECTED_PERMANENT, 1, 3, reasons.WRONG_CERTIFICATE)
MUST_USE_TLS = Rejection(pdu.REJECTED_PERMANENT, 1, 3, reasons.MUST_USE_TLS)
WRONG_CONTEXT = Rejection(pdu.REJECTED_PERMANENT, 1, 2, reasons.WRONG_CONTEXT)
WRONG_VERSION = Rejection(pdu.REJECTED_PERMANENT, 2, 2, reasons.WRONG_VERSION)
TOO_MANY = Rejection(pdu.REJECTED_TRANSIENT, 3, 2, reasons.TOO_MANY)
TOO_MANY_OF_PEER = Rejection(pdu.REJECTED_TRANSIENT, 3, 2, reasons.TOO_MANY_OF_PEER)
UNAVAILABLE = Rejection(pdu.REJECTED_TRANSIENT, 3, 1, "the index does not answer")


@dataclass(frozen=True, slots=True)
class Desk:
    """What is looked up and noted at the door: who may call, who was refused, which places are free."""

    directory: Directory
    refusals: Refusals
    places: Places
    credentials: TlsCredentials | None = None


class Acceptor:
    """Decides on association requests and serves those it accepts; one `run` per association."""

    def __init__(self, config: DicomConfig, archive: Archive, desk: Desk, stopping: Callable[[], bool]) -> None:
        self._config = config
        self._archive = archive
        self._desk = desk
        self._stopping = stopping

    def run(self, visitor: Visitor, decided: Callable[[], None]) -> bool:
        """Everything from the A-ASSOCIATE-RQ to the end of the connection; `decided` is called once when we know who it
        is. True: the request was rejected, and the connection waits for the caller to close it."""
        stream = PduStream(
            visitor.connection,
            max_pdu=self._config.max_pdu,
            idle_seconds=self._config.idle_seconds,
            message_seconds=self._config.message_seconds,
            pdu_seconds=self._config.pdu_seconds,
            stopping=self._stopping,
        )
        rejected = False
        try:
            with contextlib.ExitStack() as place:
                try:
                    session = self._establish(stream, visitor, place)
                finally:
                    decided()
                rejected = session is None
                if session is not None:
                    _serve(session)
        except AssociationEnd as end:
            if isinstance(end, ProtocolError):
                self._desk.refusals.note(visitor.address, reasons.UNREADABLE)
            log.info("%s: association request given up: %s", visitor.address, end)
            _abort(stream, pdu.BY_PROVIDER, end.reason if isinstance(end, ProtocolError) else 0)
        except Exception as error:
            log.error("a bug, association aborted: %s", _without_values(error))
            _abort(stream, pdu.BY_PROVIDER, 0)
        finally:
            if not rejected:
                stream.close()
        return rejected

    def _establish(self, stream: PduStream, visitor: Visitor, place: contextlib.ExitStack) -> Session | None:
        request = decode_request(visitor.request)
        certificate = fingerprint(visitor.connection)
        try:
            answer = self._decide(request, visitor, certificate)
        except ArchiveError as error:
            log.error("cannot decide on an association: %s", error)
            answer = UNAVAILABLE
        if not isinstance(answer, Rejection):
            answer = self._seat(answer, place)
        if isinstance(answer, Rejection):
            if answer is not UNAVAILABLE:
                self._desk.refusals.note(visitor.address, answer.words, request.calling, request.called, certificate)
            stream.send(pdu.reject(answer.result, answer.source, answer.reason))
            return None
        agreement = negotiation.agree(request, answer.allow)
        max_object = (answer.max_object_mb or self._config.max_object_mb) * MIB
        stream.fragment = pdu.fragment_length(request.max_pdu)
        stream.slowest = answer.min_rate or self._config.min_rate
        stream.max_message = _longest_message(max_object)
        stream.send(negotiation.encode_accept(request, agreement, self._config.max_pdu))
        log.info(
            "accepted %s from %s%s (%s): %d of %d contexts",
            request.calling,
            visitor.address,
            " over TLS" if isinstance(visitor.connection, ssl.SSLSocket) else "",
            "".join(c for c in request.implementation if c.isprintable()),
            len(agreement.contexts),
            len(request.contexts),
        )
        return Session(
            archive=self._archive,
            directory=self._desk.directory,
            refusals=self._desk.refusals,
            stream=stream,
            peer=answer,
            address=visitor.address,
            own_ae=self._config.ae_title,
            contexts=agreement.contexts,
            extended=agreement.extended,
            max_object=max_object,
            stopping=self._stopping,
            credentials=self._desk.credentials,
        )

    def _decide(self, request: AssociationRequest, visitor: Visitor, certificate: str) -> Peer | Rejection:
        """A peer is AE title, address and, when one is registered, certificate: all of them together."""
        if not request.protocol_version & 1:
            return WRONG_VERSION
        if request.application_context != APPLICATION_CONTEXT:
            return WRONG_CONTEXT
        if request.called != self._config.ae_title.strip():
            return WRONG_CALLED
        peer = self._desk.directory.find(request.calling)
        if peer is None:
            return UNKNOWN_CALLING
        if not self._desk.directory.calls_from(peer, visitor.address):
            return WRONG_ADDRESS
        if peer.certificate and certificate != peer.certificate:
            if isinstance(visitor.connection, ssl.SSLSocket):
                return WRONG_CERTIFICATE
            if not peer.plain:
                return MUST_USE_TLS
        return peer

    def _seat(self, peer: Peer, place: contextlib.ExitStack) -> Peer | Rejection:
        """A place for this peer until `place` is closed."""
        places = self._desk.places
        taken = places.take(peer.ae_title, peer.max_associations or self._config.associations_per_peer)
        if taken <= 0:
            return TOO_MANY if taken == 0 else TOO_MANY_OF_PEER
        place.callback(places.give_back, taken)
        return peer


def _serve(session: Session) -> None:
    """Requests one after the other until the association ends."""
    started = time.monotonic()
    stream = session.stream
    words = "ended by a bug"
    try:
        while True:
            if session.reports.waiting:
                commitment.report_meanwhile(session, REPORT_SECONDS)
            context_id, command = stream.read_command()
            context = session.contexts.get(context_id)
            if context is None:
                raise ProtocolError(f"presentation context {context_id} was not accepted")
            _dispatch(session, context, command)
    except Released as end:
        words = str(end)
        with contextlib.suppress(ConnectionLost):
            stream.send(pdu.RELEASE_RESPONSE)
        stream.finish()
    except (AbortedByPeer, ConnectionLost) as end:
        words = str(end)
    except (TimedOut, Stopping, Unfinished) as end:
        words = f"closed: {end}"
        if isinstance(end, TimedOut) and stream.in_message:
            session.refuse(reasons.TOO_SLOW)
        _abort(stream, pdu.BY_USER, 0)
    except ProtocolError as error:
        words = f"aborted: {error}"
        session.refuse(reasons.TOO_LARGE if isinstance(error, TooLarge) else reasons.BROKE_PROTOCOL)
        _abort(stream, pdu.BY_PROVIDER, error.reason)
    finally:
        commitment.let_go(session)
        tally = session.tally
        log.info(
            "%s %s after %.1f s: %d stored, %d failed, %d bytes, %d queries, %d sent",
            session.peer.ae_title,
            words,
            time.monotonic() - started,
            tally.stored,
            tally.failed,
            tally.bytes,
            tally.queries,
            tally.sent,
        )
        session.directory.touch(session.peer, stored=tally.stored > 0)
        for study, count in tally.studies.items():
            with contextlib.suppress(ArchiveError):  # what was acknowledged stays so
                session.archive.acts.stored(session.actor, session.peer.hospital_id, study, "C-STORE", count)


def _dispatch(session: Session, context: Context, command: Command) -> None:
    field = command.field
    if field == commands.C_CANCEL_RQ:
        return  # what it cancels is already over
    if field == commands.N_EVENT_REPORT_RQ | commands.RESPONSE:
        commitment.handle_report_answer(session, context, command)
        return
    if field & commands.RESPONSE:
        raise ProtocolError("an answer to nothing")
    service, handler = _HANDLERS.get(field, (Service.NONE, None))
    if handler is not None and context.as_scp and service_of(context.abstract_syntax) is service:
        handler(session, context, command)
        return
    # PS3.7 10.1: the statuses of DIMSE-N know no "SOP Class not supported"
    normalised = field & commands.NORMALISED
    status = UNRECOGNISED_OPERATION if handler is None or normalised else SOP_CLASS_NOT_SUPPORTED
    log.warning("command %04X in a context of %s: status %04X", field, context.abstract_syntax, status)
    if command.has_dataset:
        session.stream.skip_dataset(context.context_id, session.max_object)
    session.stream.send_message(context.context_id, commands.response(command, status))


def _abort(stream: PduStream, source: int, reason: int) -> None:
    with contextlib.suppress(AssociationEnd):
        stream.send(pdu.abort(source, reason))


def _longest_message(max_object: int) -> int:
    """What may arrive for an object of this size: as much again, and more, when a peer sends it in tiny fragments."""
    return 2 * max_object + 16 * MIB


def _without_values(error: BaseException) -> str:
    """Type and place of an error; its text could quote a dataset."""
    frames = traceback.extract_tb(error.__traceback__)
    return type(error).__name__ + "".join(f" < {frame.name}:{frame.lineno}" for frame in reversed(frames))
