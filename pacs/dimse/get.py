"""C-GET as SCP (PS3.4 C.4.3): the instances travel as C-STORE requests on the association that asked for them."""

import itertools

from pacs.association.command import Command
from pacs.association.contexts import Context
from pacs.dimse import identifier as identifiers
from pacs.dimse.retrieve import SubOperations, cancelled, failure, is_cancel, note_export, select
from pacs.dimse.session import Session
from pacs.dimse.statuses import NO_SUCH_ARGUMENT, status_of
from pacs.send.store import StoreScu
from storage.errors import ArchiveError
from storage.model.archive import Instance


def handle_get(session: Session, context: Context, command: Command) -> None:
    """Send what the identifier names, one after the other, with a pending response after each."""
    stream = session.stream
    if not command.has_dataset:
        stream.send_message(context.context_id, failure(command, NO_SUCH_ARGUMENT, "no identifier"))
        return
    data = stream.read_dataset(context.context_id, identifiers.LIMIT)
    try:
        identifier = identifiers.decode(data, context.transfer_syntax)
        instances = select(session.archive, session.scope, identifier)
        note_export(session, "C-GET", instances)
    except ArchiveError as error:
        stream.send_message(context.context_id, failure(command, status_of(error, "C-GET"), error))
        return
    operations = SubOperations(len(instances))
    stopped = _send_all(session, context, command, instances, operations)
    session.tally.sent += operations.completed + operations.warning
    stream.send_message(context.context_id, *operations.final(command, stopped, context.transfer_syntax))


def _send_all(
    session: Session, context: Context, command: Command, instances: list[Instance], operations: SubOperations
) -> bool:
    """Whether it was cancelled before its end."""
    heard: list[Command] = []
    numbers = itertools.count()
    stream, pending = session.stream, b""

    def stopped() -> bool:
        return cancelled(stream, command) or any(is_cancel(one, command) for one in heard) or session.stopping()

    with StoreScu(
        stream, session.contexts, session.archive, lambda: next(numbers) % 65535 + 1, heard=heard.append
    ) as scu:
        scu.expect(instances)
        for instance in instances:
            if pending and not scu.is_ready(instance):
                stream.send(pending)  # the next one takes its time: what is known is said now
                pending = b""
            if stopped():
                stream.send(pending)
                return True
            try:
                operations.done(instance, scu.send(instance, before=pending))
            except ArchiveError as error:
                operations.lost(instance, error)
            pending = stream.encoded(context.context_id, operations.pending(command)) if operations.remaining else b""
    return False
