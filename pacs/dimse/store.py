"""C-STORE as SCP (PS3.4 Annex B): fragments go straight to the spool, success is said when the object is durable."""

import logging
import time
from collections.abc import Iterator

from pacs.archive import Expected, Incoming
from pacs.archive.transcode import file_meta
from pacs.association import command as commands
from pacs.association.command import Command
from pacs.association.contexts import Context
from pacs.association.endings import TooLarge
from pacs.association.stream import skip
from pacs.dimse.session import Session
from pacs.dimse.statuses import INVALID_OBJECT_INSTANCE, NO_SUCH_ARGUMENT, SUCCESS, outcome_status, status_of
from storage.errors import ArchiveError
from storage.model.archive import Outcome

log = logging.getLogger(__name__)


def handle_store(session: Session, context: Context, command: Command) -> None:
    """Receive one object and answer."""
    started = time.monotonic()
    comment = ""
    if not command.has_dataset:
        status, comment = NO_SUCH_ARGUMENT, "no dataset"
    elif not _is_uid(command.sop_instance_uid) or not _is_uid(command.sop_class_uid):
        session.stream.skip_dataset(context.context_id, session.max_object)
        status, comment = INVALID_OBJECT_INSTANCE, "no valid SOP Class or SOP Instance UID"
    else:
        try:
            outcome = _receive(session, context, command)
            status, comment = outcome_status(outcome)
            session.tally.bytes += outcome.stored.size
            session.tally.studies[outcome.key.study_instance_uid if outcome.key else ""] += 1
            log.debug(
                "%s %s, %d bytes, %.1f ms",
                command.sop_instance_uid,
                outcome.kind,
                outcome.stored.size,
                (time.monotonic() - started) * 1000,
            )
        except ArchiveError as error:
            status, comment = status_of(error, "C-STORE"), str(error)
    if status == SUCCESS:
        session.tally.stored += 1
    else:
        session.tally.failed += 1
        log.warning("%s answered with status %04X: %s", command.sop_instance_uid, status, comment)
    session.stream.send_message(context.context_id, commands.response(command, status, comment=comment))


def _receive(session: Session, context: Context, command: Command) -> Outcome:
    """Spool, hash, store. File Meta Information is a function of the UIDs and the transfer syntax only, so that a
    resend is the same content, whoever sends it; who sent it is kept in the index.

    When it cannot be kept, the rest of the message is still read before the error is raised."""
    fragments = session.stream.fragments(context.context_id)
    try:
        with session.archive.receive(session.origin) as incoming:
            incoming.write(file_meta(command.sop_class_uid, command.sop_instance_uid, context.transfer_syntax))
            _write(fragments, incoming, session.max_object)
            return session.archive.store(incoming, Expected(command.sop_class_uid, command.sop_instance_uid))
    except ArchiveError:
        skip(fragments, session.max_object)
        raise


def _write(fragments: Iterator[memoryview], incoming: Incoming, limit: int) -> None:
    size = 0
    for fragment in fragments:
        size += len(fragment)
        if size > limit:
            raise TooLarge(f"an object of more than {limit} bytes")
        incoming.write(fragment)


def _is_uid(text: str) -> bool:
    """Not too long and made of visible ASCII: odd UIDs are kept, unprintable ones are not."""
    return 0 < len(text) <= 64 and text.isascii() and text.isprintable() and " " not in text
