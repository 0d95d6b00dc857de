"""What reads bytes of strangers, each as a function of bytes that may raise our typed errors and nothing else.

Imported only where they are fuzzed: atheris must instrument the modules below before they are imported.
"""

import io
import re
import socket
import warnings
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

import pydicom
from pydicom.dataset import Dataset

from pacs import describing_again
from pacs.association import command as commands
from pacs.association import pdu
from pacs.association.contexts import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from pacs.association.endings import AssociationEnd
from pacs.association.stream import PduStream
from pacs.config import PEER_RIGHTS
from pacs.dataset.envelope import looks_like_dicom, media_storage_class
from pacs.dataset.syntaxes import Header
from pacs.describe import describe, describe_head
from pacs.dimse import identifier as identifiers
from pacs.dimse.libraries import quieten
from pacs.dimse.lobby import Doors, Lobby, Visitor
from pacs.dimse.negotiation import agree, encode_accept
from pacs.dimse.request import decode_request
from pacs.instance_text import InstanceTexts, dumps
from pacs.present import instance_json
from pacs.query import qido_query, study_query, unsupported
from storage.errors import ArchiveError
from storage.model.archive import Description, Instance, Scope, StoredObject
from storage.model.query import Level
from tests.pacs import parts
from tests.pacs.dimse.requests import association_request
from viewer.dicomweb.multipart import Reader

CT, FIND_STUDY = parts.CT, "1.2.840.10008.5.1.4.1.2.2.1"
SYNTAXES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)
EVERYWHERE = Scope(frozenset({1}))
BOUNDARY = "b-0"
LONGEST = 64 * 1024  # of an input
_TITLE = re.compile(r"(?=.*\S)[ -\[\]-~]{1,16}")  # as the settings want it
OURS = (ArchiveError, AssociationEnd)

quieten()
warnings.simplefilter("ignore")  # as pacs.logs does in the server


@dataclass(frozen=True, slots=True)
class Target:
    """`run` reads `data`; errors of ours are its answer. `seeds` are inputs as they should be."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    allowed: tuple[type[Exception], ...] = field(default=OURS)

    def try_input(self, data: bytes) -> None:
        """Read it; whatever is raised here is a bug."""
        try:
            self.run(data[:LONGEST])
        except self.allowed:
            return


def read_association(data: bytes) -> None:
    """An established association from its first byte to its end: commands, datasets, releases."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LONGEST)
        stream = PduStream(ours, max_pdu=16384, idle_seconds=5, message_seconds=5, max_message=32 * 1024)
        try:
            theirs.sendall(data)
            theirs.shutdown(socket.SHUT_WR)
            while True:
                context_id, command = stream.read_command()
                _read_all_of(command)
                if command.has_dataset:
                    if command.field == commands.C_STORE_RQ:
                        stream.skip_dataset(context_id, 32 * 1024)
                    else:
                        stream.read_dataset(context_id, 4096)
        finally:
            stream.close()


def read_command(data: bytes) -> None:
    command = commands.decode(data)
    _read_all_of(command)
    commands.decode(commands.response(command, 0xA700, comment="comment" * 20, dataset=True))


def read_request(data: bytes) -> None:
    """An A-ASSOCIATE-RQ and our answer to it."""
    request = decode_request(data)
    if not (_TITLE.fullmatch(request.calling) and _TITLE.fullmatch(request.called)):
        return  # neither a peer nor we have such a title: it is rejected here
    encode_accept(request, agree(request, PEER_RIGHTS), 131072)


def read_lobby(data: bytes) -> None:
    """What is sent before there is an association, in pieces as the first byte says."""
    if not data:
        return
    requests: list[bytes] = []

    def ready(visitor: Visitor) -> None:
        requests.append(visitor.request)
        visitor.connection.close()

    with socket.socket() as listener, socket.socket() as caller:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4)
        lobby = Lobby([(listener, None)], Doors(ready))
        try:
            caller.connect(listener.getsockname())
            piece = 1 + data[0] * 16
            for start in range(1, len(data), piece):
                try:
                    caller.sendall(data[start : start + piece])
                except OSError:
                    break  # they have hung up
                lobby.step(0)
            lobby.step(0)
        finally:
            lobby.close()
    for request in requests:
        read_request(request)


