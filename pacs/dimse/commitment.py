"""Storage Commitment Push Model as SCP (PS3.4 Annex J).

The N-ACTION is answered when the request and its task are durable in the index. The result is reported on the
association that asked, while that stays open; else the worker reports it on a new one (pacs/jobs/commitment.py).
"""

import contextlib
import logging
import time
from collections.abc import Iterator

from pacs.association import command as commands
from pacs.association.command import Command
from pacs.association.contexts import EXPLICIT_BIG, IMPLICIT_LITTLE, Context
from pacs.association.endings import ProtocolError
from pacs.dataset.limits import Limits
from pacs.dataset.scan import Element, Scanner
from pacs.dimse.session import Session
from pacs.dimse.statuses import NO_SUCH_ARGUMENT, SUCCESS, status_of
from pacs.send.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, event
from storage.errors import ArchiveError, InvalidInstance
from storage.index import commitments
from storage.model.commitment import FailureReason, Reference

log = logging.getLogger(__name__)

LIMIT = 4 * 1024 * 1024  # bytes of a request: about 30,000 instances
POLL_SECONDS = 0.25
LEASE_SECONDS = 60.0

# PS3.7 Annex C and 10.1.4.1.10
NO_SUCH_SOP_CLASS, NO_SUCH_OBJECT_INSTANCE, NO_SUCH_ACTION, INVALID_ARGUMENT = 0x0118, 0x0112, 0x0123, 0x0115
_TRANSACTION_UID, _REFERENCED_SEQUENCE = 0x00081195, 0x00081199
_REFERENCED_CLASS, _REFERENCED_INSTANCE = 0x00081150, 0x00081155
_WANTED = frozenset({_TRANSACTION_UID, _REFERENCED_SEQUENCE, _REFERENCED_CLASS, _REFERENCED_INSTANCE})
_LIMITS = Limits(depth=4, elements=200_000, header_bytes=LIMIT)


def handle_action(session: Session, context: Context, command: Command) -> None:
    """Keep a request for storage commitment and say that it was received, which says nothing of its result."""
    status, comment = _refusal(command), ""
    data = _information(session, context) if command.has_dataset else b""
    if status == SUCCESS and data is None:
        status, comment = FailureReason.RESOURCE_LIMITATION, f"more than {LIMIT} bytes"
    elif status == SUCCESS:
        try:
            transaction_uid, references = decode(data or b"", context.transfer_syntax)
            with session.archive.database.writing() as db:
                number = commitments.request(db, session.origin, transaction_uid, references)
            session.reports.waiting[number] = context
            log.info("%s asks for storage commitment of %d instances", session.peer.ae_title, len(references))
        except InvalidInstance as error:
            status, comment = INVALID_ARGUMENT, str(error)
        except ArchiveError as error:
            status, comment = status_of(error, "N-ACTION"), str(error)
    if status != SUCCESS:
        log.warning("%s: request for storage commitment answered with %04X: %s", session.peer.ae_title, status, comment)
    said: dict[int, int | str] = {
        commands.AFFECTED_SOP_CLASS_UID: PUSH_MODEL,
        commands.AFFECTED_SOP_INSTANCE_UID: PUSH_MODEL_INSTANCE,
        commands.ACTION_TYPE_ID: command.number(commands.ACTION_TYPE_ID),
    }
    session.stream.send_message(context.context_id, commands.response(command, int(status), said, comment=comment))


def report_meanwhile(session: Session, seconds: float) -> None:
    """Until the peer speaks, but `seconds` at most: report on this association what has become ready."""
    deadline = time.monotonic() + seconds
    while session.reports.waiting and not session.stream.has_more(POLL_SECONDS):
        if session.stopping() or time.monotonic() > deadline:
            return
        _report_ready(session)


def handle_report_answer(session: Session, context: Context, command: Command) -> None:
    """The peer has heard a result (PS3.7 10.1.1)."""
    number, token = session.reports.told.pop(command.responded_to, (0, ""))
    if not token:
        raise ProtocolError("an answer to nothing")
    if command.has_dataset:
        session.stream.skip_dataset(context.context_id, commands.MAX_COMMAND)
    with session.archive.database.writing() as db:
        if command.status == SUCCESS:
            commitments.reported(db, number, token)
        else:
            commitments.not_reported(db, number, token, f"answered with status {command.status:04X}")


