"""C-ECHO as SCP (PS3.4 Annex A)."""

from pacs.association import command as commands
from pacs.association.command import Command
from pacs.association.contexts import Context
from pacs.dimse.session import Session
from pacs.dimse.statuses import SUCCESS


def handle_echo(session: Session, context: Context, command: Command) -> None:
    """Answer that we are here."""
    session.stream.send_message(context.context_id, commands.response(command, SUCCESS))
