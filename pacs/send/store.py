"""C-STORE as SCU on any established association: ours towards a peer, or the peer's own during C-GET.

The dataset is sent byte for byte as it is stored when the peer accepted its transfer syntax; only otherwise it is
transcoded. It is streamed from the object in either case.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pacs.archive import Archive
from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.command import Command
from pacs.association.contexts import Context, Contexts
from pacs.association.endings import ProtocolError, Unfinished
from pacs.association.stream import PduStream
from pacs.send.sources import Source, Sources
from storage.errors import ArchiveError
from storage.model.archive import Instance

MEDIUM = 0
GATHERED = 1 << 20  # bytes of a dataset that are read, and sent, at once


@dataclass(frozen=True, slots=True)
class Originator:
    """Who asked for the C-MOVE whose sub-operations these are."""

    ae_title: str
    message_id: int


class StoreScu:
    """Sends instances over a stream, one request after the other's answer. A context manager."""

    def __init__(
        self,
        stream: PduStream,
        contexts: Contexts,
        archive: Archive,
        next_message_id: Callable[[], int],
        originator: Originator | None = None,
        heard: Callable[[Command], None] | None = None,
    ) -> None:
        """`heard` gets commands that are not the awaited answer (a C-CANCEL during C-GET)."""
        self._stream = stream
        self._next_message_id = next_message_id
        self._originator = originator
        self._heard = heard
        accepted: dict[str, dict[str, Context]] = {}
        for context in contexts.values():
            if context.as_scu:
                accepted.setdefault(context.abstract_syntax, {}).setdefault(context.transfer_syntax, context)
        self._sources = Sources(archive, accepted)
        size = max(GATHERED // stream.fragment, 1) * stream.fragment
        self._buffers = memoryview(bytearray(size + 1)), memoryview(bytearray(size + 1))  # one more for an odd end

    def __enter__(self) -> "StoreScu":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what was made ready and not sent."""
        self._sources.close()

    def expect(self, instances: Sequence[Instance]) -> None:
        """These will be sent, in this order: the next ones are made ready while one is under way."""
        self._sources.expect(instances)

    def is_ready(self, instance: Instance) -> bool:
        """Whether it can be sent at once."""
        return self._sources.is_ready(instance)

    def send(self, instance: Instance, before: bytes = b"") -> int:
        """The status of the answer. `before` goes out first, in the same packet. Raises ArchiveError when the instance
        cannot be sent at all: nothing was sent then but `before`."""
        try:
            source = self._sources.take(instance)
        except ArchiveError:
            self._stream.send(before)
            raise
        message_id = self._next_message_id()
        try:
            self._send(instance, source, message_id, before)
        finally:
            source.close()
        return self._answer(message_id)

    def _send(self, instance: Instance, source: Source, message_id: int, before: bytes) -> None:
        """Command and dataset; the command only once the object could be read."""
        fragment, context_id = self._stream.fragment, source.context.context_id
        block, other = self._buffers
        size = len(block) - 1
        try:
            count = source.readinto(block[:size])
        except ArchiveError:
            self._stream.send(before)
            raise
        command = b"".join(pdu.message(context_id, self._request(instance, message_id), None, fragment))
        parts: list[bytes | memoryview] = [before, command]
        while True:
            try:
                following = source.readinto(other[:size]) if count == size else 0
            except ArchiveError as error:
                raise Unfinished(str(error)) from error
            if count % 2:  # PS3.8 Annex E: even; only the end of an odd object can be odd
                block[count] = 0
                count += 1
            parts += _pdus(block[:count], context_id, fragment, last=not following)
            self._stream.send_parts(parts)
            if not following:
                return
            parts, block, other, count = [], other, block, following

    def _request(self, instance: Instance, message_id: int) -> bytes:
        fields: dict[int, int | str] = {
            commands.AFFECTED_SOP_CLASS_UID: instance.facts.sop_class_uid,
            commands.COMMAND_FIELD: commands.C_STORE_RQ,
            commands.MESSAGE_ID: message_id,
            commands.PRIORITY: MEDIUM,
            commands.DATASET_TYPE: commands.WITH_DATASET,
            commands.AFFECTED_SOP_INSTANCE_UID: instance.key.sop_instance_uid,
        }
        if self._originator is not None:
            fields[commands.MOVE_ORIGINATOR] = self._originator.ae_title
            fields[commands.MOVE_ORIGINATOR_MESSAGE_ID] = self._originator.message_id
        return commands.encode(fields)

    def _answer(self, message_id: int) -> int:
        while True:
            _, command = self._stream.read_command()
            if command.field == commands.C_STORE_RQ | commands.RESPONSE and command.responded_to == message_id:
                return command.status
            if self._heard is None or command.has_dataset:
                raise ProtocolError("an answer to another question")
            self._heard(command)


def _pdus(data: memoryview, context_id: int, fragment: int, *, last: bool) -> Iterator[bytes | memoryview]:
    """The P-DATA-TFs of a part of a dataset: heads and, uncopied, what belongs to them."""
    for start in range(0, len(data), fragment) or (0,):
        piece = data[start : start + fragment]
        control = pdu.LAST if last and start + fragment >= len(data) else 0
        yield pdu.HEADER.pack(pdu.P_DATA, len(piece) + pdu.PDV_HEADER) + pdu.PDV.pack(
            len(piece) + 2, context_id, control
        )
        yield piece