def read_header(data: bytes) -> None:
    """A DICOM file, or a dataset alone: what import, C-STORE and STOW-RS do first. What resembles an instance that was
    seen before must say what it says alone."""
    looks_like_dicom(data[:200])
    media_storage_class(data[:4096])
    again, alone = describing_again.describe_head(data, len(data)), describe_head(data, len(data))
    assert again == alone, "what resembles another instance was read differently"
    found = describe(data)
    texts = copy(_taught())
    instance, header = _with_header(data, found)
    assert texts.text(instance, header, "") == dumps(instance_json(instance, header, "")), "its text is another one"


@cache
def _taught() -> InstanceTexts:
    """It knows what the instances of a series have in common."""
    texts = InstanceTexts()
    for number in range(1, 4):
        data = parts.Made(sop=f"1.2.3.1.{number}", number=number).part10()
        texts.text(*_with_header(data, describe(data)), "")
    return texts


def _with_header(data: bytes, found: Description) -> tuple[Instance, Header]:
    facts = found.instance
    instance = Instance(1, found.key, facts, StoredObject("", len(data), "", 0), found.series.modality)
    return instance, Header(data[facts.dataset_offset : facts.pixel_offset], facts.transfer_syntax_uid)


def read_multipart(data: bytes) -> None:
    """The body of a STOW-RS request; part of the parts is left unread, as when a part is refused."""
    for number, part in enumerate(Reader(io.BytesIO(data), BOUNDARY)):
        part.headers.get("content-type", "")
        if number % 2:
            next(iter(part.body()), b"")
        else:
            for _ in part.body():
                pass


def read_identifier(data: bytes) -> None:
    """A C-FIND identifier in a syntax the first byte names."""
    if not data:
        return
    how = data[0]
    identifier: Dataset = identifiers.decode(data[1:], SYNTAXES[how % 3])
    relational, fuzzy = bool(how & 4), bool(how & 8)
    query = study_query(EVERYWHERE, identifier, "PATIENT" if how & 16 else "STUDY", relational, fuzzy)
    unsupported(query.returns, query.level)


def read_qido(data: bytes) -> None:
    """QIDO-RS parameters at a level the first byte names."""
    if not data:
        return
    level = (Level.STUDY, Level.SERIES, Level.IMAGE)[data[0] % 3]
    text = data[1:].decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return  # the web server has refused it
    query = qido_query(EVERYWHERE, level, pairs)
    unsupported([name for name in query.returns if name != "all"], level)


def read_planted(data: bytes) -> None:
    """Four bytes that crash it, to see that the fuzzer finds such a thing."""
    if data[:1] == b"D" and data[1:2] == b"I" and data[2:3] == b"E" and len(data) > 3:
        raise IndexError("the planted bug")


def _read_all_of(command: commands.Command) -> None:
    _ = (command.field, command.message_id, command.responded_to, command.status, command.has_dataset)
    _ = (command.sop_class_uid, command.sop_instance_uid, command.text(commands.MOVE_DESTINATION))


def _echo() -> bytes:
    return commands.encode({
        commands.AFFECTED_SOP_CLASS_UID: "1.2.840.10008.1.1", commands.COMMAND_FIELD: commands.C_ECHO_RQ,
        commands.MESSAGE_ID: 7, commands.DATASET_TYPE: commands.NO_DATASET,
    })  # fmt: skip


def _store() -> bytes:
    return commands.encode({
        commands.AFFECTED_SOP_CLASS_UID: CT, commands.COMMAND_FIELD: commands.C_STORE_RQ, commands.MESSAGE_ID: 1,
        commands.PRIORITY: 0, commands.DATASET_TYPE: commands.WITH_DATASET,
        commands.AFFECTED_SOP_INSTANCE_UID: "1.2.3.4",
    })  # fmt: skip


