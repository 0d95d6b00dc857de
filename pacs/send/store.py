"""C-STORE as SCU on any established association: ours towards a peer, or the peer's own during C-GET.

The dataset is sent byte for byte as it is stored when the peer accepted its transfer syntax; only otherwise it is
transcoded. It is streamed from the object in either case.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pacs.archive import Archive
from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.command import Command
from pacs.association.contexts import Context, Contexts
from pacs.association.endings import ProtocolError, Unfinished
from pacs.association.stream import PduStream
from pacs.errors import UnsupportedTransferSyntax
from storage.errors import ArchiveError, ObjectCorrupt
from storage.model.archive import Instance

MEDIUM = 0
BLOCK = 128 * 1024


@dataclass(frozen=True, slots=True)
class Originator:
    """Who asked for the C-MOVE whose sub-operations these are."""

    ae_title: str
    message_id: int


class StoreScu:
    """Sends instances over a stream, one request after the other's answer."""

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
        self._archive = archive
        self._next_message_id = next_message_id
        self._originator = originator
        self._heard = heard
        self._contexts: dict[str, dict[str, Context]] = {}
        for context in contexts.values():
            if context.as_scu:
                self._contexts.setdefault(context.abstract_syntax, {}).setdefault(context.transfer_syntax, context)

    def send(self, instance: Instance) -> int:
        """The status of the answer. Raises ArchiveError when the instance cannot be sent at all (nothing was sent)."""
        source, context = self._source(instance)
        with source:
            blocks = _fragments(source, context.context_id, self._stream.fragment)
            first = next(blocks)  # the object can be read: only now say that it comes
            message_id = self._next_message_id()
            command = b"".join(
                pdu.message(context.context_id, self._request(instance, message_id), None, self._stream.fragment)
            )
            self._stream.send(command + first)
            try:
                for block in blocks:
                    self._stream.send(block)
            except ArchiveError as error:
                raise Unfinished(str(error)) from error
        return self._answer(message_id)

    def _source(self, instance: Instance) -> tuple[BinaryIO, Context]:
        """The dataset from its first byte, and the context to send it in."""
        accepted = self._contexts.get(instance.facts.sop_class_uid)
        if not accepted:
            raise UnsupportedTransferSyntax(f"the peer does not accept SOP Class {instance.facts.sop_class_uid}")
        context = accepted.get(instance.facts.transfer_syntax_uid)
        if context is not None:
            source = self._archive.open(instance)
            source.seek(instance.facts.dataset_offset)
            return source, context
        source, transfer_syntax = self._archive.transcoded(instance, tuple(accepted))
        skip_file_meta(source)
        return source, accepted[transfer_syntax]

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


def skip_file_meta(source: BinaryIO) -> None:
    """Move a Part 10 stream to its dataset (PS3.10 §7.1)."""
    head = source.read(144)
    if head[128:132] != b"DICM" or head[132:136] != b"\x02\x00\x00\x00":
        raise ObjectCorrupt("not a Part 10 stream")
    remaining = int.from_bytes(head[140:144], "little")
    while remaining:
        skipped = len(source.read(min(remaining, 65536)))
        if not skipped:
            raise ObjectCorrupt("File Meta Information without end")
        remaining -= skipped


def _fragments(source: BinaryIO, context_id: int, fragment: int) -> Iterator[bytes]:
    """The P-DATA-TFs of the dataset, several at a time when the peer takes only short ones."""
    size = max(BLOCK // fragment, 1) * fragment
    block = _read(source, size)
    while True:
        following = _read(source, size) if len(block) == size else b""
        if len(block) % 2:  # PS3.8 Annex E: even; only the end of an odd object can be odd
            block += b"\0"
        view = memoryview(block)
        parts: list[bytes | memoryview] = []
        for start in range(0, len(block), fragment):
            piece = view[start : start + fragment]
            last = pdu.LAST if not following and start + fragment >= len(block) else 0
            parts.append(pdu.HEADER.pack(pdu.P_DATA, len(piece) + pdu.PDV_HEADER))
            parts.append(pdu.PDV.pack(len(piece) + 2, context_id, last))
            parts.append(piece)
        yield b"".join(parts)
        if not following:
            return
        block = following


def _read(source: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes, fewer only at the end."""
    data = source.read(size)
    if len(data) in (0, size):
        return data
    parts = [data]
    missing = size - len(data)
    while missing and (more := source.read(missing)):
        parts.append(more)
        missing -= len(more)
    return b"".join(parts)