def let_go(session: Session) -> None:
    """The association is over: what it did not bring to an end the worker reports."""
    for number, token in session.reports.told.values():
        try:
            with session.archive.database.writing() as db:
                commitments.not_reported(db, number, token, "the association ended before the answer")
        except ArchiveError as error:
            log.warning("a report is taken up again when its lease is over: %s", error)
    session.reports.told.clear()


def decode(data: bytes, transfer_syntax: str) -> tuple[str, list[Reference]]:
    """Transaction UID and references of the Action Information (Table J.3-1). Raises InvalidInstance."""
    scanner = Scanner(
        data,
        len(data),
        _LIMITS,
        implicit=transfer_syntax == IMPLICIT_LITTLE,
        little=transfer_syntax != EXPLICIT_BIG,
        wanted=_WANTED,
    )
    top = {element.tag: element for element in scanner.top_level(0)}
    transaction_uid = _uid(data, top.get(_TRANSACTION_UID))
    sequence = top.get(_REFERENCED_SEQUENCE)
    references = list(_references(data, sequence.items or ())) if sequence is not None else []
    if not transaction_uid or not references:
        raise InvalidInstance("a request needs a Transaction UID and a Referenced SOP Sequence")
    if not all(one.sop_class_uid and one.sop_instance_uid for one in references):
        raise InvalidInstance("a reference without SOP Class or SOP Instance UID")
    return transaction_uid, references


def _references(data: bytes, items: tuple[tuple[Element, ...], ...]) -> Iterator[Reference]:
    for item in items:
        found = {element.tag: element for element in item}
        yield Reference(_uid(data, found.get(_REFERENCED_CLASS)), _uid(data, found.get(_REFERENCED_INSTANCE)))


def _uid(data: bytes, element: Element | None) -> str:
    """The UID, "" when there is none that is one."""
    if element is None or element.length > 65:
        return ""
    text = data[element.offset : element.offset + element.length].strip(b" \0")
    return text.decode() if text and not text.strip(b"0123456789.") else ""


def _refusal(command: Command) -> int:
    """The status that stands before anything is read."""
    if command.text(commands.REQUESTED_SOP_CLASS_UID) != PUSH_MODEL:
        return NO_SUCH_SOP_CLASS
    if command.text(commands.REQUESTED_SOP_INSTANCE_UID) != PUSH_MODEL_INSTANCE:
        return NO_SUCH_OBJECT_INSTANCE
    if command.number(commands.ACTION_TYPE_ID) != 1:
        return NO_SUCH_ACTION
    return SUCCESS if command.has_dataset else NO_SUCH_ARGUMENT


def _information(session: Session, context: Context) -> bytes | None:
    """The dataset, or None when it is longer than we take; it is read to its end."""
    data, size = bytearray(), 0
    for fragment in session.stream.fragments(context.context_id):
        size += len(fragment)
        if size > session.max_object:
            raise ProtocolError("a request without end")
        if size <= LIMIT:
            data += fragment
    return bytes(data) if size <= LIMIT else None


def _report_ready(session: Session) -> None:
    reports = session.reports
    with contextlib.suppress(ArchiveError):  # the index does not answer: asked again in a moment
        with session.archive.database.reading() as db:
            ready = commitments.ready(db, reports.waiting)
            over = reports.waiting.keys() - commitments.open_of(db, reports.waiting)
        for number in ready:
            with session.archive.database.writing() as db:
                token = commitments.claim(db, number, LEASE_SECONDS)
                commitment = commitments.get(db, number)
            if token:  # else the worker is telling; should it fail, we are still there
                context, message_id = reports.waiting.pop(number), reports.next_message_id()
                reports.told[message_id] = number, token
                session.stream.send_message(context.context_id, *event(commitment, session.own_ae, context, message_id))
        for number in over:
            reports.waiting.pop(number, None)