def _find() -> bytes:
    return commands.encode({
        commands.AFFECTED_SOP_CLASS_UID: FIND_STUDY, commands.COMMAND_FIELD: commands.C_FIND_RQ, commands.MESSAGE_ID: 2,
        commands.PRIORITY: 0, commands.DATASET_TYPE: commands.WITH_DATASET,
    })  # fmt: skip


def _associations() -> list[bytes]:
    dataset = parts.Made().dataset()
    store = b"".join(pdu.message(1, _store(), dataset, 64))
    echo = b"".join(pdu.message(3, _echo(), None, 16378))
    find = b"".join(pdu.message(5, _find(), _identifier("STUDY"), 16378))
    return [store + echo + find + pdu.RELEASE_REQUEST, echo + pdu.abort(0), find + find]


def _requests() -> list[bytes]:
    plain = association_request([(CT, [EXPLICIT_LITTLE, IMPLICIT_LITTLE]), (FIND_STUDY, [IMPLICIT_LITTLE])])
    rich = association_request(
        [(CT, [EXPLICIT_LITTLE])] * 5, roles={CT: (True, True)}, extended={FIND_STUDY: b"\1\0\1"}, max_pdu=0
    )
    return [plain, rich]


def _headers() -> list[bytes]:
    made = [
        parts.Made(), parts.Made(frames=2, pixels=bytes(64)), parts.Made(syntax=parts.IMPLICIT),
        parts.Made(syntax=parts.BIG), parts.Made(syntax=parts.DEFLATED),
        parts.Made(syntax=parts.J2K, pixels=parts.fragments(b"\xff\x4f\xff\x51" + bytes(20))),
        parts.Made(before=parts.element(0x00081140, "SQ", [parts.element(0x00081155, "UI", "1.2.3")])),
    ]  # fmt: skip
    whole = [one.part10() for one in made] + [made[0].dataset()]
    bundled = Path(pydicom.__file__).parent / "data" / "test_files"
    small = [path for path in bundled.glob("*.dcm") if path.stat().st_size <= 24 * 1024]
    return whole + [path.read_bytes() for path in sorted(small)]


def _identifier(level: str) -> bytes:
    return b"".join((
        parts.element(0x00080005, "CS", "ISO_IR 192"), parts.element(0x00080020, "DA", "20260101-"),
        parts.element(0x00080052, "CS", level), parts.element(0x00080061, "CS", "CT\\MR"),
        parts.element(0x00100010, "PN", "Nguyễn*"), parts.element(0x0020000D, "UI", "1.2.3\\1.2.4"),
        parts.element(0x00400275, "SQ", [parts.element(0x00400009, "SH", "A?")]),
    ))  # fmt: skip


def _multiparts() -> list[bytes]:
    part = b"--b-0\r\nContent-Type: application/dicom\r\nContent-Length: 4\r\n\r\nDICM\r\n"
    return [part * 3 + b"--b-0--\r\n", b"preamble\r\n" + part + b"--b-0--"]


def _queries() -> list[bytes]:
    return [
        b"\0PatientName=Nguy%E1%BB%85n*&fuzzymatching=true&StudyDate=20260101-20260131&limit=20&offset=5",
        b"\1Modality=CT&SeriesInstanceUID=1.2.3,1.2.4&includefield=all&StudyTime=1200-",
        b"\x02RequestAttributesSequence.ScheduledProcedureStepID=1&00400275.00400009=A*&includefield=00081030",
    ]


TARGETS = {
    target.name: target
    for target in (
        Target("association", read_association, _associations),
        Target("request", read_request, _requests),
        Target("lobby", read_lobby, lambda: [b"\xff" + request for request in _requests()]),
        Target("command", read_command, lambda: [_echo(), _store(), _find()]),
        Target("header", read_header, _headers),
        Target("multipart", read_multipart, _multiparts),
        Target(
            "identifier", read_identifier, lambda: [bytes([4]) + _identifier(level) for level in ("STUDY", "IMAGE")]
        ),
        Target("qido", read_qido, _queries),
    )
}
PLANTED = Target("planted", read_planted, lambda: [b"DISCOVERY"])
