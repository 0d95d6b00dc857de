"""C-FIND as SCP (PS3.4 C.4.1)."""

import logging
import time
from collections.abc import Iterator
from datetime import datetime

from pacs.association import command as commands
from pacs.association.command import Command
from pacs.association.contexts import Context
from pacs.dimse import identifier as identifiers
from pacs.dimse.answers import answer_writer
from pacs.dimse.retrieve import cancelled
from pacs.dimse.session import Session
from pacs.dimse.sop_classes import PATIENT_ROOT
from pacs.dimse.statuses import CANCELLED, NO_SUCH_ARGUMENT, PENDING, PENDING_WARNING, SUCCESS, status_of
from pacs.query import Identifier, Model, not_supported, study_query
from pacs.status import OUT_OF_RESOURCES
from storage.errors import ArchiveError
from storage.index.effort import Effort
from storage.model.attributes import BY_KEYWORD
from storage.model.query import Attributes, Level, Query

log = logging.getLogger(__name__)

AT_ONCE = 64 * 1024  # bytes of pending responses that share one write
_MODALITY, _MODALITIES, _TIMEZONE = (
    BY_KEYWORD[keyword].tag for keyword in ("Modality", "ModalitiesInStudy", "TimezoneOffsetFromUTC")
)


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
    wanted = _Wanted(session, command)
    effort = session.archive.effort()
    effort.goes_on = wanted.still
    try:
        identifier = identifiers.read(data, context.transfer_syntax)
        asked = _query(session, context, identifier)
        session.archive.acts.must_write()
        status = SUCCESS
        for answer in _answers(session, context, command, identifier, asked, effort):
            out += answer
            count += 1
            if len(out) >= AT_ONCE:
                stream.send(out)
                out.clear()
            if not wanted.still():
                break
        if effort.why:  # not all that matches was given, and success would say so
            status, comment = OUT_OF_RESOURCES, effort.why
        if wanted.over:
            status, comment = CANCELLED, ""
        session.archive.acts.queried(session.actor, "C-FIND", asked, count)
    except ArchiveError as error:
        status, comment = status_of(error, "C-FIND"), str(error)
    session.tally.queries += 1
    log.debug("C-FIND: %d answers, status %04X, %.1f ms", count, status, (time.monotonic() - started) * 1000)
    out += stream.encoded(context.context_id, commands.response(command, status, comment=comment))
    stream.send(out)


class _Wanted:
    """Whether the peer still wants its answers. It is asked between answers and, where none are found, between the
    windows of the search."""

    def __init__(self, session: Session, command: Command) -> None:
        self._session = session
        self._command = command
        self.over = False

    def still(self) -> bool:
        """Look; once over it stays so."""
        if not self.over:
            self.over = cancelled(self._session.stream, self._command) or self._session.stopping()
        return not self.over


def _answers(
    session: Session, context: Context, command: Command, identifier: Identifier, asked: Query, effort: Effort
) -> Iterator[bytes]:
    """Pending responses as they go over the wire."""
    writer = answer_writer(asked.level, asked.returns, context.transfer_syntax, session.own_ae, session.peer.charset)
    status = PENDING_WARNING if not_supported(identifier, asked.level) else PENDING
    pending = commands.response(command, status, dataset=True)
    change = _say_modality if asked.level is Level.STUDY and "Modality" in asked.returns else None
    zone = _local_offset() if session.timezone(context.abstract_syntax) else ""
    for found in session.archive.find(asked, effort):
        if not zone:
            written = writer.write_known(found, change)
        else:
            if change is not None:
                change(found.attributes)
            if not found.attributes.get(_TIMEZONE, {}).get("Value"):
                found.attributes[_TIMEZONE] = {"vr": "SH", "Value": [zone]}
            written = writer.write(found)
        yield session.stream.encoded(context.context_id, pending, written)


def _say_modality(attributes: Attributes) -> None:
    """Old consoles ask for the modality of a study."""
    attributes[_MODALITY] = attributes[_MODALITIES]


def _query(session: Session, context: Context, identifier: Identifier) -> Query:
    uid = context.abstract_syntax
    model: Model = "PATIENT" if uid in PATIENT_ROOT else "STUDY"
    return study_query(
        session.scope,
        identifier,
        model,
        relational=session.relational(uid),
        fuzzy=session.fuzzy(uid),
        combined=session.combined(uid),
        timezone=session.timezone(uid),
    )


def _local_offset() -> str:
    """Of the clocks here: what objects without an offset are taken to be in."""
    return datetime.now().astimezone().strftime("%z")[:5]
