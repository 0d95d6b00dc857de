"""C-FIND as SCP (PS3.4 C.4.1)."""

import logging
import time
from collections.abc import Iterator

from pydicom.dataset import Dataset

from pacs.association import command as commands
from pacs.association.command import Command
from pacs.association.contexts import Context
from pacs.dimse import identifier as identifiers
from pacs.dimse.answers import AnswerWriter
from pacs.dimse.retrieve import cancelled
from pacs.dimse.session import Session
from pacs.dimse.sop_classes import PATIENT_ROOT
from pacs.dimse.statuses import CANCELLED, NO_SUCH_ARGUMENT, PENDING, PENDING_WARNING, SUCCESS, status_of
from pacs.query import Model, study_query, unsupported
from storage.errors import ArchiveError
from storage.model.attributes import BY_KEYWORD, LEVELS
from storage.model.query import Level, Query

log = logging.getLogger(__name__)

AT_ONCE = 64 * 1024  # bytes of pending responses that share one write
_ABOUT = frozenset({"QueryRetrieveLevel", "SpecificCharacterSet", "TimezoneOffsetFromUTC", "RetrieveAETitle"})


def handle_find(session: Session, context: Context, command: Command) -> None:
    """Answer with every match, then with the final status."""
    stream = session.stream
    started = time.monotonic()
    if not command.has_dataset:
        stream.send_message(context.context_id, commands.response(command, NO_SUCH_ARGUMENT, comment="no identifier"))
        return
    data = stream.read_dataset(context.context_id, identifiers.LIMIT)
    count, comment = 0, ""
    out = bytearray()
    try:
        identifier = identifiers.decode(data, context.transfer_syntax)
        status = SUCCESS
        for answer in _answers(session, context, command, identifier):
            out += answer
            count += 1
            if len(out) >= AT_ONCE:
                stream.send(out)
                out.clear()
            if cancelled(stream, command) or session.stopping():
                status = CANCELLED
                break
    except ArchiveError as error:
        status, comment = status_of(error, "C-FIND"), str(error)
    session.tally.queries += 1
    log.debug("C-FIND: %d answers, status %04X, %.1f ms", count, status, (time.monotonic() - started) * 1000)
    out += stream.encoded(context.context_id, commands.response(command, status, comment=comment))
    stream.send(out)


def _answers(session: Session, context: Context, command: Command, identifier: Dataset) -> Iterator[bytes]:
    """Pending responses as they go over the wire."""
    asked = _query(session, context, identifier)
    writer = AnswerWriter(asked.level, asked.returns, context.transfer_syntax, session.own_ae, session.peer.charset)
    status = PENDING_WARNING if _has_unsupported(identifier, asked.level) else PENDING
    pending = commands.response(command, status, dataset=True)
    for found in session.archive.find(asked):
        yield session.stream.encoded(context.context_id, pending, writer.write(found))


def _query(session: Session, context: Context, identifier: Dataset) -> Query:
    uid = context.abstract_syntax
    model: Model = "PATIENT" if uid in PATIENT_ROOT else "STUDY"
    return study_query(session.scope, identifier, model, relational=session.relational(uid), fuzzy=session.fuzzy(uid))


def _has_unsupported(identifier: Dataset, level: Level) -> bool:
    """Whether a key is one we do not answer at this level, or do not match although it has a value."""
    for element in identifier:
        keyword = element.keyword
        if keyword in _ABOUT or element.tag.element == 0:
            continue
        attribute = BY_KEYWORD.get(keyword)
        if attribute is None or LEVELS.index(attribute.level) > LEVELS.index(level):
            return True
        if not element.is_empty and unsupported((keyword,), level):
            return True
    return False
