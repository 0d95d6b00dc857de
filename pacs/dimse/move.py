"""C-MOVE as SCP (PS3.4 C.4.2): the instances travel over an association of their own to a peer we know."""

import logging

from pacs.association import command as commands
from pacs.association.command import Command
from pacs.association.contexts import Context
from pacs.dimse import identifier as identifiers
from pacs.dimse.retrieve import SubOperations, cancelled, failure, note_export, select
from pacs.dimse.session import Session
from pacs.dimse.statuses import NO_SUCH_ARGUMENT, status_of
from pacs.errors import PeerUnreachable, UnknownDestination
from pacs.send.dicom import Sender, groups, open_sender
from pacs.send.requestor import address_of
from pacs.send.store import Originator
from storage.errors import ArchiveError
from storage.model.archive import Instance
from storage.model.people import Peer

log = logging.getLogger(__name__)

REOPENED = 3  # how often an association that broke is opened again in one C-MOVE


def handle_move(session: Session, context: Context, command: Command) -> None:
    """Send what the identifier names to the move destination, with a pending response after each instance."""
    stream = session.stream
    if not command.has_dataset:
        stream.send_message(context.context_id, failure(command, NO_SUCH_ARGUMENT, "no identifier"))
        return
    data = stream.read_dataset(context.context_id, identifiers.LIMIT)
    try:
        destination = _destination(session, command.text(commands.MOVE_DESTINATION))
        identifier = identifiers.decode(data, context.transfer_syntax)
        instances = select(session.archive, session.scope, identifier)
        note_export(session, "C-MOVE", instances, to=destination.ae_title)
    except ArchiveError as error:
        stream.send_message(context.context_id, failure(command, status_of(error, "C-MOVE"), error))
        return
    move = _Move(session, context, command, destination, len(instances))
    for group in groups(instances):
        move.send(group)
    session.tally.sent += move.operations.completed + move.operations.warning
    log.info(
        "C-MOVE to %s: %d completed, %d warnings, %d failed, %d not sent",
        destination.ae_title,
        move.operations.completed,
        move.operations.warning,
        move.operations.failed,
        move.operations.remaining,
    )
    final, failed_uids = move.operations.final(command, move.cancelled, context.transfer_syntax)
    stream.send_message(context.context_id, final, failed_uids)


def _destination(session: Session, ae_title: str) -> Peer:
    """Only a peer of the same hospital that has an address: no host or port is ever taken from the wire."""
    peer = session.directory.find(ae_title)
    if peer is None or peer.hospital_id != session.peer.hospital_id or address_of(peer) is None:
        raise UnknownDestination("the move destination is not a peer with an address and port")
    return peer


class _Move:
    """The sub-operations of one C-MOVE."""

    def __init__(self, session: Session, context: Context, command: Command, destination: Peer, count: int) -> None:
        self.operations = SubOperations(count)
        self.cancelled = False
        self._session = session
        self._context = context
        self._command = command
        self._destination = destination
        self._opened_again = 0

    def send(self, group: list[Instance]) -> None:
        """Send a group whose contexts fit into one association; open it again when it breaks."""
        waiting = list(reversed(group))
        while waiting and not self._stopped():
            left = len(waiting)
            try:
                with self._open(group) as sender:
                    sender.expect(waiting[::-1])
                    while waiting and not self._stopped():
                        self._send_one(sender, waiting.pop())
            except PeerUnreachable as error:
                log.warning("%s", error)
                self._opened_again += 1
                if len(waiting) == left or self._opened_again > REOPENED:  # could not be opened, or breaks too often
                    self.operations.lost_all(reversed(waiting))
                    return

    def _open(self, group: list[Instance]) -> Sender:
        session = self._session
        originator = Originator(session.peer.ae_title, self._command.message_id)
        return open_sender(self._destination, session.own_ae, group, session.archive, originator, session.credentials)

    def _send_one(self, sender: Sender, instance: Instance) -> None:
        try:
            self.operations.done(instance, sender.send(instance))
        except PeerUnreachable as error:
            self.operations.lost(instance, error)
            raise
        except ArchiveError as error:
            self.operations.lost(instance, error)
        if self.operations.remaining:
            self._session.stream.send_message(self._context.context_id, self.operations.pending(self._command))

    def _stopped(self) -> bool:
        self.cancelled = self.cancelled or self._session.stopping() or cancelled(self._session.stream, self._command)
        return self.cancelled
